"""The field's words: a word of the book's own may open a door once, and stands in no formula."""

import re
from collections import Counter

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

# What a metaphor of the first edition was called, and what the field calls it.
PRIVATE = {
    r"rents?": "KL term, rate",
    r"darts?": "draw, sample",
    r"the crowd": "aggregate posterior",
    r"disobedien(?:ce|t)": "prior mismatch, marginal KL",
    r"loneliness": "distance to the nearest code",
    r"drawers?": "shared knowledge, decoder",
    r"forgers?": "generator",
    r"auditors?|detectives?": "discriminator",
    r"packers?": "compressor",
    r"prescriptions?": "code",
}
MATH = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.S)


def private(text):
    """The book's own words in a text, in order; also as a part of a name, as in crowd_size."""
    words = re.sub(r"_|(?<=[a-z])(?=[A-Z])", " ", text)
    return re.findall(rf"(?i)\b(?:{'|'.join(PRIVATE)})\b", words)


def exact(cell):
    """What of a cell has to be exact: code, outputs, caption and alternative text; formulas."""
    if cell.cell_type == "markdown":
        yield from MATH.findall(cell.source)
        return
    yield cell.source
    told = cell.metadata.get("mystnb", {})
    yield from (told.get("figure", {}).get("caption", ""), told.get("image", {}).get("alt", ""))
    for out in cell.outputs:
        yield str(out.get("text", "")) + str(out.get("data", {}).get("text/plain", ""))


@pytest.mark.parametrize(
    "text", ["rent = 5", "ForgerLayer", "the 3 darts", "dart_size", "The crowd"]
)
def test_a_word_of_our_own_is_found_in_names_too(text):
    assert private(text)


@pytest.mark.parametrize("text", ["parent", "different", "current", "crowded", "despotic"])
def test_other_words_are_left_alone(text):
    assert not private(text)


def test_no_formula_code_output_or_caption_has_a_word_of_our_own(notebook):
    found = {cell.id: private(" ".join(exact(cell))) for cell in notebook.cells}
    assert {name: words for name, words in found.items() if words} == {}


def test_a_word_of_our_own_opens_a_door_at_most_once_in_the_book():
    """In one cell of one chapter; every other place has the field's word."""
    places = Counter()
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                for pattern in PRIVATE:
                    places[pattern] += bool(re.search(rf"(?i)\b(?:{pattern})\b", cell.source))
    assert {pattern: n for pattern, n in places.items() if n > 1} == {}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "aebook").rglob("*.py")) + sorted((ROOT / "solutions").rglob("*.ipynb")),
    ids=lambda path: path.stem,
)  # fmt: skip
def test_neither_the_helper_nor_an_exercise_has_a_word_of_our_own(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = " ".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
    assert private(text) == []
