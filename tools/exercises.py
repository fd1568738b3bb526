"""Derive from the exercises, which hold the solutions, what students and teachers get.

    python tools/exercises.py assignments   the students' versions, into book/exercises
    python tools/exercises.py solutions     the teacher's edition, executed, into _build/solutions

The students' versions are made by nbgrader (`nbgrader generate_assignment`) and committed, for
Colab opens what lies in the repository; a test holds them equal to their source.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import sheets
from execute import METADATA, normalise
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent


def sources():
    """The notebooks with the solutions, one a chapter, in order."""
    return sorted(sheets.folder().glob("[0-9]*/*.ipynb"))


def assignments(target=ROOT / "book" / "exercises"):
    """Write the student's version of every exercise notebook into the folder `target`."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as release:
        for source in sources():
            command = ["nbgrader", "generate_assignment", "--no-db", source.stem]
            command += [f"--CourseDirectory.release_directory={release}"]
            done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT / "solutions",
                                  capture_output=True, text=True)  # fmt: skip
            if done.returncode:
                sys.exit(f"exercises: nbgrader refuses {source.name}:\n{done.stderr}")
            notebook = nbformat.read(Path(release, source.stem, source.name), as_version=4)
            notebook.metadata = nbformat.from_dict(METADATA)
            nbformat.write(notebook, target / source.name)
            print(f"{source.name}: {points(notebook)} points", flush=True)


def points(notebook):
    """The points that a notebook's graded cells are worth together."""
    marks = [cell.metadata.get("nbgrader", {}).get("points", 0) for cell in notebook.cells]
    return sum(marks)


def solutions(target=ROOT / "_build" / "solutions"):
    """Execute every exercise notebook, solutions in place, and store it with what came out."""
    target.mkdir(parents=True, exist_ok=True)
    for source in sources():
        notebook = nbformat.read(source, as_version=4)
        with tempfile.TemporaryDirectory() as empty:
            resources = {"metadata": {"path": empty}}
            NotebookClient(notebook, timeout=120, resources=resources).execute()
        nbformat.write(normalise(notebook), target / source.name)
        print(f"{(target / source.name).relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    commands = {"assignments": assignments, "solutions": solutions}
    if sys.argv[1:] not in [[name] for name in commands]:
        sys.exit(f"exercises: expected one of {', '.join(commands)}")
    commands[sys.argv[1]]()
