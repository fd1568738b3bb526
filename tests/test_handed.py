"""What learning platforms give to download, made by us after their conventions, is sorted right."""

import json
import os
import sys
from datetime import datetime

import handed
import pytest

NAME = "03-variational-autoencoder"
IDS = frozenset({"kl-to", "draw"})


def notebook(*ids):
    cells = [{"metadata": {"nbgrader": {"grade_id": name}}} for name in ids]
    return json.dumps({"cells": cells})


def download(place, *names):
    """Files of these names, each a minute newer than the one before, and holding its own name."""
    for minute, name in enumerate(names):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (10**9 + 60 * minute,) * 2)


def sorted_in(place):
    found, left_out = handed.sort(place, NAME, IDS)
    names = {student: str(one.path.relative_to(place)) for student, one in found.items()}
    return names, {str(path.relative_to(place)): why for path, why in left_out.items()}


def test_moodle(tmp_path):
    names = [
        "Ann Müller_4711_assignsubmission_file_/03.ipynb",
        "李 娜_4712_assignsubmission_file_/03.ipynb",
        "محمد_4713_assignsubmission_file/03.ipynb",
        "Jean-Luc O'Neil_4714_assignsubmission_file_03_final.ipynb",
    ]
    download(tmp_path, *names)
    found, left_out = sorted_in(tmp_path)
    assert found == dict(
        zip(("Ann Müller", "李 娜", "محمد", "Jean-Luc O'Neil"), names, strict=True)
    )
    assert left_out == {}
    assert {one.time for one in handed.sort(tmp_path, NAME)[0].values()} == {None}


def test_namesakes_and_students_without_names_are_told_apart_by_number(tmp_path):
    download(tmp_path, "Li_1_assignsubmission_file_/a.ipynb", "Li_2_assignsubmission_file_/b.ipynb")
    assert set(sorted_in(tmp_path)[0]) == {"Li 1", "Li 2"}
    download(
        tmp_path / "blind", *(f"Participant_{n}_assignsubmission_file_/a.ipynb" for n in (8, 9))
    )
    assert set(sorted_in(tmp_path / "blind")[0]) == {"Participant 8", "Participant 9"}


def test_canvas(tmp_path):
    download(
        tmp_path,
        "liwei_2001_90002_03-variational-autoencoder-1.ipynb",
        "liwei_2001_90001_03-variational-autoencoder.ipynb",
        "smithann_LATE_2002_90003_03-variational-autoencoder.ipynb",
        "anon_2003_90004_03.ipynb",
        "anon_2004_90005_03.ipynb",
    )
    found, left_out = handed.sort(tmp_path, NAME, IDS)
    assert found.keys() == {"liwei", "smithann", "anon 2003", "anon 2004"}
    assert found["liwei"].path.name.startswith("liwei_2001_90002")  # the later attempt
    assert [s for s, one in found.items() if one.late] == ["smithann"]
    assert list(left_out.values()) == ["liwei has a newer one"]


def test_canvas_where_names_are_hidden(tmp_path):
    """Its numbers are letters and digits then, and LATE stands before them."""
    names = ["anon_bPx3q_90001_03.ipynb", "LATE_anon_K7d2Z_90002_03_2_x.ipynb",
             "anon_20031_90003_03.ipynb"]  # fmt: skip
    download(tmp_path, *names)
    found, left_out = handed.sort(tmp_path, NAME, IDS)
    assert {s: one.path.name for s, one in found.items()} == dict(
        zip(("anon bPx3q", "anon K7d2Z", "anon 20031"), names, strict=True)
    )
    assert [s for s, one in found.items() if one.late] == ["anon K7d2Z"]
    assert left_out == {}


def test_no_platforms_download_makes_a_class_late(tmp_path):
    """Moodle's, Canvas's and clones carry the time of the download, a day after everything."""
    download(tmp_path / "moodle", "An_1_assignsubmission_file_/03.ipynb")
    download(tmp_path / "canvas", "an_1_2_03.ipynb", "bo_LATE_3_4_03.ipynb",
             "anon_bPx3q_5_03.ipynb")  # fmt: skip
    for name in ("an", "bo"):
        (tmp_path / "github" / f"s-{name}" / ".git").mkdir(parents=True)
        download(tmp_path / "github", f"s-{name}/03.ipynb")
    for folder in tmp_path.iterdir():
        found = handed.sort(folder, NAME)[0].values()
        assert found, folder
        assert {one.time for one in found} == {None}, folder


def test_blackboard(tmp_path):
    download(
        tmp_path,
        "Exercise 03_jsmith_attempt_2026-01-14-17-05-22_03.ipynb",
        "Exercise 03_jsmith_attempt_2026-01-13-09-00-00_03.ipynb",
        "Exercise 03_jsmith_attempt_2026-01-14-17-05-22.txt",
        "Exercise 03_ali_attempt_2026-01-14-18-30-00_03.ipynb",
    )
    found, left_out = handed.sort(tmp_path, NAME, IDS)
    assert found.keys() == {"jsmith", "ali"}
    assert found["jsmith"].time == datetime(2026, 1, 14, 17, 5, 22).astimezone()
    assert sorted(left_out.values()) == [
        "jsmith has a newer one",
        "no notebook: its name does not end in .ipynb",
    ]


def test_blackboards_users_may_have_underscores_and_so_may_its_exercises(tmp_path):
    when = "attempt_2026-01-14-17-05-22_03.ipynb"
    download(tmp_path, f"Sheet_3_j_smith_{when}", f"Sheet_3_k_smith_{when}", f"Sheet_3_kim_{when}")
    assert set(sorted_in(tmp_path)[0]) == {"j_smith", "k_smith", "kim"}


def test_brightspace_in_another_language_has_no_time_that_we_can_read(tmp_path):
    names = ["1001-2002 - Zoé Roy - 14 janv. 2026 10h05/03.ipynb",
             "1003-2002 - Jean-Luc Kim - 15 janv. 2026 9h00 - 03.ipynb"]  # fmt: skip
    download(tmp_path, *names)
    found, left_out = handed.sort(tmp_path, NAME, IDS)
    assert found.keys() == {"Zoé Roy", "Jean-Luc Kim"}
    assert {one.time for one in found.values()} == {None}
    assert left_out == {}


def test_brightspace(tmp_path):
    download(
        tmp_path,
        "index.html",
        "1001-2002 - Jane Smith - Jan 14, 2026 1000 AM/03.ipynb",
        "1001-2002 - Jane Smith - Jan 12, 2026 305 PM/03.ipynb",
        "1003-2002 - Li Na - Jan 13, 2026 1159 PM/03.ipynb",
    )
    found, left_out = handed.sort(tmp_path, NAME, IDS)
    assert found.keys() == {"Jane Smith", "Li Na"}
    assert found["Jane Smith"].time == datetime(2026, 1, 14, 10, 0).astimezone()
    assert len(left_out) == 2


def test_google_classroom(tmp_path):
    download(
        tmp_path,
        f"Jane Smith - {NAME}.ipynb",
        f"Li Na - Copy of {NAME}.ipynb",
        f"Copy of {NAME}.ipynb",
        f"{NAME} (1).ipynb",
    )
    found, left_out = sorted_in(tmp_path)
    assert set(found) == {"Jane Smith", "Li Na"}
    assert set(left_out.values()) == {"nobody's: its name is that of the sheet"}


def test_github_classroom(tmp_path):
    for user in ("octo-cat", "ali", "octo-dog"):
        (tmp_path / f"sheet-03-{user}" / ".git").mkdir(parents=True)
        for name, ids in (("03.ipynb", IDS), ("04.ipynb", ()), ("scratch.ipynb", ())):
            path = tmp_path / f"sheet-03-{user}" / name
            path.write_text(notebook(*ids))
    found, left_out = sorted_in(tmp_path)
    assert set(found) == {"octo-cat", "ali", "octo-dog"}
    assert all(path.endswith("/03.ipynb") for path in found.values())
    assert len(left_out) == 6
    assert "ali has one with more of this sheet's cells" in left_out.values()


def test_a_folder_of_mail(tmp_path):
    download(
        tmp_path, "alice.ipynb", "bob_03.ipynb", "Copy of cy.ipynb", "dan.ipynb.txt", "eve.IPYNB"
    )
    download(tmp_path / "later", "alice.ipynb", "alice (1).ipynb")
    assert set(sorted_in(tmp_path / "later")[0].values()) == {"alice (1).ipynb"}
    (tmp_path / "later" / "alice.ipynb").unlink()
    (tmp_path / "later" / "alice (1).ipynb").unlink()
    assert set(sorted_in(tmp_path)[0]) == {"alice", "bob", "cy", "dan", "eve"}


def test_what_a_zip_wraps_everything_in_is_no_student(tmp_path):
    inside = tmp_path / "course-03-sheet-3-201"
    download(
        inside, *(f"{n}_{i}_assignsubmission_file_/03.ipynb" for i, n in enumerate(("An", "Bo")))
    )
    assert set(sorted_in(tmp_path)[0]) == {"An", "Bo"}
    download(tmp_path / "one", "alice_7_file/03.ipynb", "alice_7_file/03b.ipynb")
    assert set(sorted_in(tmp_path / "one")[0]) == {"alice"}


def test_the_same_name_from_two_machines_is_one_student(tmp_path):
    download(tmp_path, "Zoe\u0308_1_assignsubmission_file_/a.ipynb")
    assert set(sorted_in(tmp_path)[0]) == {"Zo\u00eb"}


def test_all_collisions_are_told_at_once(tmp_path):
    download(tmp_path, "li_na.ipynb", "li_wei.ipynb", "kim_a.ipynb", "kim_b.ipynb")
    with pytest.raises(SystemExit) as problem:
        handed.sort(tmp_path, NAME)
    assert "both belong to 'kim'" in str(problem.value)
    assert "both belong to 'li'" in str(problem.value)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the two are one file")
def test_names_that_differ_in_capitals_are_refused(tmp_path):
    download(tmp_path, "alice.ipynb", "Alice.ipynb")
    with pytest.raises(SystemExit, match="differ in capitals only"):
        handed.sort(tmp_path, NAME)
