"""The front page in a real browser: what is seen first, and where its links lead."""

import pytest
from browsing import visit
from figures import SIZES

SCHEMES = pytest.mark.parametrize("scheme", ["http", "file"])
BOX = "e => { const { top, bottom } = e.getBoundingClientRect(); return [top, bottom] }"


@SIZES
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_figure_and_its_button_are_on_the_first_screen(page, book, width, height, motion):
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(reduced_motion=motion)
    visit(page, book())
    seen = [page.locator(".hero img").first, page.get_by_role("button", name="Start")]
    if motion != "reduce":
        page.wait_for_selector(".hero > .live-ready canvas")
        seen = [page.locator(".hero canvas").first, page.get_by_role("button", name="Pause")]
    for what in seen:
        top, bottom = what.evaluate(BOX)
        assert 0 < top < bottom <= height


@SCHEMES
def test_the_figure_is_fetched_when_it_is_started_and_takes_the_pictures_place(page, book, scheme):
    """Where motion is reduced; elsewhere it starts by itself (test_learn.py)."""
    page.emulate_media(reduced_motion="reduce")
    visit(page, book(scheme=scheme))
    assert not [address for address in page.asked if "/live/" in address]
    page.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".hero > .live-ready canvas")
    assert [address for address in page.asked if "/live/digits.js" in address]
    assert not page.locator(".hero img").first.is_visible()
    assert page.get_by_role("button", name="Start").count() == 0
    page.wait_for_function("document.activeElement.textContent === 'Play'")
    page.keyboard.press("Enter")  # the focus is where the reader goes on
    page.wait_for_function("document.querySelector('[data-live]').live.state().steps > 2")
    assert page.errors == []


def test_its_room_is_kept_until_it_is_there(page, book):
    """What stands below it moves by little while it comes."""
    where = "document.querySelector('.doors').getBoundingClientRect().top"
    for width, height in ((1280, 720), (375, 667)):
        page.set_viewport_size({"width": width, "height": height})
        page.route("**/digits.js*", lambda route: None)
        page.goto(book(), wait_until="domcontentloaded")  # the load itself would wait for it
        page.wait_for_timeout(300)
        before = page.evaluate(where)
        page.unroute("**/digits.js*")
        visit(page, book())
        page.wait_for_selector(".hero > .live-ready canvas")
        assert abs(page.evaluate(where) - before) < 24


@pytest.mark.parametrize("missing", ["**/figure-learn.js", "**/digits.js*"])
def test_what_cannot_be_loaded_is_said(page, book, missing):
    page.route(missing, lambda route: route.abort())
    page.goto(book())
    page.get_by_text("could not be loaded").wait_for()
    assert page.locator(".hero img").first.is_visible()


@SIZES
def test_a_link_to_a_figure_opens_at_the_figure(page, book, width, height):
    page.set_viewport_size({"width": width, "height": height})
    visit(page, book())
    links = page.locator("main li a[href*='#fig-']").evaluate_all("all => all.map(a => a.href)")
    assert len(set(links)) == 14
    for link in sorted(set(links)):
        page.goto(link)
        cell = page.locator(f"[id='{link.partition('#')[2]}']")
        cell.locator(".live-ready canvas").first.wait_for()
        page.wait_for_timeout(300)
        top, _ = cell.locator(".live-ready").evaluate(BOX)
        assert 0 <= top < height / 2, link


def test_without_javascript_the_front_page_is_whole(browser, book):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(book())
        assert page.locator(".hero img").first.is_visible()
        assert not page.locator(".hero button").is_visible()
        for name in ("Start with chapter 0", "Run it by one command", "Choose a plan"):
            assert page.get_by_role("link", name=name).is_visible()
