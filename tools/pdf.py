"""Print the built book as one PDF: headless Chromium sets it, pypdf finishes it.

    python tools/pdf.py [CHAPTER]      _build/book.pdf, or for 03, say, _build/chapter-03.pdf

paper.py makes one document of all pages: Chromium then writes bookmarks and inner links itself.

Why Chromium: three ways were tried on chapter 3. Chromium itself has running heads and page
numbers (CSS's named pages and margin boxes), and prints twice for the numbers in the contents.
Paged.js, on the same style sheet, gave as many pages and lost the heads: a script more, and
nothing for it. Typst, with Pandoc before it, set the notebook well and in three seconds, but
Pandoc reads notebooks, not the built pages: captions, folded parts, links to terms and all pages
in MyST would need a second writer, to be kept in step with the first.
"""

import argparse
import logging
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent

try:
    import paper
    from browsing import chromium
    from playwright.sync_api import sync_playwright
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import NameObject, TextStringObject
except ModuleNotFoundError as error:
    raise SystemExit(f"pdf: {error.name} is missing: run make browser-tools") from None

logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of a count in Chromium's trailer
PRINTINGS = 4  # a number may be longer than its place, and move what comes after it: once, twice
PRINT = {"prefer_css_page_size": True, "tagged": True, "outline": True}


def set_page_numbers(page, path):
    """Write into the document on which page of the file its ids stand; whether that was new."""
    reader = PdfReader(path)
    places = reader.named_destinations
    numbers = {
        id: reader.get_destination_page_number(places[f"/{id}"]) + 1
        for id in page.evaluate(
            "[...document.querySelectorAll('[data-page-of]')].map(e => e.dataset.pageOf)"
        )
    }
    return page.evaluate(
        """numbers => [...document.querySelectorAll("[data-page-of]")].filter(e => {
            const before = e.textContent;
            e.textContent = numbers[e.dataset.pageOf];
            return e.textContent !== before }).length > 0""",
        numbers,
    )


def bookmarks(item):
    """All bookmarks below this one, in the order of the book."""
    child = item.get("/First")
    while child is not None:
        child = child.get_object()
        yield child
        yield from bookmarks(child)
        child = child.get("/Next")


def finish(path, config, headings):
    """Give the file its title and author, its bookmarks their texts, and no date. Its length."""
    writer = PdfWriter(clone_from=path)
    for bookmark, heading in zip(bookmarks(writer.root_object["/Outlines"]), headings, strict=True):
        bookmark[NameObject("/Title")] = TextStringObject(heading)  # Chromium doubles some words
    writer.metadata = {"/Title": config["title"], "/Author": config["author"]}
    writer.write(path)
    return len(writer.pages)


def print_document(html, path):
    """Set the document and print it, until the page numbers in it are those on the paper."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(300_000)
        file = Path(folder) / "book.html"
        file.write_text(html, encoding="utf-8")
        page.goto(file.as_uri())
        page.pdf(path=path, **PRINT)
        for _ in range(PRINTINGS):
            if not set_page_numbers(page, path):
                break
            page.pdf(path=path, **PRINT)
        else:
            raise SystemExit(f"pdf: the page numbers still change after {PRINTINGS} printings")
        headings = page.evaluate(
            "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(e => e.innerText)"
        )
        browser.close()
    return headings


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("chapter", nargs="?", default="", help="two digits, such as 03")
    parser.add_argument("--out", type=Path, help="the file to write")
    options = parser.parse_args()
    if chromium() is None:
        raise SystemExit(
            "pdf: no Chromium found (chromium, google-chrome): apt-get install chromium"
        )
    if not paper.FONTS.exists():
        raise SystemExit("pdf: its letters are missing: run make browser-tools")
    name = f"chapter-{options.chapter}.pdf" if options.chapter else "book.pdf"
    out = options.out or ROOT / "_build" / name
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    headings = print_document(paper.document(paper.pages(options.chapter), config), out)
    print(f"{out}: {finish(out, config, headings)} pages, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
