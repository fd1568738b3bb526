"""The exercises: solutions pass, unsolved ones fail, and a wrong answer is told what is wrong.

Cells are run in this process, one namespace a notebook: a kernel for each of the wrong answers in
wrong_answers/ would take an hour. nbval runs every solution in a real kernel besides.
"""

import functools
import re
import socket
import textwrap
import threading

import apart
import execute
import keras
import nbformat
import numpy as np
import pytest
import repository
import sheets
import test_notebooks as chapters
import yaml
from conftest import NOTEBOOKS, ROOT

from aebook.checks import close

pytestmark = [pytest.mark.slow, pytest.mark.mnist]  # runs every solution and every wrong answer
SOURCES = sorted(sheets.folder().glob("[0-9]*/*.ipynb"))
DERIVED = ROOT / "book" / "exercises"
STUB = "# YOUR CODE HERE\nraise NotImplementedError("
SOLUTION = re.compile(r"(?ms)^([ ]*)### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION\n?")
HIDDEN = re.compile(r"(?ms)^### BEGIN HIDDEN TESTS\n.*?^### END HIDDEN TESTS\n?")
WRONG = {
    source.stem: yaml.safe_load(
        (sheets.wrong_answers() / f"{source.stem}.yml").read_text(encoding="utf-8")
    )
    for source in SOURCES
}

each = pytest.mark.parametrize("path", SOURCES, ids=[p.stem for p in SOURCES])
each_wrong = pytest.mark.parametrize(
    ("path", "wrong"),
    [
        pytest.param(path, wrong, id=f"{path.stem}-{wrong['fails']}-{i}")
        for path in SOURCES
        for i, wrong in enumerate(WRONG[path.stem])
    ],
)


@functools.cache
def read(path):
    return nbformat.read(path, as_version=4)


def student_version(path):
    return read(DERIVED / path.name)


def role(cell):
    """What nbgrader takes a cell for: answer, test, explain, or None."""
    flags = cell.metadata.get("nbgrader", {})
    if flags.get("solution"):
        return "explain" if flags["grade"] else "answer"
    return "test" if flags.get("grade") else None


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def run(source, names):
    plain = re.sub(r"^( *)%", r"\1pass  # %", source, flags=re.M)  # the first cell's %pip
    exec(compile(plain, "<cell>", "exec"), names)


@functools.cache
def solved(path):
    """Run a notebook with its solutions; what there was before each answer, by its id."""
    names, before = {"__name__": path.stem}, {}
    for cell in code_cells(read(path)):
        if role(cell) == "answer":
            before[cell.id] = dict(names)
        run(cell.source, names)
    return before


def with_answer(cell, code):
    """The source of an answer's cell with other code in place of the solution."""
    indent = SOLUTION.search(cell.source).group(1)
    return SOLUTION.sub(lambda _: textwrap.indent(code, indent), cell.source)


def exercises(path):
    """(answer, its tests) for each exercise with a test: cells up to the next answer."""
    found = []
    for cell in read(path).cells:
        if role(cell) == "answer":
            found.append((cell, []))
        elif role(cell) == "test":
            found[-1][1].append(cell)
    return found


@pytest.mark.skipif(not SOURCES, reason="the sheets are private, and not here")
def test_every_chapter_has_exercises():
    assert {p.stem for p in NOTEBOOKS} <= {p.stem for p in SOURCES}


@each
def test_every_solution_passes_its_tests(path):
    assert solved(path)


def served(line):
    while (message := line.receive())[0] != "end":
        line.answer(message[0], message[1:])


@each
def test_every_solution_passes_its_tests_from_outside(path):
    """As when it is graded: the tests have names of their own, and ask for what an answer defines.

    Two threads here, with nothing in common but the line; two kernels in tests/class.
    """
    ours, theirs = socket.socketpair()
    answers, tests, defined = {"__name__": path.stem}, {"__name__": path.stem}, []
    threading.Thread(target=served, args=(apart.Line(theirs, answers),), daemon=True).start()
    line = apart.Line(ours)
    for cell in code_cells(read(path)):
        if role(cell) != "test":
            run(cell.source, answers)
        if role(cell) == "answer":
            defined += apart.defined(re.sub(r"(?m)^ *### (BEGIN|END) SOLUTION\n?", "", cell.source))
            continue
        if role(cell) == "test":
            tests |= {name: line.ask("name", name) for name in defined}
        run(cell.source, tests)
    line.send(["end"])


@each
def test_every_unsolved_version_fails_every_test(path):
    names = {"__name__": path.stem}
    for cell in code_cells(student_version(path)):
        if role(cell) in ("answer", "test"):
            try:
                run(cell.source, names)
            except Exception:
                continue
            assert role(cell) == "answer", f"{cell.id} passes without an answer"
        else:
            run(cell.source, names)


@each
def test_every_test_fails_without_its_answer_though_all_others_are_given(path):
    for answer, tests in exercises(path):
        names = dict(solved(path)[answer.id])
        with pytest.raises((NotImplementedError, NameError, AssertionError)):  # noqa: PT012
            run(with_answer(answer, f'{STUB}"no answer yet")\n'), names)
            for cell in tests:
                run(cell.source, names)


@each_wrong
def test_a_wrong_answer_fails_the_right_test_and_is_told_why(path, wrong):
    cells = code_cells(read(path))
    start = [cell.id for cell in cells].index(wrong["exercise"])
    names = dict(solved(path)[wrong["exercise"]])
    run(with_answer(cells[start], wrong["code"]), names)
    for cell in cells[start + 1 :]:
        if cell.id == wrong["fails"]:
            with pytest.raises(AssertionError, match=re.escape(wrong["says"])):
                run(cell.source, names)
            break
        assert role(cell) != "answer", f"no test {wrong['fails']} for {wrong['exercise']}"
        run(cell.source, names)


@each
def test_every_answer_has_two_wrong_ones(path):
    for answer, tests in exercises(path):
        assert tests, f"{answer.id} has no test"
        wrong = [w for w in WRONG[path.stem] if w["exercise"] == answer.id]
        assert len(wrong) >= 2, f"{answer.id}: {len(wrong)} wrong answers"


@each
def test_every_exercise_but_a_prediction_has_a_half_that_nobody_sees(path):
    """Other shapes, lengths, seeds: an answer for the values of the visible half fails there."""
    kind, without = "", []
    for cell in read(path).cells:
        if heading := re.match(r"## \d\. ([\w ]+):", cell.source):
            kind = heading.group(1)
        if (
            role(cell) == "test"
            and not kind.startswith("Predict")
            and not HIDDEN.search(cell.source)
        ):
            without.append(f"{cell.id} ({kind})")
    assert not without


@each
def test_exercises_rise_in_order_and_say_what_they_are_worth(path):
    notebook = read(path)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = re.findall(r"(?m)^## (\d)\. ([\w ]+): .* \((\d+) points?\)$", text)
    assert [int(number) for number, _, _ in headings] == list(range(1, len(headings) + 1))
    assert 4 <= len(headings) <= 7
    assert headings[0][1] == "Predict"
    assert headings[-2][1] == "Explain"
    assert headings[-1][1] in ("Derive", "Train and look", "Convince")  # the open one
    worth = [0] * len(headings)
    number = -1
    for cell in notebook.cells:
        number += bool(re.match(r"## \d", cell.source))
        worth[number] += cell.metadata.get("nbgrader", {}).get("points", 0)
    assert worth == [int(points) for _, _, points in headings]
    assert f"{sum(worth)} points" in notebook.cells[0].source


@each
def test_an_open_exercise_has_an_answer_and_a_rubric_of_its_points(path):
    """A point for each thing that is asked for, and no formula given but what the task defines."""
    (cell,) = (cell for cell in read(path).cells if cell.id == "open-answer")
    _, rubric = cell.source.split("*Rubric, a point each: ")
    assert len(re.split(r";\s", rubric)) == cell.metadata.nbgrader.points == 4
    answer = SOLUTION.search(cell.source).group(2)
    assert 80 <= len(answer.split()) <= 260
    task = read(path).cells[read(path).cells.index(cell) - 1].source
    assert len(task.split()) <= 170
    assert task.endswith("(Your teacher reads this one.)")


@each
def test_the_students_version_is_the_source_without_its_solutions(path):
    """`make assignments` was run: but for the solutions and hidden tests, both are the same."""
    ours, theirs = read(path), student_version(path)
    for a, b in zip(ours.cells, theirs.cells, strict=True):
        assert (a.id, a.cell_type) == (b.id, b.cell_type)
        flags = dict(b.metadata.get("nbgrader", {}))
        flags.pop("checksum", None), flags.pop("cell_type", None)
        assert flags == a.metadata.get("nbgrader", {}), a.id
        if role(a) == "answer":
            before, after = SOLUTION.split(a.source)[0], SOLUTION.split(a.source)[-1]
            assert b.source.startswith(before), a.id
            assert b.source.endswith(after.rstrip("\n")), a.id
            assert "# YOUR CODE HERE" in b.source, a.id
        elif role(a) == "explain":
            assert b.source == "YOUR ANSWER HERE", a.id
        else:
            assert b.source.rstrip() == HIDDEN.sub("", a.source).rstrip(), a.id


@each
def test_no_solution_reaches_the_students(path):
    text = "\n".join(cell.source for cell in student_version(path).cells)
    assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN)", text)
    for cell in read(path).cells:
        for _, secret in SOLUTION.findall(cell.source):
            assert secret not in text, cell.id


@each
def test_both_versions_are_tidy(path):
    for notebook in (read(path), student_version(path)):
        assert dict(notebook.metadata) == execute.METADATA
        first = repository.setup_cell(repository.address(), repository.version())
        assert code_cells(notebook)[0].source == first
        for cell in notebook.cells:
            assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell.id), cell.id
            assert cell.get("outputs", []) == [], f"{cell.id}: exercises store no outputs"
            assert cell.metadata.get("nbgrader", {}).get("grade_id", cell.id) == cell.id
        chapters.test_markdown_is_portable(notebook)
        chapters.test_no_forbidden_words(notebook)
        chapters.test_no_private_or_backend_calls(notebook)
        for cell in code_cells(notebook):
            assert chapters.width(cell) <= 92, cell.id


def test_the_index_lists_every_exercise_with_its_points():
    text = (ROOT / "book" / "exercises.md").read_text(encoding="utf-8")
    for path in SOURCES:
        points = sum(c.metadata.get("nbgrader", {}).get("points", 0) for c in read(path).cells)
        (row,) = (line for line in text.splitlines() if f"(exercises/{path.name})" in line)
        assert f"| {points} |" in row, path.stem


def test_close_takes_numbers_and_nothing_else():
    class Impostor:
        def __eq__(self, other):
            return True

        def __sub__(self, other):
            return 0

    close(0.5, 0.5 + 1e-9, "fine")
    close([1, 2], [1, 2], "fine")
    close(True, 1, "fine")
    close(keras.ops.convert_to_tensor([1.0, 2.0]), [1, 2], "fine")
    close([keras.ops.convert_to_tensor(1.0), 2], [1, 2], "fine")
    for answer, says in [
        (0.6, r"look at x \(Found 0.6"),
        (float("nan"), "Found nan"),
        (None, "No answer"),
        (Impostor(), "found Impostor"),
        ("0.5", "found str"),
        (b"0.5", "found bytes"),
        (0.5 + 3j, "found complex"),
        (np.array(0.5, object), "found ndarray"),
        ([0.5], r"shape \(\), found \(1,\)"),
    ]:
        with pytest.raises(AssertionError, match=says):
            close(answer, 0.5, "look at x")
    with pytest.raises(AssertionError, match="Found 3 at 1"):
        close([1, 3], [1, 2], "look at x")
