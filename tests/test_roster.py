"""A roster says whose is what was handed in: by key, by name, by number, or that it is unclear."""

import handed
import pytest
import roster
from test_handed import IDS, NAME, download

CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Sheet 3 (77)
    Points Possible,,,,,14
"Müller, Ann",2001,,amueller,A,
"Li, Wei",2002,,wli,A,
"Li, Wei",2003,,wli2,A,
"Student, Test",9,,x,A,
"""
MOODLE = """First name,Last name,Email address,ID number
Ann,Müller,ann.mueller@uni.example,s1
娜,李,na.li@uni.example,s2
محمد,علي,m.ali@uni.example,s3
Zoë,Øst,zoe@uni.example,s4
"""


def people(place, text, encoding="utf-8"):
    path = place / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return roster.read(path)


def on(people, place):
    """{student: file}, {file left out: reason}"""
    found, left_out = handed.sort(place, NAME, IDS, people)
    return (
        {student: one.path.relative_to(place).as_posix() for student, one in found.items()},
        {path.relative_to(place).as_posix(): reason for path, reason in left_out.items()},
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_roster_is_read_as_any_platform_or_spreadsheet_saves_it(tmp_path, encoding, delimiter):
    text = "Full name,Username\r\nAnn Müller,amueller\r\n\r\nBo,bo\r\n".replace(",", delimiter)
    read = people(tmp_path, text, encoding)
    assert [(one.student, sorted(one.keys)) for one in read] == [
        ("Ann Müller", ["amueller"]),
        ("Bo", ["bo"]),
    ]


def test_lines_that_are_no_students_are_skipped_and_namesakes_told_apart(tmp_path):
    assert [one.student for one in people(tmp_path, CANVAS)] == [
        "Müller, Ann",
        "Li, Wei wli",
        "Li, Wei wli2",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "needs a header"),
        ("Ann,amueller\nBo,bo", "needs a header"),
        ("name,email\n,\nBo,bo@x.example", None),
        ("name,email,seat\n,,7", "line 2 names nobody"),
        ("name,email\nAnn,a@x.example\nBo,A@X.example", "lines 2 and 3 are both 'a@x.example'"),
        ("name\nLi\nli", "cannot tell these apart"),
    ],
)
def test_a_roster_that_is_not_clear_is_refused_in_one_line(tmp_path, text, says):
    if says is None:
        assert [one.student for one in people(tmp_path, text)] == ["Bo"]
        return
    with pytest.raises(SystemExit, match=says):
        people(tmp_path, text)


@pytest.mark.parametrize(
    "name", ["=1+1", "..", "a/b", "a\nb", "\u202eevil", "*", ".hidden", "Ann [Group 2]", "C:\\x"]
)
def test_every_name_is_a_folder_that_nbgrader_finds_again(tmp_path, name):
    (one,) = people(tmp_path, f'name,email\n"{name}",a@x.example\n')
    assert one.student.isprintable()
    assert not set(one.student) & set('*?[]/\\:"<>|')
    assert one.student not in ("", ".", "..")
    assert not one.student.startswith(".")


def test_canvas_is_matched_by_number_and_namesakes_with_it(tmp_path):
    folder = tmp_path / "in"
    download(
        folder,
        "müllerann_2001_90001_03.ipynb",
        "liwei_LATE_2003_90002_03.ipynb",
        "liwei_2002_90003_03.ipynb",
        "liwei_2009_90004_03.ipynb",
        "anon_bPx3q_90005_03.ipynb",
    )
    found, left_out = on(people(tmp_path, CANVAS), folder)
    assert found == {
        "Müller, Ann": "müllerann_2001_90001_03.ipynb",
        "Li, Wei wli2": "liwei_LATE_2003_90002_03.ipynb",
        "Li, Wei wli": "liwei_2002_90003_03.ipynb",
    }
    assert left_out == {
        "liwei_2009_90004_03.ipynb": "nobody on the roster is 'liwei', number 2009",
        "anon_bPx3q_90005_03.ipynb": "nobody on the roster is 'anon', number bPx3q",
    }


def test_moodle_is_matched_by_name_whose_numbers_are_on_no_roster(tmp_path):
    folder = tmp_path / "in"
    names = {
        "Ann Müller": "Ann Müller_4711_assignsubmission_file_/03.ipynb",
        "娜 李": "李 娜_4712_assignsubmission_file_/03.ipynb",
        "محمد علي": "\u202bمحمد علي\u202c_4713_assignsubmission_file_/03.ipynb",
        "Zoë Øst": "ZOE\u0308\nØST_4714_assignsubmission_file_/03.ipynb",
    }
    stranger = "Bo_4715_assignsubmission_file_/03.ipynb"
    download(folder, *names.values(), stranger)
    found, left_out = on(people(tmp_path, MOODLE), folder)
    assert found == names
    assert left_out == {stranger: "nobody on the roster is 'Bo', number 4715"}


def test_a_grading_worksheet_is_a_roster_also_where_names_are_hidden(tmp_path):
    folder = tmp_path / "in"
    names = [f"Participant_{n}_assignsubmission_file_/03.ipynb" for n in (4711, 4712)]
    download(folder, *names)
    sheet = "Identifier,Status,Grade\nParticipant 4711,,\nParticipant 4712,,\nParticipant 9,,\n"
    found, left_out = on(people(tmp_path, sheet), folder)
    assert found == dict(zip(("Participant 4711", "Participant 4712"), names, strict=True))
    assert left_out == {}


def test_a_folder_of_mail_is_matched_by_key_or_by_as_much_of_a_name_as_fits(tmp_path):
    folder = tmp_path / "in"
    roll = "name,email,username\nLi Na,na@x.example,\nLi Wei,wei@x.example,\nAnn Lee,,alee\n"
    names = {
        "Li Na": "li_na_03.ipynb",
        "Li Wei": "wei@x.example_03.ipynb.txt",
        "Ann Lee": "Copy of Lee_Ann (1).IPYNB",
    }
    download(folder, *names.values(), "li_03.ipynb", "alee_7_file.zip")
    found, left_out = on(people(tmp_path, roll), folder)
    assert found == names
    assert left_out == {
        "li_03.ipynb": "nobody on the roster is 'li'",
        "alee_7_file.zip": "an archive: unpack it first",
    }


def test_who_may_be_two_is_nobody_until_the_number_is_on_the_roster(tmp_path):
    folder = tmp_path / "in"
    names = ["Li_1_assignsubmission_file_/a.ipynb", "Li_2_assignsubmission_file_/b.ipynb"]
    download(folder, *names)
    roll = "name,username,number\nLi,li1,{}\nLi,li2,{}\n"
    found, left_out = on(people(tmp_path, roll.format("", "")), folder)
    assert found == {}
    for name, number in zip(names, "12", strict=True):
        assert left_out[name].startswith(f"may be 'Li li1' and 'Li li2', number {number}: write")
    for given in (("1 77", "2"), ("1", ""), ("", "2")):  # the other is who is left
        found, left_out = on(people(tmp_path, roll.format(*given)), folder)
        assert found == dict(zip(("Li li1", "Li li2"), names, strict=True))
        assert left_out == {}


def test_numbers_of_the_university_are_not_taken_for_the_platforms(tmp_path):
    folder = tmp_path / "in"
    names = ["An_1_assignsubmission_file_/a.ipynb", "Bo_2_assignsubmission_file_/b.ipynb"]
    download(folder, *names)
    found, _ = on(people(tmp_path, "name,id\nAn,20067930\nBo,20067931\n"), folder)
    assert found == dict(zip(("An", "Bo"), names, strict=True))


def test_two_files_that_one_line_could_explain_are_not_one_students(tmp_path):
    folder = tmp_path / "in"
    download(folder, "kim_a.ipynb", "kim_b.ipynb")
    with pytest.raises(SystemExit, match="both belong to 'Kim'"):
        on(people(tmp_path, "name\nKim\nLi"), folder)


def test_brightspace_blackboard_github_and_google(tmp_path):
    roll = (
        "OrgDefinedId,Username,Last Name,First Name,github_username\n"
        "#0100,#jsmith,Smith,Jane,octo-cat\n#0101,#nli,Li,Na,octo-dog\n"
    )
    downloads = {
        "brightspace": ["1001-2002 - Jane Smith - Jan 14, 2026 1000 AM/03.ipynb",
                        "1009-2002 - Li Na - Jan 13, 2026 1159 PM/03.ipynb"],
        "blackboard": ["Exercise 03_jsmith_attempt_2026-01-14-17-05-22_03.ipynb",
                       "Exercise 03_nli_attempt_2026-01-14-18-30-00_03.ipynb"],
        "google": [f"Jane Smith - {NAME}.ipynb", f"Na Li - Copy of {NAME} (1).ipynb"],
        "github": ["sheet-octo-cat/03.ipynb", "sheet-octo-dog/03.ipynb"],
    }  # fmt: skip
    for platform, names in downloads.items():
        download(tmp_path / platform, *names)
    for name in ("octo-cat", "octo-dog"):
        (tmp_path / "github" / f"sheet-{name}" / ".git").mkdir()
    who = people(tmp_path, roll)
    for platform, names in downloads.items():
        found, left_out = on(who, tmp_path / platform)
        assert found == dict(zip(("Jane Smith", "Na Li"), names, strict=True)), platform
        assert left_out == {}
