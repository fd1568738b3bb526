"""The decks: made of the chapters' own cells, legible from the back, nothing from another host."""

import base64
import re
import struct

import nbformat
import pytest
import slides

WIDTH, HEIGHT = 1240, 620  # what a figure may fill of a slide of 1280 x 720; see deck.css
TICKS = 11 * 130 / 72  # pixels: the smallest text of book.mplstyle, 11 points at 130 dpi


@pytest.fixture
def deck(notebook):
    return slides.derive(notebook).cells


def on_slides(deck):
    return [cell for cell in deck if cell.metadata.deck.kind != "notes"]


def test_a_deck_has_a_title_and_eight_to_twenty_five_slides(deck):
    kinds = [cell.metadata.deck.kind for cell in on_slides(deck)]
    assert kinds[0] == "title"
    assert kinds.count("title") == 1
    assert 8 <= len(kinds) <= 25
    assert all(cell.metadata.deck.heading for cell in on_slides(deck))


def test_every_slide_is_followed_by_its_notes(deck):
    kinds = [cell.metadata.deck.kind == "notes" for cell in deck]
    assert kinds == [False, True] * (len(deck) // 2)


def test_the_notes_hold_all_prose_and_the_slides_nothing_else(notebook, deck):
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    text = "\n".join(prose).replace(".ipynb", ".html")
    said = "\n".join(cell.source for cell in deck if cell.metadata.deck.kind == "notes")
    words = re.sub(r"(?m)^#+ .*$", "", text).split()
    assert said.split() == words
    for cell in on_slides(deck):
        if cell.cell_type == "markdown":
            for line in filter(None, cell.source.splitlines()):
                assert set(line.split()) <= set("\n".join(prose).split()), line


def test_one_figure_a_slide_legible_from_the_back(deck):
    """Tick labels are at least a fiftieth of the slide's height."""
    for cell in on_slides(deck):
        if cell.metadata.deck.kind == "figure":
            (output,) = cell.outputs
            head = base64.b64decode(output.data["image/png"])[16:24]
            width, height = struct.unpack(">II", head)
            text = TICKS * min(WIDTH / width, HEIGHT / height)
            assert text >= 720 / 52, f"{cell.id}: {text:.1f} pixels"
            assert len(cell.metadata.deck.alt.split()) >= 8


def test_the_answers_stay_with_the_speaker(deck):
    for cell in on_slides(deck):
        assert "tempts because" not in cell.source
        assert "details" not in cell.source


def test_a_deck_loads_nothing_from_another_host(notebook_path, tmp_path):
    slides.export(notebook_path, tmp_path)
    slides.assets(tmp_path)
    page = (tmp_path / f"{notebook_path.stem}.html").read_text(encoding="utf-8")
    loads = re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', page)
    for address in loads:
        assert address.startswith("data:image/png;base64,") or (tmp_path / address).is_file()
    for path in tmp_path.rglob("*.css"):
        assert not re.search(
            r"@import|url\(\s*[\"']?(https?:)?//", path.read_text(encoding="utf-8")
        )


def test_what_a_slide_shows_of_a_text():
    text = "So. **This matters.** More.\n\n- one\n- two\n\n$$x$$\n\nNothing.\n\n**All.**"
    assert slides.shown(text) == "**This matters.**\n\n- one\n- two\n\n$$x$$\n\n**All.**"
    folded = (
        "**1. Why?**\n\n- **A.** so\n\n<details><summary>Answer</summary>\n\n**A.**\n\n</details>"
    )
    assert slides.shown(folded) == "**1. Why?**\n\n- **A.** so"


def test_an_unmarked_notebook_has_only_notes_to_give():
    cells = [nbformat.v4.new_markdown_cell("# Title\n\n**Why?**"), nbformat.v4.new_code_cell("1")]
    cells[0].metadata = nbformat.from_dict({"slideshow": {"slide_type": "slide"}})
    derived = slides.derive(nbformat.v4.new_notebook(cells=cells))
    assert [cell.metadata.deck.kind for cell in derived.cells] == ["title", "notes"]
