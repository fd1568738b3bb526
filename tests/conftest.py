"""What the tests share: the paths of the project and its notebooks."""

from pathlib import Path

import nbformat
import pytest

import aebook
from aebook.data import resolve_named

resolve_named()  # nbval runs each notebook in its own folder

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def pytest_generate_tests(metafunc):
    """A test with the argument `notebook_path` runs once for each chapter."""
    if "notebook_path" in metafunc.fixturenames:
        metafunc.parametrize("notebook_path", NOTEBOOKS, ids=[p.stem for p in NOTEBOOKS])


@pytest.fixture
def notebook(notebook_path):
    return nbformat.read(notebook_path, as_version=4)


@pytest.fixture(scope="session", autouse=True)
def _setup():
    aebook.setup()
