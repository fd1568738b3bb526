"""`make pdf`: a book that one would print, nothing cut off, its numbers and links right."""

import re
import subprocess
import sys
import unicodedata
from collections import Counter
from dataclasses import dataclass

import nbformat
import paper
import pdf
import pytest
import yaml
from browsing import CHAPTERS, ROOT
from pypdf import PdfReader

PAPER = int((210 - 2 * 22) / 25.4 * 96)  # pixels between the margins of A4
STEMS = [name.split("/")[1].removesuffix(".html") for name in CHAPTERS]


def squeezed(text):
    """Without spaces, and with the apostrophe that a font's table gives for its own sign."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).replace("\u02bc", "’")


@dataclass
class Line:
    """What stands at one height of a page: its text squeezed, its letters by (font, size)."""

    text: str
    letters: Counter


def lines(page):
    """The lines of a page, from the running head down."""
    found = {}

    def see(text, cm, tm, font, size):
        if text.strip():
            height = round(tm[5] * cm[3] + cm[5])
            line = found.setdefault(height, Line("", Counter()))
            line.text += squeezed(text)
            line.letters[font.get("/BaseFont", ""), round(size * abs(tm[3] * cm[3]), 1)] += len(
                text
            )

    page.extract_text(visitor_text=see)
    return [found[height] for height in sorted(found, reverse=True)]


@pytest.fixture(scope="module")
def pages():
    """What is printed."""
    return paper.pages()


@pytest.fixture(scope="module")
def book_pdf(tmp_path_factory):
    path = tmp_path_factory.mktemp("pdf") / "book.pdf"
    subprocess.run([sys.executable, ROOT / "tools" / "pdf.py", "--out", path], check=True)
    return PdfReader(path)


@pytest.fixture(scope="module")
def sheets(book_pdf):
    """The lines of every page."""
    return [lines(page) for page in book_pdf.pages]


@pytest.fixture(scope="module")
def text(book_pdf):
    """All that stands in it, without white space and ligatures."""
    return squeezed("".join(page.extract_text() for page in book_pdf.pages))


@pytest.fixture(scope="module")
def chapters(pages, book_pdf, sheets):
    """The pages of each chapter: {name: (its first, the one after its last)}."""
    starts = {
        page.name: book_pdf.get_destination_page_number(
            book_pdf.named_destinations[f"/{page.name}"]
        )
        for page in pages
    }
    ends = dict(zip(starts, [*list(starts.values())[1:], len(sheets)], strict=True))
    return {name: range(starts[name], ends[name]) for name in STEMS}


def cells(folder="notebooks"):
    for stem in STEMS:
        yield from nbformat.read(ROOT / folder / f"{stem}.ipynb", 4).cells


def titles(item):
    return [bookmark["/Title"] for bookmark in pdf.bookmarks(item)]


def test_it_has_at_most_240_pages(book_pdf):
    assert len(book_pdf.pages) <= 240


def test_it_has_a_bookmark_for_every_chapter_and_section(book_pdf):
    found = titles(book_pdf.root_object["/Outlines"])
    for cell in cells():
        if cell.cell_type == "markdown":
            for heading in re.findall(r"(?m)^#{1,3} ([^$`*\n]+)$", cell.source):
                assert any(heading[:20].replace("'", "’") in title for title in found), heading


def test_it_is_tagged_and_says_its_language(book_pdf):
    assert book_pdf.root_object["/MarkInfo"]["/Marked"]
    assert book_pdf.root_object["/Lang"] == "en"


def test_what_only_a_screen_has_a_use_for_is_left_out(book_pdf):
    found = titles(book_pdf.root_object["/Outlines"])
    assert not {"All sections", "A class on one’s own server", "For teachers"} & set(found)


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


def test_an_address_stands_beside_what_is_linked(book_pdf, text):
    for page in book_pdf.pages:
        for annotation in (a.get_object() for a in page.get("/Annots", [])):
            if "/A" in annotation:
                address = annotation["/A"]["/URI"].removeprefix("https://").rstrip("/")
                assert squeezed(address.removeprefix("doi.org/")) in text


def test_every_page_of_a_chapter_says_its_title_and_its_number(pages, sheets, chapters):
    named = {page.name: page for page in pages}
    for name, places in chapters.items():
        title = squeezed(named[name].title)
        for place in places:
            head, number = sheets[place][0], str(place + 1)
            assert head.text in (number + title, title + number), (name, number)
            assert min(size for _, size in head.letters) >= 8.5


def test_the_contents_name_parts_chapters_and_sections_with_their_pages(pages, book_pdf, sheets):
    said = squeezed("".join(page.extract_text() for page in book_pdf.pages[1:6]))
    bodies = {n: "".join(line.text for line in sheet[1:]) for n, sheet in enumerate(sheets, 1)}
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    for part in toc["parts"]:
        if any(page["file"] not in paper.SCREEN_ONLY for page in part["chapters"]):
            assert squeezed(part["caption"]) in said
    for page in filter(lambda page: page.chapter, pages):
        for heading in page.article.find_all(["h1", "h2"]):
            if not heading.find(class_="formula"):
                words = squeezed(heading.get_text())
                numbers = re.findall(re.escape(words) + r"(\d+)", said)
                assert any(words in bodies.get(int(number), "") for number in numbers), words


def test_exercises_are_questions(text):
    taught = squeezed("".join(cell.source for cell in cells()))
    for stem in STEMS:
        for cell in nbformat.read(ROOT / "book" / "exercises" / f"{stem}.ipynb", 4).cells:
            graded = cell.metadata.get("nbgrader", {})
            if cell.cell_type == "code" and graded:
                for line in cell.source.splitlines():
                    if len(line) > 50 and squeezed(line) not in taught:
                        assert squeezed(line) not in text, line
            elif heading := re.search(r"(?m)^## (\d\. [^$`*\n\"']+)", cell.source):
                assert squeezed(heading[1]) in text
    assert "NotImplementedError" not in text
    assert "YOURANSWERHERE" not in text


def test_answers_stand_at_the_end_of_their_chapter(book_pdf, chapters):
    for stem, places in chapters.items():
        chapter = squeezed("".join(book_pdf.pages[place].extract_text() for place in places))
        questions, _, answers = chapter.rpartition("Answers1.")
        questions = questions.rpartition("Checkyourself")[2]
        assert questions, stem
        for cell in nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", 4).cells:
            if "<summary>Answer</summary>" in cell.source:
                asked = re.search(r"(?m)^\*\*(\d+\.[^$`*\"'\n]*)", cell.source)[1]
                inside = cell.source.partition("</summary>")[2]
                words = re.search(r"[A-Za-z ,.]{25,60}", inside)[0]  # a page may end after them
                assert squeezed(asked) in questions, asked
                assert squeezed(words) in answers, words
                assert squeezed(words) not in questions, words


def test_no_heading_is_alone_at_the_foot_of_a_page(book_pdf, sheets):
    headings = {squeezed(title) for title in titles(book_pdf.root_object["/Outlines"])}
    for number, sheet in enumerate(sheets[2:], 3):
        last = sheet[-1].text
        assert last not in headings | {"Answer", "Thenandnow"}, f"{last} on page {number}"
        fonts = {font for font, _ in sheet[-1].letters}
        assert len(sheet) < 3 or not all("SemiBold" in font for font in fonts), number


def test_letters_are_large_enough(sheets):
    letters = sum((line.letters for sheet in sheets for line in sheet), Counter())
    code = Counter({letter: n for letter, n in letters.items() if "Mono" in letter[0]})
    assert min(size for _, size in code) >= 8
    prose = Counter({letter: n for letter, n in letters.items() if "SourceSerif" in letter[0]})
    assert 9.5 <= prose.most_common(1)[0][0][1] <= 10
    assert min(size for _, size in prose) >= 8


def test_long_lines_of_code_are_whole_and_asides_open(text, sheets):
    # A line that is broken may go on overleaf: what stands under the running heads, as one text.
    under_heads = "".join(line.text for sheet in sheets for line in sheet[1:])
    for cell in cells():
        if cell.cell_type == "code" and "hide-input" not in cell.metadata.get("tags", ()):
            for line in cell.source.splitlines():
                if len(line) > 80:
                    assert squeezed(line) in text or squeezed(line) in under_heads, line
        elif "<details>" in cell.source:
            inside = cell.source.partition("</summary>")[2]
            words = re.findall(r"(?m)^[A-Za-z ,.]{20,}", inside)
            assert not words or squeezed(words[0]) in text, words[0]


def test_it_tells_neither_when_nor_where_it_was_made(book_pdf, text):
    assert set(book_pdf.metadata) <= {"/Title", "/Author", "/Producer"}
    assert "file:///" not in text  # an address; the helper's page speaks of file:// itself
    assert str(ROOT) not in text


@pytest.fixture(scope="module")
def document(pages, tmp_path_factory):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    path = tmp_path_factory.mktemp("paper") / "book.html"
    path.write_text(paper.document(pages, config), encoding="utf-8")
    return path.as_uri()


def test_nothing_is_wider_than_the_paper(page, document):
    page.set_viewport_size({"width": PAPER, "height": 1000})
    page.emulate_media(media="print")
    page.set_default_timeout(300_000)
    page.goto(document)
    wide = page.evaluate(
        """() => [...document.querySelectorAll("pre, .katex-display, img, table")].filter(e =>
            e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => e.innerText || e.src)"""
    )
    assert wide == []
