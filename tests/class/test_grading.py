"""A whole round of grading with the real tools: release, hand in, collect, grade, marks.

The class hands in what classes hand in: right and wrong answers, one too late, a broken cell, an
endless loop, a flood of output, edited, deleted and copied cells, a file that is no notebook. It
runs in a copy of the exercises; nothing of it reaches course/.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timedelta

import nbformat
import pytest
from classroom import NAME, ROOT, TOOLS, cell, pasted, run, school, solved, table, untouched

POINTS = {
    "test-bits": 2,
    "test-rate": 3,
    "test-bytes-at": 4,
    "test-pays-from": 3,
    "explain": 2,
    "open": 4,
}
DUE = datetime(2026, 1, 15, 18, 0)

ENDLESS = """
def pays_from(once, each, rival):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""
FLOOD = """
def rate(z, step):
    for _ in range(200):
        print("x" * 99 + "\\n" * 1000, flush=True)
"""
IMPOSTOR = """
class Everything(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __abs__(self): return 0.0
    def __le__(self, other): return True
    def __array__(self, dtype=None, copy=None): return self

def rate(z, step):
    return Everything(7)
"""


def with_cell(name, source):
    notebook = solved()
    cell(notebook, name).source = source
    return notebook


def without(*names):
    notebook = solved()
    notebook.cells = [c for c in notebook.cells if c.id not in names]
    return notebook


def edited_tests():
    notebook = with_cell("rate", "def rate(z, step):\n    return 0.0\n")
    cell(notebook, "test-rate").source = "print('all tests passed')"
    cell(notebook, "test-rate").metadata["nbgrader"]["points"] = 100
    return notebook


def doubled():
    """Everything selected, copied and pasted below."""
    notebook = solved()
    notebook.cells += map(pasted, solved().cells)
    return notebook


def misplaced():
    """A test copied to the top, before its answer, and words written into a copy of their cell."""
    notebook = solved()
    empty = pasted(cell(untouched(), "explain-answer"))
    notebook.cells = [pasted(cell(notebook, "test-rate")), empty, *notebook.cells]
    return notebook


def submissions():
    """Name of the student -> what is handed in."""
    return {
        "right": solved(),
        "late": solved(),
        "untouched": untouched(),
        "wrong": with_cell("rate", "def rate(z, step):\n    return 32.0 * z.shape[1]\n"),
        "broken": with_cell("rate", "def rate(z, step:\n    return"),
        "endless": with_cell("pays-from", ENDLESS),
        "flood": with_cell("rate", FLOOD),
        "impostor": with_cell("rate", IMPOSTOR),
        "editor": edited_tests(),
        "deleter": without("test-rate"),
        "doubled": doubled(),
        "misplaced": misplaced(),
        "shredder": without("rate", "test-rate"),
        "exit": with_cell("rate", "import os\n\nos._exit(0)\n"),
        "scribble": "This is my homework. I did not know what a notebook is.",
    }


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The whole round; returns the folder in which it took place and what grading printed."""
    root = school(tmp_path_factory.mktemp("class"))
    released = run(root, "release", "01", "--due", f"{DUE:%Y-%m-%d %H:%M}")
    assert released.returncode == 0, released.stderr

    handed_in = root / "handed-in"
    for student, notebook in submissions().items():
        path = handed_in / f"{student}_{NAME}.ipynb"
        if student == "late":  # as Moodle packs them: a folder for each
            path = handed_in / "late_4711_file" / f"{NAME}.ipynb"
            path.parent.mkdir()
        path.write_text(notebook if isinstance(notebook, str) else nbformat.writes(notebook))
        moment = DUE + timedelta(hours=2.5 if student == "late" else -1)
        os.utime(path, (moment.timestamp(), moment.timestamp()))
    collected = run(root, "collect", "01", str(handed_in))
    assert collected.returncode == 0, collected.stderr
    graded = run(root, "grade", "01")
    assert graded.returncode == 1, graded.stderr
    assert graded.stderr.endswith("course: 3 without a result: exit, scribble, shredder\n")
    told = run(root, "marks")
    assert told.returncode == 0, told.stderr
    return root, graded.stdout


@pytest.fixture(scope="module")
def marks(course):
    return table(course[0])


def test_the_students_versions_in_the_book_are_what_nbgrader_makes(tmp_path):
    command = [sys.executable, "-c", "import sys; from pathlib import Path; import exercises; "
               "exercises.assignments(Path(sys.argv[1]))", tmp_path]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "tools"), str(ROOT)])}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    made = {p.name: p.read_text(encoding="utf-8") for p in tmp_path.glob("*.ipynb")}
    book = {p.name: p.read_text("utf-8") for p in (ROOT / "book" / "exercises").glob("*.ipynb")}
    assert made.keys() == book.keys()
    for name, text in made.items():
        assert text == book[name], f"{name}: run make assignments"


def test_every_student_is_in_the_table(marks):
    assert sorted(marks) == sorted(submissions())
    assert {float(row["of"]) for row in marks.values()} == {sum(POINTS.values())}


@pytest.mark.parametrize(
    ("student", "score"),
    [
        ("right", 12),
        ("late", 12),
        ("untouched", 0),
        ("wrong", 9),
        ("broken", 9),
        ("endless", 9),
        ("flood", 9),
        ("impostor", 9),
        ("editor", 9),
        ("deleter", 12),
        ("doubled", 12),
        ("misplaced", 12),
    ],
)
def test_each_gets_the_points_of_what_is_right(marks, student, score):
    assert float(marks[student]["score"]) == score, marks[student]


def test_written_answers_wait_for_the_teacher(marks):
    for student in ("right", "doubled", "misplaced"):
        assert float(marks[student]["to_read"]) == POINTS["explain"] + POINTS["open"], student
    assert marks["untouched"]["to_read"] == ""  # nothing was written: nothing to read


def test_only_the_late_one_is_late(marks):
    assert [s for s, row in marks.items() if row["hours_late"]] == ["late"]
    assert float(marks["late"]["hours_late"]) == 2.5


def test_what_the_teacher_should_know_is_noted(marks):
    notes = {student: row["notes"] for student, row in marks.items()}
    assert "ended by the time limit" in notes["endless"]
    assert "tests changed, and restored: 1" in notes["editor"]
    assert "tests deleted, and restored: 1" in notes["deleter"]
    assert notes["doubled"] == "copies of cells, not graded: 10"
    assert notes["misplaced"] == "copies of cells, not graded: 2"
    for student in ("right", "late", "untouched", "wrong", "broken", "impostor"):
        assert notes[student] == "", student


@pytest.mark.parametrize("student", ["exit", "scribble", "shredder"])
def test_what_could_not_be_run_has_no_score_and_is_said(marks, student):
    assert marks[student]["score"] == ""
    assert f"could not be run: look at course/submitted/{student}/" in marks[student]["notes"]


def test_the_edited_test_was_put_back_with_its_hidden_half(course):
    path = course[0] / "course" / "autograded" / "editor" / NAME / f"{NAME}.ipynb"
    test = cell(nbformat.read(path, as_version=4), "test-rate")
    assert "BEGIN HIDDEN TESTS" in test.source
    assert test.metadata["nbgrader"]["points"] == POINTS["test-rate"]


def test_a_flood_of_output_is_cut(course):
    path = course[0] / "course" / "autograded" / "flood" / NAME / f"{NAME}.ipynb"
    assert path.stat().st_size < 500_000
    assert "truncated" in json.dumps(nbformat.read(path, as_version=4))


def test_grading_prints_a_line_for_each(course):
    _, printed = course
    for student in submissions():
        assert len(re.findall(rf"(?m)^\d+ of {len(submissions())}: {student} ", printed)) == 1
        assert re.search(rf"(?m)^{NAME}  {student}\s+(\?|\d+) of 18", printed), student


def test_a_second_run_grades_nobody_again_but_a_newer_file(course):
    root, _ = course
    graded = root / "course" / "autograded" / "wrong" / NAME / f"{NAME}.ipynb"
    other = root / "course" / "autograded" / "right" / NAME / f"{NAME}.ipynb"
    before = other.stat().st_mtime_ns
    again = root / "again"
    again.mkdir()
    (again / "wrong.ipynb").write_text(nbformat.writes(solved()))
    for student in ("exit", "scribble", "shredder"):  # those would be tried once more
        shutil.rmtree(root / "course" / "submitted" / student)
    assert run(root, "collect", "01", str(again)).returncode == 0
    assert run(root, "grade", "01").returncode == 1  # three have no result still
    assert other.stat().st_mtime_ns == before
    assert "raise NotImplementedError" not in graded.read_text(encoding="utf-8")
    run(root, "marks")
    assert float(table(root)["wrong"]["score"]) == 12


def test_the_table_comes_whatever_is_read_back(course):
    """After grading, one file is written over, another removed, and one of nbgrader's damaged."""
    root, _ = course
    place = root / "course"
    (place / "submitted" / "late" / NAME / f"{NAME}.ipynb").write_text("sorry, saved as text")
    (place / "submitted" / "wrong" / NAME / f"{NAME}.ipynb").unlink()
    damaged = place / "autograded" / "broken" / NAME / f"{NAME}.ipynb"
    damaged.chmod(0o644)
    damaged.write_text('{"nbformat": 4, "cells": [7]}')
    told = run(root, "marks")
    assert told.returncode == 0, told.stderr
    rows = table(root)
    assert rows.keys() >= {"late", "wrong", "broken", "right"}
    where = {"late": "submitted", "wrong": "submitted", "broken": "autograded"}
    for student, folder in where.items():
        note = f"no notebook any more: course/{folder}/{student}/{NAME}/{NAME}.ipynb"
        assert rows[student]["notes"] == note
        assert rows[student]["score"] != ""
    assert rows["right"]["notes"] == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["release", "77"], "'77' names 0 folders of solutions/"),
        (["release", "01", "--due", "soon"], "expected a time such as"),
        (["grade", "02"], "release 02-autoencoder before grading it"),
        (["collect", "01", "nowhere"], "no folder 'nowhere'"),
        (["collect", "01", ""], "no folder ''"),
    ],
)
def test_bad_input_is_answered_in_one_line(course, arguments, says):
    told = run(course[0], *arguments)
    assert told.returncode != 0
    assert says in told.stderr.strip().splitlines()[-1]


@pytest.fixture
def empty_course(tmp_path):
    """A class in which nothing has happened yet, and a folder for what it hands in."""
    (tmp_path / "solutions" / NAME).mkdir(parents=True)
    (tmp_path / "tools").mkdir()
    for name in TOOLS:
        shutil.copy(ROOT / "tools" / f"{name}.py", tmp_path / "tools")
    (tmp_path / "handed-in").mkdir()
    return tmp_path


def hand_in(root, name, text, minute):
    path = root / "handed-in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    moment = (DUE + timedelta(minutes=minute)).timestamp()
    os.utime(path, (moment, moment))


def test_of_two_hand_ins_the_newest_counts_and_junk_never(empty_course):
    """The older one comes later by name; what the computer left is newer than both."""
    hand_in(empty_course, "alice_77_file/03.ipynb", "new", minute=-10)
    hand_in(empty_course, "alice_77_file/03b.ipynb", "old", minute=-20)
    for junk in (".ipynb_checkpoints/03-checkpoint.ipynb", "._03.ipynb", "__MACOSX/._03.ipynb"):
        hand_in(empty_course, f"alice_77_file/{junk}", "junk", minute=5)
    hand_in(empty_course, "__MACOSX/alice_77_file/._03.ipynb", "junk", minute=5)
    told = run(empty_course, "collect", "01", str(empty_course / "handed-in"))
    left_out, collected = told.stdout.splitlines()
    assert left_out == "left out: 'alice_77_file/03b.ipynb' (alice has a newer one)"
    assert collected == f"{NAME}: 1 submissions collected"
    submitted = empty_course / "course" / "submitted"
    assert [path.name for path in submitted.iterdir()] == ["alice"]
    assert (submitted / "alice" / NAME / f"{NAME}.ipynb").read_text() == "new"
    moment = (submitted / "alice" / NAME / "timestamp.txt").read_text()
    assert moment == "2026-01-15 17:50:00 UTC"


def test_two_students_never_become_one(empty_course):
    hand_in(empty_course, "li_na.ipynb", "hers", minute=0)
    hand_in(empty_course, "li_wei.ipynb", "his", minute=1)
    told = run(empty_course, "collect", "01", str(empty_course / "handed-in"))
    assert told.returncode == 1
    (line,) = told.stderr.splitlines()
    assert "li_na.ipynb and li_wei.ipynb both belong to 'li'" in line
    assert not (empty_course / "course").exists()


def test_a_folder_may_be_named_from_home(empty_course, monkeypatch):
    monkeypatch.setenv("HOME", str(empty_course))
    hand_in(empty_course, "alice.ipynb", "hers", minute=0)
    assert run(empty_course, "collect", "01", "~/handed-in").returncode == 0
