"""What the search knows of the book: every place has its address, and its words can be read."""

import gzip
import json
import re

import pytest
from _ext import search
from conftest import ROOT

HTML = ROOT / "_build" / "html"


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (r"\mathrm{KL}(q(z \mid x) \,\|\, p(z))", "KL(q(z | x) ‖ p(z))"),
        (r"\beta > 0", "β > 0"),
        (r"\mathcal N(0, I)", "N(0, I)"),
        (r"\hat x = \hat{x}", "x̂ = x̂"),
        (r"\tfrac12 \sigma^2", "1/2 σ^2"),
        (r"\frac{1}{2s^2}", "1/(2s^2)"),
        (r"\Phi(\lambda)\;90\,\%", "Φ(λ)90%"),
    ],
)
def test_a_formula_in_an_excerpt_can_be_read(formula, text):
    assert search.readable(formula) == text


@pytest.fixture(scope="module")
def index():
    text = (HTML / "_static" / search.INDEX).read_text(encoding="utf-8")
    return json.loads(re.fullmatch(r"globalThis\.aebookIndex = (.*);\n", text, re.S)[1])


@pytest.mark.built
def test_every_place_has_its_address(index):
    pages = [(HTML / address).read_text(encoding="utf-8") for address, _ in index["pages"]]
    assert len(pages) == len(list((HTML / "_sources").rglob("*.*")))
    for page, anchor, title, *_ in index["places"]:
        assert f'id="{anchor}"' in pages[page], (index["pages"][page], anchor)
        assert title, anchor


@pytest.mark.built
def test_every_heading_of_a_page_is_a_place(index):
    for i, (address, _) in enumerate(index["pages"]):
        text = (HTML / address).read_text(encoding="utf-8")
        sections = re.findall(r'<section[^>]* id="([^"]*)"', text)
        assert set(sections) <= {place[1] for place in index["places"] if place[0] == i}, address


@pytest.mark.built
def test_what_is_indexed_is_text_and_light(index):
    """No LaTeX, no markup, no printed output, no cell that all notebooks share."""
    for page, anchor, title, text, code in index["places"]:
        where = (index["pages"][page], anchor)
        assert not re.search(r"\\[A-Za-z]|\$\$|</?\w+>", title + text), where
        assert "aebook is missing" not in code, where
    size = len(gzip.compress((HTML / "_static" / search.INDEX).read_bytes()))
    assert size < 400_000
