"""Print the built book as one PDF: headless Chromium sets it, pypdf finishes it.

    python tools/pdf.py [OUT.pdf]      by default _build/book.pdf

All pages become one document, in the order of _toc.yml: an id gets its page's name in front, a link
to another page becomes a link to that id. So Chromium itself writes bookmarks and inner links.
"""

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"

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
    return [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]


def collect(page):
    """Every page's article, taken from the rendered page."""
    names = {(HTML / f"{p}.html").as_uri(): Path(p).name for p in order()}
    for address, name in names.items():
        page.goto(address, wait_until="networkidle")
        yield name, page.evaluate(TAKE, [name, names])


def document(parts):
    """One page of HTML that holds them all, after a title page and a table of contents."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    sheets = dict.fromkeys(sheet for _, part in parts for sheet in part["sheets"])
    links = "".join(f'<link rel="stylesheet" href="{sheet}">' for sheet in sheets)
    contents = "".join(f'<li><a href="#{name}">{part["title"]}</a></li>' for name, part in parts)
    return f"""<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head>
        <meta charset="utf-8"><title>{config["title"]}</title>{links}</head>
        <body class="pdf"><div class="pdf-title"><p>{config["title"]}</p>
        <p>{config["author"]}, {config["copyright"]}</p>
        <p>{config["html"]["extra_footer"]}</p></div>
        <nav class="pdf-contents"><h1>Contents</h1><ul>{contents}</ul></nav>
        <article class="bd-article">{"".join(part["html"] for _, part in parts)}</article>
        </body></html>""", config


def finish(path, config):
    """Give the file its title and author, and nothing that tells when it was made."""
    from pypdf import PdfWriter

    writer = PdfWriter(clone_from=path)
    writer.metadata = {"/Title": config["title"], "/Author": config["author"]}
    writer.write(path)
    return len(writer.pages)


def main(arguments):
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        sys.exit("pdf: playwright is missing: run make browser-tools")
    sys.path.insert(0, str(ROOT / "tests" / "browser"))
    from browsing import chromium

    if chromium() is None:
        sys.exit("pdf: no Chromium found (chromium, google-chrome): apt-get install chromium")
    out = Path(arguments[0] if arguments else ROOT / "_build" / "book.pdf")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        html, config = document(list(collect(page)))
        whole = HTML / "_pdf.html"
        whole.write_text(html, encoding="utf-8")
        page.set_default_timeout(300_000)
        page.goto(whole.as_uri(), wait_until="networkidle")
        page.pdf(
            path=out,
            format="A4",
            tagged=True,
            outline=True,
            margin=dict.fromkeys(("top", "bottom", "left", "right"), "18mm"),
            display_header_footer=True,
            header_template="<span></span>",
            footer_template='<span class="pageNumber" style="font-size: 8px; margin: auto"></span>',
        )
        whole.unlink()
        browser.close()
    print(f"{out}: {finish(out, config)} pages, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
