"""What the text says in numbers was computed: each stands, rounded, in code or outputs."""

import re

import nbformat
import pytest
import tables
import yaml
from _ext import ledger
from conftest import NOTEBOOKS, ROOT

EXCUSED = yaml.safe_load((ROOT / "tests" / "prose_numbers.yml").read_text(encoding="utf-8"))
NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\d{3,})(?!\w|\.\d)")
YEAR = re.compile(r"\b(?:19|20)\d\d\b")
NOT_SAID = re.compile(
    r"\]\([^)]*\)|<!-- measured.*?<!-- end -->|(?:Python|Keras) \d\.\d+(?: to \d\.\d+)?"
    r"|\*Runs in about \d+ seconds",
    re.S,
)  # addresses, tables that are made from measurements, versions, times (tested below)


def said(text):
    """The numbers with a decimal point or three digits that a text says, years left out."""
    return NUMBER.findall(YEAR.sub("", NOT_SAID.sub("", text)))


def shown(notebook):
    """Every number in the code and in the printed outputs of a chapter."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            parts.append(cell.source)
            for out in cell.outputs:
                parts += [out.get("text", ""), out.get("data", {}).get("text/plain", "")]
    text = re.sub(r"(?<=\d)[,_](?=\d{3})|\x1b\[[\d;]*m", "", "\n".join(parts))
    return {float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)}


def stands(number, among):
    """Whether one of these numbers, rounded to the digits that are said, is the said one."""
    digits = len(number.partition(".")[2])
    value = float(number.replace(",", ""))
    return any(abs(round(n, digits) - value) < 1e-9 for n in among)


SHOWN = {path.stem: shown(nbformat.read(path, as_version=4)) for path in NOTEBOOKS}


def unfounded(texts, chapters, name):
    """The numbers said that stand in none of these chapters, and are not excused under a name."""
    among = set().union(*(SHOWN[chapter] for chapter in chapters))
    excused = EXCUSED.get(name, {})
    return [n for text in texts for n in said(text) if n not in excused and not stands(n, among)]


def test_a_number_in_a_chapter_was_computed_there(notebook, notebook_path):
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    told = [cell.metadata.get("mystnb", {}) for cell in notebook.cells]
    texts += [part.get("image", {}).get("alt", "") for part in told]
    texts += [part.get("figure", {}).get("caption", "") for part in told]
    assert unfounded(texts, [notebook_path.stem], notebook_path.stem) == []


def test_a_chapter_runs_as_long_as_it_says(notebook, notebook_path):
    """The measured seconds rounded up, to five or ten: waiting less than was said hurts nobody."""
    told = int(re.search(r"\*Runs in about (\d+) seconds", notebook.cells[0].source)[1])
    measured = tables.read()["chapters"][notebook_path.stem]
    assert told % 5 == 0
    assert measured <= told <= measured + 10, f"says {told} s, measured {measured:.0f} s"


@pytest.mark.parametrize("page", ["README.md", "index.md"])
def test_a_number_on_the_front_page_was_computed_in_a_chapter(page):
    assert unfounded([(ROOT / page).read_text(encoding="utf-8")], SHOWN, page) == []


def test_a_number_of_the_ledger_was_computed_where_it_points():
    for group in ledger.read()["claims"]:
        for row in group["rows"]:
            chapters = {place.partition("/")[0] for place in row.get("cells", [])}
            assert unfounded([row["correct"]], chapters, "ledger") == [], row["says"]


def test_every_excuse_is_still_needed():
    texts = {path.stem: path.read_text(encoding="utf-8") for path in NOTEBOOKS}
    texts |= {"ledger": ledger.LEDGER.read_text(encoding="utf-8")}
    for name, excused in EXCUSED.items():
        assert set(excused) <= set(said(texts[name])), name
