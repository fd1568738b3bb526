"""What a visitor meets first: the front page, and what the book says of itself elsewhere."""

import base64
import re
from types import SimpleNamespace

import jinja2
import nbformat
import pytest
import repository
import yaml
from _ext import live as live_ext
from _ext import sharing
from conftest import NOTEBOOKS, ROOT
from PIL import Image

HTML = ROOT / "_build" / "html"
PAGES = [p for p in HTML.rglob("*.html") if not p.relative_to(HTML).parts[0].startswith("_")]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def page(name="index.html"):
    return (HTML / name).read_text(encoding="utf-8")


def cells():
    """(page, cell) of every code cell of the chapters."""
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                yield f"notebooks/{path.stem}.html", cell


@pytest.mark.built
def test_every_live_figure_is_linked_from_the_front_page():
    live = [(address, cell) for address, cell in cells() if live_ext.told(cell)]
    assert live
    for address, cell in live:
        assert f'href="{address}#{cell.metadata.mystnb.figure.name}"' in page()


@pytest.mark.built
def test_the_front_pages_figure_is_a_chapters():
    """Its data as the chapter's page has it, its pictures as they are stored there."""
    told = dict(re.findall(r'data-(\w+)="([^"]*)"', re.search("<div data-figure.*", page())[0]))
    chapter = page("notebooks/03-variational-autoencoder.html")
    assert f'data-live="{told["figure"]}" data-data="{told["data"]}"' in chapter
    assert f'data-sha256="{told["sha256"]}"' in chapter
    pictures = re.findall(r'<img[^>]*src="_images/hero-([\w-]+)\.png"', page())
    assert pictures == ["live-learn"]
    stored = {cell.id: cell for _, cell in cells()}
    for name in pictures:
        shown = (HTML / "_images" / f"hero-{name}.png").read_bytes()
        (png,) = [out.data["image/png"] for out in stored[name].outputs
                  if "image/png" in out.get("data", {})]  # fmt: skip
        assert base64.b64decode(png) == shown


@pytest.mark.built
def test_what_is_seen_first_does_not_wait():
    for tag in re.findall(r'<img[^>]*src="_images/hero-[^>]*>', page()):
        assert "lazy" not in tag
        assert 'width="' in tag


# --- what other sites see


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://github.com/Ada/book", "https://ada.github.io/book/"),
        ("https://github.com/Ada/Ada.github.io", "https://ada.github.io/"),
        ("https://example.org/ada/book", ""),
        (repository.NOWHERE, ""),
        (None, ""),
    ],
)
def test_the_books_address_is_where_github_publishes_it(url, address):
    assert sharing.published(url) == address
    if address:
        assert f"({address})" in repository.doors(url)  # what README says
    options = {"repository_url": url}
    for given in ("", "https://book.example/"):
        config = SimpleNamespace(html_baseurl=given, html_theme_options=options)
        sharing.set_address(None, config)
        assert config.html_baseurl == given or address


def card_of(pagename, base, **context):
    """The tags that a page gets, as a dict, and what becomes of its canonical address."""
    title = SimpleNamespace(astext=lambda: "1. A & B")
    env = SimpleNamespace(
        all_docs={"index", "notebooks/01"}, titles={"notebooks/01": title, "index": title}
    )
    config = SimpleNamespace(html_title="The book", html_baseurl=base, root_doc="index",
                             myst_html_meta={"description": "A book."})  # fmt: skip
    context = {"pageurl": base and f"{base}{pagename}.html"} | context
    sharing.add_card(SimpleNamespace(config=config, env=env), pagename, "page.html", context, None)
    tags = re.findall(
        r'<meta (?:name|property)="(.*?)" content="(.*?)" />', context.get("card", "")
    )
    return dict(tags), context["pageurl"]


def test_a_card_names_addresses_only_where_there_are_any():
    base = "https://ada.github.io/book/"
    card, address = card_of("notebooks/01", base, description='Two "words" <more>.')
    assert card["og:title"] == "1. A &amp; B"
    assert card["og:description"] == "Two &quot;words&quot; &lt;more&gt;."
    assert card["og:url"] == address == base + "notebooks/01.html"
    assert card["og:image"] == base + "_static/card.png"
    assert card_of("index", base)[1] == base
    card, address = card_of("notebooks/01", "")
    assert card["og:description"] == "A book."
    assert not address
    assert not [text for text in card.values() if "//" in text or "card.png" in text]
    assert card_of("search", base) == ({}, None)


def test_the_card_has_the_size_that_it_says():
    card = dict(sharing.tags("", "", "", "https://a/", "https://a/b"))
    size = tuple(int(card[f"og:image:{side}"]) for side in ("width", "height"))
    assert Image.open(ROOT / "book" / "assets" / "card.png").size == size


@pytest.mark.built
def test_a_title_is_said_once():
    for path in PAGES:
        (title,) = re.findall("(?s)<title>(.*?)</title>", path.read_text(encoding="utf-8"))
        assert title.count(CONFIG["title"]) == 1, (path.name, title)


@pytest.mark.built
def test_every_page_of_the_book_has_a_card_and_the_book_an_address_or_none():
    address = sharing.published(repository.address())
    for path in PAGES:
        name, text = path.relative_to(HTML).as_posix(), path.read_text(encoding="utf-8")
        canonical = re.findall('<link rel="canonical" href="(.*?)"', text)
        assert 'name="theme-color"' in text
        if name in ("search.html", "404.html", "genindex.html"):
            assert not canonical
            assert ('content="noindex"' in text) == (name != "genindex.html")
        else:
            assert text.count('property="og:title"') == 1, name
            assert ("og:image" in text) == bool(address)
            assert canonical == [address + name.replace("index.html", "")] * bool(address)


@pytest.mark.built
def test_the_page_for_lost_visitors_needs_nothing_and_leads_back():
    """Built here; and as an adopted book has it, asked for at whatever depth."""
    template = (ROOT / "book" / "_templates" / "404.html").read_text(encoding="utf-8")
    for base in ("", "https://ada.github.io/book/"):
        text = jinja2.Template(template).render(base=base, docstitle="A book", language="en")
        assert not re.search(r"<(script|img)|url\(|@import", text)
        links = re.findall(r'(?:href|action)="(?!data:)(.*?)"', text)
        assert len(links) == 4
        for link in links:
            assert link.startswith(base)
            assert (HTML / link.removeprefix(base)).is_file()
