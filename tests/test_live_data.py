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
from aebook.finding import auc
from aebook.live.packing import packed_layer, unpacked_kernel
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


STORED = [(path.stem, *found) for path in NOTEBOOKS for found in figures(path)]


@pytest.fixture(scope="module")
def vae():
    return build_vae(build_vae_encoder(), build_decoder())


@pytest.fixture(scope="module")
def digits():
    rng = np.random.default_rng(0)
    return rng.random((60, 784), "float32"), np.arange(60) % 10


NAMES = ["latent", "draw", "fit", "bottleneck", "learn", "gan", "sum", "between", "posterior",
         "flow", "repair", "alarm", "crowd", "arrows"]  # fmt: skip


def test_the_figures_are_in_the_book():
    assert {told["live"] for *_, told in STORED} == set(NAMES)


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
    assert modules == {told["live"] for *_, told in STORED}


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


@pytest.mark.parametrize("bits", [4, 5, 8])
def test_a_layer_in_few_bits_is_off_by_half_a_step_or_clipped_at_less_cost(bits):
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(50, 7)) * 10.0 ** np.arange(-3, 4)
    packed = packed_layer("it", kernel, np.arange(7.0), bits)
    assert packed["it_kernel"].dtype == "uint8"
    assert packed["it_kernel"].size == np.ceil(350 * bits / 8)
    off = np.abs(unpacked_kernel(packed, "it") - kernel)
    most = 2 ** (bits - 1) - 1
    # The scale itself is in half precision, which at the ends of a column costs some of a step.
    near = off <= packed["it_scale"] * (0.5 + most * 2**-11)
    assert np.all(near | (np.abs(kernel) > most * packed["it_scale"]))
    coarse = np.abs(kernel).max(axis=0) / most
    assert np.all((off**2).mean(axis=0) <= coarse**2 / 12 * 1.3)  # as if nothing were clipped
    assert np.array_equal(packed["it_bias"], np.arange(7.0))


def test_scores_in_256_steps_have_nearly_the_same_roc_curve():
    rng = np.random.default_rng(0)
    y = np.arange(3000) % 10
    score = [rng.gamma(4, 3, 3000) * (1 + 0.6 * (y == digit)) for digit in range(10)]
    figure = live.set_the_alarm({"error": score}, rng.random((3000, 784)), y)
    arrays, settings = live.unpack(figure.header, figure.payload)
    for digit in range(10):
        stepped, exact = (
            auc(arrays["levels"][0, digit].astype(float), y == digit),
            auc(score[digit], y == digit),
        )
        assert abs(stepped - exact) < 0.003
        low, step = settings["ranges"][0][digit]
        again = low + step * arrays["levels"][0, digit]
        assert np.abs(again - score[digit])[again < low + 254 * step].max() <= 0.51 * step
    rows = arrays["rows"].reshape(10, 2, -1)
    assert all(np.all(y[rows[d, 0]] == d) and np.all(y[rows[d, 1]] != d) for d in range(10))


def test_a_data_file_reads_back(tmp_path):
    header, payload = live.pack({"w": np.ones(3)}, {"text": "a = b;"})
    live.write_data(tmp_path, "w", header, payload)
    assert live.read_data(tmp_path / "w.js") == (header, payload)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_of_the_book_stands_alone(name):
    script = extension.classic_script(name)
    assert not re.search(r"^\s*(import|export)\b|\bimport\(|\bfetch\(|https?://", script, re.M)
    assert ("const WORKER" in script) == (
        name in ("learn", "gan")
    )  # who does not train carries no engine
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
    wide = build_vae(build_vae_encoder(latent_dim=5), build_decoder(5))
    figure = live.draw_a_digit([vae, wide], *digits)
    assert {WIDGET, "image/png"} <= set(figure._repr_mimebundle_()[0])
    widget = figure.widget()
    state = widget.get_state()
    assert state["_esm"] == live.module("draw")
    arrays, _ = live.unpack(state["header"], bytes(state["payload"]))
    for n, model in {2: vae, 5: wide}.items():
        kernel, _ = model.get_layer("decoder").get_layer("logits").get_weights()
        off = np.abs(unpacked_kernel(arrays, f"{n}_logits") - kernel)
        assert off.max() < arrays[f"{n}_logits_scale"].max()
    assert np.array_equal(arrays["code_y"], digits[1])


CELL = "from aebook import live\nlive.be_the_fit(([0.5, 0.5], [0, 5], [1, 1]))"


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
    header, _ = live.read_data(tmp_path / "latent.js")
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


@pytest.mark.built
def test_what_the_front_page_and_chapter_3_load_for_it_is_little():
    """Script, style and digits, and on the front page what starts it; goal: 700 KB."""
    names = ("live/figure-learn.js", "live/live.css", "live/digits.js", "start.js")
    sizes = [(HTML / "_static" / name).stat().st_size for name in names]
    assert 300_000 < sum(sizes) < 700_000


def test_a_vae_that_no_plane_can_show_is_refused(digits):
    wide = build_vae(build_vae_encoder(latent_dim=3), build_decoder(latent_dim=3))
    with pytest.raises(ValueError, match="2 latents and 784 pixels, this VAE has 3 and 784"):
        live.latent_explorer(wide, *digits)
    with pytest.raises(ValueError, match="2 latents and 784 pixels, this VAE has 3 and 784"):
        live.draw_a_digit([wide], *digits)


def test_how_far_a_code_usually_lies_from_the_nearest_that_is_shown():
    from aebook.live.figures import N_CODES, usual_distance

    shown = np.repeat([[0.0, 0], [10, 0]], N_CODES // 2, axis=0)
    others = np.stack([np.linspace(0, 5, 101), np.zeros(101)], axis=1)
    assert usual_distance(np.concatenate([shown, others])) == pytest.approx(4.95)


def test_the_posteriors_are_of_ten_digits_in_turn(vae, digits):
    x, y = digits
    with pytest.raises(ValueError, match="a picture of each digit in turn"):
        live.draw_from_the_posterior(vae, x[:10], y[:10][::-1])
