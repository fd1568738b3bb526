"""Print the built book as one PDF: headless Chromium sets it, pypdf finishes it.

    python tools/pdf.py [OUT.pdf]      by default _build/book.pdf

All pages become one document, in the order of _toc.yml: an id gets its page's name in front, a link
to another page becomes a link to that id. So Chromium itself writes bookmarks and inner links.
"""

import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent

try:
    from browsing import HTML, chromium
    from playwright.sync_api import sync_playwright
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import NameObject, TextStringObject
except ModuleNotFoundError as error:
    sys.exit(f"pdf: {error.name} is missing: run make browser-tools")

PRINT = {
    "format": "A4",
    "scale": 0.8,
    "tagged": True,
    "outline": True,
    "margin": {"top": "18mm", "bottom": "18mm", "left": "20mm", "right": "20mm"},
    "display_header_footer": True,
    "header_template": "<span></span>",
    "footer_template": '<span class="pageNumber" style="font-size: 8px; margin: auto"></span>',
}

# On a page: its article, with ids and inner links made unique, and what its head asks for.
TAKE = """([name, names]) => {
    const article = document.querySelector("article.bd-article");
    article.querySelectorAll(".headerlink, script, button, #jb-print-docs-body").forEach(
        e => e.remove());
    article.querySelectorAll("details").forEach(e => e.open = true);
    article.querySelectorAll("img").forEach(e => { e.src = e.src; e.loading = "eager" });
    article.querySelectorAll("a[href]").forEach(e => {
        const [path, fragment] = e.href.split("#"), page = names[path];
        if (page) e.setAttribute("href", "#" + page + (fragment ? "--" + fragment : ""));
        else if (e.protocol == "file:") e.removeAttribute("href") });
    article.querySelectorAll("[id]").forEach(e => e.id = name + "--" + e.id);
    const sheets = [...document.querySelectorAll("link[rel=stylesheet]")].map(e => e.href);
    return {title: article.querySelector("h1").textContent.trim(), sheets,
            html: `<section class="pdf-page" id="${name}">${article.innerHTML}</section>`} }"""


def order():
    """The pages of the book, in the order of _toc.yml."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter for part in toc["parts"] for chapter in part["chapters"]]
    pages = [page for chapter in chapters for page in (chapter, *chapter.get("sections", ()))]
    return [toc["root"], *(page["file"] for page in pages)]


def name_of(page):
    """What the links call a page: a chapter by its file, others by their path."""
    return page.removeprefix("notebooks/").replace("/", "-")


def collect(page):
    """Every page's article, taken from the rendered page."""
    names = {(HTML / f"{p}.html").as_uri(): name_of(p) for p in order()}
    for address, name in names.items():
        page.goto(address)
        yield name, page.evaluate(TAKE, [name, names])


def document(parts, config):
    """One page of HTML that holds them all, after a title page and a table of contents."""
    sheets = dict.fromkeys(sheet for _, part in parts for sheet in part["sheets"])
    links = "".join(f'<link rel="stylesheet" href="{sheet}">' for sheet in sheets)
    contents = "".join(
        f"<tr><td>{int(name[:2]) if name[0].isdigit() else ''}</td>"
        f'<td><a href="#{name}">{part["title"]}</a></td><td id="page-of-{name}">000</td></tr>'
        for name, part in parts
    )
    return f"""<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head>
        <meta charset="utf-8"><title>{config["title"]}</title>{links}</head>
        <body><div class="pdf-title"><p>{config["title"]}</p>
        <p>{config["author"]}, {config["copyright"]}</p>
        <p>{config["html"]["extra_footer"]}</p></div>
        <article class="bd-article pdf-contents"><h1>Contents</h1>
        <table>{contents}</table></article>
        <article class="bd-article">{"".join(part["html"] for _, part in parts)}</article>
        </body></html>"""


def set_page_numbers(page, path, parts):
    """Write into the table of contents where the printed pages begin."""
    reader = PdfReader(path)
    numbers = {
        f"page-of-{name}": reader.get_destination_page_number(reader.named_destinations[f"/{name}"])
        for name, _ in parts
    }
    page.evaluate(
        """numbers => Object.entries(numbers).forEach(([id, n]) =>
            document.getElementById(id).textContent = n + 1)""",
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


def main(arguments):
    if chromium() is None:
        sys.exit("pdf: no Chromium found (chromium, google-chrome): apt-get install chromium")
    out = Path(arguments[0] if arguments else ROOT / "_build" / "book.pdf")
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(300_000)
        parts = list(collect(page))
        whole = Path(folder) / "book.html"
        whole.write_text(document(parts, config), encoding="utf-8")
        page.goto(whole.as_uri())
        page.pdf(path=out, **PRINT)
        set_page_numbers(page, out, parts)
        page.pdf(path=out, **PRINT)
        headings = page.evaluate(
            "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(e => e.innerText)"
        )
        browser.close()
    print(f"{out}: {finish(out, config, headings)} pages, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
