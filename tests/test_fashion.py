"""A chapter on other pictures: Fashion-MNIST where it is found, else mirrored digits."""

import os
import tempfile

import nbformat
import numpy as np
import pytest
from conftest import NOTEBOOKS
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from aebook import DataError, data, load_mnist

CHAPTER = "03-variational-autoencoder"
# In the kernel of the chapter: other pictures are published as Fashion-MNIST.
PUBLISH = """
from pathlib import Path
from aebook import data
data.FASHION = data.FASHION._replace(sha256={sha256!r})
data.FASHION_PACKAGE = Path({folder!r})
"""


def digest(array):
    return data.hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def mirrored(folder):
    """The bundled digits, left and right exchanged, as a set of MNIST's form in a folder.

    Nobody would call them digits, and a network finds them as hard. Returns the cell that makes the
    loader take them for Fashion-MNIST.
    """
    sample = load_mnist("sample", quiet=True)
    arrays = {}
    for part in ("train", "test"):
        x = getattr(sample, f"x_{part}").reshape(-1, 28, 28)[:, :, ::-1]
        arrays[f"x_{part}"] = np.rint(x * 255).astype("uint8")
        arrays[f"y_{part}"] = getattr(sample, f"y_{part}").astype("uint8")
    np.savez(folder / "mnist.npz", **arrays)
    sha256 = {key: digest(array) for key, array in arrays.items()}
    return PUBLISH.format(sha256=sha256, folder=str(folder))


@pytest.fixture
def clothes(tmp_path):
    """A cell that makes AEBOOK_MNIST=fashion work: an empty one where Fashion-MNIST is here."""
    try:
        load_mnist("fashion", quiet=True)
    except DataError:
        return mirrored(tmp_path)
    return "pass"


def run(stem, cell):
    """Run a chapter on AEBOOK_MNIST=fashion, a cell put in after the first; its notebook."""
    (path,) = (p for p in NOTEBOOKS if p.stem == stem)
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells = [code[0], new_code_cell(cell), *code[1:]]
    with tempfile.TemporaryDirectory() as empty:
        client = NotebookClient(notebook, timeout=300, iopub_timeout=60, kernel_name="python3",
                                resources={"metadata": {"path": empty}})  # fmt: skip
        client.execute(env=os.environ | {"AEBOOK_MNIST": "fashion"})
    return notebook


@pytest.mark.slow
def test_chapter_3_runs_on_clothes_and_says_so(clothes):
    notebook = run(CHAPTER, clothes)
    said = "".join(out.get("text", "") for cell in notebook.cells for out in cell.outputs)
    assert "Fashion-MNIST: " in said


def test_mirrored_digits_are_a_set_of_the_same_form(tmp_path, monkeypatch):
    """So that the test above runs on every machine."""
    monkeypatch.setattr(data, "FASHION", data.FASHION)  # both are put back in the end
    monkeypatch.setattr(data, "FASHION_PACKAGE", data.FASHION_PACKAGE)
    exec(mirrored(tmp_path), {})
    mnist, sample = load_mnist("fashion", quiet=True), load_mnist("sample", quiet=True)
    assert not mnist.digits
    assert mnist.classes[0] == "T-shirt"
    assert len(mnist.x_train) == len(sample.x_train)
    turned = mnist.x_train[0].reshape(28, 28)[:, ::-1].ravel()
    np.testing.assert_allclose(turned, sample.x_train[0])
