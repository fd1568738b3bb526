"""A class with a roster: from a platform's export, over its download, to the file it imports."""

import csv

import nbformat
import pytest
from classroom import NAME, run, school, solved, table

ROSTER = (
    "First name,Last name,Username,ID number,Email address\n"
    "Ann,Müller,am,007,ann@x.example\n"
    "Wei,Li,wli,8,wei@x.example\n"
    "Wei,Li,wli2,9,wei2@x.example\n"
    "Di,Øst,di,10,di@x.example\n"
    "\"=cmd|'/c calc'!A1\",Evil,evil,11,evil@x.example\n"
)


def light():
    notebook = solved()
    notebook.cells = [c for c in notebook.cells if c.id != "setup"]
    return nbformat.writes(notebook)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    root = school(tmp_path_factory.mktemp("roster"))
    (root / "course").mkdir()
    (root / "course" / "roster.csv").write_text(ROSTER, encoding="cp1252")
    handed = {
        "Ann Müller_4711_assignsubmission_file_": light(),
        "Wei Li_4712_assignsubmission_file_": light(),
        "Wei Li_4715_assignsubmission_file_": light(),
        "Bo_4713_assignsubmission_file_": light(),
        "=cmd '_c calc'!A1 Evil_4714_assignsubmission_file_": "no notebook",
    }
    for name, text in handed.items():
        path = root / "handed-in" / name / f"{NAME}.ipynb"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    (root / "handed-in" / "Di Øst_4716_assignsubmission_file_").mkdir()
    (root / "handed-in" / "Di Øst_4716_assignsubmission_file_" / "answers.pdf").touch()
    assert run(root, "release", "01").returncode == 0
    collected = run(root, "collect", "01", str(root / "handed-in"))
    assert collected.returncode == 0, collected.stderr
    return root, collected.stdout, run(root, "grade", "01")


def test_collecting_names_what_is_nobodys_and_who_is_missing(course):
    *left_out, times, missing, collected = course[1].splitlines()
    assert len(left_out) == 4
    assert "hours late are not known" in times
    assert any("nobody on the roster is 'Bo', number 4713" in line for line in left_out)
    for number in (4712, 4715):
        why = f"may be 'Wei Li wli' and 'Wei Li wli2', number {number}"
        assert any(why in line for line in left_out)
    assert missing == "nothing in this folder from 3: Wei Li wli, Wei Li wli2, Di Øst"
    assert collected == f"{NAME}: 2 submissions collected"


def test_everybody_on_the_roster_has_a_row(course):
    root, _, graded = course
    assert graded.returncode == 1
    assert "1 without a result: =cmd ' c calc'!A1 Evil" in graded.stderr
    assert run(root, "marks").returncode == 0
    rows = table(root)
    missing = ["Wei Li wli", "Wei Li wli2", "Di Øst"]
    assert sorted(rows) == sorted(["Ann Müller", "'=cmd ' c calc'!A1 Evil", *missing])
    assert rows["Ann Müller"]["score"] == "12.0"
    assert {rows[name]["notes"] for name in missing[:2]} == {"nothing handed in"}
    why = "'answers.pdf' (no notebook: its name does not end in .ipynb)"
    assert rows["Di Øst"]["notes"] == f"nothing handed in, but left out: {why}"


@pytest.mark.parametrize("platform", ["moodle", "blackboard", "plain"])
def test_the_platforms_file_gives_each_their_mark(course, platform):
    root, *_ = course
    told = run(root, "marks", "01", "--platform", platform, "--heading", "Sheet 1")
    assert told.returncode == 0, told.stderr
    assert f"course/marks-{platform}.csv is for {platform}" in told.stdout
    assert "3 nothing handed in: empty" in told.stdout
    assert "1 without a result: empty" in told.stdout
    assert "1 with answers that you have still to read" in told.stdout
    path = root / "course" / f"marks-{platform}.csv"
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = {row.get("Username"): row["Sheet 1"] for row in csv.DictReader(file)}
    assert rows == {"am": "12", "wli": "", "wli2": "", "di": "", "evil": ""}
    assert ",=" not in path.read_text("utf-8-sig")


@pytest.mark.parametrize("platform", ["canvas", "brightspace"])
def test_a_platform_that_needs_other_keys_says_which(course, platform):
    told = run(course[0], "marks", "--platform", platform)
    if platform == "brightspace":  # the user name is one of its keys
        assert told.returncode == 0
        return
    assert told.returncode == 1
    assert "a column id or sis user id or sis login id" in told.stderr


def test_a_heading_needs_its_chapter(course):
    assert "name its chapter" in run(course[0], "marks", "--heading", "Sheet 1").stderr
