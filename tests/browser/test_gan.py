"""The GAN that trains in the page: it plays, it rests, it obeys, and everybody can work it."""

import numpy as np
import pytest
import scratch
from figures import SIZES, Figure

TRUTH = {"weights": [0.5, 0.5], "means": [0.0, 5.0], "sds": [1.0, 1.0]}
RIVALS = {
    "one Gaussian": {"weights": [1.0], "means": [2.5], "sds": [2.69], "off": 0.69},
    "mixture by EM": {"weights": [0.49, 0.51], "means": [0.02, 5.01], "sds": [1.01, 0.99],
                      "off": 0.02},
}  # fmt: skip
SETTINGS = {"truth": TRUTH, "valley": 0.0737, "rivals": RIVALS}


@pytest.fixture(scope="module")
def pages():
    """pages("gan", "file"): the address of a scratch page; "plain": on the kernel without SIMD."""
    packed, chapter = ({}, SETTINGS), "notebooks/06-cleaning-and-colouring.html"
    variants = {"gan": "", "plain": " data-plain"}
    with scratch.pages("gan", "gan", packed, chapter, variants) as address:
        yield lambda name="gan", scheme="file": address(name, scheme)


@pytest.fixture
def gan(page, pages):
    """gan(address, ...): the figure, alive; fails if the page complained of anything."""
    yield from scratch.opened(page, pages, Game, "gan")


class Game(Figure):
    def until(self, rounds, timeout=60_000):
        self.page.wait_for_function(
            "([place, n]) => place.live.state().games && place.live.state().round >= n",
            arg=[self.handle, rounds],
            timeout=timeout,
        )


@pytest.mark.parametrize(("name", "scheme"), [("gan", "file"), ("gan", "http"), ("plain", "file")])
def test_it_plays_in_the_page_and_asks_no_other_host(gan, page, pages, name, scheme):
    figure = gan(name, scheme)
    figure.until(0)
    before = figure.pixels()
    figure.press("Play")
    figure.until(150)
    figure.press("Pause")
    assert figure.pixels() != before
    (game,) = figure.state()["games"]
    assert sum(game["counts"]) <= game["n"] == 2000
    assert min(game["near"]) > 0.2  # after 150 rounds at equal rates there is something at both
    assert 0.01 < game["alive"] < 1
    shown = figure.place.locator("tbody td").all_inner_texts()
    near = [f"{100 * share:.0f} %" for share in game["near"]]
    assert shown[:3] == [str(game["rounds"]), *near]
    assert float(shown[4]) == pytest.approx(game["off"], abs=0.051)
    start = pages("", scheme).rpartition("/")[0].rpartition("/")[0]
    assert [a for a in page.asked if not a.startswith((start, "data:", "blob:"))] == []


def test_arrows_point_where_d_rises(gan):
    figure = gan()
    figure.press("Play")
    figure.until(60)
    figure.press("Pause")
    (game,) = figure.state()["games"]
    hours, says = np.linspace(-5, 10, len(game["says"])), np.array(game["says"])
    slope = np.gradient(np.log(says), hours)
    shown, pulls = np.array(game["shown"]), np.array(game["pulls"])
    inside = np.abs(shown - 2.5) < 7
    expected = np.interp(shown[inside], hours, slope)
    assert np.allclose(pulls[inside], expected, atol=0.05 * np.abs(slope).max() + 1e-3)


def test_a_slow_discriminator_loses_a_mode_and_the_samples_hop(gan):
    figure = gan()
    figure.press("slow discriminator")
    state = figure.state()
    assert (state["discriminator"], state["generator"]) == ("1/30", "1")
    seen = set()
    for rounds in range(100, 1201, 50):
        figure.until(rounds)
        (game,) = figure.state()["games"]
        seen.add(game["verdict"])
    assert "one" in seen
    figure.page.wait_for_function("place => !place.live.state().running", arg=figure.handle)
    assert figure.state()["round"] == 1200
    assert "Round 1200: " in figure.said()


def test_many_games_are_counted(gan):
    figure = gan()
    figure.press("20 at once")
    figure.press("Play")
    figure.until(60)
    figure.press("Pause")
    state = figure.state()
    verdicts = [game["verdict"] for game in state["games"]]
    assert len(verdicts) == 20
    assert {game["rounds"] for game in state["games"]} == {state["round"]}
    said = figure.place.locator(".gan-note").inner_text()
    assert (
        said == f"✓ keep both: {verdicts.count('both')} of 20, ● collapsed: {verdicts.count('one')}"
    )
    figure.press("One game")
    figure.until(0)
    assert len(figure.state()["games"]) == 1


def test_the_same_seed_plays_the_same_and_another_seed_something_else(gan):
    figure, counts = gan(), []
    for button in (None, "New seed", "Reset"):
        if button:
            figure.press(button)
            figure.page.wait_for_timeout(200)
        for _ in range(3):
            figure.press("Step")
        figure.until(3)
        counts.append(figure.state()["games"][0]["counts"])
    assert counts[0] == counts[2] != counts[1]


def test_rates_change_while_it_runs(gan):
    figure = gan()
    figure.press("Play")
    figure.until(20)
    figure.slide("decay, discriminator", 4)
    state = figure.state()
    assert state["decay"] == 0.03
    assert state["running"]
    assert state["round"] >= 20


def test_it_rests_out_of_sight_and_goes_on_when_it_is_seen_again(gan, page):
    figure = gan()
    figure.press("Play")
    figure.until(5)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(500)
    rounds = figure.state()["round"]
    page.wait_for_timeout(500)
    assert figure.state()["round"] == rounds
    figure.look()
    figure.until(rounds + 5)


def test_the_address_says_the_state_and_sets_it(gan, page):
    figure = gan(after="#gan?discriminator=1/30&generator=7&decay=0.01&seed=3&nonsense=1")
    state = figure.state()
    wanted = ("discriminator", "generator", "decay", "seed")
    assert [state[name] for name in wanted] == ["1/30", "1", 0.01, 3]
    figure.slide("rate, generator", 5)
    said = page.evaluate("location.hash")
    assert said == "#gan?discriminator=1/30&generator=10&decay=0.01&seed=3"
    figure.press("Reset")
    assert page.evaluate("location.hash") == "#gan"


def test_a_link_in_the_text_sets_a_state_and_starts_it(gan, page):
    figure = gan()
    figure.follow("#gan?discriminator=1/30&games=20")
    figure.until(5)
    state = figure.state()
    assert (state["discriminator"], len(state["games"])) == ("1/30", 20)
    assert 0 <= figure.place.evaluate("e => e.getBoundingClientRect().top") < 400


def test_where_motion_is_reduced_it_starts_when_told_and_is_drawn_seldom(gan, page):
    page.emulate_media(reduced_motion="reduce")
    figure = gan(after="#gan?seed=2")
    page.wait_for_timeout(500)
    assert figure.state()["round"] == 0
    figure.press("Play")
    figure.until(100)
    figure.press("Pause")
    figure.press("Step")


@SIZES
def test_all_of_it_is_on_one_screen_and_nothing_moves_under_the_finger(gan, page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    figure = gan()
    figure.until(0)
    boxes = """place => [place, ...place.querySelectorAll("input, canvas, table"),
        place.querySelector("button")].map(e => {
        const b = e.getBoundingClientRect(); return [b.x, b.y, e.matches("button") || b.width,
                                                     b.height] })"""
    before = figure.place.evaluate(boxes)
    assert before[0][3] <= 560
    assert before[0][1] >= 0
    assert before[0][1] + before[0][3] <= height
    figure.press("strong decay")
    figure.until(100)
    assert figure.place.evaluate(boxes) == before
    figure.press("20 at once")
    figure.press("slow discriminator")
    figure.until(30)
    assert figure.place.evaluate(boxes) == before
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_finger_and_the_keyboard_work_it(browser, pages):
    with browser.new_context(has_touch=True, viewport={"width": 375, "height": 667}) as context:
        page = context.new_page()
        page.goto(pages())
        figure = Game(page, "gan")
        figure.look()
        figure.place.get_by_role("button", name="Play").tap()
        figure.until(3)
        figure.place.get_by_role("button", name="Pause").tap()
        figure.place.get_by_role("button", name="Step").focus()
        page.wait_for_timeout(200)
        rounds = figure.state()["round"]
        page.keyboard.press("Enter")
        figure.until(rounds + 1)
        figure.place.get_by_role("slider", name="rate, discriminator").focus()
        page.keyboard.press("ArrowLeft")
        assert figure.state()["discriminator"] == "1/3"


def test_a_screen_reader_hears_what_was_asked_for(gan):
    figure = gan()
    figure.press("Play")
    assert figure.said() == "Training"
    figure.until(40)
    figure.press("Pause")
    said = figure.said()
    assert said.startswith("Round ")
    assert "hours off" in said
    assert said in figure.place.locator("canvas").get_attribute("aria-label")


def test_axe_finds_nothing_before_and_after(gan):
    figure = gan(scheme="http")

    def work():
        figure.press("20 at once")
        figure.press("Step")
        figure.until(1)

    assert figure.faults(work) == {}
