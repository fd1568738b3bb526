"""What `make execute` and the lock do, without running a chapter."""

import base64
import io
import os
import re
import subprocess
import sys
import types

import card
import execute
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from conftest import ROOT
from fingerprint import fingerprint
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

from aebook import data, plots


def test_normalise_drops_what_differs_from_run_to_run():
    cell = nbformat.v4.new_code_cell("1", metadata={"execution": {"x": "12:00"}, "tags": ["kept"]})
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {}})
    notebook = execute.normalise(notebook)
    assert notebook.metadata == execute.METADATA
    assert notebook.cells[0].metadata == {"tags": ["kept"]}


def stored(draw):
    """The picture of a figure, and what `normalise` makes of it."""
    figure, ax = plt.subplots(figsize=(4, 3), dpi=130)
    draw(ax)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    png = base64.b64encode(file.getvalue()).decode()
    output = nbformat.v4.new_output("display_data", {"image/png": png})
    cell = nbformat.v4.new_code_cell("1", outputs=[output])
    execute.normalise(nbformat.v4.new_notebook(cells=[cell]))
    return Image.open(file), Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))


def test_a_figure_is_stored_with_a_palette():
    def lines_and_dots(ax):
        for k in range(10):
            ax.plot(np.arange(9) * k, "o-", color=plots.DIGIT_COLOURS[k], alpha=0.6)

    before, after = stored(lines_and_dots)
    assert after.mode == "P"
    assert (after.size, after.info["dpi"]) == (before.size, before.info["dpi"])
    moved = np.abs(np.subtract(after.convert("RGB"), before.convert("RGB"), dtype="float32"))
    assert np.quantile(moved, 0.9) <= 2  # of 255
    assert moved.max() <= 32


def test_what_a_palette_would_band_keeps_its_colours():
    ramp = np.linspace(0, 1, 200)
    colours = np.stack([*np.meshgrid(ramp, ramp), np.full((200, 200), 0.5)], axis=-1)
    before, after = stored(lambda ax: ax.imshow(colours))
    assert after.mode == "RGB"
    assert not np.subtract(after, before.convert("RGB"), dtype="float32").any()


def test_standard_error_is_found():
    cell = nbformat.v4.new_code_cell("1")
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="fine")]
    notebook = nbformat.v4.new_notebook(cells=[cell])
    assert execute.stderr_of(notebook) is None
    notebook.cells[0].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="oh"))
    assert execute.stderr_of(notebook) == (notebook.cells[0].id, "oh")


@pytest.mark.parametrize(
    ("path", "made"), [(execute.PICTURE, lambda figures: figures), (card.CARD, card.make)]
)
def test_the_pictures_shown_elsewhere_show_what_chapter_4_stores(path, made):
    name, cells = execute.SHOWN
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    shown, stored = Image.open(path), made(execute.side_by_side(notebook, cells))
    assert shown.size == stored.size
    apart = np.subtract(shown.convert("RGB"), stored, dtype="float32")
    assert np.abs(apart).mean() < 1  # of 255; the palette moves it by 0.7, a pixel to the left by 6


@pytest.mark.slow
def test_execute_refuses_the_sample(monkeypatch):
    monkeypatch.setenv("AEBOOK_MNIST", "sample")
    with pytest.raises(SystemExit, match="stored outputs come from the full MNIST"):
        execute.main([])


@pytest.fixture
def client(monkeypatch, tmp_path):
    """A notebook, and in place of the client that runs one what it is given and raises."""
    given = types.SimpleNamespace(raises=None, path=tmp_path / "00.ipynb")
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), given.path)

    class Client:
        def __init__(self, notebook, **options):
            pass

        def execute(self, env):
            given.env = env
            if given.raises:
                raise given.raises

    monkeypatch.setattr(execute, "NotebookClient", Client)
    return given


def test_stored_outputs_are_tensorflows_and_of_drawn_faces(client, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("AEBOOK_FACES", "/photographs")
    assert execute.execute(client.path) is None
    assert client.env["KERAS_BACKEND"] == "tensorflow"
    assert client.env["AEBOOK_FACES"] == ""


def test_what_is_stored_names_the_code_that_it_comes_from(client):
    before = nbformat.read(client.path, as_version=4)
    assert execute.execute(client.path) is None
    code = {"code": fingerprint(before)}
    assert nbformat.read(client.path, as_version=4).metadata["aebook"] == code


@pytest.mark.parametrize(
    "error",
    [
        CellExecutionError("", "NameError", "no x"),
        CellTimeoutError("after 600 s"),
        DeadKernelError("died"),
    ],
)
def test_whatever_ends_a_chapter_is_said_and_nothing_is_stored(client, error):
    before = client.path.read_bytes()
    client.raises = error
    assert str(error) in execute.execute(client.path)
    assert client.path.read_bytes() == before


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("mnist.npz", "{here}/mnist.npz"),
        ("data/../mnist.npz", "{here}/mnist.npz"),
        ("~/mnist.npz", "{home}/mnist.npz"),
        ("~no-such-user/mnist.npz", "~no-such-user/mnist.npz"),
        ("/srv/mnist.npz", "/srv/mnist.npz"),
        ("sample", "sample"),
        ("", ""),
    ],
)
def test_a_path_in_the_variable_holds_in_every_folder(tmp_path, monkeypatch, named, found):
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AEBOOK_MNIST", named)
    data.resolve_named()
    assert os.environ["AEBOOK_MNIST"] == found.format(here=here, home=home)


@pytest.mark.parametrize("tool", ["tools/execute.py", "tools/colab.py", "benchmarks/measure.py"])
@pytest.mark.slow
def test_what_runs_chapters_elsewhere_resolves_the_variable_first(tool):
    """Stopped where it resolves, in a process of its own, it has not run anything yet."""
    stop = (
        "import runpy, sys\n"
        f"sys.path[:0] = [{str(ROOT)!r}, {str((ROOT / tool).parent)!r}]\n"
        "from aebook import data\n"
        "data.resolve_named = lambda: sys.exit('resolved')\n"
        f"sys.argv = [{tool!r}, 'pages']\n"
        f"runpy.run_path({str(ROOT / tool)!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", stop], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1:] == ["resolved"], done.stderr


def test_execute_never_stores_a_chapter_without_the_backends_it_shows(monkeypatch, capsys):
    full = types.SimpleNamespace(x_train=range(60_000))
    monkeypatch.setattr(execute, "load_mnist", lambda quiet: full)
    monkeypatch.setattr(execute, "find_spec", lambda name: None if name == "torch" else name)
    ran = []
    monkeypatch.setattr(execute, "execute", lambda path: ran.append(path.name))
    with pytest.raises(SystemExit) as end:
        execute.main([])
    assert end.value.code == 0
    assert "left as it is: needs torch;" in capsys.readouterr().out
    assert "12-beyond-one-machine.ipynb" in ran
    assert "11-three-backends.ipynb" not in ran
    with pytest.raises(SystemExit, match="1 failed"):
        execute.main(["11"])  # asked for by name


def test_the_lock_pins_every_direct_need_and_names_no_index():
    lock = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in lock
    for needs in (
        "requirements.txt",
        "book/requirements.txt",
        "benchmarks/requirements-torch.txt",
        "deploy/jupyterhub/requirements.txt",
        "solutions/requirements.txt",
        "tests/browser/requirements.txt",
        "tests/class/requirements.txt",
    ):
        for line in (ROOT / needs).read_text(encoding="utf-8").splitlines():
            if name := re.match(r"\w[\w-]*", line):
                assert re.search(rf"^{name.group()}==", lock, re.M), name.group()
