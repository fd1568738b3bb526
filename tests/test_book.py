"""The built book: every link leads somewhere, every picture speaks, no page asks another host."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT

HTML = ROOT / "_build" / "html"
PAGES = sorted(HTML.rglob("*.html"))
PAGES = [p for p in PAGES if not p.relative_to(HTML).parts[0].startswith("_")]


class Page(HTMLParser):
    """What a page refers to: (tag, address), its pictures' alternative texts, and its ids."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.alts, self.ids = [], [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        if "id" in a:
            self.ids.add(a["id"])
        if tag == "a" and "href" in a:
            self.links.append(a["href"])
        if tag in ("script", "img", "iframe", "source", "video") and "src" in a:
            self.loads.append(a["src"])
        if tag == "link" and a.get("rel") in ("stylesheet", "preload", "icon", "modulepreload"):
            self.loads.append(a["href"])
        if tag == "img":
            self.alts.append((a.get("src"), a.get("alt")))


@pytest.fixture(scope="module")
def pages():
    assert PAGES, "the book is not built: run make book first"
    return {path: Page(path) for path in PAGES}


def inside(page, address):
    """The file of the book that an address on a page means, or None for another host."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    target = page.parent / unquote(parts.path) if parts.path else page
    return Path(target).resolve()


def test_nothing_is_loaded_from_another_host(pages):
    for path, page in pages.items():
        for address in page.loads:
            if not address.startswith("data:"):
                target = inside(path, address)
                assert target is not None, f"{path.name} loads {address}"
                assert target.exists(), f"{path.name} loads {address}, which is not there"


def test_style_sheets_load_nothing_from_another_host():
    assert PAGES, "the book is not built: run make book first"
    for path in HTML.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"@import[^;]*//|url\(\s*[\"']?(https?:)?//", text), path


def test_every_link_inside_the_book_leads_somewhere(pages):
    for path, page in pages.items():
        for address in page.links:
            target, fragment = inside(path, address), unquote(urlsplit(address).fragment)
            if target is None:
                continue
            assert target.exists(), f"{path.name}: {address}"
            if fragment and target in pages:
                assert fragment in pages[target].ids, f"{path.name}: {address}"


def test_every_picture_has_a_text(pages):
    for path, page in pages.items():
        for source, alt in page.alts:
            assert alt, f"{path.name}: {source} has no alternative text"
            assert not re.search(r"\.(png|svg|jpe?g)\b|[0-9a-f]{16}", alt), f"{path.name}: {alt}"


def test_no_formula_or_directive_is_left_raw(pages):
    for path in pages:
        if path.name not in ("genindex.html", "search.html"):
            text = path.read_text(encoding="utf-8")
            body = re.sub(r"<(pre|code|script|style)\b.*?</\1>", "", text, flags=re.S)
            body = re.sub(r'<(span|div) class="[^"]*math[^"]*".*?</\1>', "", body, flags=re.S)
            body = re.sub(r"<[^>]*>", " ", body)
            assert not re.search(r"```|\$\$|\{(term|cite|ref|numref)[:}]", body), path.name
