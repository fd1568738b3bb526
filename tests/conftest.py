"""What the tests share: the paths of the project and its notebooks."""

import functools
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest

import aebook
from aebook.data import VARIABLE, resolve_named

resolve_named()  # nbval runs each notebook in its own folder
if find_spec("tensorflow") is None:  # as aebook.setup() does; test modules import Keras before
    os.environ.setdefault("KERAS_BACKEND", "jax")

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def pytest_generate_tests(metafunc):
    """A test with the argument `notebook_path` runs once for each chapter."""
    if "notebook_path" in metafunc.fixturenames:
        metafunc.parametrize("notebook_path", NOTEBOOKS, ids=[p.stem for p in NOTEBOOKS])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The cells that nbval runs read the MNIST that is named; where they read any."""
    for item in items:
        if not isinstance(item, pytest.Function) and reads_mnist(item.path):
            item.add_marker("mnist")


@functools.cache
def reads_mnist(path):
    return "load_mnist" in path.read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _what_is_named(request, monkeypatch):
    """To the tests without the marker it makes no difference which MNIST is named."""
    if "mnist" not in request.keywords:
        monkeypatch.setenv(VARIABLE, "sample")


@pytest.fixture
def notebook(notebook_path):
    return nbformat.read(notebook_path, as_version=4)


@pytest.fixture(scope="module", autouse=True)
def _setup():
    """As in a chapter's first cell, for the modules that use a backend; the others import none."""
    if "keras" in sys.modules:
        aebook.setup()
