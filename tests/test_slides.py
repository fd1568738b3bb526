"""The decks: made of the chapters' own cells, one point a slide, legible from the back."""

import ast
import base64
import io
import re
from functools import cache
from itertools import pairwise

import matplotlib
import nbformat
import pytest
import slides
from conftest import ROOT
from matplotlib import pyplot as plt
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from PIL import Image

from aebook import Table

STYLE = matplotlib.rc_params_from_file(ROOT / "aebook" / "book.mplstyle")
WIDTH, HEIGHT = 1240, 630  # what a figure may fill of a slide of 1280 x 720; see deck.css
SLIDE = {"slideshow": {"slide_type": "slide"}}
TORN = r"(it|its|they|them|their|this|these|those|that is|and|but|so it|he|she|both|neither|here)\b"


CHAPTER_DECK = cache(slides.chapter_deck)
PLAN_DECKS = cache(slides.plan_decks)


@pytest.fixture
def deck(notebook_path):
    return CHAPTER_DECK(notebook_path.stem)


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """chapter(*cells): the name of a chapter of these cells, the only one there is."""

    def written(*cells):
        path = tmp_path / "99-trial.ipynb"
        title = new_markdown_cell("# Title\n\n**Why?**", metadata=SLIDE)
        nbformat.write(nbformat.v4.new_notebook(cells=[title, *cells]), path)
        monkeypatch.setattr(slides, "CHAPTERS", {path.stem: path})
        return path.stem

    return written


def kinds(deck):
    return [page.metadata.deck.kind for page in deck]


def prose(page):
    """The blocks of a slide's text that are sentences."""
    return [b for b in page.source.split("\n\n") if b and not slides.WHOLE.match(b)]


def test_a_deck_has_a_title_and_eight_to_twenty_five_slides_besides_the_answers(deck):
    assert kinds(deck)[0] == "title"
    assert kinds(deck).count("title") == 1
    assert 8 <= len(deck) - kinds(deck).count("answer") <= 25


def test_every_marked_cell_is_on_a_slide(notebook, deck):
    marked = {cell.id for cell in notebook.cells if slides.is_slide(cell)}
    assert marked == {page.metadata.deck.cell for page in deck}


def test_the_answer_is_the_slide_after_its_question(notebook, deck):
    asked = [cell for cell in notebook.cells if "<summary>Answer</summary>" in cell.source]
    assert kinds(deck).count("question") == kinds(deck).count("answer") == len(asked)
    for question, answer in pairwise(deck):
        if question.metadata.deck.kind == "question":
            right = answer.metadata.deck.heading
            assert answer.metadata.deck.kind == "answer"
            assert answer.metadata.deck.asked == question.metadata.deck.heading
            assert f"- **{right[0]}.** {right[3:]}" in question.source
            assert "tempts because" not in question.source + answer.source
            assert answer.metadata.deck.notes.count("tempts because") == 2


def test_one_heading_one_point(deck):
    headings = [page.metadata.deck.heading for page in deck]
    assert len(set(headings)) == len(headings)
    for heading in headings:
        assert heading != "Check yourself"
        assert len(heading) <= 150, heading  # two lines


def test_no_sentence_is_torn_from_its_context(deck):
    for page in deck:
        if page.metadata.deck.kind in ("text", "title"):
            for block in prose(page):
                assert re.match(r"[A-Z$`*“\"]", block), block
                assert not re.match(TORN, block.strip("*"), re.I), block


def test_notes_are_short_and_begin_with_minutes_and_a_cue(deck):
    for page in deck:
        notes = page.metadata.deck.notes
        assert len(notes.split()) <= 120, page.metadata.deck.heading
        assert re.match(r"\*\*\d+(\.5)? min\.\*\* \S+ \S+", notes), notes
        assert "details>" not in notes
        assert ".ipynb" not in notes


def test_a_whole_deck_takes_no_more_than_a_double_lesson(deck):
    minutes = [float(re.match(r"\*\*([\d.]+)", p.metadata.deck.notes)[1]) for p in deck]
    assert 10 <= sum(minutes) <= 90


def test_code_on_slides_neither_asserts_nor_prints_and_fits(deck):
    for page in deck:
        if page.metadata.deck.kind == "code" and page.source:
            assert not slides.checks(ast.parse(page.source)), page.metadata.deck.cell
            assert max(map(len, page.source.splitlines())) <= slides.COLUMNS


def test_ticks_are_legible_from_the_back(deck):
    """At least a forty-sixth of the slide's height, in what was drawn in today's style."""
    for page in deck:
        if page.metadata.deck.kind == "figure":
            about = page.metadata.deck
            assert len(about.alt.split()) >= 8
            picture = Image.open(io.BytesIO(base64.b64decode(about.address.partition(",")[2])))
            dots = picture.info["dpi"][0]
            height = 708 if about.shape == "tall" else HEIGHT
            scale = min(WIDTH / picture.width, height / picture.height)
            ticks = STYLE["xtick.labelsize"] * dots / 72 * scale
            assert ticks >= 720 / 46 or round(dots) != STYLE["savefig.dpi"], about.cell


def test_a_deck_loads_nothing_from_another_host(notebook_path, deck, tmp_path):
    slides.export(deck, tmp_path / "deck.html")
    slides.assets(tmp_path)
    page = (tmp_path / "deck.html").read_text(encoding="utf-8")
    loads = re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', page)
    for address in loads:
        assert address.startswith("data:image/") or (tmp_path / address).is_file()
    for path in tmp_path.rglob("*.css"):
        assert not re.search(
            r"@import|url\(\s*[\"']?(https?:)?//", path.read_text(encoding="utf-8")
        )


def test_a_marked_cell_that_shows_nothing_is_an_error_in_one_line(chapter):
    name = chapter(new_markdown_cell("Prose and no more.", metadata=SLIDE, id="bare"))
    with pytest.raises(SystemExit, match=r"^slides: 99-trial, cell bare: .*nothing.*") as left:
        slides.chapter_deck(name)
    assert "\n" not in str(left.value)


def test_two_slides_under_one_heading_are_an_error_that_names_the_cell(chapter):
    cells = [new_code_cell(f"x = {i}", metadata=SLIDE, id=f"c{i}") for i in range(2)]
    with pytest.raises(SystemExit, match=r"^slides: 99-trial, cell c1: .*slideshow.heading"):
        slides.chapter_deck(chapter(new_markdown_cell("## One"), *cells))
    cells[1].metadata = {"slideshow": {"slide_type": "slide", "heading": "Two"}}
    deck = slides.chapter_deck(chapter(new_markdown_cell("## One"), *cells))
    assert [page.metadata.deck.heading for page in deck] == ["Title", "One", "Two"]


def code_slide(source, outputs=(), tags=()):
    cell = new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})
    return slides.of_code(cell, "Heading")


def test_of_code_a_slide_shows_what_is_taught_and_what_came_of_it():
    printed = new_output("stream", name="stdout", text="2\n")
    source = "def double(x):\n    assert x\n    print(x)\n    return 2 * x\n\n\n"
    source += "assert double(1) == 2\nprint(2)\n"
    source += 'Table(["x"], [["2"]])'
    page = code_slide(source, [printed])
    assert page.source == "def double(x):\n    return 2 * x"
    assert page.metadata.deck.printed == ["2\n"]
    assert code_slide("for i in (1, 2):\n    print(f'{i:3d}')", [printed]).source == ""
    assert code_slide(source, [printed], ["hide-input"]).source == ""
    assert code_slide("assert True") is None
    long = code_slide(source, [new_output("stream", name="stdout", text="epoch\n" * 12)])
    assert long.source
    assert not long.metadata.deck.printed


def test_long_lines_of_code_are_broken_and_stay_code():
    line = "    return " + " + ".join(f"argument_{i}" for i in range(12))
    code = slides.taught(f"def f():\n{line}")
    assert max(map(len, code.splitlines())) <= slides.COLUMNS
    assert code.split() == f"def f():\n{line}".split()


def test_a_table_is_a_table_on_its_slide(tmp_path):
    html = Table(["model", "loss"], [["PCA", "1.2"]])._repr_html_()
    output = new_output("execute_result", {"text/html": html, "text/plain": "model  loss"})
    page = code_slide("Table(...)", [output], ["hide-input"])
    slides.note(page)
    slides.export([page], tmp_path / "deck.html")
    assert '<th scope="col"' in (tmp_path / "deck.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("format", ["png", "svg"])
def test_figures_of_either_kind_go_onto_slides(format, tmp_path):
    fig, _ = plt.subplots(figsize=(7, 2), layout=None)
    file = io.BytesIO()
    fig.savefig(file, format=format, bbox_inches=None)
    plt.close(fig)
    png = format == "png"
    data = base64.b64encode(file.getvalue()).decode() if png else file.getvalue().decode()
    kind = "image/png" if png else "image/svg+xml"
    page = code_slide("plot()", [new_output("display_data", {kind: data})])
    assert page.metadata.deck.kind == "figure"
    assert page.metadata.deck.aspect == pytest.approx(3.5, rel=0.01)
    assert page.metadata.deck.shape == "wide"


def test_what_a_slide_shows_of_a_text():
    text = "So. **This matters.** More.\n\n- one\n- two\n\n$$x$$\n\nNothing.\n\n**All.**"
    assert slides.shown(text) == "**This matters.**\n\n- one\n- two\n\n$$x$$\n\n**All.**"
    whole = "Less. It holds: **all of it** (Author et al. (2014) too). More."
    assert slides.shown(whole) == "It holds: **all of it** (Author et al. (2014) too)."


# The plans of the page for teachers.


def names_of(plan):
    _, _, rows = slides.plans()[plan]
    found = [match for row in rows for match in slides.NAMED.finditer(" | ".join(row))]
    return [(match["in"], match["cell"]) for match in found if match["cell"]]


def test_every_plan_of_the_page_has_a_name_and_each_is_a_deck():
    text = slides.TEACHING.read_text(encoding="utf-8")
    assert list(slides.plans()) == ["lecture", "workshop", "weeks"]
    assert len(slides.plans()) == len(re.findall(r"\n\| (?:minutes|week) \|", text))


@pytest.mark.slow
@pytest.mark.parametrize("plan", slides.plans())
def test_the_slides_of_a_plan_are_the_cells_that_it_names_in_order(plan):
    decks = PLAN_DECKS(plan)
    on_slides = [
        (page.metadata.deck.get("chapter"), page.metadata.deck.get("cell"))
        for pages in decks.values()
        for page in pages
    ]
    places = [on_slides.index(name) for name in names_of(plan)]
    assert places == sorted(places)
    for pages in decks.values():
        assert pages[0].metadata.deck.kind == "title"
        assert all(len(page.metadata.deck.notes.split()) <= 120 for page in pages)


def test_the_minutes_of_the_lecture_are_those_of_its_plan():
    (pages,) = PLAN_DECKS("lecture").values()
    minutes = [float(re.match(r"\*\*([\d.]+)", p.metadata.deck.notes)[1]) for p in pages]
    assert 85 <= sum(minutes) <= 95


def test_a_plan_that_there_is_not_is_answered_with_those_that_there_are():
    with pytest.raises(SystemExit, match=r"^slides: no plan weekend .*lecture, workshop, weeks$"):
        slides.main([], "weekend")


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("{cell}`99-trial/c9`", "which has nothing to show"),
        ("{cell}`98-other/c1`", "which is no chapter"),
        ("[nine](../notebooks/99-trial.ipynb#nine)", "which has nothing to show"),
        ("[question 1](../notebooks/99-trial.ipynb#check-yourself)", "which has nothing to show"),
    ],
)
def test_a_plan_that_names_what_there_is_not_is_an_error(
    chapter, tmp_path, monkeypatch, named, why
):
    chapter(new_markdown_cell("## One"), new_code_cell("x = 1", id="c1"))
    page = "(plan-trial)=\n## Trial\n\n| minutes | what | cells |\n| --- | --- | --- |\n"
    monkeypatch.setattr(slides, "TEACHING", tmp_path / "teaching.md")
    slides.TEACHING.write_text(page + "| 0-10 | One. | {cell}`99-trial/c1` |\n", encoding="utf-8")
    assert len(slides.plan_decks("trial")["trial"]) == 2
    slides.TEACHING.write_text(page + f"| 0-10 | One. | {named} |\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=why):
        slides.plan_decks("trial")
