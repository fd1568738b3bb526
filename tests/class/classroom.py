"""What the tests of grading share: submissions of chapter 1, a round in a copy of the sheets."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import sheets

ROOT = Path(__file__).resolve().parents[2]
SHEETS = sheets.folder()
if not any(SHEETS.glob("[0-9]*")):
    pytest.skip("the sheets are private, and not here", allow_module_level=True)
NAME = "01-compression"
TOOLS = ("course", "handed", "roster", "grades", "box", "examine", "apart", "sheets")
SOLUTION = re.compile(r"(?ms)^([ ]*)### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION\n?")
# Files that no folder lists, in the one folder of a box that lies on a disk.
NAMELESS = """
import os, time
from ipykernel import get_connection_file
kept = []
for n in range(9):
    name = os.path.dirname(get_connection_file()) + f"/aebook-fill-{n}"
    kept.append(open(name, "wb"))
    os.remove(name)
    for _ in range(60):
        kept[-1].write(bytes(2**20))
time.sleep(20)
"""


def cell(notebook, name):
    return next(c for c in notebook.cells if c.id == name)


def solved(name=NAME):
    """A submission with every answer right: the solutions, and the tests as students get them."""
    source = nbformat.read(SHEETS / name / f"{name}.ipynb", as_version=4)
    notebook = untouched(name)
    for ours, theirs in zip(source.cells, notebook.cells, strict=True):
        if ours.metadata.get("nbgrader", {}).get("solution"):
            theirs.source = SOLUTION.sub(r"\2", ours.source)
    return notebook


def untouched(name=NAME):
    return nbformat.read(ROOT / "book" / "exercises" / f"{name}.ipynb", as_version=4)


def pasted(cell):
    """A copy as an editor makes it: nbgrader's metadata come along, the id is another."""
    return nbformat.from_dict(cell | {"id": f"copy-{cell.id}"})


def school(root):
    """A repository with the sheets and what grades them, and a folder for what is handed in."""
    shutil.copytree(ROOT / "solutions", root / "solutions")
    shutil.copytree(SHEETS, root / "solutions", dirs_exist_ok=True)
    (root / "tools").mkdir()
    for name in TOOLS:
        shutil.copy(ROOT / "tools" / f"{name}.py", root / "tools")
    (root / "handed-in").mkdir()
    return root


def hand_in(root, student, notebook):
    path = root / "handed-in" / f"{student}_{NAME}.ipynb"
    text = notebook if isinstance(notebook, str) else nbformat.writes(nbformat.from_dict(notebook))
    path.write_bytes(text.encode())
    return path


def run(root, *arguments, **environment):
    command = [sys.executable, root / "tools" / "course.py", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TZ": "UTC"} | environment
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1800)


def table(root, by=("student",)):
    """The rows of course/marks.csv, by student, or by several columns."""
    with open(root / "course" / "marks.csv", encoding="utf-8-sig", newline="") as file:
        rows = {tuple(row[name] for name in by): row for row in csv.DictReader(file)}
    return rows if len(by) > 1 else {key: row for (key,), row in rows.items()}


def graded(root, student):
    path = root / "course" / "autograded" / student / NAME / f"{NAME}.ipynb"
    return nbformat.read(path, as_version=4)
