"""`make private`: the sheets go into a folder of the teacher's, with other hidden numbers."""

import json
import re

import pytest
import sheets
from conftest import ROOT

TEST = """\
rng = np.random.default_rng(1)
assert double(2) == 4
### BEGIN HIDDEN TESTS
x = np.random.default_rng(7).normal()
assert double(x) == 2 * x{}
### END HIDDEN TESTS
"""


def notebook(*sources):
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "outputs": [],
         "execution_count": None, "source": source.splitlines(keepends=True)}
        for n, source in enumerate(sources)
    ]  # fmt: skip
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def sources(path):
    return ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"]]


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A repository with three sheets: with a seed, without, and with one that must be 7."""
    monkeypatch.setattr(sheets, "ROOT", tmp_path / "book")
    answer = "import numpy as np\n\n\ndef double(x):\n    return 2 * x\n"
    for name, test in {
        "01-seed": TEST.format(""),
        "02-plain": TEST.format("").replace("default_rng(7).normal()", "pi"),
        "03-seven": TEST.format(" and round(x, 4) == 0.0012"),
    }.items():
        path = tmp_path / "book" / "solutions" / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(notebook(answer, test), encoding="utf-8")
    (tmp_path / "book" / "solutions" / "requirements.txt").touch()
    (tmp_path / "book" / "tests" / "wrong_answers").mkdir(parents=True)
    (tmp_path / "book" / "tests" / "wrong_answers" / "01-seed.yml").write_text("[]")
    return tmp_path / "book"


def test_sheets_move_whole_and_are_found_where_they_are(book, capsys):
    before = {p.stem: sources(p) for p in book.glob("solutions/*/*.ipynb")}
    assert sheets.folder(book) == book / "solutions"
    sheets.make_private("../private")
    private = book.parent / "private"
    assert sheets.folder(book) == private / "solutions"
    assert sheets.wrong_answers(book) == private / "wrong_answers"
    assert (private / "wrong_answers" / "01-seed.yml").is_file()
    assert [p.name for p in (book / "solutions").iterdir()] == ["requirements.txt"]
    assert not (book / "tests" / "wrong_answers").exists()
    after = {p.stem: sources(p) for p in private.glob("solutions/*/*.ipynb")}
    assert after.keys() == before.keys()
    assert after["02-plain"] == before["02-plain"]
    assert after["03-seven"] == before["03-seven"]  # the solution fails with another seed
    assert after["01-seed"] != before["01-seed"]
    assert [re.sub(r"default_rng\((?!1\))\d+", "default_rng(7", s) for s in after["01-seed"]] == (
        before["01-seed"]
    )
    assert "01-seed: hidden tests with seeds of their own" in capsys.readouterr().out


def test_another_clone_takes_the_sheets_from_where_they_are(book, capsys):
    sheets.make_private("../private")
    (book / "course" / "private.txt").unlink()
    assert list(sheets.folder(book).glob("*/*.ipynb")) == []
    sheets.make_private("../private")
    assert "are taken from" in capsys.readouterr().out
    assert len(list(sheets.folder(book).glob("*/*.ipynb"))) == 3


def test_what_cannot_be_is_said_in_a_line_and_moves_nothing(book):
    (book.parent / "full" / "solutions" / "01").mkdir(parents=True)
    (book.parent / "full" / "solutions" / "01" / "01.ipynb").touch()
    for target, says in (("private", "lies in this repository"), ("../full", "has sheets already")):
        with pytest.raises(SystemExit, match=says):
            sheets.make_private(target)
    assert len(list(book.glob("solutions/*/*.ipynb"))) == 3
    assert not (book / "course").exists()
    for path in book.glob("solutions/*/*.ipynb"):
        path.unlink()
    with pytest.raises(SystemExit, match="neither solutions/ nor"):
        sheets.make_private("../private")


def test_our_own_hidden_tests_are_found():
    texts = [p.read_text("utf-8") for p in sheets.folder(ROOT).glob("*/*.ipynb")]
    halves = [half for text in texts for s in json.loads(text)["cells"]
              for half in sheets.HIDDEN.findall("".join(s["source"]))]  # fmt: skip
    assert not texts or len(halves) > 20
    assert all(sheets.reseeded(text) != text for text in texts if "HIDDEN" in text
               and any(sheets.SEED.search(h) for s in json.loads(text)["cells"]
                       for h in sheets.HIDDEN.findall("".join(s["source"]))))  # fmt: skip
