"""Captions, the words of the text that refer to figures, and cells that are folded on the page."""

import ast
import re

from _ext import links
from IPython.core.inputtransformer2 import TransformerManager

IMAGES = {"image/png", "image/svg+xml"}
REFERENCE = re.compile(links.FIGURE, re.I)  # what the build makes a link to a figure
NEAR = 3  # cells


def shows_figure(out):
    """Whether an output is a figure: a picture, or a live figure, whatever stands for it."""
    return bool(IMAGES & set(out.get("data", {}))) or "aebook" in out.get("metadata", {})


def figures(notebook):
    """The cells that show a figure: a dict of their places to them."""
    return {
        place: cell
        for place, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and any(map(shows_figure, cell.outputs))
    }


def references(notebook):
    """Each reference to a figure as its cell's place, its words and the place of its figure."""
    places = sorted(figures(notebook))
    for at, cell in enumerate(notebook.cells):
        for words in REFERENCE.finditer(cell.source) if cell.cell_type == "markdown" else ():
            before, after = [p for p in places if p < at], [p for p in places if p > at]
            found = before[-1:] if words["side"].lower() == "above" else after[:1]
            yield at, words[0], found[0] if found else None


def test_a_caption_is_a_sentence_or_two_and_not_the_alternative_text(notebook):
    for cell in figures(notebook).values():
        told = cell.metadata.get("mystnb", {})
        caption = told.get("figure", {}).get("caption", "")
        alt = told.get("image", {}).get("alt", "")
        assert len(caption.split()) >= 8, f"{cell.id}: caption {caption!r} says too little"
        assert len(caption) <= 400, f"{cell.id}: no caption but a paragraph"
        assert re.search(r"[\w$)”\"’]\.$", caption), f"{cell.id}: caption {caption!r}"
        assert re.search(r"[\w)]\.$", alt), f"{cell.id}: alternative text {alt!r}"
        assert caption != alt, f"{cell.id}: what is seen is said twice"


def test_the_text_refers_to_every_figure(notebook):
    missed = {place: cell.id for place, cell in figures(notebook).items()}
    for _, _, place in references(notebook):
        missed.pop(place, None)
    assert not missed, f"no words for: {', '.join(missed.values())}"


def test_words_for_a_figure_stand_near_it(notebook):
    """Else they speak of another figure than the one they are linked to."""
    for at, words, place in references(notebook):
        cell = notebook.cells[at]
        assert place is not None, f"{cell.id}: {words!r}, but there is none"
        assert abs(place - at) <= NEAR, f"{cell.id}: {words!r} is {notebook.cells[place].id}"


def code(cell):
    return ast.parse(TransformerManager().transform_cell(cell.source))


def folded(cell):
    return "hide-input" in cell.metadata.get("tags", [])


def names(tree, kind):
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, kind)}


def computed(tree):
    """The names that some code gives a value, imports apart."""
    return names(tree, ast.Store) | {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}


def taught(tree):
    """What of some code a reader must see: definitions, training, and what is held to be true."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Assert)):
            yield type(node).__name__
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if re.match(r"(fit|compile|train|build)(_|$)", name):
                yield f"{name}()"


def test_a_folded_cell_shows_something_and_teaches_nothing(notebook):
    for cell in notebook.cells:
        if folded(cell):
            assert cell.get("outputs"), f"{cell.id} shows nothing"
            assert not list(taught(code(cell))), f"{cell.id}: {list(taught(code(cell)))}"


def test_what_an_open_cell_reads_was_not_computed_in_a_folded_one(notebook):
    """A reader who follows the open cells meets no name that came from nowhere."""
    hidden = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            tree = code(cell)
            if folded(cell):
                hidden |= dict.fromkeys(computed(tree), cell.id)
                continue
            for name in computed(tree):
                hidden.pop(name, None)
            found = {name: hidden[name] for name in names(tree, ast.Load) & set(hidden)}
            assert not found, f"{cell.id} reads {found}"
