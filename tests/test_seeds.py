"""The benchmark of other seeds: an assert that holds by luck is found, one that holds is left."""

import nbformat
import numpy as np
import pytest
import seeds
import tables
from conftest import NOTEBOOKS

from aebook import Table

CELL = """
import numpy as np

drawn = np.random.default_rng(0).normal(size=3)
assert drawn[0] < 0  # a coin
assert abs(drawn[0]) < 40 and 1 + 1 == 2
for value in drawn:
    assert -40 < value < 40, "far out"
"""


@pytest.fixture
def runs(monkeypatch):
    """Ten runs of CELL in this process."""
    found = []
    real = np.random.default_rng
    for by in range(1, 11):
        monkeypatch.setattr(seeds, "shift", by)
        monkeypatch.setattr(seeds, "ledger", {})
        monkeypatch.setattr(np.random, "default_rng", seeds._moved_first(real))
        exec(seeds.noting(CELL, "cell"), {"_seeds": seeds})
        found.append(seeds.ledger)
    return found


def test_an_assert_that_fails_for_half_of_the_seeds_is_found(runs):
    found, near = seeds.judged(runs)
    assert found["asserts"] == 4
    assert found["runs"] == 10
    assert set(found["failed"]) == {"cell: drawn[0] < 0"}
    assert 1 <= found["failed"]["cell: drawn[0] < 0"] <= 9
    assert found["near"] == 1
    assert found["narrowest"]["assert"] == "cell: drawn[0] < 0"
    assert near["cell: -40 < value < 40"] > seeds.RARE


def test_a_loop_counts_with_its_worst_round(runs):
    for by, one in enumerate(runs, 1):
        drawn = np.random.Generator(np.random.PCG64(1000 * by)).normal(size=3)
        held, margin = one["cell: -40 < value < 40"]
        assert held
        assert margin == pytest.approx(40 - max(abs(drawn)))


def test_what_is_no_comparison_has_no_margin(monkeypatch):
    monkeypatch.setattr(seeds, "ledger", {})
    exec(seeds.noting("assert all([True])\nassert 'a' < 'b'\nassert 1 in (2, 3)", "c"),
         {"_seeds": seeds})  # fmt: skip
    assert seeds.ledger == {
        "c: all([True])": (True, None),
        "c: 'a' < 'b'": (True, None),
        "c: 1 in (2, 3)": (False, None),
    }


def test_a_random_state_is_moved_and_a_magic_survives(monkeypatch):
    monkeypatch.setattr(seeds, "shift", 3)
    source = seeds.noting("%matplotlib inline\nx = dict(random_state=5)", "c")
    assert "get_ipython().run_line_magic" in source
    (line,) = (line for line in source.splitlines() if line.startswith("x ="))
    names = {"_seeds": seeds}
    exec(line, names)
    assert names["x"] == {"random_state": 3005}


def test_the_margin_in_standard_deviations():
    assert seeds.deviations([1.0, 2.0, 3.0]) == 2
    assert seeds.deviations([1.0, 1.0]) == float("inf")
    assert pytest.approx(3.09, abs=0.01) == seeds.RARE


def test_every_assert_of_every_chapter_is_noted(notebook):
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"][1:]
    prepared = seeds.prepared(notebook, 1).cells[2:-1]
    assert not any("assert " in line.split("#")[0] and line.lstrip().startswith("assert ")
                   for cell in prepared for line in cell.source.splitlines())  # fmt: skip
    n_asserts = sum(
        line.lstrip().startswith("assert ") for text in code for line in text.split("\n")
    )
    assert sum(cell.source.count("_seeds.note(") for cell in prepared) >= n_asserts


@pytest.mark.slow
def test_a_run_goes_on_after_a_failed_assert_and_ends_at_an_error(tmp_path):
    cells = ["pass", "import numpy as np\nassert np.random.default_rng(0).random() > 2",
             "assert 1 < 2", "1 / 0", "assert 3 < 2"]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    for number, cell in enumerate(notebook.cells):
        cell.id = f"c{number}"
    nbformat.write(notebook, tmp_path / "00-planted.ipynb")
    found, _ = seeds.run(tmp_path / "00-planted.ipynb", 1)
    assert [name for name, (held, _) in found.items() if held] == ["c2: 1 < 2"]
    assert sum(name.startswith("c3: raised ZeroDivisionError") for name in found) == 1
    assert len(found) == 3


def test_tables_of_several_runs_become_one_with_its_spread():
    """Through the page and back: what no run is sure of gets a deviation, what all say does not."""

    def shown(*rows):
        table = Table(["prior", "ELBO (nats)", "read"], rows)
        output = nbformat.v4.new_output("display_data", {"text/html": table._repr_html_()})
        return seeds.rows_of(nbformat.v4.new_code_cell(outputs=[output]))

    one = shown(["N(0, I)", "-1,115.0 ± 0.3", "97%"], ["a < b", "-", "5%"])
    two = shown(["N(0, I)", "-1,117.0 ± 0.2", "99%"], ["a < b", "3.0", "5%"], ["new", "1", "1"])
    assert one[2][0] == "a < b"
    assert seeds.over_runs([one, two]) == [
        ["prior", "ELBO (nats)", "read"],
        ["N(0, I)", "-1,116.0 ± 1.4", "98% ± 1%"],
        ["a < b", "-", "5%"],
    ]
    assert seeds.rows_of(nbformat.v4.new_code_cell(outputs=[])) is None


def test_every_compared_table_is_a_cell_of_its_chapter():
    for name, cells in seeds.COMPARISONS.items():
        (path,) = (p for p in NOTEBOOKS if p.stem == name)
        assert {cell.id for cell in nbformat.read(path, as_version=4).cells} >= set(cells)


def test_the_page_has_the_compared_tables_with_a_link_to_the_cell():
    found = {"runs": 5, "tables": {"ten-priors": [["prior", "ELBO"], ["flow", "-1.0 ± 0.1"]]}}
    lines = tables.comparisons({"seeds": {"15-learned-prior": found}})
    assert lines[0].endswith("{cell}`15-learned-prior/ten-priors`, 5 runs:")
    assert lines[-1] == "| flow | -1.0 ± 0.1 |"
    assert tables.comparisons({}) == ["No chapter has been run so yet."]


def test_the_table_has_a_row_for_each_chapter_that_was_run():
    found = {"asserts": 9, "runs": 10, "failed": {"c: a | b": 2}, "near": 1,
             "narrowest": {"assert": "c: a < b", "deviations": 2.5}}  # fmt: skip
    head, _, row = tables.seeds({"seeds": {NOTEBOOKS[6].stem: found}})
    assert "narrowest" in head
    assert tables.seeds({}) == ["No chapter has been run so yet."]
    assert "| 9 | 10 | 2 times `c: a \\| b` | 1 | 2.5: `c: a < b` |" in row
