"""Do the asserts of the chapters hold for other seeds, too? Ten runs of each, and what came out.

    python benchmarks/seeds.py            every chapter (two to three hours)
    python benchmarks/seeds.py 06 07      those whose name contains 06 or 07; the others keep theirs
    RUNS=5 python benchmarks/seeds.py 06  five runs

In a run every seed that Keras, NumPy's generators and scikit-learn are given, on the page or in
aebook, is another one than the book's. An assert that fails does not end the run: it is noted
whether each held, and where it compares numbers (`a < b`) its margin, b - a. An assert that many
rounds of a loop pass counts with its worst. How far the mean of the margins lies from zero, in
their standard deviations, says how often it would fail if they are Gaussian: RARE is once in a
thousand. From ten runs that figure is itself uncertain by a quarter.

Of the tables in COMPARISONS each figure is kept as well: its mean over the runs and how far it
scatters, since every model of a run is trained anew.

The results go to book/benchmarks.yml and book/benchmarks.md. The exit status is 1 if any failed.
"""

import ast
import html
import json
import operator
import os
import re
import statistics
import sys
import tempfile
from pathlib import Path

import nbformat
import numpy as np
import tables
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
RUNS = int(os.environ.get("RUNS", "10"))
RARE = statistics.NormalDist().inv_cdf(0.999)
# Cells whose tables compare trained models, by chapter.
COMPARISONS = {
    "14-linear-and-beta": ("rates-and-distortions", "paired"),
    "15-learned-prior": ("verdict", "ten-priors", "guidance"),
    "16-vocabulary": ("codebook-use", "bits-per-digit", "readable"),
}
SIGNS = {"Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt, "GtE": operator.ge}

# ------------------------------------------------------------------ in the kernel of a run

shift, ledger = 0, {}


def moved(seed):
    """Another seed for this run; what is no whole number (None, a generator) stays."""
    return seed + 1000 * shift if isinstance(seed, (int, np.integer)) else seed


def move(by):
    """Move all seeds that Keras and NumPy's generators will be given in this process."""
    import keras

    global shift
    shift = by
    for where, name in [
        (np.random, "default_rng"),
        (keras.utils, "set_random_seed"),
        (keras.random, "SeedGenerator"),
    ]:
        setattr(where, name, _moved_first(getattr(where, name)))
    keras.utils.set_random_seed(0)


def _moved_first(function):
    def with_another(seed=None, *arguments, **options):
        return function(moved(seed), *arguments, **options)

    return with_another


def note(assertion, signs, *parts):
    """What an assert became: whether it holds and, of a comparison, by how much."""
    if not signs:
        held, margin = bool(parts[0]), None
    else:
        pairs = list(zip(signs, parts[:-1], parts[1:], strict=True))
        held = all(bool(SIGNS[sign](a, b)) for sign, a, b in pairs)
        try:
            margin = min(float(b - a if sign[0] == "L" else a - b) for sign, a, b in pairs)
        except TypeError:  # of texts, say
            margin = None
    before = ledger.get(assertion, (True, margin))
    worst = margin if margin is None or before[1] is None else min(margin, before[1])
    ledger[assertion] = held and before[0], worst


# ------------------------------------------------------------------ a run


class Noting(ast.NodeTransformer):
    """Asserts become notes, `a and b` two of them; a given random_state is moved."""

    def __init__(self, cell):
        self.cell = cell

    def visit_Assert(self, node):
        self.generic_visit(node)
        conjunction = isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And)
        return [self.noted(test) for test in (node.test.values if conjunction else [node.test])]

    def noted(self, test):
        signs, parts = [], [test]
        if isinstance(test, ast.Compare):
            names = [type(op).__name__ for op in test.ops]
            if set(names) <= set(SIGNS):
                signs, parts = names, [test.left, *test.comparators]
        call = ast.parse(f"_seeds.note({f'{self.cell}: {ast.unparse(test)}'!r}, {signs})").body[0]
        call.value.args += parts
        return call

    def visit_keyword(self, node):
        self.generic_visit(node)
        if node.arg == "random_state":
            node.value = ast.Call(ast.parse("_seeds.moved", mode="eval").body, [node.value], [])
        return node


def noting(source, cell):
    """The source of a code cell, its asserts and seeds replaced."""
    tree = Noting(cell).visit(ast.parse(TransformerManager().transform_cell(source)))
    return ast.unparse(ast.fix_missing_locations(tree))


def prepared(notebook, by):
    """The code cells of a run: the first as it is, then moved seeds, and in the end the ledger."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code[1:]:
        cell.source = noting(cell.source, cell.id)
    begin = f"import sys\nsys.path.insert(0, {str(ROOT / 'benchmarks')!r})\n"
    begin += f"import seeds as _seeds\n_seeds.move({by})"
    end = "import json\nprint(json.dumps(_seeds.ledger))"
    begin, end = (nbformat.v4.new_code_cell(text) for text in (begin, end))
    notebook.cells = [code[0], begin, *code[1:], end]
    return notebook


def rows_of(cell):
    """The table that a cell ended with: rows of texts, header first, or None where it failed."""
    for out in cell.outputs:
        if page := out.get("data", {}).get("text/html"):
            rows = re.findall(r"<tr>(.*?)</tr>", page)
            cells = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows)
            return [[html.unescape(text) for text in row] for row in cells]
    return None


def run(path, by):
    """One run of a chapter: {assert: (whether it held, its margin or None)}, {cell: its table}."""
    notebook = prepared(nbformat.read(path, as_version=4), by)
    found = {}
    with tempfile.TemporaryDirectory() as empty:
        client = NotebookClient(notebook, timeout=600, iopub_timeout=60, kernel_name="python3",
                                resources={"metadata": {"path": empty}},
                                extra_arguments=["--log-level=ERROR"])  # fmt: skip
        with client.setup_kernel(env=os.environ | {"AEBOOK_FACES": ""}):
            for index, cell in enumerate(notebook.cells[:-1]):
                try:
                    client.execute_cell(cell, index)
                except CellExecutionError as error:
                    found[f"{cell.id}: raised {error.ename}: {error.evalue}"] = False, None
                    break
            client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)
    said = "".join(out.text for out in notebook.cells[-1].outputs if out.output_type == "stream")
    cells = {cell.id: cell for cell in notebook.cells}
    shown = {name: rows_of(cells[name]) for name in COMPARISONS.get(path.stem, ())}
    return {name: tuple(entry) for name, entry in json.loads(said).items()} | found, shown


# ------------------------------------------------------------------ all runs of a chapter


def deviations(margins):
    """The mean of the margins in their standard deviations; infinite where they never differ."""
    mean, spread = statistics.fmean(margins), statistics.stdev(margins)
    return mean / spread if spread > 0 else float("inf")


def judged(runs):
    """What `run` found in several runs, as it goes to the file of measurements."""
    names = list(dict.fromkeys(name for one in runs for name in one))
    failed, near = {}, {}
    for name in names:
        entries = [one[name] for one in runs if name in one]
        if misses := sum(not held for held, _ in entries):
            failed[name] = misses
        margins = [margin for _, margin in entries if margin is not None]
        if len(margins) > 1:
            near[name] = deviations(margins)
    found = {"asserts": len(names), "runs": len(runs), "failed": failed}
    found["near"] = sum(value < RARE for value in near.values())
    if near and (least := min(near, key=near.get)) and np.isfinite(near[least]):
        found["narrowest"] = {"assert": least, "deviations": round(near[least], 1)}
    return found, near


def scattered(texts):
    """The first number of each text as "mean ± standard deviation", in their digits and unit.

    Texts that are all the same stay, and so does the first where one of them is no number.
    """
    parts = [re.match(r"([-+]?[\d,]*\.?\d+)(%?)", text) for text in texts]
    if len(set(texts)) == 1 or not all(parts):
        return texts[0]
    values = [float(part[1].replace(",", "")) for part in parts]
    digits, unit = len(parts[0][1].partition(".")[2]), parts[0][2]
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    return f"{mean:,.{digits}f}{unit} ± {spread:,.{digits}f}{unit}"


def over_runs(found):
    """The tables of one cell in several runs as one, with the rows that stand in each of them.

    Rows are told apart by their first column.
    """
    by_name = [{row[0]: row for row in table} for table in found]
    kept = [name for name in by_name[0] if all(name in table for table in by_name)]
    columns = (zip(*(table[name] for table in by_name), strict=True) for name in kept)
    return [[scattered(texts) for texts in row] for row in columns]


def main(wanted):
    from aebook.data import resolve_named

    resolve_named()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    paths = [p for p in paths if not wanted or any(word in p.name for word in wanted)]
    if not paths:
        sys.exit(f"seeds: no notebook's name contains {' or '.join(wanted)}")
    failures = 0
    for path in paths:
        noted, shown = zip(*(run(path, by) for by in range(1, 1 + RUNS)), strict=True)
        found, near = judged(noted)
        by_cell = {cell: [one[cell] for one in shown if one[cell]] for cell in shown[0]}
        found["tables"] = {cell: over_runs(several) for cell, several in by_cell.items() if several}
        print(f"{path.stem}: {found['asserts']} asserts, {found['runs']} runs", flush=True)
        for name, misses in found["failed"].items():
            print(f"  failed {misses} times: {name}")
        for name in sorted(near, key=near.get):
            if near[name] < RARE:
                print(f"  {near[name]:.1f} standard deviations from failing: {name}", flush=True)
        failures += len(found["failed"])
        data = tables.read()
        data.setdefault("seeds", {})[path.stem] = found
        data["seeds"] = dict(sorted(data["seeds"].items()))
        tables.DATA.write_text(tables.HEAD + yaml.safe_dump(data, sort_keys=False))
        tables.stamp(tables.DATA)
    sys.exit(f"seeds: {failures} asserts failed" if failures else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
