"""`make lab`: a chapter opens in JupyterLab, runs there, and its live figure answers."""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import nbformat
import pytest
from browsing import ROOT

CHAPTER = "05-two-modes"
STARTS = 60  # seconds that JupyterLab may take to answer


def few_cells(path):
    """The chapter with its set-up cell and its live figure only: what the test runs."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells = [code[0], next(cell for cell in code if cell.id == "live-modes")]
    for cell in notebook.cells:
        cell.outputs, cell.execution_count = [], None
        cell.source = cell.source.replace("two_modes", "([0.5, 0.5], [0, 5], [1, 1])")
    return notebook


@pytest.fixture
def lab(tmp_path):
    """The address at which `make lab CHAPTER=05` serves, in a copy: JupyterLab saves what runs."""
    for name in ("Makefile", "requirements.txt", "book/requirements.txt", "constraints.txt",
                 "pyproject.toml"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / "notebooks").mkdir()
    nbformat.write(
        few_cells(ROOT / "notebooks" / f"{CHAPTER}.ipynb"),
        tmp_path / "notebooks" / f"{CHAPTER}.ipynb",
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--no-browser --allow-root --ip=127.0.0.1 --port={port} --IdentityProvider.token=it"
    command = ["make", "lab", "CHAPTER=05", f"LAB={options}"]
    # JupyterLab's own settings in the copy, too; and the package from the checkout.
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
                                "IPYTHONDIR": str(tmp_path / "ipython")}  # fmt: skip
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log,
                                   start_new_session=True)  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + STARTS
        while True:
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < until, (tmp_path / "log").read_text()
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.5)
        yield f"{address}/lab/tree/notebooks/{CHAPTER}.ipynb?token=it&reset"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def test_a_chapters_figure_is_alive_in_jupyterlab(page, lab):
    page.goto(lab)
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click(timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").first.wait_for(timeout=60_000)
    for _ in range(2):
        page.keyboard.press("Shift+Enter")
    slider = page.get_by_role("slider", name="distance")
    slider.wait_for(timeout=60_000)
    canvas = page.locator(".jp-OutputArea canvas").first
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    slider.fill("7")
    page.wait_for_function(
        "([canvas, before]) => canvas.toDataURL() !== before",
        arg=[canvas.element_handle(), before],
    )
    assert slider.input_value() == "7"
