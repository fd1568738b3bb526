"""The latent explorer: the plane, the way through it, and the two ends that can be dragged."""

import numpy as np
import pytest
from figures import CHAPTERS, DATA, Figure, vae_from

from aebook import live, models


@pytest.fixture(scope="module")
def stored():
    """The VAE beside the page, its arrays and settings."""
    arrays, settings = live.unpack(*live.read_data(DATA / "latent.js"))
    return vae_from(arrays), arrays, settings


@pytest.fixture
def plane(open_figure):
    """plane(): the figure, in sight."""
    return lambda: open_figure("latent").look()


def drag(page, start, *stops):
    """Press the mouse at one place, move it over others, let go at the last."""
    page.mouse.move(*start)
    page.mouse.down()
    for stop in stops:
        page.mouse.move(*stop, steps=4)
    page.mouse.up()


def middle_of(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def handle(figure, name):
    return figure.place.get_by_role("application", name=f"{name} at z")


def canvas(figure):
    return figure.place.get_by_role("application", name="Latent plane")


def test_decoding_equals_keras(plane, stored):
    vae, *_ = stored
    figure = plane()
    z = np.random.default_rng(0).normal(size=(20, 2))
    ours = [figure.call("decode", point) for point in z]
    assert np.abs(models.decode(vae, z) - ours).max() < 1e-5


def test_the_mosaic_is_what_is_decoded_at_its_places(plane, page, stored):
    vae, *_ = stored
    figure = plane()
    page.wait_for_function("place => place.live.mosaic()?.pictures.at(-400) > 0 || "
                           "place.live.mosaic()?.pictures.slice(-784).some((v) => v)",
                           arg=figure.handle)  # fmt: skip
    mosaic = figure.call("mosaic")
    n = mosaic["rows"] * mosaic["columns"]
    tiles = np.reshape(mosaic["pictures"], (n, 784)) / 255
    places = np.array([figure.call("placeOf", i) for i in range(n)])
    assert np.abs(models.decode(vae, places) - tiles).max() < 0.003
    assert (places[0] < [0, 9]).all()
    assert places[0][1] > places[-1][1]  # the first row is the upper one
    assert np.allclose(places[0], -places[-1])


def test_the_neighbours_are_the_nearest_codes(plane, stored):
    _, arrays, _ = stored
    figure = plane()
    for z in ([0, 0], [2, -1]):
        far = np.linalg.norm(arrays["code_mean"] - z, axis=1)
        digits, counts = np.unique(arrays["code_y"][np.argsort(far)[:20]], return_counts=True)
        shown = dict(figure.call("neighbours", z))
        assert sum(shown.values()) == 20
        assert sum(abs(shown.get(d, 0) - c) for d, c in zip(digits, counts, strict=True)) <= 2


def test_the_plane_shows_what_lies_under_the_mouse_and_a_click_puts_the_point_there(plane, page):
    figure = plane()
    x, y = middle_of(canvas(figure))
    before = figure.state()["z"]
    page.mouse.move(x + 90, y - 60)
    figure.settle()
    hovering = figure.state()
    assert hovering["z"] == before
    assert hovering["hover"][0] > 0.5
    shown = figure.place.locator("figcaption").first.inner_text()
    page.mouse.move(x, y - 400)
    figure.settle()
    assert figure.state()["hover"] is None
    assert figure.place.locator("figcaption").first.inner_text() != shown
    page.mouse.click(x + 90, y - 60)
    assert np.allclose(figure.state()["z"], hovering["hover"], atol=0.02)
    assert figure.state()["t"] is None


def test_the_point_moves_by_arrow_keys_and_by_dragging(plane, page):
    figure = plane()
    canvas(figure).focus()
    page.keyboard.press("Home")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowUp"):
        page.keyboard.press(key)
    assert np.allclose(figure.state()["z"], [0.2, 0.4])
    assert "z = (0.20, 0.40)" in canvas(figure).get_attribute("aria-label")
    assert "z = (0.20, 0.40)" in figure.said()
    assert page.evaluate("location.hash") == "#latent?z1=0.2&z2=0.4"
    x, y = middle_of(canvas(figure))
    drag(page, (x - 150, y + 100), (x + 150, y + 100))
    right = figure.state()["z"]
    assert right[0] > 1
    assert right[1] < -0.5
    page.mouse.move(x - 100, y)
    assert figure.state()["z"] == right  # nobody drags any more


def test_an_end_is_dragged_moved_by_keys_or_put_on_a_digit(plane, page, stored):
    _, arrays, _ = stored
    figure = plane()
    first = arrays["code_mean"][np.flatnonzero(arrays["code_y"] == 7)[0]]
    assert np.allclose(figure.state()["ends"]["A"]["mean"], first)
    x, y = middle_of(handle(figure, "A"))
    drag(page, (x, y), (x + 80, y + 40))
    end, half_way = figure.state()["ends"]["A"], figure.state()["z"]
    assert end["digit"] is None
    assert end["mean"][0] > first[0] + 0.5
    assert end["mean"][1] < first[1] - 0.2
    figure.settle()
    assert np.allclose(middle_of(handle(figure, "A")), (x + 80, y + 40), atol=2)
    assert np.allclose(half_way, (np.array(end["mean"]) + figure.state()["ends"]["B"]["mean"]) / 2)
    handle(figure, "B").focus()
    before = figure.state()["ends"]["B"]["mean"]
    page.keyboard.press("Shift+ArrowLeft")
    assert np.allclose(figure.state()["ends"]["B"]["mean"], np.add(before, [-0.5, 0]))
    figure.place.locator("select").nth(1).select_option("0")
    zero = arrays["code_mean"][np.flatnonzero(arrays["code_y"] == 0)[0]]
    assert np.allclose(figure.state()["ends"]["B"]["mean"], zero)
    assert "the code of a 0" in handle(figure, "B").get_attribute("aria-label")


def test_a_finger_drags_an_end_and_the_point(browser, book):
    with browser.new_context(has_touch=True, viewport={"width": 375, "height": 667}) as context:
        page = context.new_page()
        page.goto(book(f"notebooks/{CHAPTERS['latent']}.html"))
        figure = Figure(page, "latent")
        figure.look()
        touch = context.new_cdp_session(page)

        def swipe(start, stop):
            for kind, places in [("touchStart", [start]), ("touchMove", [stop]), ("touchEnd", [])]:
                points = [{"x": x, "y": y} for x, y in places]
                touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
            figure.settle()

        x, y = middle_of(handle(figure, "A"))
        swipe((x, y), (x + 40, y + 30))
        assert np.allclose(middle_of(handle(figure, "A")), (x + 40, y + 30), atol=2)
        x, y = middle_of(canvas(figure))
        swipe((x - 60, y + 60), (x + 60, y + 60))
        z = figure.state()["z"]
        assert z[0] > 0.5
        assert z[1] < -0.5
        assert page.evaluate("scrollY") == page.evaluate("Math.round(scrollY)")


def test_the_way_is_travelled_played_or_stepped_where_motion_is_reduced(plane, page):
    figure = plane()
    figure.slide("way from A to B", 0.25)
    ends = figure.state()["ends"]
    quarter = 0.75 * np.array(ends["A"]["mean"]) + 0.25 * np.array(ends["B"]["mean"])
    assert np.allclose(figure.state()["z"], quarter)
    way = figure.place.get_by_label("way from A to B")
    figure.place.get_by_role("button", name="Play").click()
    page.wait_for_function("way => way.value > 0.3", arg=way.element_handle())
    figure.place.get_by_role("button", name="Stop").click()
    page.emulate_media(reduced_motion="reduce")
    figure = plane()
    step, values = figure.place.get_by_role("button", name="Step"), []
    figure.place.get_by_role("slider", name="way from A to B").fill("1")
    for _ in range(3):
        step.click()
        figure.settle()
        values.append(figure.state()["t"])
    assert values == [0, 0.125, 0.25]


def test_the_address_says_the_state_and_sets_it(plane, page, stored):
    _, arrays, _ = stored
    figure = plane()
    page.evaluate("location.hash = '#latent?A=1&B=0&t=0.25&show=4'")
    page.wait_for_function("place => place.live.state().t === 0.25", arg=figure.handle)
    first = arrays["code_mean"][np.flatnonzero(arrays["code_y"] == 1)[0]]
    assert np.allclose(figure.state()["ends"]["A"]["mean"], first)
    assert figure.state()["only"] == "4"
    figure.slide("way from A to B", 0.75)
    assert page.evaluate("location.hash") == "#latent?A=1&B=0&show=4&t=0.75"
    page.evaluate("location.hash = '#latent?A=1.5,-1&B=99&z1=7&z2=x'")
    page.wait_for_function("place => place.live.state().ends.A.digit === null", arg=figure.handle)
    assert figure.state()["ends"]["A"]["mean"] == [1.5, -1]
    assert figure.state()["t"] == 0.5
    figure.place.get_by_role("button", name="Reset").click()
    assert page.evaluate("location.hash") == "#latent"
    page.evaluate("location.hash = '#latent?A=1&B=0&play=1'")
    page.wait_for_function("place => place.live.state().playing", arg=figure.handle)


def test_the_codes_of_one_digit_or_none_can_be_shown(plane):
    figure = plane()
    seen = {figure.pixels()}
    for choice in ("4", "none"):
        figure.place.locator("select").nth(2).select_option(choice)
        seen.add(figure.pixels())
    assert len(seen) == 3
