"""The figure that trains in the page: it learns, it rests, it obeys, and everybody can work it."""

import re

import numpy as np
import pytest
import scratch
from browsing import HTML
from figures import SIZES, Figure

SLOW = 6  # times: a processor as a phone has one


@pytest.fixture(scope="module")
def pages():
    """pages("learn", "file"): the address of a scratch page; of one on the plain kernel; a hero."""
    with scratch.pages() as address:
        yield lambda name="learn", scheme="file": address(name, scheme)


@pytest.fixture
def learn(page, pages):
    """learn(address, ...): the figure, alive; fails if the page complained of anything."""
    yield from scratch.opened(page, pages, Learner, "learn")


class Learner(Figure):
    def until(self, steps, timeout=20_000):
        self.page.wait_for_function(
            "([place, steps]) => place.live.state().steps >= steps",
            arg=[self.handle, steps],
            timeout=timeout,
        )

    def train(self, steps):
        """As fast as it can, to its end."""
        self.handle.evaluate("(place, steps) => place.live.go(steps, true)", steps)
        self.page.wait_for_function(
            "place => !place.live.state().running", arg=self.handle, timeout=40_000
        )


# --- it learns


@pytest.mark.parametrize(
    ("name", "scheme"), [("learn", "file"), ("learn", "http"), ("plain", "file")]
)
def test_it_learns_in_the_page_and_asks_no_other_host(learn, page, pages, name, scheme):
    figure = learn(name, scheme)
    figure.until(0)
    before, untrained = figure.pixels(), figure.call("sorted")
    figure.train(150)
    step, reconstruction, kl = figure.state()["losses"][-1]
    assert step == 150
    assert reconstruction + kl < 182  # the best picture that is the same for all leaves 206
    assert figure.call("sorted") > untrained + 5
    assert figure.pixels() != before
    mosaic = figure.call("mosaic")
    tiles = np.reshape(mosaic["pictures"], (mosaic["rows"], mosaic["columns"], 784))
    assert tiles.max() > 200
    assert np.abs(tiles[0, 0] - tiles[-1, -1].astype(float)).mean() > 10
    start = pages("", scheme).rpartition("/")[0].rpartition("/")[0]
    assert [a for a in page.asked if not a.startswith((start, "data:", "blob:"))] == []


def test_beta_makes_an_autoencoder_or_collapses_the_codes(learn):
    """While it runs: at 0 the codes go where they like, at 100 they all become the prior."""
    figure = learn()
    figure.slide("beta", 0)
    figure.train(150)
    (_, free, far), reach = figure.state()["losses"][-1], figure.state()["reach"]
    assert far > 10
    figure.slide("beta", 7)
    assert figure.state()["beta"] == 100
    figure.train(300)
    _, collapsed, kl = figure.state()["losses"][-1]
    assert kl < 0.5
    assert collapsed > free + 20
    assert reach > figure.state()["reach"]


def test_the_same_seed_learns_the_same_and_another_seed_something_else(learn):
    figure = learn()
    figure.train(20)
    first = figure.call("means")
    figure.press("Another seed")
    figure.train(20)
    other = figure.call("means")
    figure.press("Reset")
    figure.train(20)
    assert figure.call("means") == first != other


def test_a_step_is_a_step_and_play_can_be_paused(learn):
    figure = learn()
    for _ in range(2):
        figure.press("Step")
        figure.settle()
    figure.until(2)
    assert "Step 2: reconstruction" in figure.said()
    figure.press("Play")
    figure.until(10)
    figure.press("Pause")
    steps = at_rest(figure)
    assert f"Step {steps}: reconstruction" in figure.said()


def at_rest(figure):
    """The step at which a figure stands still, half a second after it was told to."""
    figure.page.wait_for_timeout(500)
    steps = figure.state()["steps"]
    figure.page.wait_for_timeout(700)
    assert figure.state()["steps"] == steps
    return steps


def test_it_rests_out_of_sight_and_goes_on_when_it_is_seen_again(learn, page):
    figure = learn()
    figure.press("Play")
    figure.until(5)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    steps = at_rest(figure)
    figure.look()
    figure.until(steps + 5)


def test_a_tab_that_nobody_sees_rests(learn, page):
    """Nothing is drawn in it: as here, where the browser is told to draw no frame."""
    figure = learn()
    figure.press("Play")
    figure.until(5)
    page.evaluate("globalThis.requestAnimationFrame = () => 0")
    at_rest(figure)


# --- its state


def test_the_address_says_the_state_and_sets_it(learn, page):
    figure = learn(after="#learn?beta=0&hidden=256&rate=7&seed=3&nonsense=1")
    state = figure.state()
    assert [state[name] for name in ("beta", "hidden", "rate", "seed")] == [0, 256, 0.01, 3]
    figure.slide("beta", 4)
    assert page.evaluate("location.hash") == "#learn?beta=3&hidden=256&seed=3"
    figure.press("Reset")
    assert page.evaluate("location.hash") == "#learn"
    assert figure.state()["hidden"] == 64


def test_a_link_in_the_text_sets_a_state_and_starts_it(learn, page):
    figure = learn()
    figure.follow("#learn?beta=30")
    figure.until(5)
    assert figure.state()["beta"] == 30
    assert figure.place.get_by_role("slider", name="beta").get_attribute("aria-valuetext") == "30"
    page.wait_for_timeout(300)
    assert 0 <= figure.place.evaluate("e => e.getBoundingClientRect().top") < 400


# --- one's own digit


def draw(page, figure, *points):
    """A stroke on the paper, through points in shares of its side."""
    box = figure.place.locator(".live-paper").bounding_box()
    places = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    page.wait_for_timeout(150)
    figure.settle()


def test_the_readers_own_digit_goes_along(learn, page):
    """Drawn with the mouse: it has a code and a copy, at rest too, and moves while it trains."""
    figure = learn()
    figure.train(60)
    assert figure.call("mine") is None
    blank, plane = figure.pixels(6), figure.pixels(0)  # its copy is the last canvas
    draw(page, figure, (0.5, 0.1), (0.5, 0.9))
    one = figure.call("mine")
    assert np.max(one["picture"]) == 1
    assert figure.pixels(6) != blank
    assert figure.pixels(0) != plane
    draw(page, figure, (0.2, 0.1), (0.8, 0.1))  # now it is a T
    assert figure.call("mine")["code"] != one["code"]
    undo = figure.place.get_by_role("button", name="Undo the last stroke")
    undo.click()
    figure.settle()
    page.wait_for_timeout(150)
    assert figure.call("mine")["code"] == one["code"]
    figure.train(60)
    assert figure.call("mine")["code"] != one["code"]
    assert "The digit that you watch is at" in figure.said()
    ones = np.reshape(figure.call("means"), (-1, 2))[np.array(figure.call("digits")) == 1]
    far = np.linalg.norm(ones - figure.call("mine")["code"][:2], axis=1)
    assert far.min() < 1  # among the ones
    undo.click()
    page.wait_for_timeout(150)
    assert figure.call("mine") is None
    assert not undo.is_visible()


def test_a_held_out_digit_can_be_watched_by_keyboard_and_by_address(learn, page):
    """Its code is the one that stands in the plane anyway."""
    figure = learn(after="#learn?digit=7")
    figure.train(40)
    row = figure.call("digits").index(7)
    place = np.reshape(figure.call("means"), (-1, 2))[row]
    assert np.allclose(figure.call("mine")["code"][:2], place, atol=1e-4)
    figure.place.get_by_role("combobox", name="digit").focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(200)
    assert page.evaluate("location.hash") == "#learn?digit=6"
    assert "an 6" not in (said := figure.place.locator(".live-paper").get_attribute("aria-label"))
    assert said.endswith("It shows a 6.")
    draw(page, figure, (0.5, 0.1), (0.5, 0.9))  # the first stroke takes it away
    assert figure.place.get_by_role("combobox", name="digit").input_value() == "own"
    figure.press("Reset")
    page.wait_for_timeout(200)
    assert figure.call("mine") is None


def test_only_one_finger_and_the_left_button_draw(learn, page):
    figure = learn()
    figure.until(0)
    events = """(paper, kinds) => kinds.forEach(([type, id, button, u]) => {
        const box = paper.getBoundingClientRect(); paper.setPointerCapture = () => {};
        paper.dispatchEvent(new PointerEvent(type, {pointerId: id, button, bubbles: true,
            clientX: box.x + u * box.width, clientY: box.y + u * box.height})) })"""
    paper = figure.place.locator(".live-paper")
    paper.evaluate(events, [["pointerdown", 1, 2, 0.2], ["pointermove", 1, -1, 0.8]])
    assert figure.call("strokes") == []
    paper.evaluate(
        events,
        [["pointerdown", 1, 0, 0.2], ["pointerdown", 2, 0, 0.9], ["pointermove", 2, -1, 0.1],
         ["pointermove", 1, -1, 0.5], ["pointerup", 1, 0, 0.5], ["pointermove", 1, -1, 0.9]],
    )  # fmt: skip
    (stroke,) = figure.call("strokes")
    assert np.allclose(stroke, [[28, 28], [70, 70]], atol=1)


# --- everybody


@SIZES
def test_all_of_it_is_on_one_screen_and_nothing_moves_under_the_finger(learn, page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    figure = learn()
    before = figure.on_one_screen(height)
    figure.train(60)
    figure.slide("beta", 0)
    figure.train(60)
    assert figure.boxes() == before
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_finger_and_the_keyboard_work_it(browser, pages):
    with browser.new_context(has_touch=True, viewport={"width": 375, "height": 667}) as context:
        page = context.new_page()
        page.goto(pages())
        figure = Learner(page, "learn")
        figure.look()
        figure.place.get_by_role("button", name="Play").tap()
        figure.until(3)
        figure.place.get_by_role("button", name="Pause").tap()
        figure.place.get_by_role("button", name="Step").focus()
        steps = figure.state()["steps"]
        page.keyboard.press("Enter")
        figure.until(steps + 1)
        figure.place.get_by_role("slider", name="beta").focus()
        page.keyboard.press("ArrowLeft")
        assert figure.state()["beta"] == 0.3


def test_a_screen_reader_hears_what_was_asked_for_and_no_more(learn, page):
    figure = learn()
    page.evaluate(
        """place => { globalThis.heard = []; new MutationObserver(() =>
        heard.push(place.querySelector("[role=status]").textContent))
        .observe(place.querySelector("[role=status]"), {childList: true}) }""",
        figure.handle,
    )
    figure.press("Play")
    figure.until(20)
    page.wait_for_timeout(1500)
    figure.press("Pause")
    said = figure.said()
    heard = page.evaluate("heard")
    assert heard == ["Training", said]
    assert "For " in said
    assert said in figure.place.locator("canvas").first.get_attribute("aria-label")


def test_where_motion_is_reduced_nothing_starts_by_itself(learn, page):
    page.emulate_media(reduced_motion="reduce")
    figure = learn("hero")
    page.wait_for_timeout(600)
    assert figure.state()["steps"] == 0
    figure.press("Play")
    figure.until(5)


def test_a_hero_starts_once_by_itself_and_stops(learn, page):
    figure = learn("hero")
    figure.until(3)
    page.wait_for_timeout(2500)
    steps = figure.state()["steps"]
    page.wait_for_timeout(500)
    assert figure.state()["steps"] == steps
    assert not figure.state()["running"]


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_on_the_front_page_it_starts_by_itself_or_by_its_button(page, book, motion):
    """The front page as built, for fewer seconds; and nothing but what it needs is fetched."""
    text = (HTML / "index.html").read_text(encoding="utf-8")
    text, found = re.subn(r'data-play="\d+"', 'data-play="2"', text)
    assert found == 1
    page.route("**/index.html", lambda route: route.fulfill(body=text, content_type="text/html"))
    page.emulate_media(reduced_motion=motion)
    page.goto(book())
    if motion == "reduce":
        page.wait_for_timeout(700)
        assert not [address for address in page.asked if "/live/" in address]
        page.get_by_role("button", name="Start").click()
    page.wait_for_selector(".hero > .live-ready canvas")
    figure = Learner(page, "learn")
    figure.until(3 if motion != "reduce" else 0)
    page.wait_for_timeout(2500)
    assert not figure.state()["running"]
    assert (figure.state()["steps"] > 0) == (motion != "reduce")
    assert not page.locator(".hero img").first.is_visible()
    fetched = {address.split("/live/")[1].split("?")[0] for address in page.asked
               if "/live/" in address}  # fmt: skip
    assert fetched == {"live.css", "figure-learn.js", "digits.js"}
    assert page.errors == []


def test_in_print_and_without_javascript_there_is_a_picture(learn, page, browser, pages):
    figure = learn()
    still = figure.place.locator("xpath=following-sibling::img").first
    assert not still.is_visible()
    page.emulate_media(media="print")
    assert still.is_visible()
    assert not figure.place.is_visible()
    with browser.new_context(java_script_enabled=False) as context:
        bare = context.new_page()
        bare.goto(pages())
        assert bare.locator("[data-live=learn] ~ img").first.is_visible()


def test_axe_finds_nothing_before_and_after(learn):
    figure = learn(scheme="http")
    assert figure.faults(lambda: figure.press("Step")) == {}


# --- its speed and its memory


def test_on_a_slow_processor_the_page_answers_and_the_plane_is_sorted(learn, page):
    """Not by the clock, which a busy machine would upset: by what the page's own thread is busy."""
    page.add_init_script("""globalThis.busy = [];
        new PerformanceObserver(list => busy.push(...list.getEntries().map(e => e.duration)))
            .observe({type: "longtask"});""")
    figure = learn()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOW})
    page.evaluate("busy.length = 0")
    figure.press("Play")
    figure.until(60, timeout=60_000)
    figure.press("Pause")
    assert np.median(page.evaluate("[...busy, 0]")) < 150


def test_memory_stays_as_it_is(learn, page):
    cdp = page.context.new_cdp_session(page)

    def used():
        cdp.send("HeapProfiler.collectGarbage")
        return page.evaluate("performance.memory.usedJSHeapSize") / 1e6

    figure = learn()
    figure.train(50)
    before = used()
    for _ in range(6):
        figure.press("Another seed")
        figure.train(50)
    assert used() < before + 3
