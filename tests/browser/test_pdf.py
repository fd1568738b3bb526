"""`make pdf`: the whole book on paper, nothing cut off, every bookmark and inner link working."""

import re
import subprocess
import sys
import unicodedata

import nbformat
import pdf
import pytest
from browsing import CHAPTERS, ROOT, visit
from pypdf import PdfReader

PAPER = int((210 - 40) / 25.4 * 96 / pdf.PRINT["scale"])  # pixels between the margins of A4


def squeezed(text):
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


@pytest.fixture(scope="module")
def book_pdf(tmp_path_factory):
    path = tmp_path_factory.mktemp("pdf") / "book.pdf"
    subprocess.run([sys.executable, ROOT / "tools" / "pdf.py", path], check=True)
    return PdfReader(path)


@pytest.fixture(scope="module")
def text(book_pdf):
    """All that stands in it, without white space and ligatures."""
    return squeezed("".join(page.extract_text() for page in book_pdf.pages))


def notebooks():
    return [nbformat.read(ROOT / name.replace(".html", ".ipynb"), 4) for name in CHAPTERS]


def test_it_has_a_bookmark_for_every_chapter_and_section(book_pdf):
    titles = [bookmark["/Title"] for bookmark in pdf.bookmarks(book_pdf.root_object["/Outlines"])]
    for notebook in notebooks():
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                for heading in re.findall(r"(?m)^#{1,3} ([^$`*\n]+)$", cell.source):
                    assert any(heading[:20].replace("'", "’") in title for title in titles), heading


def test_links_inside_the_book_stay_inside_the_file(book_pdf):
    inner = 0
    for page in book_pdf.pages:
        for annotation in (a.get_object() for a in page.get("/Annots", [])):
            if "/A" in annotation:
                assert annotation["/A"]["/URI"].startswith("https://")
            elif "/Dest" in annotation:
                assert annotation["/Dest"] in book_pdf.named_destinations
                inner += 1
    assert inner > 100


def test_the_contents_name_the_pages(book_pdf):
    contents = book_pdf.pages[1].extract_text()
    for name in CHAPTERS:
        place = book_pdf.named_destinations[f"/{name.split('/')[1].removesuffix('.html')}"]
        assert re.search(rf"\b{book_pdf.get_destination_page_number(place) + 1}\b", contents)


def test_long_lines_of_code_are_whole_and_solutions_open(text):
    for notebook in notebooks():
        for cell in notebook.cells:
            if cell.cell_type == "code":
                for line in cell.source.splitlines():
                    if len(line) > 80:
                        assert squeezed(line) in text, line
            elif "<details>" in cell.source:
                inside = cell.source.partition("</summary>")[2]
                words = re.findall(r"(?m)^[A-Za-z ,.]{20,}", inside)
                assert not words or squeezed(words[0]) in text, words[0]


def test_it_tells_neither_when_nor_where_it_was_made(book_pdf, text):
    assert set(book_pdf.metadata) <= {"/Title", "/Author", "/Producer"}
    assert "file:///" not in text  # an address; the helper's page speaks of file:// itself
    assert str(ROOT) not in text


@pytest.mark.parametrize("name", CHAPTERS)
def test_nothing_is_wider_than_the_paper(page, book, name):
    page.set_viewport_size({"width": PAPER, "height": 1000})
    page.emulate_media(media="print")
    visit(page, book(name))
    wide = page.evaluate(
        """() => [...document.querySelectorAll("article pre, article .katex-display, article img, \\
            article table")].filter(e => e.scrollWidth > e.clientWidth + 1
            || e.getBoundingClientRect().right > innerWidth + 1).map(e => e.innerText || e.src)"""
    )
    assert wide == []
