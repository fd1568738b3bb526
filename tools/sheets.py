"""Where the exercises with their solutions and hidden tests lie, and how they become private.

    python tools/sheets.py FOLDER     move them there, out of this repository (make private)

They lie in solutions/, or where `make private` has put them; course/private.txt, which git ignores,
names that place. With the sheets go the wrong answers that the tests try, which say much of the
right ones. Where a hidden test draws numbers, the private copy draws others: its seed is new.
"""

import json
import re
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
POINTER = Path("course", "private.txt")
HIDDEN = re.compile(r"(?ms)^ *### BEGIN HIDDEN TESTS\n.*?^ *### END HIDDEN TESTS\n?")
SEED = re.compile(r"(?<=default_rng\()\d+(?=\))")


def place(root=ROOT):
    """The teacher's folder, once there is one; None before."""
    pointer = root / POINTER
    return Path(pointer.read_text(encoding="utf-8").strip()) if pointer.is_file() else None


def folder(root=ROOT):
    """The folder with a folder for each sheet."""
    private = place(root)
    return private / "solutions" if private else root / "solutions"


def wrong_answers(root=ROOT):
    private = place(root)
    return private / "wrong_answers" if private else root / "tests" / "wrong_answers"


def reseeded(text):
    """A notebook's JSON in which hidden tests have new seeds; as it was, if none has any."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        new = HIDDEN.sub(
            lambda half: SEED.sub(lambda _: str(secrets.randbelow(10**6)), half.group()), source
        )
        if new != source:
            cell["source"] = new.splitlines(keepends=True)
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def passes(text):
    """Whether the solutions of a notebook still pass all of its tests."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    with tempfile.TemporaryDirectory() as empty:
        resources = {"metadata": {"path": empty}}
        try:
            NotebookClient(nbformat.reads(text, 4), timeout=120, resources=resources).execute()
        except CellExecutionError:
            return False
    return True


def point_to(target):
    (ROOT / POINTER).parent.mkdir(exist_ok=True)
    (ROOT / POINTER).write_text(f"{target}\n", encoding="utf-8")


def make_private(target):
    """Move the sheets and the wrong answers into a folder outside of this repository."""
    target = (ROOT / Path(target).expanduser()).resolve()
    sheets = sorted((ROOT / "solutions").glob("[0-9]*/*.ipynb"))
    if target.is_relative_to(ROOT):
        sys.exit(f"sheets: {target} lies in this repository: name a folder beside it")
    there = any((target / "solutions").glob("*/*.ipynb"))
    if there and sheets:
        sys.exit(f"sheets: {target} has sheets already: name another folder, or move them away")
    if not (there or sheets):
        sys.exit(f"sheets: neither solutions/ nor {target} has any")
    if there:  # a new course/, or another clone
        point_to(target)
        print(f"The sheets are taken from {target}.")
        return
    for sheet in sheets:
        text = sheet.read_text(encoding="utf-8")
        other = reseeded(text)
        kept = other == text or not passes(other)
        new = target / "solutions" / sheet.parent.name / sheet.name
        new.parent.mkdir(parents=True)
        new.write_text(text if kept else other, encoding="utf-8", newline="\n")
        print(f"{sheet.parent.name}{'' if kept else ': hidden tests with seeds of their own'}")
    (target / "wrong_answers").mkdir()
    for path in sorted((ROOT / "tests" / "wrong_answers").glob("*.yml")):
        shutil.copy(path, target / "wrong_answers")
    point_to(target)
    for sheet in sheets:  # last: until here nothing is gone
        shutil.rmtree(sheet.parent)
    shutil.rmtree(ROOT / "tests" / "wrong_answers", ignore_errors=True)
    print(f"{len(sheets)} sheets are in {target}, and no longer here: commit that.")
    print("What was committed before stays in the history, and the book that you took them from is "
          "public: give the hidden tests there numbers of your own.")  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit("sheets: where to? make private PRIVATE=../private")
    make_private(sys.argv[1])
