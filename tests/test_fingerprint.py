"""Stored outputs are stale when, and only when, something changed that they come from."""

import ast

import fingerprint
import nbformat
import pytest
from conftest import ROOT

CHAPTER = {
    "set-up": "import aebook",
    "cell 1": "%matplotlib inline\nfrom aebook import plots",
    "cell 2": "print(f'{plots.a():.1f}')",
    "__init__.py": '"""All."""\n__version__ = "1.0"\n',
    "plots.py": '"""Figures."""\nfrom aebook.data import b\ndef a():\n    """A."""\n    return b\n',
    "data.py": "b = 1\n",
    "gan.py": "b = 2\n",
    "book.mplstyle": "font.size: 11\n",
    "common.js": "export default {};\n",
}


@pytest.fixture
def printed(tmp_path):
    """The fingerprint of this small chapter with something in one of its sources replaced."""
    (tmp_path / "aebook").mkdir()

    def of(place="set-up", old="", new=""):
        assert old in CHAPTER[place]
        sources = CHAPTER | {place: CHAPTER[place].replace(old, new) if old else CHAPTER[place]}
        files = {name: text for name, text in sources.items() if "." in name}
        for name, text in files.items():
            (tmp_path / "aebook" / name).write_text(text, encoding="utf-8")
        cells = [nbformat.v4.new_code_cell(t) for name, t in sources.items() if name not in files]
        return fingerprint.fingerprint(nbformat.v4.new_notebook(cells=cells), tmp_path)

    return of


@pytest.mark.parametrize(
    "change",
    [
        ("cell 2", ".1f", ".2f"),
        ("cell 1", "inline", "widget"),
        ("plots.py", "return b", "return 2 * b"),
        ("data.py", "1", "3"),  # used by what the chapter uses
        ("__init__.py", "\n", "\nc = 1\n"),
        ("book.mplstyle", "11", "12"),
    ],
    ids=str,
)
def test_a_change_of_what_is_run_counts(printed, change):
    assert printed(*change) != printed()


@pytest.mark.parametrize(
    "change",
    [
        ("__init__.py", "1.0", "2.0"),
        ("set-up", "aebook", "another"),  # adopting the book changes it
        ("cell 2", "print", "# now\nprint"),
        ("plots.py", "Figures", "Pictures"),
        ("plots.py", '"""A."""', '"""Another."""  # and a comment'),
        ("gan.py", "2", "3"),  # not used
        ("common.js", "{}", "{ render }"),  # runs in the reader's page
    ],
    ids=str,
)
def test_a_change_of_what_is_said_or_not_used_does_not(printed, change):
    assert printed(*change) == printed()


def test_what_another_process_runs_counts():
    """As chapter 12's worker."""
    cell = ast.parse('run("-m", "aebook.distributed.launch")')
    found = {path.relative_to(ROOT / "aebook").as_posix() for path in fingerprint.helpers([cell])}
    assert {"distributed/launch.py", "distributed/worker.py", "streaming.py"} <= found
