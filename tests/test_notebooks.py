"""What every chapter keeps, so that it reads the same in Jupyter, Colab, VS Code and the book."""

import ast
import base64
import importlib
import io
import re
import statistics

import execute
import pytest
import repository
from _ext.helper import bare
from conftest import NOTEBOOKS, ROOT
from fingerprint import fingerprint
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from aebook import plots

HELPERS = [p for p in sorted((ROOT / "aebook").glob("*.py")) if p.stem != "plots"]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [(cell, out) for cell in code_cells(notebook) for out in cell.outputs]


def test_chapters_are_numbered_without_gaps_and_appendices_follow():
    numbers = [int(path.name[:2]) for path in NOTEBOOKS]
    assert numbers[:11] == list(range(11))
    assert numbers == sorted(set(numbers))


def test_a_chapter_is_titled_by_its_number(notebook, notebook_path):
    assert notebook.cells[0].source.startswith(f"# {int(notebook_path.name[:2])}. ")


def test_first_code_cell_is_the_stamped_one(notebook):
    first = repository.setup_cell(repository.address(), repository.version())
    assert code_cells(notebook)[0].source == first


def test_metadata_is_normalised(notebook):
    metadata = {key: value for key, value in notebook.metadata.items() if key != "aebook"}
    assert metadata == execute.METADATA
    for cell in notebook.cells:
        assert "execution" not in cell.metadata, f"{cell.id}: timestamps"
        assert "widgets" not in cell.metadata


def test_outputs_come_from_the_code_that_stands_above_them(notebook, notebook_path):
    stored = notebook.metadata.get("aebook", {}).get("code")
    stale = f"outputs are older than the code: run: make execute CHAPTER={notebook_path.stem[:2]}"
    assert stored == fingerprint(notebook), stale


def test_cells_were_executed_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_code_cells_have_readable_ids(notebook):
    for cell in code_cells(notebook):
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell.id), cell.id
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_nothing_was_written_to_standard_error_and_nothing_raised(notebook):
    for cell, out in outputs(notebook):
        assert out.output_type != "error", cell.id
        assert out.get("name") != "stderr", cell.id


def test_nothing_stored_tells_where_it_ran(notebook):
    for cell, out in outputs(notebook):
        text = str(out.get("text", "")) + str(out.get("data", {}).get("text/plain", ""))
        assert not re.search(r"/home/|/Users/|/root/|/tmp/|\b0x[0-9a-f]{6,}", text), cell.id


def width(cell):
    """The columns of its longest line, the repository's address, which nobody chose, apart."""
    return max(map(len, re.sub(r"https://github[^\s\"]*", "", cell.source).splitlines()))


def n_lines(cell):
    """The lines of code of a cell, empty ones left out."""
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def test_cells_are_short(notebook):
    for cell in code_cells(notebook):
        assert n_lines(cell) <= 15, f"{cell.id}: {n_lines(cell)} lines"
        assert width(cell) <= 92, f"{cell.id}: a line of over 92 columns"


# A chapter is read in half an hour: so many words, cells of code, and lines in the middling cell.
WORDS, CELLS, LINES = 2600, 35, 6
# Chapters that are not there yet, with what they have today: these bounds only ever go down.
NOT_YET = {}


def words(notebook):
    """The words of a chapter up to its questions; formulas, code and addresses are none."""
    titles = [cell.source.splitlines()[0] for cell in notebook.cells]
    told = notebook.cells[: titles.index("## Check yourself")]
    text = "\n\n".join(cell.source for cell in told if cell.cell_type == "markdown")
    text = re.sub(r"(?s)\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|</?\w+>", " ", text)
    return len(re.findall(r"[^\W\d_][\w'’-]*", text))


def size(notebook):
    """What a chapter asks of its reader: (words, cells of code, lines of the middling cell).

    The stamped first cell is of the book and not of the chapter, so its lines do not count.
    """
    cells = code_cells(notebook)
    return words(notebook), len(cells), statistics.median(map(n_lines, cells[1:]))


def test_a_chapter_is_no_longer_than_its_reader_has_time(notebook, notebook_path):
    names = "words", "cells of code", "lines in the middling cell"
    bounds = NOT_YET.get(notebook_path.stem, (WORDS, CELLS, LINES))
    for what, found, bound in zip(names, size(notebook), bounds, strict=True):
        assert found <= bound, f"{found} {what}, more than {bound}"


def test_a_chapter_that_has_become_short_enough_is_no_exception_any_more(notebook, notebook_path):
    found = size(notebook)
    met = all(n <= goal for n, goal in zip(found, (WORDS, CELLS, LINES), strict=True))
    assert not (met and notebook_path.stem in NOT_YET), f"{found}: take it off the list"


def test_words_cells_and_lines_are_counted_as_a_reader_would():
    text = "One *two* [three](four.ipynb), $five$ six-seven.\n\n$$eight$$\n\n<details>nine 10"
    quiz = new_markdown_cell("## Check yourself\n\nMany more words.")
    code = [new_code_cell(source) for source in ("setup\n" * 9, "a\n\nb\nc", "a", "a\n\n\nb")]
    chapter = new_notebook(cells=[new_markdown_cell(text), *code, quiz])
    assert size(chapter) == (5, 4, 2)


def test_prose_opens_closes_and_separates(notebook):
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds[0] == kinds[-1] == "markdown"
    runs = re.findall(r"c+", "".join(kind[0] for kind in kinds))
    assert max(map(len, runs)) <= 2, "more than two code cells without prose between them"


def test_the_chapter_ends_with_questions_to_check_oneself(notebook):
    """Three to five, each with options, and an answer that speaks of every one of them."""
    titles = [cell.source.splitlines()[0] for cell in notebook.cells]
    assert "## Check yourself" in titles
    questions = notebook.cells[titles.index("## Check yourself") :]
    assert 3 <= len(questions) <= 5
    for number, cell in enumerate(questions, 1):
        asked, folded = cell.source.split("\n\n<details><summary>Answer</summary>\n\n")
        assert re.search(rf"^\*\*{number}\. .*\?.*\*\*$", asked, re.M), cell.id
        options = re.findall(r"^- \*\*([A-Z])\.\*\* ", asked, re.M)
        right = re.match(r"\*\*([A-Z])\.\*\* ", folded).group(1)
        tempting = re.findall(r"^- \*\*([A-Z])\*\* tempts because ", folded, re.M)
        assert len(options) >= 3
        assert sorted([right, *tempting]) == options, f"{cell.id}: {right}, {tempting}"
        assert folded.endswith("\n\n</details>"), cell.id


def test_markdown_is_portable(notebook):
    """No MyST, and no HTML but <details><summary>: Colab and GitHub show the rest raw."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"`[^`]*`", "", cell.source)
            assert not re.search(r"^(```\{|:::|\(\S+\)=)|\{[a-z:]+\}`", cell.source, re.M), cell.id
            tags = set(re.findall(r"</?([a-z]+)[ >]", text))
            assert tags <= {"details", "summary"}, f"{cell.id}: {tags}"


def figures(notebook):
    """(cell, output) of every figure, the live ones with their pictures."""
    return [(cell, out) for cell, out in outputs(notebook) if "image/png" in out.get("data", {})]


def test_every_figure_has_an_alternative_text_of_its_own(notebook):
    seen = {}
    for cell, _ in figures(notebook):
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(alt.split()) >= 8, f"{cell.id}: alternative text {alt!r} says too little"
        assert alt not in seen, f"{cell.id} repeats the text of {seen.get(alt)}"
        seen[alt] = cell.id


def test_every_figure_has_a_caption_and_a_name_and_nothing_else_has(notebook, notebook_path):
    """MyST-NB captions what a cell displays: one figure, beside what it prints."""
    shown = {cell.id for cell, _ in figures(notebook)}
    captioned = {c.id for c in code_cells(notebook) if "figure" in c.metadata.get("mystnb", {})}
    assert captioned == shown
    for cell, _ in figures(notebook):
        figure = cell.metadata["mystnb"]["figure"]
        assert figure["name"] == f"fig-{notebook_path.stem[:2]}-{cell.id}"
        assert re.search(r"\w.* .*\w.*\.$", figure["caption"], re.S), cell.id
        displayed = [out for out in cell.outputs if out.output_type != "stream"]
        assert len(displayed) == 1, f"{cell.id} displays {len(displayed)} things"


def test_every_figure_is_as_wide_as_the_text_or_half_with_two_dots_a_pixel(notebook):
    """So the letters of all are of one size on a page, and sharp on a screen of today."""
    for cell, out in figures(notebook):
        picture = Image.open(io.BytesIO(base64.b64decode(out.data["image/png"])))
        assert picture.width in [int(192 * width) for width in (plots.FULL, plots.HALF)], cell.id
        assert picture.info["dpi"] == pytest.approx((192, 192), abs=0.1), cell.id
        told = out.metadata["image/png"]
        assert (told["width"], told["height"]) == (picture.width // 2, picture.height // 2), cell.id


def test_no_forbidden_words(notebook):
    for cell in notebook.cells:
        found = re.search(
            r"\b(simply|obviously|trivially|placeholder|todo|fixme)\b", cell.source, re.I
        )
        assert not found, f"{cell.id}: {found}"


def test_no_private_or_backend_calls(notebook):
    for cell in code_cells(notebook):
        assert not re.search(r"keras\.src|keras\.backend|import tensorflow|\btf\.", cell.source), (
            cell.id
        )


def helper_definitions():
    found = {}
    for path in HELPERS:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.setdefault(node.name, []).append(bare(node))
    return found


def test_what_stands_on_the_page_is_what_the_helper_holds(notebook):
    helpers = helper_definitions()
    for cell in code_cells(notebook):
        source = re.sub(r"^( *)%", r"\1pass  # %", cell.source, flags=re.M)
        for node in ast.parse(source).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in helpers:
                assert bare(node) in helpers[node.name], f"{cell.id}: {node.name} differs"


@pytest.mark.parametrize(
    "name",
    ["build_vae_encoder", "Sampling", "build_decoder", "build_vae", "reconstruction_loss",
     "kl_loss", "VAE"],
)  # fmt: skip
def test_the_eight_listings_stand_in_chapter_3(name):
    path = next(path for path in NOTEBOOKS if path.name.startswith("03"))
    assert re.search(rf"(def|class) {name}\b", path.read_text(encoding="utf-8"))
    assert hasattr(importlib.import_module("aebook.models"), name)
