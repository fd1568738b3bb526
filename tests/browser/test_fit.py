"""Be the fit yourself: its numbers are Python's, a hand can move it, and it rolls to its optima."""

import numpy as np
import pytest
import scratch
from figures import SIZES, Figure

from aebook import densities
from aebook.densities import Mixture

CAFES = [(5, 0.5), (5.5, 0.5), (8, 0.7), (3, 0.2), (2, 0.5)]
SETTINGS = {"distance": 5.0, "weight": 0.5, "sds": [1.0, 1.0]}


@pytest.fixture(scope="module")
def pages():
    """pages("file"): the address of a scratch page with the figure."""
    packed, chapter = ({}, SETTINGS), "notebooks/06-cleaning-and-colouring.html"
    with scratch.pages("fit", "fit", packed, chapter, {"fit": ""}) as address:
        yield lambda scheme="file": address("fit", scheme)


@pytest.fixture
def fit(page, pages):
    """fit(address, ...): the figure, alive; fails if the page complained of anything."""
    yield from scratch.opened(page, pages, Fitted, "fit")


class Fitted(Figure):
    def at_rest(self):
        self.page.wait_for_function(
            "place => !place.live.state().rolling", arg=self.handle, timeout=20_000
        )
        return self.state()

    def on_plot(self, x, density):
        """Where a point of the plot is on the screen."""
        box = self.place.locator("canvas").bounding_box()
        left, bottom = 30, box["height"] - 22
        return (
            box["x"] + left + (x + 4) / 16 * (box["width"] - left),
            box["y"] + bottom * (1 - density / 0.6),
        )


def truth_of(state):
    return Mixture(*(state["truth"][key] for key in Mixture._fields))


def peak(sd):
    return 1 / (sd * np.sqrt(2 * np.pi))


# --- its numbers


def test_both_divergences_and_their_slopes_equal_python(fit):
    figure, rng = fit(), np.random.default_rng(0)
    grid, step = np.linspace(-60, 70, 40_001, retstep=True)
    for distance, weight in CAFES:
        figure.slide("distance", distance)
        figure.slide("weight of the first", weight)
        state = figure.state()
        truth = truth_of(state)
        assert truth == Mixture([weight, pytest.approx(1 - weight)], [0, distance], [1, 1])
        for mean, sd in rng.uniform([-3, 0.8], [10, 3.5], (4, 2)):
            log_p = densities.log_density(grid, truth)
            log_q = densities.log_density(grid, Mixture([1], [mean], [sd]))
            forward = figure.call("forwardKl", mean, np.log(sd), state["truth"])
            reverse = figure.call("reverseKl", mean, np.log(sd), state["truth"])
            assert abs(forward["value"] - densities.kl(log_p, log_q, step)) < 1e-6
            assert abs(reverse["value"] - densities.kl(log_q, log_p, step)) < 1e-6
            slopes, _ = densities.reverse_kl_slopes(np.array([mean]), np.log([sd]), truth)
            assert np.allclose(reverse["gradient"], slopes[0], atol=1e-9)
            nudged = [
                figure.call("forwardKl", mean + a, np.log(sd) + b, state["truth"])["value"]
                for a, b in ((1e-5, 0), (-1e-5, 0), (0, 1e-5), (0, -1e-5))
            ]
            by_hand = [(nudged[0] - nudged[1]) / 2e-5, (nudged[2] - nudged[3]) / 2e-5]
            assert np.allclose(forward["gradient"], by_hand, rtol=1e-4, atol=1e-5)


def test_what_is_shown_is_what_the_state_costs(fit):
    figure = fit(after="#fit?mean=0&sd=1")
    shown = figure.place.locator(".fit-number").all_inner_texts()
    grid, step = np.linspace(-20, 25, 4501, retstep=True)
    logs = [densities.log_density(grid, m)
            for m in (Mixture([0.5, 0.5], [0, 5], [1, 1]), Mixture([1], [0], [1]))]  # fmt: skip
    values = densities.kl(*logs, step), densities.kl(*logs[::-1], step)
    assert [f"{value:.3f} nats" for value in values] == shown


def test_all_stationary_points_equal_python_and_the_notches_are_the_least(fit):
    figure = fit()
    for distance, weight in CAFES:
        figure.slide("distance", distance)
        figure.slide("weight of the first", weight)
        state = figure.state()
        points = densities.stationary_points(truth_of(state), 13, 7)
        ours = figure.call("stationaryPoints", state["truth"])
        assert [p["valley"] for p in ours] == [p.valley for p in points]
        for key in ("mean", "sd", "kl"):
            assert np.allclose([p[key] for p in ours], [getattr(p, key) for p in points], atol=1e-5)
        assert abs(state["least"]["reverse"] - min(p.kl for p in points)) < 1e-6
        mean, variance = densities.moments(truth_of(state))
        least = figure.call("forwardKl", mean, np.log(variance) / 2, state["truth"])["value"]
        assert abs(state["least"]["forward"] - least) < 1e-9


def test_it_rolls_by_gradient_descent_to_the_optima_of_chapter_five(fit):
    """Step by step as Python would roll, and to rest where Python's search finds an optimum."""
    figure = fit()
    state = figure.state()
    truth = truth_of(state)
    way = np.array(figure.call("wayDown", [1.0, 0.0], "reverse", state["truth"]))
    at = np.array([1.0, 0.0])
    for step in way[:100]:
        assert np.allclose(step, at, atol=1e-8)
        slopes, _ = densities.reverse_kl_slopes(at[:1], at[1:], truth)
        move = -0.2 * slopes[0]
        at = at + move / max(1, np.linalg.norm(move) / 0.05)
    optima = [p for p in densities.stationary_points(truth) if p.valley]
    ends = {}
    for start in [(0, 0.0), (2.5, 0.0), (5.5, 0.0), (1.2, np.log(2))]:
        mean, log_sd = figure.call("wayDown", start, "reverse", state["truth"])[-1]
        near = min(optima, key=lambda p: abs(p.mean - mean))
        assert abs(mean - near.mean) < 5e-3
        assert abs(np.exp(log_sd) - near.sd) < 5e-3
        ends[start] = round(near.mean, 1)
        mean, log_sd = figure.call("wayDown", start, "forward", state["truth"])[-1]
        assert abs(mean - 2.5) < 5e-3
        assert abs(np.exp(2 * log_sd) - 7.25) < 0.03
    assert len(set(ends.values())) == 3


# --- under the hand


def test_it_is_dragged_by_its_peak_and_by_its_shoulders(fit, page):
    figure = fit()
    page.mouse.move(*figure.on_plot(1, peak(2)))
    page.mouse.down()
    page.mouse.move(*figure.on_plot(4, 0.3), steps=5)
    page.mouse.up()
    state = figure.state()
    assert abs(state["mean"] - 4) < 0.05
    assert abs(peak(state["sd"]) - 0.3) < 0.005
    page.mouse.move(*figure.on_plot(state["mean"] + state["sd"], 0.3 * np.exp(-0.5)))
    page.mouse.down()
    page.mouse.move(*figure.on_plot(6, 0.1), steps=5)
    page.mouse.up()
    assert abs(figure.state()["sd"] - 2) < 0.05
    assert abs(figure.state()["mean"] - 4) < 0.05
    mean = figure.state()["mean"]
    page.mouse.move(*figure.on_plot(0, 0.3))
    assert figure.state()["mean"] == mean  # nobody drags any more


def test_the_arrow_keys_move_it_and_say_so(fit, page):
    figure = fit()
    plot = figure.place.get_by_role("application")
    plot.focus()
    for key in ("ArrowRight", "Shift+ArrowLeft", "ArrowUp", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    state = figure.state()
    assert np.allclose([state["mean"], state["sd"]], [0.6, 2.05])
    assert "mean 0.60, sd 2.05" in plot.get_attribute("aria-label")
    said = figure.said()
    assert "mean 0.60, sd 2.05" in said
    assert f"Forward KL {figure.call('values')['forward']:.3f}" in said
    page.keyboard.press("Home")
    assert figure.state()["mean"] == 1


def test_a_finger_works_it(browser, pages):
    with browser.new_context(has_touch=True, viewport={"width": 375, "height": 667}) as context:
        page = context.new_page()
        page.goto(pages())
        figure = Fitted(page, "fit")
        figure.look()
        page.touchscreen.tap(*figure.on_plot(4, 0.25))
        assert abs(figure.state()["mean"] - 4) < 0.1
        figure.place.get_by_role("button", name="Roll: forward KL").tap()
        assert abs(figure.at_rest()["mean"] - 2.5) < 0.01


def test_it_rolls_when_it_is_told_and_can_be_stopped(fit, page):
    figure = fit()
    figure.press("on a mode")
    figure.press("Roll: reverse KL")
    assert abs(figure.at_rest()["mean"]) < 0.2
    assert "local optimum" in figure.said()
    figure.press("in the valley")
    figure.press("Roll: reverse KL")
    assert abs(figure.at_rest()["mean"] - 2.5) < 0.01
    assert "goes no lower" in figure.said()
    figure.press("on a mode")
    figure.press("Roll: forward KL")
    page.wait_for_function("place => place.live.state().way.length > 5", arg=figure.handle)
    figure.press("Stop: forward KL")
    stopped = figure.state()
    assert not stopped["rolling"]
    assert 0 < stopped["mean"] < 2.5
    page.wait_for_timeout(200)
    assert figure.state()["mean"] == stopped["mean"]


def test_where_motion_is_reduced_it_is_there_at_once(fit, page):
    page.emulate_media(reduced_motion="reduce")
    figure = fit()
    figure.press("Roll: forward KL")
    assert not figure.state()["rolling"]
    assert abs(figure.state()["mean"] - 2.5) < 0.01


# --- its state


def test_the_address_says_the_state_and_sets_it(fit, page):
    figure = fit(after="#fit?mean=-99&sd=1&distance=6&nonsense=1&weight=x")
    state = figure.state()
    assert [state[key] for key in ("mean", "sd", "distance", "weight")] == [-4, 1, 6, 0.5]
    figure.press("on a mode")
    assert page.evaluate("location.hash") == "#fit?mean=0&sd=1&distance=6"
    figure.press("Reset")
    assert page.evaluate("location.hash") == "#fit"
    assert figure.state()["distance"] == 5


def test_to_arrive_leaves_the_address_alone(fit, page):
    fit(after="#check-yourself")
    assert page.evaluate("location.hash") == "#check-yourself"


def test_a_link_in_the_text_sets_a_state_and_rolls(fit, page):
    figure = fit()
    figure.follow("#fit?mean=5&sd=1&roll=reverse")
    page.wait_for_function("place => place.live.state().mean > 3", arg=figure.handle)
    assert abs(figure.at_rest()["mean"] - 4.9) < 0.1
    assert 0 <= figure.place.evaluate("e => e.getBoundingClientRect().top") < 400


# --- everybody


@SIZES
def test_all_of_it_is_on_one_screen_and_nothing_moves_under_the_finger(fit, page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    figure = fit()
    before = figure.on_one_screen(height)
    figure.press("on a mode")
    figure.press("Roll: reverse KL")
    assert figure.boxes() == before
    figure.at_rest()
    figure.slide("distance", 7.5)
    figure.slide("weight of the first", 0.1)
    assert figure.boxes() == before
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_axe_finds_nothing_before_and_after(fit, page):
    page.emulate_media(reduced_motion="reduce")
    figure = fit("http")
    work = "on a mode", "Roll: reverse KL"
    assert figure.faults(lambda: [figure.press(name) for name in work]) == {}
