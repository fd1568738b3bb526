"""Add it up: the sum under the brush, the bound and the draws, against NumPy."""

import os

import numpy as np
import pytest
import scratch
from figures import SIZES, Figure
from scipy.special import logsumexp
from scipy.stats import norm

from aebook import live

BOX, N = 6.0, 201  # of the notebook's grid


def made_up():
    """Three pictures and their joint densities on the grid: bent, as no Gaussian is."""
    axis, step = np.linspace(-BOX, BOX, N, retstep=True)
    z1, z2 = np.meshgrid(axis, axis)
    mean = np.array([[0.2, -0.1], [1.5, 1.0], [-1.0, 0.5]])
    joint = []
    for i, (m1, m2) in enumerate(mean):
        across = (z1 - m1) / 0.35
        up = (z2 - m2 - 0.15 * across**2) / 0.2
        bump = -(across**2 + up**2 + z1**2 + z2**2) / 2
        joint.append((bump - 140 - 10 * i + 2 * np.log(step)).ravel())
    x = (np.random.default_rng(0).random((3, 784)) < 0.2).astype("float32")
    return x, np.array([4, 8, 0]), np.array(joint), mean, np.log(np.full((3, 2), [0.25, 0.16]))


@pytest.fixture(scope="module")
def packed():
    """What the figure packs of these: (arrays, settings)."""
    os.environ.setdefault(live.VARIABLE, "off")
    figure = live.add_it_up(*made_up())
    arrays, settings = live.unpack(figure.header, figure.payload)
    return arrays | {"x": arrays["x"].astype("uint8")}, settings


@pytest.fixture(scope="module")
def pages(packed):
    chapter = "notebooks/06-cleaning-and-colouring.html"
    with scratch.pages("sum", "sum", packed, chapter, {"sum": ""}) as address:
        yield lambda scheme="file": address("sum", scheme)


@pytest.fixture
def total(page, pages):
    """total(address, ...): the figure, alive; fails if the page complained of anything."""
    yield from scratch.opened(page, pages, Figure, "sum")


def on_grid(digit):
    """The grid: its axis, and log p(x, z) with the area of its points."""
    return np.linspace(-BOX, BOX, N), made_up()[2][digit]


def answer(digit):
    """log q of each point of that grid, normalized there."""
    axis, _ = on_grid(digit)
    mean, log_var = (a[digit] for a in made_up()[3:])
    one = [norm.logpdf(axis, m, np.exp(v / 2)) for m, v in zip(mean, log_var, strict=True)]
    log_q = (one[1][:, None] + one[0][None, :]).ravel()
    return log_q - logsumexp(log_q)


def test_the_sum_is_the_grids_and_the_gap_is_the_divergence(total):
    figure = total()
    for digit in range(3):
        figure.place.get_by_label("picture").select_option(str(digit))
        figure.press("Paint all")
        state, (_, joint), log_q = figure.state(), on_grid(digit), answer(digit)
        assert abs(state["sum"] - state["logP"]) < 1e-9
        assert abs(state["logP"] - logsumexp(made_up()[2][digit])) < 0.01
        elbo = np.sum(np.exp(log_q) * (joint - log_q))
        assert abs(state["elbo"] - elbo) < 0.01
        divergence = np.sum(np.exp(log_q) * (log_q - joint + logsumexp(joint)))
        shown = [float(text.replace("−", "-"))
                 for text in figure.place.locator("td").all_inner_texts()]  # fmt: skip
        assert np.allclose(shown, [state["logP"], elbo, state["logP"], divergence], atol=0.02)
        assert divergence > 0.1


def test_a_stroke_adds_what_it_covers(total, page):
    figure = total()
    box = figure.place.get_by_role("application").bounding_box()
    assert figure.state()["painted"] == 0
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    first = figure.state()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"], steps=4)
    page.mouse.up()
    second = figure.state()
    axis, joint = on_grid(0)
    at = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    inside = np.hypot(*(at - first["brush"]).T) < 0.25
    assert first["painted"] == inside.sum()
    assert abs(first["sum"] - logsumexp(joint[inside])) < 0.01
    assert first["sum"] < second["sum"] <= second["logP"]
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    assert figure.state()["painted"] == second["painted"]  # nobody paints any more


def test_draws_estimate_it_from_below_on_average_and_come_close(total):
    figure = total()
    figure.press("One draw")
    (first,) = figure.state()["weights"]
    assert figure.state()["estimate"] == pytest.approx(first)
    for _ in range(20):
        figure.press("100 draws")
    state, (_, joint), log_q = figure.state(), on_grid(0), answer(0)
    draws = np.array(state["draws"])
    assert np.allclose(state["weights"], (joint - log_q)[draws], rtol=2e-3)
    error = np.exp(joint - log_q - logsumexp(joint))
    spread = np.sqrt(np.sum(np.exp(log_q) * (error - 1) ** 2) / len(draws))
    assert abs(np.expm1(state["estimate"] - state["logP"])) < 4 * spread
    # They fall where q is.
    axis = on_grid(0)[0]
    mean, log_var = (a[0] for a in made_up()[3:])
    z1 = axis[draws % len(axis)]
    assert abs(z1.mean() - mean[0]) < 4 * np.exp(log_var[0] / 2) / np.sqrt(len(draws))
    assert "2001 draws" in figure.said()


def test_the_arrow_keys_paint_and_say_so(total, page):
    figure = total()
    plane = figure.place.get_by_role("application")
    plane.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    assert figure.state()["brush"] == [0.25, 1]
    assert "brush at (0.25, 1.00)" in plane.get_attribute("aria-label")
    assert "% of p(x)" in figure.said()


def test_a_finger_paints(browser, pages):
    with browser.new_context(has_touch=True, viewport={"width": 375, "height": 667}) as context:
        page = context.new_page()
        page.goto(pages())
        figure = Figure(page, "sum")
        figure.look()
        box = figure.place.get_by_role("application").bounding_box()
        page.touchscreen.tap(box["x"] + 120, box["y"] + 100)
        assert figure.state()["painted"] > 20


def test_the_address_says_the_picture_and_sets_it(total, page):
    figure = total(after="#sum?digit=2")
    assert figure.state()["digit"] == 2
    figure.place.get_by_label("picture").select_option("1")
    assert page.evaluate("location.hash") == "#sum?digit=1"
    page.evaluate("location.hash = '#sum?digit=77'")
    page.wait_for_function("place => place.live.state().digit === 0", arg=figure.handle)


@SIZES
def test_all_of_it_is_on_one_screen_and_nothing_moves_under_the_finger(total, page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    figure = total()
    before = figure.on_one_screen(height)
    figure.press("Paint all")
    figure.press("100 draws")
    assert figure.boxes() == before
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_axe_finds_nothing_before_and_after(total):
    figure = total("http")
    assert figure.faults(lambda: [figure.press(name) for name in ("Paint all", "One draw")]) == {}
