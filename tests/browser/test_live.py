"""The live figures in a real browser: their numbers are Python's, and all of it can be worked."""

import base64
import os
import re
from collections import Counter

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import nbformat
import numpy as np
import pytest
from browsing import ROOT
from figures import CHAPTERS, DATA, SIZES, STORED, Figure, vae_from
from keras import ops

from aebook import live, models
from aebook.compression import rmse


@pytest.fixture(scope="module")
def stored():
    """The VAEs beside the page, of two latents and of more; and the other arrays and settings."""
    arrays, settings = live.unpack(*live.read_data(DATA / "draw.js"))
    return [vae_from(arrays, f"{n}_", n) for n in settings["latents"]], arrays, settings


@pytest.mark.parametrize("name", CHAPTERS)
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_figure_lives_and_asks_no_other_host(open_figure, page, book, name, scheme):
    figure = open_figure(name, scheme)
    assert figure.place.locator("canvas").count() > 0
    still = figure.place.locator("xpath=following-sibling::img")
    assert not still.is_visible()
    page.emulate_media(media="print")
    assert still.is_visible()
    assert not figure.place.is_visible()
    assert [a for a in page.asked if not a.startswith((book("", scheme), "data:", "blob:"))] == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_without_javascript_the_picture_stands_there(browser, book, name):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(book(f"notebooks/{CHAPTERS[name]}.html"))
        assert page.locator(f'[data-live="{name}"] ~ img').is_visible()


@pytest.mark.parametrize("name", CHAPTERS)
def test_as_an_ipython_widget_the_same_module_runs(page, book, name):
    """What anywidget does: import the module, hand it a model with the traits, and an element."""
    header, payload = live.read_data(DATA / f"{STORED[name][1]}.js")
    page.goto(book())
    shown = page.evaluate(
        """async ([esm, header, text]) => {
            const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
            const url = URL.createObjectURL(new Blob([esm], {type: "text/javascript"}));
            const { default: figure } = await import(url);
            const traits = { header, payload: new DataView(bytes.buffer) };
            const el = document.body.appendChild(document.createElement("div"));
            await figure.render({ model: { get: key => traits[key], on() {} }, el });
            return [el.querySelectorAll("canvas").length, Object.keys(el.live).length] }""",
        [live.module(name), header, base64.b64encode(payload).decode()],
    )
    assert min(shown) > 0
    assert page.errors == []


# --- what they draw from


# Notes the length of every long array of floats that is made, and of every text in base64 read.
MADE = """globalThis.made = [];
globalThis.Float32Array = new Proxy(Float32Array, { construct(Type, given) {
    const array = new Type(...given);
    if (array.length > 50_000) made.push(array.length);
    return array;
} });
const { fromBase64 } = Uint8Array, { atob } = globalThis;
Uint8Array.fromBase64 = (text) => { made.push(`text ${text.length}`); return fromBase64(text); };
globalThis.atob = (text) => { made.push("piece"); return atob(text); };"""


def test_what_the_figures_of_a_page_draw_from_is_unpacked_once(open_figure, page):
    page.add_init_script(MADE)
    figure = open_figure("latent")
    wanted, layers = [], []
    for name in ("latent", "draw", "between"):
        page.wait_for_selector(f"[data-live={name}].live-ready", state="attached")
        header, payload = live.read_data(DATA / f"{name}.js")
        sizes = [int(np.prod(shape)) for _, shape, _ in header["arrays"].values()]
        wanted += [f"text {len(base64.b64encode(payload))}", *(str(n) for n in sizes if n > 50_000)]
        kernels = zip(header["arrays"], sizes, strict=True)
        layers += [str(n) for which, n in kernels if which.endswith("_kernel") and n > 50_000]
        assert sum(f"/live/{name}.js" in address for address in page.asked) == 1
    made = Counter(map(str, page.evaluate("made")))
    assert made >= Counter(wanted)
    assert made - Counter(wanted) <= Counter(layers)  # from whole numbers to weights
    figure.call("decode", [0, 0])
    assert page.evaluate("made.length") == made.total()


def test_a_browser_that_cannot_read_base64_gets_the_same_numbers(open_figure, page):
    usual = open_figure("latent").call("decode", [1, 1])
    page.add_init_script(MADE + "delete Uint8Array.fromBase64;")
    assert open_figure("latent").call("decode", [1, 1]) == usual
    assert page.evaluate("made.filter((what) => what === 'piece').length") > 10


def test_a_figure_that_fails_leaves_the_next_one_its_turn(page, book):
    def break_it(route):
        text = route.fetch().text()
        assert "figure.render(" in text
        route.fulfill(body=text.replace("figure.render(", "missing.render("))

    page.route("**/figure-draw.js*", break_it)
    page.goto(book(f"notebooks/{CHAPTERS['latent']}.html"))
    for name, outcome in {"draw": "live-failed", "latent": "live-ready"}.items():
        page.locator(f"[data-live={name}]").scroll_into_view_if_needed()
        page.wait_for_selector(f"[data-live={name}].{outcome}", state="attached")
    assert any("missing is not defined" in error for error in page.errors)


def test_every_half_becomes_the_float_that_numpy_makes_of_it(page):
    halves = np.arange(2**16, dtype="uint16")
    halves = halves[np.isfinite(halves.view("float16"))]
    common = (live.HERE / "common.js").read_text(encoding="utf-8")
    asked = f"""halves => {{ {common}
        return Array.from(new Uint32Array(floats(Uint16Array.from(halves)).buffer)) }}"""
    bits = np.array(page.evaluate(asked, halves.tolist()), "uint32")
    assert np.array_equal(bits, halves.view("float16").astype("float32").view("uint32"))


# --- drawing


def test_encoding_decoding_and_the_loss_equal_keras_whatever_the_latents(open_figure, stored):
    vaes, arrays, settings = stored
    figure = open_figure("draw")
    assert settings["latents"][0] == 2
    for k, vae in enumerate(vaes):
        z = np.random.default_rng(0).normal(size=(10, settings["latents"][k]))
        ours = [figure.call("decode", point, k) for point in z]
        assert np.abs(models.decode(vae, z) - ours).max() < 1e-5
        usual = np.array(settings["percentiles"][k])
        for i in range(0, len(arrays["images"]), 9):
            x = arrays["images"][[i]] / np.float32(255)
            z_mean, z_log_var = models.encode(vae, x)
            logits = vae.get_layer("decoder")(z_mean)
            reconstruction = float(models.reconstruction_loss(x, logits)[0])
            kl = float(ops.convert_to_numpy(models.kl_loss(z_mean, z_log_var))[0])
            code = figure.call("terms", x[0], k)
            assert np.abs(z_mean[0] - code["mean"]).max() < 1e-4
            assert np.abs(z_log_var[0] - code["logVar"]).max() < 1e-4
            assert np.allclose(code["terms"], [reconstruction, kl, reconstruction + kl], atol=1e-2)
            below = np.interp(reconstruction, usual, np.arange(101))
            assert abs(figure.call("rank", reconstruction, k) - below) <= 1


def test_eight_bits_a_weight_leave_the_codes_where_the_run_put_them(stored):
    vaes, arrays, settings = stored
    x = arrays["images"] / np.float32(255)
    for n, vae in zip(settings["latents"], vaes, strict=True):
        z_mean = models.encode(vae, x)[0]
        assert np.abs(z_mean - arrays[f"{n}_code_mean"][arrays["image_row"]]).max() < 0.1


def test_with_more_latents_the_same_digits_come_back_sharper(open_figure):
    """The lesson of the figure, for each digit and on average, as the reader sees it."""
    figure = open_figure("draw")
    errors = []
    for digit in range(10):
        figure.place.get_by_label("sample").select_option(str(digit))
        errors.append([code["terms"][0] for code in figure.call("state")["codes"]])
    narrow, wide = np.transpose(errors)[[0, -1]]
    assert np.all(wide < narrow)
    assert wide.mean() < 0.75 * narrow.mean()
    figure.place.get_by_label("10", exact=True).check()
    rows = figure.place.locator("tbody tr").all_inner_texts()
    assert [float(text) for text in rows[0].split()[-2:]] == [round(v, 1) for v in errors[-1]]


def test_a_drawing_is_prepared_as_mnist_prepares_one(open_figure, stored):
    _, arrays, _ = stored
    figure = open_figure("draw")
    for i in range(5, len(arrays["images"]), 8):
        x = arrays["images"][i].reshape(28, 28) / 255
        large = np.roll(np.kron(x, np.ones((5, 5))), (-7, 9), axis=(0, 1))  # drawn off the middle
        ours = np.reshape(figure.call("prepare", large.ravel(), 140), (28, 28))
        rows, columns = np.nonzero(ours > 0.02)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        at = np.array([ours.sum(axis=1 - k) @ np.arange(28) / ours.sum() for k in (0, 1)])
        assert np.abs(at - 14).max() <= 0.51
        # What MNIST's makers prepared stays nearly as they left it: no more than a pixel off.
        shifts = [np.roll(ours, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        assert min(rmse(x, moved) for moved in shifts) < 0.12
    assert figure.call("prepare", np.zeros(140 * 140), 140) is None


def test_drawing_with_the_mouse_gets_an_answer(open_figure, page):
    figure = open_figure("draw")
    figure.place.get_by_role("button", name="Clear").click()
    assert "Draw a digit" in figure.said()
    assert figure.call("state")["codes"] == [None, None]
    box = figure.place.locator("canvas").first.bounding_box()
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(middle, box["y"] + box["height"] - 40, steps=10)
    page.mouse.up()
    codes = figure.call("state")["codes"]
    for k, code in enumerate(codes):
        assert figure.call("neighbours", code["mean"], k)[0][0] == 1  # a stroke is a 1
    said, (reconstruction, kl, _) = figure.said(), codes[0]["terms"]
    assert f"Reconstruction {reconstruction:.1f} nats, KL {kl:.1f} nats by 2 latents" in said


def test_the_paper_is_blank_at_first_and_a_stroke_can_be_taken_back(open_figure, page):
    figure = open_figure("draw")
    assert figure.call("state")["x"] is None
    paper = figure.place.locator(".live-paper")
    assert "It shows nothing" in paper.get_attribute("aria-label")
    figure.place.get_by_label("sample").select_option("house")
    paper.scroll_into_view_if_needed()
    box, drawn = paper.bounding_box(), []
    for u in (0.3, 0.7):  # the first stroke takes the house away, the second stays beside it
        page.mouse.move(box["x"] + u * box["width"], box["y"] + 0.2 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + u * box["width"], box["y"] + 0.8 * box["height"], steps=5)
        page.mouse.up()
        drawn.append(figure.call("state")["x"])
    assert drawn[0] != drawn[1]
    figure.place.get_by_role("button", name="Undo").click()
    assert figure.call("state")["x"] == drawn[0]
    figure.place.get_by_role("button", name="Undo").click()
    assert figure.call("state")["x"] is None


def test_what_is_no_digit_is_told_apart(open_figure):
    figure = open_figure("draw")
    samples = figure.place.get_by_label("sample")
    values = samples.locator("option").evaluate_all("list => list.map(o => o.value)")
    ranks = {}
    for value in values[1:]:
        samples.select_option(value)
        (error, *_), kind = figure.call("state")["codes"][0]["terms"], "digit"
        ranks.setdefault(kind if value.isdigit() else "other", []).append(
            figure.call("rank", error)
        )
    # Not a letter A, which passes for a digit here: the error is no certificate.
    assert min(ranks["other"]) > np.mean(ranks["digit"])
    assert np.mean(ranks["other"]) > 90
    assert max(ranks["other"]) > 95
    assert "can hardly draw this" in figure.said()


def test_one_finger_draws_and_the_palm_beside_it_is_not_heard(browser, book):
    with browser.new_context(has_touch=True, viewport={"width": 375, "height": 667}) as context:
        page = context.new_page()
        page.goto(book(f"notebooks/{CHAPTERS['draw']}.html"))
        figure = Figure(page, "draw")
        figure.place.scroll_into_view_if_needed()
        box, touch = (
            figure.place.locator(".live-paper").bounding_box(),
            context.new_cdp_session(page),
        )
        at = lambda i, u, v: {"id": i, "x": box["x"] + u * box["width"],  # noqa: E731
                              "y": box["y"] + v * box["height"]}  # fmt: skip
        for kind, points in [("touchStart", [at(0, 0.5, 0.2)]),
                             ("touchStart", [at(0, 0.5, 0.2), at(1, 0.9, 0.9)]),
                             ("touchMove", [at(0, 0.5, 0.5), at(1, 0.8, 0.9)]),
                             ("touchMove", [at(0, 0.5, 0.8), at(1, 0.7, 0.9)]),
                             ("touchEnd", [])]:  # fmt: skip
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        code = figure.call("state")["codes"][0]
        assert figure.call("neighbours", code["mean"])[0][0] == 1


def test_the_address_says_size_and_sample_and_sets_them(open_figure, page):
    figure = open_figure("draw")
    page.evaluate("location.hash = '#draw?sample=5&latents=10'")
    page.wait_for_function("place => place.live.state().chosen === 1", arg=figure.handle)
    assert figure.call("state")["sample"] == "5"
    assert figure.place.get_by_label("10", exact=True).is_checked()
    figure.place.get_by_label("sample").select_option("star")
    assert page.evaluate("location.hash") == "#draw?latents=10&sample=star"
    figure.place.get_by_label("2", exact=True).check()
    figure.place.get_by_role("button", name="Clear").click()
    assert page.evaluate("location.hash") == "#draw"
    page.evaluate("location.hash = '#draw?sample=cat&latents=3'")
    figure.settle()
    state = figure.call("state")
    assert (state["sample"], state["chosen"]) == ("", 0)


# --- the bottleneck


def test_bytes_and_errors_are_those_of_the_run(open_figure):
    arrays, settings = live.unpack(*live.read_data(DATA / "bottleneck.js"))
    settings.pop("own")  # of the reader's drawing
    figure = open_figure("bottleneck")
    slider = figure.place.get_by_label("size of the code")
    last = int(slider.get_attribute("max"))
    x = arrays["x"] / 255
    for position in range(0, last + 1, 3):
        figure.slide("size of the code", position)
        budget = figure.call("budget")
        lines = figure.place.locator(".live-title").all_inner_texts()
        for k, (name, code) in enumerate(settings.items()):
            i = max(i for i, size in enumerate(code["bytes"]) if size <= budget)
            wanted = code["bytes"][i], code["latents"][i], code["rmse"][i]
            (line,) = [line for line in lines if line.startswith(f"{name}: ")]
            numbers = [float(text) for text in re.findall(r"\d+(?:\.\d+)?", line)]
            assert np.allclose(numbers[:3], wanted, rtol=0, atol=[0.051, 0, 0.00051])
            assert abs(numbers[3] + 20 * np.log10(code["rmse"][i])) < 0.051
            x_hat = arrays[f"x_hat_{k}"][i] / 255
            assert abs(figure.call("shownRmse", k) - rmse(x, x_hat)) < 1e-6
            assert abs(rmse(x, x_hat) - code["rmse"][i]) < 0.05  # ten digits for a thousand


def test_the_stored_run_printed_the_same_bytes():
    _, settings = live.unpack(*live.read_data(DATA / "bottleneck.js"))
    notebook = nbformat.read(ROOT / "notebooks" / "01-compression.ipynb", as_version=4)
    table = next(c for c in notebook.cells if c.id == "pca-curve").outputs[0].data["text/plain"]
    size, rmse, *_ = table.splitlines()[1].split()
    assert float(size) == round(settings["PCA"]["bytes"][0], 1)
    assert float(rmse) == round(settings["PCA"]["rmse"][0], 3)


# --- everybody

WORK = {  # of figures that have no file of their own for this: controls to be clicked
    "latent": ["Step"],
    "draw": ["10"],
    "between": ["Widest hole", "100 draws"],
    "posterior": ["New ε"],
}


@pytest.mark.parametrize("name", WORK)
def test_axe_finds_nothing_in_any_state(open_figure, page, name):
    page.emulate_media(reduced_motion="reduce")
    figure = open_figure(name)

    def work():
        for label in WORK[name]:
            named = figure.place.get_by_label(label, exact=True)
            named.or_(figure.place.get_by_role("button", name=label, exact=True)).first.click()

    assert figure.faults(work) == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


@SIZES
@pytest.mark.parametrize("name", ["latent", "draw", "between", "posterior"])
def test_a_figure_fits_the_screen_and_nothing_in_it_moves(open_figure, page, name, width, height):
    page.set_viewport_size({"width": width, "height": height})
    figure = open_figure(name)
    figure.look()
    before = figure.on_one_screen(height)
    for control in figure.place.locator("button:visible, select:visible").all():
        if control.evaluate("e => e.tagName") == "SELECT":
            control.select_option(index=2)
        else:
            control.click()
        figure.settle()
        assert figure.boxes() == before, control.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", CHAPTERS)
def test_controls_are_native_labelled_and_large_enough(open_figure, page, name):
    figure = open_figure(name)
    controls = figure.place.locator(":is(button, input, select):visible")
    assert controls.count() > 0
    for control in controls.all():
        assert min(control.bounding_box()["width"], control.bounding_box()["height"]) >= 24
        control.focus()
        page.keyboard.press("Shift")  # the focus is the keyboard's
        assert control.evaluate("e => getComputedStyle(e).outlineStyle") != "none"
