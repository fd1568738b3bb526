"""A round with sheets that are not in the repository: release, collect, grade, marks."""

import shutil
import subprocess
import sys

import nbformat
from classroom import NAME, cell, graded, hand_in, run, school, solved, table


def test_a_round_from_a_private_folder(tmp_path):
    root = school(tmp_path / "class")
    for sheet in (root / "solutions").glob("[0-9]*"):
        if sheet.name != NAME:
            shutil.rmtree(sheet)
    command = [sys.executable, root / "tools" / "sheets.py", tmp_path / "private"]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert not (root / "solutions" / NAME).exists()
    wrong = solved()  # right for all that students see, and wrong by the hidden half
    cell(wrong, "bytes-at").source = cell(wrong, "bytes-at").source.replace(
        "wanted < error[-1]", "wanted < error[-1] or psnr > 25"
    )
    secret = tmp_path / "private" / "solutions" / NAME / f"{NAME}.ipynb"
    wrong.cells.insert(0, nbformat.v4.new_code_cell(f"print(open({str(secret)!r}).read())"))
    for student, notebook in (("ann", solved()), ("bo", wrong)):
        hand_in(root, student, notebook)
    assert run(root, "release", "01").returncode == 0
    given = nbformat.read(root / "course" / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    assert "HIDDEN" not in str(given.cells)
    assert run(root, "collect", "01", str(root / "handed-in")).returncode == 0
    assert run(root, "grade", "01").returncode == 0
    assert run(root, "marks").returncode == 0
    assert {s: row["score"] for s, row in table(root).items()} == {"ann": "12.0", "bo": "8.0"}
    assert "BEGIN HIDDEN" in cell(graded(root, "ann"), "test-bytes-at").source
    assert "FileNotFoundError" in str(graded(root, "bo").cells[0].outputs)
    for path in root.rglob("*"):  # nothing of the hidden half is in the public part
        if path.is_file() and "course" not in path.relative_to(root).parts:
            assert "BEGIN HIDDEN TESTS\nclose" not in path.read_text("utf-8", errors="replace")
