"""What `tools/course.py` does without nbgrader: sort in what was handed in, read it back."""

import json
import os
import sys
import time
import warnings
import zipfile

import course
import pytest
from conftest import ROOT

NAME = "01-compression"


@pytest.fixture
def handed(tmp_path, monkeypatch):
    """A class of its own, and the folder of what it hands in."""
    monkeypatch.setattr(course, "ROOT", tmp_path)
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_file_is_somebodys_or_left_out_by_name(handed, capsys):
    taken = {"ann": "ann.ipynb", "bob": "bob.IPYNB", "cy": "cy.ipynb.txt",
             "dan": "dan_03.Ipynb.json", "li na": "li na_77_file/x.ipynb/03.ipynb"}  # fmt: skip
    left_out = {
        "eve_77_file.zip": "archive",
        "fay_1/fay.ipynb.zip": "archive",
        "gus.pdf": "no notebook",
        "hal.ipynb.crdownload": "no notebook",
        "_03.ipynb": "nobody's",
        ".ivy.ipynb": "hidden",
        "jo [2]_03.ipynb": "rename",
        "j\no_03.ipynb": "rename",
    }
    if sys.platform == "linux":  # others refuse such a name
        left_out[os.fsdecode(b"ren\xe9_03.ipynb")] = "rename"
    junk = [".DS_Store", "ann_1/._03.ipynb", "__MACOSX/ann.ipynb", ".ipynb_checkpoints/kim.ipynb"]
    for name in [*taken.values(), *left_out, *junk]:
        put(handed / name, name if name in taken.values() else "")
    (handed / "linked_03.ipynb").symlink_to("ann.ipynb")
    (handed / "folder_1").symlink_to("li na_77_file")
    (handed / "broken_03.ipynb").symlink_to("nowhere")
    left_out |= dict.fromkeys(("linked_03.ipynb", "folder_1", "broken_03.ipynb"), "a link")

    course.collect(NAME, str(handed))
    *lines, times, last = capsys.readouterr().out.splitlines()
    assert "time of your download" in times  # five files of one moment
    assert last == f"{NAME}: {len(taken)} submissions collected"
    for name, reason in left_out.items():
        (line,) = [line for line in lines if line.startswith(f"left out: {name!r} (")]
        assert reason in line
    assert len(lines) == len(left_out)
    submitted = course.ROOT / "course" / "submitted"
    got = {p.parts[-3]: p.read_text("utf-8") for p in submitted.rglob(f"{NAME}.ipynb")}
    assert got == taken


def test_what_is_left_out_is_named_also_where_nothing_is_collected(handed, capsys):
    put(handed / "class.zip", "")
    with pytest.raises(SystemExit, match="no notebook"):
        course.collect(NAME, str(handed))
    assert "class.zip" in capsys.readouterr().out


def test_a_platforms_zip_is_collected_as_it_is(handed, capsys):
    archive = handed / "Sheet 3.ZIP"
    names = {"Ann Müller_1_assignsubmission_file_/03.ipynb": "Ann Müller",
             "../../li_2_assignsubmission_file_03.ipynb": "li",
             "/etc/zoe_3_assignsubmission_file_03.ipynb": None}  # fmt: skip
    with zipfile.ZipFile(archive, "w") as file:
        for name in names:
            file.writestr(zipfile.ZipInfo(name, (2026, 1, 15, 17, 0, 0)), name)
        link = zipfile.ZipInfo("mal_4_assignsubmission_file_03.ipynb")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    course.collect(NAME, str(archive))
    submitted = course.ROOT / "course" / "submitted"
    got = {p.parts[-3]: p.read_text("utf-8") for p in submitted.rglob(f"{NAME}.ipynb")}
    assert got["Ann Müller"] == "Ann Müller_1_assignsubmission_file_/03.ipynb"
    assert got["li"] == "../../li_2_assignsubmission_file_03.ipynb"
    assert got["mal"] == "/etc/passwd"  # the text, and not the file of that name
    assert sorted(p.name for p in handed.iterdir()) == ["Sheet 3.ZIP"]


@pytest.mark.parametrize("fault", ["none", "twice", "large", "secret"])
def test_a_zip_that_cannot_be_unpacked_says_so_in_a_line(handed, monkeypatch, fault):
    archive = handed / "x.zip"
    with zipfile.ZipFile(archive, "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(1 + (fault == "twice")):
            file.writestr("ann_1_assignsubmission_file_03.ipynb", "x" * 999)
    if fault == "none":
        archive.write_text("no zip")
    if fault == "large":
        monkeypatch.setattr(course.handed, "LARGEST", 500)
    if fault == "secret":  # the mark of a password
        data = bytearray(archive.read_bytes())
        data[data.index(b"PK\x01\x02") + 8] |= 1
        archive.write_bytes(data)
    says = {"none": "not a zip", "twice": "two files called", "large": "GiB",
            "secret": "password required"}[fault]  # fmt: skip
    with pytest.raises(SystemExit, match=says):
        course.collect(NAME, str(archive))
    assert not (course.ROOT / "course").exists()


GOOD = (ROOT / "book" / "exercises" / f"{NAME}.ipynb").read_text(encoding="utf-8")


def with_flags(flags):
    notebook = json.loads(GOOD)
    notebook["cells"][0]["metadata"]["nbgrader"] = flags
    return json.dumps(notebook)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"sorry, saved as text",
        b"\xff\xfe\x00",
        b"[]",
        b"{}",
        b'{"nbformat": 4, "nbformat_minor": 5, "cells": [7]}',
        b"[" * 100_000,
        with_flags(None).encode(),
        with_flags({"grade_id": ["a", "list"], "locked": True}).encode(),
        None,
    ],
    ids=["empty", "text", "bytes", "list", "object", "number", "deep", "null", "flags", "gone"],
)
@pytest.mark.parametrize("place", ["submitted", "autograded", "release"])
def test_whatever_is_read_back_is_noted_and_no_error(handed, place, content):
    paths = {
        where: put(course.ROOT / "course" / where / NAME / f"{NAME}.ipynb", GOOD)
        for where in ("release", "submitted/ann", "autograded/ann")
    }
    bad = paths[next(where for where in paths if where.startswith(place))]
    bad.unlink() if content is None else bad.write_bytes(content)
    notes = course.remarks(paths["submitted/ann"], paths["autograded/ann"])
    assert notes == [f"no notebook any more: {bad.relative_to(course.ROOT)}"]


def test_a_copied_cell_is_noted(handed):
    put(course.ROOT / "course" / "release" / NAME / f"{NAME}.ipynb", GOOD)
    notebook = json.loads(GOOD)
    twice = next(c for c in notebook["cells"] if c["id"] == "rate")
    notebook["cells"].append(twice | {"id": "a-copy"})
    submitted = put(course.ROOT / "course" / "submitted" / "ann" / NAME / f"{NAME}.ipynb",
                    json.dumps(notebook))  # fmt: skip
    graded = put(course.ROOT / "course" / "autograded" / "ann" / NAME / f"{NAME}.ipynb", GOOD)
    assert course.remarks(submitted, graded) == ["copies of cells, not graded: 1"]


def test_where_the_machine_ran_short_each_is_run_once_more_alone(handed, monkeypatch, capsys):
    """One of them used it up, and the others have their results all the same."""
    runs, now, most = [], [], []

    def run_one(assignment, student, kind):
        now.append(student)
        time.sleep(0.1)
        most.append(len(now))
        now.remove(student)
        again = student in runs
        runs.append(student)
        if student == "hog" or not again:
            return f"could not be run: {course.box.SHORT} memory"
        return None

    monkeypatch.setattr(course, "run_one", run_one)
    monkeypatch.setattr(course.os, "cpu_count", lambda: 4)
    course.run_all(NAME, ["ann", "bob", "hog", "zoe"], None)
    said = capsys.readouterr().out
    assert max(most[:4]) > 1
    assert "4 once more, one at a time" in said
    assert runs[4:] == ["ann", "bob", "hog", "zoe"]
    assert set(most[4:]) == {1}
    for student in ("ann", "bob", "zoe"):
        assert f"{student} done" in said
    assert said.count("hog could not be run") == 2  # and no third time
