"""Squeeze, the flow, repairs, the alarm, the crowd, two arrows: their numbers and their manners.

Numbers are compared with NumPy's, Keras's and the helper's, from the data beside the page. Manners
are the same for all: one screen, nothing moves under the finger, a state in the address, mouse,
finger and keys, and axe finds nothing.
"""

import numpy as np
import pytest
from figures import CHAPTERS, DATA, SIZES, Figure

from aebook import live, models
from aebook.compression import Coder, dequantize, ideal_bytes, quantize
from aebook.finding import auc, roc
from aebook.live.packing import packed_layer, unpacked_kernel
from aebook.restoration import median_filter, psnr


def stored(name):
    return live.unpack(*live.read_data(DATA / f"{name}.js"))


def network(arrays, x, *names):
    """Dense layers with a relu between them."""
    for i, name in enumerate(names):
        x = (np.maximum(x, 0) if i else x) @ unpacked_kernel(arrays, name) + arrays[f"{name}_bias"]
    return x


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("bits", [3, 4, 5, 8])
def test_weights_in_few_bits_are_in_the_page_what_they_are_in_python(page, bits):
    kernel = np.random.default_rng(0).normal(size=(31, 7)) * np.arange(1, 8)
    arrays = packed_layer("it", kernel, np.zeros(7), bits)
    arrays |= {"it_scale": arrays["it_scale"].astype("float64")}
    code = "".join((live.HERE / f"{n}.js").read_text("utf-8") for n in ("common", "parts/network"))
    asked = f"a => {{ {code}; return [...layerOf(a, 'it').kernel] }}"
    found = page.evaluate(asked, {name: array.ravel().tolist() for name, array in arrays.items()})
    assert np.allclose(found, unpacked_kernel(arrays, "it").ravel(), rtol=1e-6)
    assert np.abs(kernel).max() / 2 < np.abs(found).max()


# --- what a reader does


def drag(figure):
    """Across what can be dragged."""
    figure.place.locator('[role="application"]').scroll_into_view_if_needed()
    box = figure.place.locator('[role="application"]').bounding_box()
    mouse = figure.page.mouse
    mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"], steps=4)
    mouse.up()


def choose(label, value):
    return lambda figure: figure.place.get_by_role("combobox", name=label).select_option(value)


def slide(name, value):
    return lambda figure: figure.slide(name, value)


def press(name):
    return lambda figure: figure.place.get_by_role("button", name=name, exact=True).click()


# --- squeeze: the reader's own drawing

DIGIT_7 = [[(30, 30), (70, 30), (45, 80)]]
HOUSE = [[(15, 45), (15, 95), (85, 95), (85, 45), (15, 45), (50, 5), (85, 45)],
         [(42, 95), (42, 68), (58, 68), (58, 95)]]  # fmt: skip


def draw(figure, strokes):
    """Lines through points of a sheet of 100 x 100, with the mouse."""
    figure.place.locator(".live-paper").scroll_into_view_if_needed()
    box, mouse = figure.place.locator(".live-paper").bounding_box(), figure.page.mouse
    for points in strokes:
        for i, (x, y) in enumerate(points):
            to = box["x"] + x / 100 * box["width"], box["y"] + y / 100 * box["height"]
            mouse.move(*to, steps=5 if i else 1)
            if i == 0:
                mouse.down()
        mouse.up()


def codes(arrays, x, name):
    """The latents of a picture, and what decodes them."""
    if name == "PCA":
        axes = unpacked_kernel(arrays, "PCA_code")
        z = x @ axes + arrays["PCA_code_bias"]
        return z, lambda z: np.clip(arrays["PCA_mean"] + axes @ z, 0, 1)
    z = network(arrays, x, "autoencoder_encoding", "autoencoder_code")
    return z, lambda z: sigmoid(network(arrays, z, "autoencoder_decoding", "autoencoder_logits"))


def test_a_drawing_costs_what_shannon_says_and_comes_back_as_in_python(open_figure):
    arrays, settings = stored("bottleneck")
    figure = open_figure("bottleneck")
    x = arrays["x"][7] / 255
    for name, steps in settings["own"].items():
        z, decoded = codes(arrays, x, name)
        for i, told in enumerate(steps):
            tables = arrays[f"{name}_tables_{i}"].astype(int)
            coder = Coder(told["step"], told["low"], tables)
            symbols = quantize(z[None], coder)
            made = figure.call("through", name, x, i)
            assert abs(made["bytes"] - ideal_bytes(symbols, tables)) < 1e-9
            assert np.abs(decoded(dequantize(symbols, coder)[0]) - made["x_hat"]).max() < 1e-6
            assert 0.3 < made["bytes"] / told["bytes"] < 3  # one digit, and the mean of them


def test_a_house_costs_more_bytes_than_a_digit_and_comes_back_worse(open_figure):
    figure, made = open_figure("bottleneck"), {}
    for name, strokes in {"seven": DIGIT_7, "house": HOUSE}.items():
        figure.place.get_by_role("button", name="Clear").click()
        draw(figure, strokes)
        made[name] = figure.call("state")["results"]
    for seven, house in zip(made["seven"], made["house"], strict=True):
        assert house["bytes"] > 1.05 * seven["bytes"]
        assert house["error"] > 1.05 * seven["error"]
    assert "bytes" in figure.said()


# --- the flow


def velocity(arrays, z, t):
    h = np.hstack([z, np.full((len(z), 1), t)])
    for i in range(4):
        h = h @ arrays[f"field_{i}_kernel"].astype("float64") + arrays[f"field_{i}_bias"]
        h = h if i == 3 else h * sigmoid(h)
    return h


def test_the_points_end_where_eulers_method_takes_them(open_figure):
    arrays, _ = stored("flow")
    figure, eps = open_figure("flow"), np.random.default_rng(1).normal(size=(20, 2))
    for t in (0, 0.37, 1):
        ours = np.reshape(figure.call("velocity", eps.ravel(), t), (-1, 2))
        assert np.abs(ours - velocity(arrays, eps, t)).max() < 1e-9
    for n in (1, 4, 32):
        z = eps
        for k in range(n):
            z = z + velocity(arrays, z, k / n) / n
        assert np.abs(np.reshape(figure.call("ends", eps.ravel(), n), (-1, 2)) - z).max() < 1e-9
    assert np.abs(z).max() > 1


def test_between_two_steps_a_point_goes_straight_on(open_figure, page):
    figure = open_figure("flow")
    places = []
    for t in (0.25, 0.3, 0.5):
        page.evaluate("to => { location.hash = to }", f"#flow?steps=4&t={t}")
        page.wait_for_function("([e, t]) => e.live.state().t === t", arg=[figure.handle, t])
        places.append(np.array(list(figure.call("state")["now"])))
    assert np.allclose(places[1], places[0] + 0.2 * (places[2] - places[0]))


def test_one_step_takes_everybody_to_nearly_one_place(open_figure):
    """The mean of the codes, as the chapter says; many steps take them apart."""
    figure, eps = open_figure("flow"), np.random.default_rng(2).normal(size=(200, 2))
    spread = {n: np.reshape(figure.call("ends", eps.ravel(), n), (-1, 2)).std() for n in (1, 32)}
    assert spread[1] < 0.35 < 1 < spread[32] + 0.35


def test_it_plays_to_the_end_and_stops_or_steps(open_figure, page):
    figure = open_figure("flow")
    figure.place.get_by_role("button", name="Play").click()
    page.wait_for_function("e => e.live.state().t > 0.1", arg=figure.handle)
    figure.place.get_by_role("button", name="Stop").click()
    assert 0 < figure.call("state")["t"] < 1
    page.evaluate("location.hash = '#flow?t=0.97&play=1'")
    page.wait_for_function("e => e.live.state().t === 1", arg=figure.handle)
    assert not figure.call("state")["playing"]
    page.emulate_media(reduced_motion="reduce")
    figure.place.get_by_role("button", name="Reset").click()
    figure.place.get_by_role("button", name="Step").click()
    assert figure.call("state")["t"] == 0.125


# --- spoil and repair


def wiener(arrays, y, kind, level):
    """The chapter's formula, with a covariance of some components and the rest of each pixel."""
    mean, square, u = (
        arrays["mean"],
        arrays["square"].astype("float64"),
        unpacked_kernel(arrays, "component"),
    )
    covariance = u * arrays["power"] @ u.T
    rest = np.maximum(square - mean.astype("float64") ** 2 - np.diag(covariance), 0)
    kept, added = (1, level**2) if kind == "gaussian" else (1 - level, 0)
    y_mean = kept * mean + (1 - kept) / 2
    noisy = kept**2 * covariance
    own = kept * square + (1 - kept) / 2 + added - y_mean.astype("float64") ** 2
    noisy[np.diag_indices(784)] += np.maximum(own - kept**2 * np.diag(covariance), 1e-4)
    inverse = np.linalg.solve(noisy, y - y_mean)
    return mean + kept * (covariance @ inverse + rest * inverse)


@pytest.mark.parametrize(("kind", "level"), [("gaussian", 0.1), ("gaussian", 0.5), ("salt", 0.3)])
def test_repairs_and_their_decibels_are_pythons(open_figure, kind, level):
    arrays, _ = stored("repair")
    figure, x = open_figure("repair"), arrays["pictures"][7] / 255
    normal, uniform = arrays["normal"][1], arrays["uniform"][1]
    y = x + level * normal if kind == "gaussian" else np.where(uniform < level, normal > 0, x)
    assert np.abs(figure.call("spoil", x, kind, level, normal, uniform) - y).max() < 1e-6
    code = network(arrays, y, "narrow_0", "narrow_1")
    wanted = [
        median_filter(np.clip(y, 0, 1)[None], 3)[0],
        wiener(arrays, y, kind, level),
        sigmoid(network(arrays, code, "narrow_2", "narrow_3")),
        sigmoid(network(arrays, y, "wide_0", "wide_1")),
    ]
    for found, one in zip(figure.call("repaired", y, kind, level), wanted, strict=True):
        assert np.abs(found - np.clip(one, 0, 1)).max() < 2e-4
        assert abs(figure.call("psnr", x, found) - psnr(x, np.array(found))) < 1e-6


def test_what_is_drawn_is_spoiled_and_repaired(open_figure, page):
    figure = open_figure("repair")
    choose("picture", "own")(figure)
    assert sum(figure.call("state")["x"]) == 0
    draw(figure, [[(50, 20), (50, 80)]])
    state = figure.call("state")
    assert state["picture"] == "own"
    assert 20 < sum(state["x"]) < 150
    assert np.mean(state["result"][3]) < 0.3
    assert "Best on this picture" in figure.said()


# --- set the alarm


def test_the_curve_and_its_area_are_the_helpers(open_figure, page):
    arrays, settings = stored("alarm")
    figure, y = open_figure("alarm"), arrays["y"]
    for s, score in enumerate(settings["scores"]):
        for digit in (1, 4):
            choose("never seen", str(digit))(figure)
            choose("score", score)(figure)
            levels, unseen = arrays["levels"][s, digit].astype(float), y == digit
            state, curve = figure.call("state"), np.transpose(figure.call("roc"))
            assert abs(state["auc"] - auc(levels, unseen)) < 1e-9
            fpr, tpr = roc(levels, unseen)
            assert np.allclose(np.unique(curve, axis=1), np.unique([fpr, tpr], axis=1))
            rings = levels >= state["level"]
            assert (state["hits"], state["falseAlarms"]) == (sum(rings & unseen),
                                                             sum(rings & ~unseen))  # fmt: skip
            assert 0 < state["fpr"] <= 0.1  # as it opens


def test_the_threshold_is_dragged_on_either_plot_and_moved_by_keys(open_figure, page):
    figure = open_figure("alarm")
    figure.look()
    plot, curve = (figure.place.locator("canvas").nth(i) for i in (0, 1))
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 60)
    page.mouse.down()
    low = figure.call("state")
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 60, steps=3)
    page.mouse.up()
    high = figure.call("state")
    assert low["level"] < high["level"]
    assert low["hits"] > high["hits"]
    box = curve.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 10, box["y"] + 8)
    assert figure.call("state")["fpr"] > 0.9
    plot.focus()
    before = figure.call("state")["level"]
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert figure.call("state")["level"] == before + 9


# --- average a crowd


def test_means_and_their_sharpness_are_the_helpers(open_figure):
    from aebook.faces import sharpness

    arrays, _ = stored("crowd")
    figure = open_figure("crowd")
    for k, name in enumerate(("one", "many")):
        choose("crowd", name)(figure)
        x = arrays["pictures"][k] / 255
        regions = [arrays[part][k].astype(bool) for part in ("inside", "outside")]
        for n in (1, 5, 64):
            figure.slide("how many", n)
            state = figure.call("state")
            assert np.abs(state["average"] - x[:n].mean(axis=0)).max() < 1e-6
            wanted = [
                sharpness(x[:n].mean(axis=0), one)[0] / sharpness(x, one).mean() for one in regions
            ]
            assert np.allclose(state["kept"], wanted, atol=1e-6)
    assert state["kept"][1] < 0.1 < state["kept"][0] < 0.9


def test_portraits_are_chosen_by_tapping_dragging_and_by_keys(open_figure, page):
    figure = open_figure("crowd")
    figure.look()
    crowd = figure.place.get_by_role("application")
    box = crowd.bounding_box()
    side = min(box["width"], box["height"]) / 8
    page.mouse.move(box["x"] + 2.5 * side, box["y"] + 1.5 * side)
    page.mouse.down()
    page.mouse.move(box["x"] + 4.5 * side, box["y"] + 1.5 * side, steps=8)
    page.mouse.up()
    assert sorted(figure.call("state")["chosen"]) == [0, 10, 11, 12]
    crowd.focus()
    for key in ("ArrowDown", "ArrowLeft", " "):
        page.keyboard.press(key)
    assert sorted(figure.call("state")["chosen"]) == [0, 10, 11, 12, 19]
    assert page.evaluate("decodeURIComponent(location.hash)") == "#crowd?faces=0,10,11,12,19"
    page.mouse.click(box["x"] + 0.5 * side, box["y"] + 0.5 * side)
    assert 0 not in figure.call("state")["chosen"]
    assert "Mean of 4 portraits" in figure.said()


# --- two arrows


def test_pictures_and_labels_are_those_of_keras(open_figure):
    arrays, _ = stored("arrows")
    figure, z = open_figure("arrows"), np.random.default_rng(0).normal(size=(8, 2))
    decoder = models.build_decoder()
    for name in ("decoding", "logits"):
        decoder.get_layer(name).set_weights([unpacked_kernel(arrays, name), arrays[f"{name}_bias"]])
    pictures = [figure.call("decode", one) for one in z]
    assert np.abs(sigmoid(decoder.predict(z, verbose=0)) - pictures).max() < 1e-5
    logits = network(arrays, np.array(pictures), "hidden", "label")
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    assert np.abs(p - [figure.call("classify", one) for one in pictures]).max() < 1e-6
    assert np.allclose(p.sum(axis=1), 1)


def test_a_label_a_test_digit_and_a_pen_give_the_picture(open_figure, page):
    figure = open_figure("arrows")
    seen = set()
    for _ in range(3):
        figure.place.get_by_role("button", name="0", exact=True).click()
        seen.add(tuple(figure.call("state")["z"]))
        assert np.argmax(figure.call("state")["p"]) == 0
    assert len(seen) == 3
    figure.place.get_by_role("button", name="Test digit").click()
    state = figure.call("state")
    assert (state["test"], state["z"]) == (0, None)
    assert np.argmax(state["p"]) == 0
    figure.place.get_by_role("button", name="Clear").click()
    assert figure.call("state")["p"] is None
    draw(figure, [[(50, 20), (50, 80)]])
    assert np.argmax(figure.call("state")["p"]) == 1  # a stroke from above to below
    assert "The classifier reads 1" in figure.said()


# --- the manners of all


# Of each figure: an address and the state that it sets; and what a reader does.
MANNERS = {
    "bottleneck": ("#bottleneck?size=1.4", {"budget": 1.402},
                   [slide("size of the code", 2), lambda figure: draw(figure, DIGIT_7),
                    slide("size of the code", 20), press("Clear")]),
    "flow": ("#flow?t=1&steps=2&z1=1", {"t": 1, "steps": 2, "z1": 1},
             [slide("time t", 0.6), choose("Euler steps", "1"), drag]),
    "repair": ("#repair?kind=salt&level=0.3&picture=10",
               {"kind": "salt", "level": 0.3, "picture": 10},
               [slide("level", 0.2), choose("noise", "salt"), choose("picture", "10"),
                slide("level", 0), press("New noise")]),
    "alarm": ("#alarm?digit=1&score=Mahalanobis", {"digit": 1, "score": "Mahalanobis"},
              [drag, choose("never seen", "1"), choose("score", "nearest code"), drag]),
    "crowd": ("#crowd?set=many&faces=9", {"set": "many", "chosen": list(range(9))},
              [slide("how many", 30), choose("crowd", "many"), drag]),
    "arrows": ("#arrows?test=7", {"test": 7, "z": None},
               [drag, press("7"), press("Test digit"), press("Clear")]),
}  # fmt: skip
EVERY = pytest.mark.parametrize("name", MANNERS)


@EVERY
def test_the_address_sets_a_state_and_reset_takes_it_back(open_figure, page, name):
    hash_, wanted, _ = MANNERS[name]
    figure = open_figure(name)
    first = figure.call("state")
    page.evaluate("to => { location.hash = to }", hash_)
    page.wait_for_function("([e, wanted]) => Object.entries(wanted).every(([key, v]) => "
                           "JSON.stringify(e.live.state()[key]) === JSON.stringify(v))",
                           arg=[figure.handle, wanted])  # fmt: skip
    press("Reset")(figure)
    assert figure.call("state") == first
    assert page.evaluate("location.hash") == f"#{name}"
    page.evaluate(f"location.hash = '#{name}?t=x&level=9e9&digit=-4&faces=,&steps=7&set=z&z1='")
    figure.settle()
    assert len(figure.said()) > 10  # what is no state is no harm


@EVERY
def test_a_link_of_the_chapter_sets_a_state(page, book, name):
    page.goto(book(f"notebooks/{CHAPTERS[name]}.html"))
    figure = Figure(page, name)
    said = "e => JSON.stringify(e.live.state())"
    before = page.evaluate(said, figure.handle)
    page.locator(f'a[href^="#{name}?"]').first.click()
    page.wait_for_function(f"([e, before]) => ({said})(e) !== before", arg=[figure.handle, before])


@SIZES
@EVERY
def test_all_of_it_is_on_one_screen_and_nothing_moves(open_figure, page, name, width, height):
    page.set_viewport_size({"width": width, "height": height})
    figure = open_figure(name)
    figure.look()
    before = figure.on_one_screen(height)
    for act in MANNERS[name][2]:
        act(figure)
        assert figure.boxes() == before
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@EVERY
def test_a_finger_works_it(browser, book, name):
    with browser.new_context(has_touch=True, viewport={"width": 375, "height": 667}) as context:
        page = context.new_page()
        page.goto(book(f"notebooks/{CHAPTERS[name]}.html"))
        figure = Figure(page, name)
        figure.look()
        touched = figure.place.locator('[role="application"], input[type="range"]').first
        box, before = touched.bounding_box(), figure.call("state")
        page.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + 0.35 * box["height"])
        assert figure.call("state") != before


@EVERY
def test_keys_work_it_and_say_so(open_figure, page, name):
    figure = open_figure(name)
    before = figure.call("state")
    controls = figure.place.locator('[role="application"], input[type="range"]')
    controls.first.focus()
    for key in ("ArrowRight", " ") if name == "crowd" else ("ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert figure.call("state") != before
    assert len(figure.said()) > 20
    for canvas in figure.place.locator("canvas").all():
        assert len(canvas.get_attribute("aria-label")) > 5


@EVERY
def test_axe_finds_nothing_in_any_state(open_figure, name):
    figure = open_figure(name)
    assert figure.faults(lambda: [act(figure) for act in MANNERS[name][2]]) == {}
