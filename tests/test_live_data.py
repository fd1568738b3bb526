"""Live figures without a browser: weights that are not stale, scripts on their pages, bundles."""

import re
import subprocess
import sys
import zlib

import nbformat
import numpy as np
import pytest
from _ext import live as extension
from conftest import NOTEBOOKS, ROOT
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from aebook import live
from aebook.data import load_mnist
from aebook.models import build_decoder, build_vae, build_vae_encoder

DATA = ROOT / "book" / "assets" / "live"
HTML = ROOT / "_build" / "html"
WIDGET = "application/vnd.jupyter.widget-view+json"


def figures(path):
    """(cell, output, what it says) of each live figure stored in a notebook."""
    for cell in nbformat.read(path, as_version=4).cells:
        for out in cell.get("outputs", []):
            if "aebook" in out.get("metadata", {}):
                yield cell, out, out.metadata["aebook"]


WAITING = {"learn"}  # its cell comes into chapter 3 with that chapter's new text
STORED = [(path.stem, *found) for path in NOTEBOOKS for found in figures(path)]


@pytest.fixture(scope="module")
def vae():
    return build_vae(build_vae_encoder(), build_decoder())


@pytest.fixture(scope="module")
def digits():
    rng = np.random.default_rng(0)
    return rng.random((60, 784), "float32"), np.arange(60) % 10


def test_the_four_figures_are_in_the_book():
    shown = {told["live"] for *_, told in STORED}
    assert shown - WAITING == {"latent", "draw", "modes", "bottleneck"}


@pytest.mark.parametrize(("chapter", "cell", "out", "told"), STORED, ids=[s[0] for s in STORED])
def test_the_data_beside_a_page_are_those_of_the_stored_run(chapter, cell, out, told):
    header, payload = live.read_data(DATA / f"{told['data']}.js")
    assert header["sha256"] == live.fingerprint(header, payload), "the file was changed by hand"
    stale = f"{chapter}, {cell.id}: run make execute CHAPTER={chapter[:2]}"
    assert header["sha256"] == told["sha256"], stale
    assert "image/png" in out.data
    assert WIDGET not in out.data


def test_nothing_lies_beside_the_pages_that_no_figure_uses():
    assert {p.stem for p in DATA.iterdir()} == {told["data"] for *_, told in STORED}
    modules = {p.stem for p in live.HERE.glob("*.js")} - {"common"}
    assert modules == {told["live"] for *_, told in STORED} | WAITING


def test_what_is_packed_comes_out_again():
    arrays = {"w": np.linspace(-3, 3, 60).reshape(3, 4, 5), "y": np.arange(7), "n": np.array([999])}
    header, payload = live.pack(arrays, {"a": [1.5]})
    unpacked, settings = live.unpack(header, payload)
    for name, array in arrays.items():
        assert unpacked[name].shape == array.shape
        assert np.allclose(unpacked[name], array, rtol=2**-11)
    assert settings == {"a": [1.5]}


def test_the_fingerprint_changes_with_any_number():
    arrays = {"w": np.ones((2, 3)), "y": np.arange(3)}
    changed = arrays | {"w": np.array([[1, 1, 1], [1, 1, 1.001]])}
    prints = {
        live.pack(a, s)[0]["sha256"]
        for a, s in [(arrays, {}), (changed, {}), (arrays, {"percentiles": [1]})]
    }
    assert len(prints) == 3


def test_a_data_file_reads_back(tmp_path):
    header, payload = live.pack({"w": np.ones(3)}, {"text": "a = b;"})
    live.write_data(tmp_path, "w", header, payload)
    assert live.read_data(tmp_path / "w.js") == (header, payload)


@pytest.mark.parametrize("name", ["latent", "draw", "modes", "bottleneck", "learn"])
def test_a_script_of_the_book_stands_alone(name):
    script = extension.classic_script(name)
    assert not re.search(r"^\s*(import|export)\b|\bimport\(|\bfetch\(|https?://", script, re.M)
    assert ("const WORKER" in script) == (name == "learn")  # who does not train carries no engine
    assert live.module(name).count("export default {") == 1


def test_scripts_are_loaded_where_a_figure_is_and_nowhere_else():
    pages = sorted(HTML.glob("[!_]*/*.html")) + sorted(HTML.glob("*.html"))
    assert pages, "the book is not built: run make book first"
    for path in pages:
        text = path.read_text(encoding="utf-8")
        wanted = {told["live"] for chapter, *_, told in STORED if chapter == path.stem}
        assert set(re.findall(r"live/figure-(\w+)\.js", text)) == wanted, path.name
        assert set(re.findall(r'data-live="(\w+)"', text)) == wanted, path.name
        assert ("live/live.css" in text) == bool(wanted), path.name


def test_without_widgets_a_figure_is_its_picture(vae, digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    bundle, metadata = live.latent_explorer(vae, *digits)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}
    assert metadata["aebook"]["live"] == "latent"


def test_with_widgets_it_carries_the_weights_of_the_running_notebook(vae, digits):
    pytest.importorskip("anywidget")
    figure = live.draw_a_digit(vae, *digits)
    assert {WIDGET, "image/png"} <= set(figure._repr_mimebundle_()[0])
    widget = figure.widget()
    state = widget.get_state()
    assert state["_esm"] == live.module("draw")
    arrays, _ = live.unpack(state["header"], bytes(state["payload"]))
    kernel, _ = vae.get_layer("decoder").get_layer("logits").get_weights()
    assert np.abs(arrays["logits_kernel"] - kernel).max() < 2**-11 * np.abs(kernel).max()
    assert np.array_equal(arrays["code_y"], digits[1])


CELL = "from aebook import live\nlive.two_modes()"


def shown(allow_stdin):
    """What a kernel shows of a figure when the front end asks so: {MIME type: data}."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        reply = []
        client.execute_interactive(CELL, allow_stdin=allow_stdin, output_hook=reply.append)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return next(m["content"]["data"] for m in reply if m["msg_type"] == "execute_result")


@pytest.mark.slow
def test_it_is_alive_where_a_person_could_be_asked_and_a_picture_where_a_program_runs_it():
    pytest.importorskip("anywidget")
    assert {WIDGET, "image/png"} <= set(shown(allow_stdin=True))
    assert set(shown(allow_stdin=False)) == {"text/plain", "image/png"}


@pytest.mark.slow
def test_a_page_exported_from_an_executed_notebook_holds_the_picture():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, kernel_name="python3").execute()
    page, _ = HTMLExporter().from_notebook_node(notebook)
    (output,) = notebook.cells[0].outputs
    assert f'src="data:image/png;base64,{output.data["image/png"].strip()}' in page
    assert "widgets" not in notebook.metadata


def test_switched_off_it_is_its_picture(vae, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(live.VARIABLE, "off")
    bundle, _ = live.latent_explorer(vae, *digits)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}
    assert not list(tmp_path.iterdir())


def test_the_pages_extension_needs_neither_a_backend_nor_matplotlib():
    heavy = {"matplotlib", "scipy", "pandas", "keras", "tensorflow", "jax", "torch", "IPython"}
    code = f"import sys, aebook.live; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_make_execute_gets_the_data_and_no_widget(vae, digits, tmp_path, monkeypatch):
    monkeypatch.setenv(live.VARIABLE, str(tmp_path))
    figure = live.latent_explorer(vae, *digits)
    bundle, metadata = figure._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}
    header, _ = live.read_data(tmp_path / "vae.js")
    assert header["sha256"] == metadata["aebook"]["sha256"]


def test_a_figure_that_trains_carries_digits_and_costs_a_page_little(vae, tmp_path, monkeypatch):
    """What the page makes of them, byte by byte; and what it loads in all."""
    monkeypatch.setenv(live.VARIABLE, str(tmp_path))
    mnist = load_mnist("sample", quiet=True)
    figure = live.learn(vae, mnist.x_train, mnist.x_test, mnist.y_test)
    bundle, metadata = figure._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}
    assert metadata["aebook"]["data"] == "digits"
    arrays, settings = live.unpack(*live.read_data(tmp_path / "digits.js"))
    pixels = np.frombuffer(zlib.decompress(arrays["digits"].tobytes()), "uint8").reshape(-1, 784)
    wanted = np.concatenate([mnist.x_train[:3000], mnist.x_test[:500]])
    assert settings == {"n_train": 3000}
    assert np.abs(pixels / 7 - wanted).max() <= 0.5 / 7 + 1e-6
    assert np.array_equal(arrays["y"], mnist.y_test[:500])
    sizes = [(tmp_path / "digits.js").stat().st_size, len(extension.classic_script("learn"))]
    assert sum(sizes) + live.STYLE.stat().st_size < 700_000


def test_a_vae_that_no_plane_can_show_is_refused(digits):
    wide = build_vae(build_vae_encoder(latent_dim=3), build_decoder(latent_dim=3))
    with pytest.raises(ValueError, match="2 latents and 784 pixels, this VAE has 3 and 784"):
        live.latent_explorer(wide, *digits)
