"""The built book: every link leads somewhere, every picture speaks, no page asks another host."""

import re
import types
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import repository
import yaml
from _ext import address as address_ext
from _ext import figures as figures_ext
from _ext import pages as pages_ext
from conftest import ROOT

HTML = ROOT / "_build" / "html"
PAGES = sorted(HTML.rglob("*.html"))
PAGES = [p for p in PAGES if not p.relative_to(HTML).parts[0].startswith("_")]

pytestmark = pytest.mark.built


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


def test_formulas_stand_without_a_script():
    """As KaTeX set them when the book was built; nothing in TeX is left for a browser to set."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        shown = re.sub(r"(?s)<(pre|code|annotation|script|style)\b.*?</\1>", "", text)
        assert not re.search(r"\\[(\[\])]|\\[a-z]{3,}", shown), path
        assert "katex-error" not in text
        assert text.count('<span class="katex">') == len(re.findall('class="formula', text)), path
    assert any("katex-display" in path.read_text(encoding="utf-8") for path in PAGES)


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
            name, sets, _ = fragment.partition("?")
            if sets:  # the state of a live figure
                assert f'data-live="{name}"' in target.read_text("utf-8"), f"{path.name}: {address}"
            elif fragment and target in pages:
                assert fragment in pages[target].ids, f"{path.name}: {address}"


def test_every_chapter_offers_its_neighbours_and_its_source(pages):
    """In the order of _toc.yml, and the notebook is there."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    order = [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]
    for before, name, after in zip(order, order[1:], order[2:], strict=False):
        if not name.startswith("notebooks/"):
            continue
        path = HTML / f"{name}.html"
        links = pages[path].links
        assert (ROOT / f"{name}.ipynb").exists()
        assert HTML / "_sources" / f"{name}.ipynb" in [inside(path, link) for link in links]
        page = path.read_text(encoding="utf-8").partition('class="prev-next-area"')[2]
        neighbours = re.findall(r'<a class="(?:left-prev|right-next)"\s+href="([^"]*)"', page)
        assert [inside(path, n) for n in neighbours] == [
            HTML / f"{before}.html",
            HTML / f"{after}.html",
        ]


def test_an_adopted_book_offers_colab_and_its_repository_and_another_neither(pages):
    url = repository.address()
    colab = "https://colab.research.google.com/github"
    for path, page in pages.items():
        name = path.relative_to(HTML).with_suffix(".ipynb").as_posix()
        if url == repository.NOWHERE:
            assert not [a for a in page.links if a.startswith((url, colab))], path.name
        elif (ROOT / name).exists():
            assert f"{url.replace('https://github.com', colab)}/blob/main/{name}" in page.links
            assert f"{url}/edit/main/{name}" in page.links


@pytest.mark.parametrize(
    ("url", "shown"), [("https://github.com/some/book", True), (repository.NOWHERE, False)]
)
def test_the_theme_hears_of_an_address_that_is_somebodys(url, shown):
    options = dict.fromkeys(address_ext.NEED_AN_ADDRESS, True) | {"repository_url": url, "logo": 1}
    config = types.SimpleNamespace(html_theme_options=dict(options))
    address_ext.hide(None, config)
    assert config.html_theme_options == (options if shown else {"logo": 1})


def test_every_page_has_a_description_of_its_own(pages):
    seen = [
        re.search(r'<meta name="description" content="([^"]{40,})"', path.read_text("utf-8"))
        for path in pages
        if path.parent.name == "notebooks"
    ]
    assert None not in seen
    assert len({match.group(1) for match in seen}) == len(seen)


def test_every_picture_has_a_text(pages):
    for path, page in pages.items():
        for source, alt in page.alts:
            assert alt, f"{path.name}: {source} has no alternative text"
            assert not re.search(r"\.(png|svg|jpe?g)\b|[0-9a-f]{16}", alt), f"{path.name}: {alt}"


def test_every_figure_has_its_number_and_caption_on_its_page_and_in_the_list():
    """The live ones too: a caption is the figure's last child, whatever stands above it."""
    listed = (HTML / "book" / "figures.html").read_text(encoding="utf-8")
    for name, found in figures_ext.numbers().items():
        page = (HTML / f"{name}.html").read_text(encoding="utf-8")
        shown = re.findall(r'<figure [^>]*id="([^"]*)">(.*?)</figure>\n', page, re.S)
        assert [key for key, _ in shown] == list(found), name
        for key, figure in shown:
            number = "Figure " + ".".join(map(str, found[key]))
            assert f'<span class="caption-number">{number} </span>' in figure, key
            assert f'href="../{name}.html#{key}">{number}</a>' in listed, key


def test_no_formula_or_directive_is_left_raw(pages):
    for path in pages:
        if path.name not in ("genindex.html", "search.html"):
            text = path.read_text(encoding="utf-8")
            body = re.sub(r"<(pre|code|script|style)\b.*?</\1>", "", text, flags=re.S)
            body = re.sub(r'<(span|div) class="[^"]*math[^"]*".*?</\1>', "", body, flags=re.S)
            body = re.sub(r"<[^>]*>", " ", body)
            assert not re.search(r"```|\$\$|\{(term|cite|ref|numref)[:}]", body), path.name


def test_of_a_sheet_with_a_hash_the_one_of_this_build_is_taken(tmp_path):
    """After an upgrade and back again the newest file is not the right one."""
    for name in ("mystnb.old.css", "mystnb.new.css", "basic.css"):
        (tmp_path / name).touch()
    linked = [("mystnb.old.css", {}), ("book.css", {})]
    app = types.SimpleNamespace(registry=types.SimpleNamespace(css_files=linked))
    assert pages_ext.sheet_file(app, tmp_path, "mystnb.*.css").name == "mystnb.old.css"
    assert pages_ext.sheet_file(app, tmp_path, "basic.css").name == "basic.css"
