"""Re-execute the chapters in place, on the full MNIST, and store what came out, tidily.

    python tools/execute.py            every chapter
    python tools/execute.py 03 05      those whose name contains 03 or 05

Each notebook runs alone, in an empty folder, on TensorFlow and with the faces that code draws,
whatever KERAS_BACKEND and AEBOOK_FACES say. What is stored holds no timestamps and no kernel
details, so that executing twice on one machine leaves no difference, and the fingerprint of the
code that it comes from. A notebook that raises, takes too long, loses its kernel or writes to
standard error stays as it was. The data of its live figures, which they write while the notebook
runs, goes to book/assets/live together with the outputs; and the picture in the README, and the one
that other sites show, are put together from two of chapter 4's figures.
"""

import base64
import io
import os
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import card
import nbformat
import numpy as np
from fingerprint import fingerprint
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

from aebook import DataError, load_mnist
from aebook.data import resolve_named
from aebook.live import VARIABLE

ROOT = Path(__file__).resolve().parent.parent
LIVE = ROOT / "book" / "assets" / "live"
NEEDS = {"11-three-backends.ipynb": ("jax", "torch")}  # its stored outputs show all backends
PICTURE = ROOT / "book" / "assets" / "readme.png"
SHOWN = "04-latent-space.ipynb", ("test-set-plane", "decoded-grid")
THE_BOOKS = {"KERAS_BACKEND": "tensorflow", "AEBOOK_FACES": ""}
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SMOOTH, EDGE = 2, 32  # of 255: how far a palette may move nine pixels of ten, and any single one


def in_256_colours(picture):
    """An opaque picture with a palette, chosen for it."""
    full = picture.convert("RGB")
    return full.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=10, dither=Image.Dither.NONE)


def paletted(picture):
    """An opaque picture in 256 colours, where the eye sees no difference, else in full colour.

    A smooth area shows bands when its colours move by more than SMOOTH: photographs and heat maps
    stay as they are. The pixels of an edge, of which a figure has few, may move by up to EDGE.
    """
    full, few = picture.convert("RGB"), in_256_colours(picture)
    moved = np.abs(np.subtract(few.convert("RGB"), full, dtype="float32")).max(axis=-1)
    unseen = np.quantile(moved, 0.9) <= SMOOTH and moved.max() <= EDGE
    return few if unseen else full


def shrunk(png):
    """A PNG, in base64, with the palette that `paletted` gives it, at the same resolution."""
    picture, file = Image.open(io.BytesIO(base64.b64decode(png))), io.BytesIO()
    paletted(picture).save(file, "png", optimize=True, dpi=picture.info["dpi"])
    return base64.b64encode(file.getvalue()).decode()


def normalise(notebook):
    """Drop from an executed notebook all that differs from run to run; give pictures a palette."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = shrunk(output.data["image/png"])
    return notebook


def stderr_of(notebook):
    """(cell id, text) of the first output on standard error, or None."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                return cell.id, output.text
    return None


def side_by_side(notebook, cells, height=520):
    """The stored figures of these cells as one picture of that height, in pixels."""
    figures = {c.id: out.data["image/png"] for c in notebook.cells if c.id in cells
               for out in c.outputs if "image/png" in out.get("data", {})}  # fmt: skip
    parts = [Image.open(io.BytesIO(base64.b64decode(figures[cell]))) for cell in cells]
    parts = [part.convert("RGB").resize((part.width * height // part.height, height), Image.LANCZOS)
             for part in parts]  # fmt: skip
    picture = Image.new("RGB", (sum(part.width for part in parts) + height // 8, height), "white")
    picture.paste(parts[0], (0, 0))
    picture.paste(parts[1], (picture.width - parts[1].width, 0))
    return picture


def execute(path):
    """Run one notebook and store it; return an error text, or None."""
    notebook = nbformat.read(path, as_version=4)
    code = fingerprint(notebook)
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as live:
        # On a busy machine a kernel's words come late; those that nobody waits for are lost.
        client = NotebookClient(notebook, timeout=600, iopub_timeout=60, coalesce_streams=True,
                                kernel_name="python3", resources={"metadata": {"path": empty}},
                                extra_arguments=["--log-level=ERROR"])  # fmt: skip
        try:
            client.execute(env=os.environ | THE_BOOKS | {VARIABLE: live})
        except FAILURES as error:
            return str(error)
        if spoken := stderr_of(notebook):
            return f"cell {spoken[0]} wrote to standard error: {spoken[1]}"
        for data in Path(live).iterdir():
            shutil.copy(data, LIVE)
    part = path.with_suffix(".part")
    notebook = normalise(notebook)
    notebook.metadata["aebook"] = {"code": code}
    nbformat.write(notebook, part)
    part.replace(path)
    if path.name == SHOWN[0]:
        figures = side_by_side(notebook, SHOWN[1])
        in_256_colours(figures).save(PICTURE, optimize=True)
        in_256_colours(card.make(figures)).save(card.CARD, optimize=True)
    return None


def main(wanted):
    resolve_named()
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        mnist = load_mnist(quiet=True)
    except DataError as error:
        sys.exit(f"execute: {error}")
    if len(mnist.x_train) != 60_000:
        sys.exit("execute: stored outputs come from the full MNIST; " + mnist.source)
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    paths = [p for p in paths if not wanted or any(word in p.name for word in wanted)]
    if not paths:
        sys.exit(f"execute: no notebook's name contains {' or '.join(wanted)}")
    failed = 0
    for path in paths:
        start = time.monotonic()
        print(f"{path.name} ...", end=" ", flush=True)
        if missing := [name for name in NEEDS.get(path.name, ()) if find_spec(name) is None]:
            print("FAILED:" if wanted else "left as it is:", f"needs {', '.join(missing)};",
                  "make .venv/torch fetches it")  # fmt: skip
            failed += bool(wanted)
            continue
        error = execute(path)
        print(f"{time.monotonic() - start:.0f} s" if error is None else f"FAILED\n{error}")
        failed += error is not None
    sys.exit(f"execute: {failed} failed and stayed as they were" if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
