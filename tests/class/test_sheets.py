"""The solutions of some sheets, graded in the box, score in full.

That the tests of all sheets work from outside is asked in tests/test_exercises.py; here are those
whose answers take and give more than numbers: random generators, a layer and a model of Keras,
records, functions.
"""

import nbformat
import pytest
from classroom import run, school, solved, table

SHEETS = ("00-introduction", "03-variational-autoencoder", "05-two-modes", "10-towards-gans")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The marks of a student of each sheet, who is called after it."""
    root = school(tmp_path_factory.mktemp("sheets"))
    for name in SHEETS:
        assert run(root, "release", name).returncode == 0
        place = root / "handed-in" / name
        place.mkdir()
        (place / f"s-{name}.ipynb").write_text(nbformat.writes(solved(name)), encoding="utf-8")
        assert run(root, "collect", name, str(place)).returncode == 0
        run(root, "grade", name)
    assert run(root, "marks").returncode == 0
    return table(root, by=("assignment", "student"))


@pytest.mark.parametrize("name", SHEETS)
def test_the_solutions_score_in_full(rows, name):
    row = rows[name, f"s-{name}"]
    assert row["notes"] == ""
    assert float(row["score"]) + float(row["to_read"]) == float(row["of"])
