"""The files of marks that platforms import, read back as they and spreadsheets read them."""

import csv
import io

import grades
import pytest
import roster

ROWS = [
    {"student": "Ann Müller", "score": 12.0, "to_read": 2, "notes": ""},
    {"student": "Bo", "score": 9.5, "to_read": "", "notes": "late, says Canvas"},
    {"student": "Cy", "score": "", "to_read": "", "notes": "could not be run: look at it"},
    {"student": "Di", "score": 0, "to_read": "", "notes": "nothing handed in"},
    {"student": "Eve", "score": 14.0, "to_read": "", "notes": "not on the roster"},
]
ROWS = [{"assignment": "03-vae", "of": 14.0} | row for row in ROWS]
ROLLS = {
    "moodle": "First name,Last name,Email address,ID number\nAnn,Müller,a@x.example,007\n"
    "Bo,,b@x.example,\nCy,,c@x.example,\nDi,,d@x.example,\n",
    "canvas": "Student,ID,SIS User ID,SIS Login ID,Section\n    Points Possible,,,,\n"
    "Ann Müller,2001,,am,A\nBo,2002,,bo,A\nCy,2003,,cy,B\nDi,2004,,di,B\n",
    "blackboard": "Last Name\tFirst Name\tUsername\n"
    "Müller\tAnn\tam\n\tBo\tbo\n\tCy\tcy\n\tDi\tdi\n",
    "brightspace": "OrgDefinedId,Username,Last Name,First Name,End-of-Line Indicator\n"
    "#007,#am,Müller,Ann,#\n#8,#bo,,Bo,#\n#9,#cy,,Cy,#\n#10,#di,,Di,#\n",
    "plain": "name,username\nAnn Müller,am\nBo,bo\nCy,cy\nDi,di\n",
}
WANTED = {
    "moodle": [
        ["Email address", "ID number", "03-vae"],
        ["a@x.example", "007", "12"],
        ["b@x.example", "", "9.5"],
        ["c@x.example", "", ""],
        ["d@x.example", "", ""],
    ],
    "canvas": [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "03-vae"],
        ["    Points Possible", "", "", "", "", "14"],
        ["Ann Müller", "2001", "", "am", "A", "12"],
        ["Bo", "2002", "", "bo", "A", "9.5"],
        ["Cy", "2003", "", "cy", "B", ""],
        ["Di", "2004", "", "di", "B", ""],
    ],
    "blackboard": [["Username", "03-vae"], ["am", "12"], ["bo", "9.5"], ["cy", ""], ["di", ""]],
    "brightspace": [
        ["OrgDefinedId", "Username", "03-vae Points Grade", "End-of-Line Indicator"],
        ["#007", "#am", "12", "#"],
        ["#8", "#bo", "9.5", "#"],
        ["#9", "#cy", "", "#"],
        ["#10", "#di", "", "#"],
    ],
    "plain": [
        ["Name", "username", "03-vae"],
        ["Ann Müller", "am", "12"],
        ["Bo", "bo", "9.5"],
        ["Cy", "cy", ""],
        ["Di", "di", ""],
    ],
}


def people(place, text):
    path = place / "roster.csv"
    path.write_bytes(text.encode())
    return roster.read(path)


def read(path, delimiter=","):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


@pytest.mark.parametrize("platform", WANTED)
def test_what_a_platform_imports(tmp_path, platform):
    lines, said = grades.FOR[platform](people(tmp_path, ROLLS[platform]), ROWS, None)
    grades.write(tmp_path / "out.csv", lines)
    assert read(tmp_path / "out.csv") == WANTED[platform]
    assert said == [
        "left out: not on the roster: 'Eve'",
        "1 without a result: empty",
        "1 nothing handed in: empty",
        "1 with answers that you have still to read",
    ]


@pytest.mark.parametrize("platform", WANTED)
def test_the_heading_is_what_the_platform_calls_the_exercise(tmp_path, platform):
    lines, _ = grades.FOR[platform](people(tmp_path, ROLLS[platform]), ROWS, "Sheet 3 (77)")
    wanted = "Sheet 3 (77)" + " Points Grade" * (platform == "brightspace")
    assert wanted in lines[0]


def test_moodles_grading_worksheet_comes_back_as_it_was_but_for_the_marks(tmp_path):
    sheet = (
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (grade)\n"
        'Participant 11,Ann Müller,a@x.example,"Submitted, late",,14.00,-\n'
        'Participant 12,Bo,b@x.example,,3.00,14.00,"Monday, 2 November 2026, 9:00 AM"\n'
    )
    lines, _ = grades.for_moodle(people(tmp_path, sheet), ROWS, None)
    grades.write(tmp_path / "out.csv", lines)
    before, after = list(csv.reader(io.StringIO(sheet))), read(tmp_path / "out.csv")
    assert [row.pop(4) for row in after] == ["Grade", "12", "9.5"]
    for row in before:
        row.pop(4)
    assert after == before


@pytest.mark.parametrize("platform", ["moodle", "canvas", "blackboard", "brightspace"])
def test_without_a_key_that_the_platform_knows_there_is_no_file(tmp_path, platform):
    with pytest.raises(SystemExit, match=r"needs course/roster\.csv with a column"):
        grades.FOR[platform](people(tmp_path, "name\nAnn\n"), ROWS, None)
    with pytest.raises(SystemExit, match=r"needs course/roster\.csv"):
        grades.FOR[platform]([], ROWS, None)


def test_whose_key_might_become_a_formula_is_left_out_and_named(tmp_path):
    roll = "name,username\nAnn,=cmd|x\nBo,bo\n"
    lines, said = grades.for_blackboard(people(tmp_path, roll), ROWS, None)
    assert lines == [["username", "03-vae"], ["bo", "9.5"]]
    assert said[0] == "left out: 'Ann': a key of theirs might become a formula"


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@x",
        " =1+1",
        "\t=1",
        "a;=1+1",
        'a";=1',
        'a;"=1',
        "a; +1",
        "a\n=1",
        "\uff1d1",
        "a\r=1",
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_is_a_formula_whatever_a_spreadsheet_takes_for_a_separator(
    tmp_path, text, delimiter
):
    grades.write(tmp_path / "out.csv", [["03-vae", text, 12.0, text]])
    for line in read(tmp_path / "out.csv", delimiter):
        assert not any(grades.FORMULA.match(cell) for cell in line)


def test_what_is_no_formula_is_not_changed(tmp_path):
    text = "could not be run: look at it; KeyError: 'x'; - "
    grades.write(tmp_path / "out.csv", [["03-vae", text]])
    assert read(tmp_path / "out.csv") == [["03-vae", text.replace("; - ", ", - ")]]


def test_excel_is_told_of_letters_beyond_ascii_and_nobody_of_none(tmp_path):
    grades.write(tmp_path / "out.csv", [["Müller"]])
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    grades.write(tmp_path / "out.csv", [["Miller"]])
    assert (tmp_path / "out.csv").read_bytes() == b"Miller\r\n"
