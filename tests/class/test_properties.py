"""What holds for every name, cell, message and number, not only for those that we thought of.

Hypothesis looks for one that breaks it.
"""

import csv
import io
import json
import math
import os
import re
import tempfile
import unicodedata
from pathlib import Path

import apart
import course
import grades
import handed
import nbformat
import numpy as np
import pytest
import roster
import sheets
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from aebook.densities import Mixture, log_density

settings.register_profile(
    "class", max_examples=150, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("class")
SHEET = "03-variational-autoencoder"
letters = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
words = st.text(letters, min_size=1, max_size=12)
people = st.text(
    st.characters(categories=["Lu", "Ll", "Lo", "Mn", "Nd"], exclude_characters="İ"), min_size=1
)
numbers = st.floats(-50, 50)
positive = st.floats(0.05, 20)


# --- names of files


@st.composite
def names(draw):
    """A name as a platform gives it, or any other, perhaps with a file in it."""
    who, n = draw(words), draw(st.integers(1, 9999))
    top = draw(st.sampled_from([
        "{}_{}_assignsubmission_file_", "{}_{}_90001_03.ipynb", "{}_LATE_{}_90002_03.ipynb",
        "03_{}_attempt_2026-01-14-17-05-2{}.ipynb", "{1}-7 - {0} - Jan 14, 2026 1000 AM",
        "{} - " + SHEET + " ({}).ipynb", "{}_{}.ipynb", "Copy of {}{}.ipynb.txt", "{}{}", "{}.zip",
    ]))  # fmt: skip
    name = top.format(who, n)
    return name if draw(st.booleans()) else f"{name}/{draw(words)}.ipynb"


def laid_out(folder, paths):
    """Those of the files that can lie beside each other, made."""
    made = []
    for name in paths:
        path = Path(folder, name)
        if {".", ".."} & set(name.split("/")) or max(map(len, os.fsencode(name).split(b"/"))) > 200:
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}", encoding="utf-8")
        except OSError:  # a file where a folder would have to be
            continue
        made.append(path)
    return set(made)


def assert_clear(said):
    assert re.search(r"both belong to|differ in capitals only", said)


@given(st.lists(names(), min_size=1, max_size=8))
def test_every_file_is_somebodys_or_left_out_or_named_in_the_refusal(paths):
    with tempfile.TemporaryDirectory() as folder:
        made = laid_out(folder, paths)
        assume(made)
        try:
            found, left_out = handed.sort(Path(folder), SHEET)
        except SystemExit as refusal:
            assert_clear(str(refusal))
            return
        taken = [one.path for one in found.values()]
        junk = {path for path in made
                if any(map(handed.JUNK.fullmatch, path.relative_to(folder).parts))}  # fmt: skip
        assert len(set(taken)) == len(taken)
        assert set(taken) | set(left_out) == made - junk
        assert not set(taken) & set(left_out)
        for student in found:
            assert student.isprintable()
            assert student == student.strip() != ""


@given(st.lists(people, min_size=1, max_size=5, unique_by=roster.squashed),
       st.randoms(use_true_random=False))  # fmt: skip
def test_whoever_is_on_the_roster_gets_their_file_in_whatever_form_the_name_is(names, random):
    assume(all(map(roster.squashed, names)))
    rows = [{"name": f"{name} Q{n}x"} for n, name in enumerate(names)]
    listed = roster.named([(row["name"], [], row) for row in rows])
    assert len({one.student.casefold() for one in listed}) == len(names)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for n, (name, one) in enumerate(zip(names, listed, strict=True)):
            forms = [f"{name} Q{n}x", f"Q{n}x, {name}", f"{name}Q{n}X", f"q{n}x{name}"]
            form = unicodedata.normalize(random.choice(["NFC", "NFD"]), random.choice(forms))
            if len(os.fsencode(form)) > 150:
                continue
            paths.append((f"{form}_{n}_assignsubmission_file_/03.ipynb", one))
        made = laid_out(folder, [path for path, _ in paths])
        found, left_out = handed.sort(Path(folder), SHEET, people=listed)
        assert left_out == {}
        assert {one.path for one in found.values()} == made
        for path, one in paths:
            assert found[one.student].path == Path(folder, path)


@given(st.lists(st.tuples(words, st.emails()), min_size=1, max_size=6, unique_by=(
    lambda pair: roster.fold(pair[0]), lambda pair: roster.fold(pair[1]))))  # fmt: skip
def test_a_roster_of_any_names_gives_each_a_folder_of_their_own(pairs):
    assume(all(name.strip() for name, _ in pairs))
    file = io.StringIO()
    csv.writer(file).writerows([["name", "email"], *pairs])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "roster.csv")
        path.write_bytes(file.getvalue().encode())
        listed = roster.read(path)
    skipped = [name for name, _ in pairs if name.strip().startswith(roster.NO_ONE)]
    assert len(listed) == len(pairs) - len(skipped)
    folders = [one.student for one in listed]
    assert len({name.casefold() for name in folders}) == len(folders)
    for name in folders:
        assert name.isprintable()
        assert not set(name) & set("/\\*?[]")
        assert not name.startswith(".")


# --- cells of a table


@given(st.lists(st.lists(st.one_of(st.text(), st.floats(-1e9, 1e9)), min_size=1, max_size=4)))
def test_no_cell_becomes_a_formula_in_any_spreadsheet(lines):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "marks.csv")
        grades.write(path, [["01", *line] for line in lines])
        text = path.read_bytes().decode("utf-8-sig")
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            for cell in row:
                negative = re.fullmatch(r"-[\d.e+-]+", cell)
                assert negative or not grades.FORMULA.match(cell), (delimiter, row)


@given(st.lists(st.text(st.characters(exclude_characters=";\t\r\n\0", exclude_categories=["Cs"]))))
def test_what_is_no_formula_comes_back_as_it_was(cells):
    assume(not any(map(grades.FORMULA.match, cells)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "marks.csv")
        grades.write(path, [["01", *cells]])
        with open(path, encoding="utf-8-sig", newline="") as file:
            assert list(csv.reader(file)) == [["01", *cells]]


# --- what comes out of a box

plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    lambda part: st.one_of(
        st.lists(part, max_size=4), st.tuples(part, part),
        st.dictionaries(st.one_of(st.text(), st.integers()), part, max_size=3),
    ),
)  # fmt: skip
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda part: st.one_of(st.lists(part, max_size=5), st.dictionaries(st.text(), part)),
)
KINDS = ("is", "dots", "array", "scalar", "bytes", "dict", "record", "tuple", "list", "set",
         "frozenset", "range", "generator", "kept", "yours")  # fmt: skip


def same(a, b):
    if isinstance(a, float):
        return type(b) is float and (a == b or (math.isnan(a) and math.isnan(b)))
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


@given(plain)
def test_plain_values_come_over_the_line_as_they_were(value):
    line = apart.Line(None)
    over = line.unpack(json.loads(json.dumps(line.pack(value))))
    assert same(value, over)


@given(st.sampled_from("?bhilqBHILQfd"), st.lists(st.integers(0, 3), max_size=3), st.booleans())
def test_arrays_come_over_the_line_as_they_were(kind, shape, writeable):
    array = np.arange(math.prod(shape)).astype(kind).reshape(shape)
    array.flags.writeable = writeable
    line = apart.Line(None)
    over = line.unpack(json.loads(json.dumps(line.pack(array))))
    assert (over.dtype, over.shape) == (array.dtype, array.shape)
    assert np.array_equal(over, array)
    assert over.flags.writeable == writeable


@given(st.one_of(anything, st.tuples(st.sampled_from(KINDS), anything, anything).map(list)))
def test_a_message_of_any_form_is_a_value_or_an_error_and_nothing_else(message):
    try:
        value = apart.Line(None).unpack(message)
    except Exception:  # SystemExit, say, would end the tests
        return
    assert not isinstance(value, type)
    assert type(value).__module__ in ("builtins", "numpy", "apart", "numpy.random._generator")


@given(st.one_of(st.binary(), anything.map(lambda value: json.dumps(value).encode())))
def test_whatever_lies_in_place_of_a_notebook_is_read_or_is_none(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.ipynb")
        path.write_bytes(data)
        assert course.digest(path) is None or len(course.digest(path)) == 5
        assert handed.sheet_cells(path, frozenset({"rate"})) == 0


@given(st.dictionaries(st.sampled_from(["grade_id", "points", "locked", "grade"]), anything))
def test_a_notebook_with_any_flags_is_read_or_is_none(flags):
    cell = nbformat.v4.new_code_cell("x", metadata={"nbgrader": flags})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.ipynb")
        path.write_text(json.dumps(nbformat.v4.new_notebook(cells=[cell])))
        assert course.digest(path) is None or len(course.digest(path)) == 5
        assert handed.sheet_cells(path, frozenset({"rate"})) in (0, 1)


# --- the solutions of the exercises


def answer(sheet, cell, **names):
    """What a solution defines."""
    path = sheets.folder() / sheet / f"{sheet}.ipynb"
    (found,) = (c for c in nbformat.read(path, as_version=4).cells if c.id == cell)
    names |= {"np": np, "norm": norm, "Mixture": Mixture, "log_density": log_density}
    exec(found.source, names)
    return names


@given(st.integers(1, 30), st.integers(1, 3), st.floats(0.1, 3), st.integers(0, 99))
def test_a_rate_is_at_most_that_of_as_many_symbols_as_rows_and_knows_no_order(n, k, step, seed):
    rate = answer("01-compression", "rate")["rate"]
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, k))
    bits = rate(z, step)
    assert -1e-9 <= bits <= k * np.log2(n) + 1e-9
    assert rate(rng.permutation(z), step) == pytest.approx(bits, abs=1e-9)
    assert rate(z[:, ::-1], step) == pytest.approx(bits, abs=1e-9)
    assert rate(np.concatenate([z, z]), step) == pytest.approx(bits, abs=1e-9)


@given(st.floats(1, 40), st.floats(0, 10))
def test_more_decibels_never_cost_less(psnr, more):
    bytes_at = answer("01-compression", "bytes-at")["bytes_at"]
    curve = np.array([[1.0, 0.040], [4.0, 0.016], [10.0, 0.009], [30.0, 0.0060]])
    assert bytes_at(curve, psnr) <= bytes_at(curve, psnr + more)


@given(st.integers(0, 10**6), st.integers(0, 100), st.integers(0, 100))
def test_a_decoder_pays_from_the_first_number_from_which_it_does(once, each, rival):
    n = answer("01-compression", "pays-from")["pays_from"](once, each, rival)
    if each >= rival:
        assert n == np.inf
        return
    assert once + each * n < rival * n
    assert n == 0 or once + each * (n - 1) >= rival * (n - 1)


@given(numbers, positive, numbers, positive)
def test_a_divergence_is_never_negative_and_zero_between_equals(m1, s1, m2, s2):
    kl = answer("05-two-modes", "kl-normals")["kl_normals"]
    kl_to = answer(SHEET, "kl-to")["kl_to"]
    one = kl(m1, s1, m2, s2)
    assert one >= -1e-9
    assert kl(m1, s1, m1, s1) == pytest.approx(0, abs=1e-9)
    other = kl_to(np.array([[m1, m1]]), np.log(np.array([[s1, s1]]) ** 2), m2, s2)
    assert other == pytest.approx([2 * one], rel=1e-6, abs=1e-6)


@given(st.lists(st.floats(-3000, 3000), min_size=1, max_size=9), st.floats(-1000, 1000))
def test_an_average_lies_between_the_least_and_the_largest_and_moves_along(values, shift):
    log_mean_exp = answer("08-how-likely", "log-mean-exp")["log_mean_exp"]
    a = np.array(values)
    mean = log_mean_exp(a)
    assert a.max() - np.log(len(a)) - 1e-6 <= mean <= a.max() + 1e-6
    assert log_mean_exp(a + shift) == pytest.approx(mean + shift, abs=1e-6)


@given(st.lists(numbers, min_size=3, max_size=40, unique=True), numbers, numbers, st.floats(1, 9))
def test_a_step_of_em_makes_no_data_less_likely(draws, one, other, sd):
    em_step = answer("05-two-modes", "em-step")["em_step"]
    x = np.array(draws)
    before = Mixture([0.4, 0.6], [one, other], [sd, sd])
    with np.errstate(all="ignore"):
        after = em_step(x, before)
    assume(np.all(np.isfinite(np.concatenate(after))))
    assume(np.min(after.sds) > 1e-3)  # a component on one draw is likely without bound
    assert log_density(x, after).mean() >= log_density(x, before).mean() - 1e-9
