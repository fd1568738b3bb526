"""The front page in a real browser: what is seen first, and where its links lead."""

import pytest
from browsing import visit

SCHEMES = pytest.mark.parametrize("scheme", ["http", "file"])
SIZES = pytest.mark.parametrize(("width", "height"), [(1280, 800), (375, 667)])
BOX = "e => { const { top, bottom } = e.getBoundingClientRect(); return [top, bottom] }"


@SIZES
def test_the_figure_and_its_button_are_on_the_first_screen(page, book, width, height):
    page.set_viewport_size({"width": width, "height": height})
    visit(page, book())
    for what in (page.locator(".hero img").first, page.get_by_role("button", name="Start")):
        top, bottom = what.evaluate(BOX)
        assert 0 < top < bottom <= height


@SCHEMES
def test_the_figure_is_fetched_when_it_is_started_and_takes_the_pictures_place(page, book, scheme):
    visit(page, book(scheme=scheme))
    assert not [address for address in page.asked if "/live/" in address]
    page.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".hero > .live-ready canvas")
    assert [address for address in page.asked if "/live/vae.js" in address]
    assert not page.locator(".hero img").first.is_visible()
    assert page.get_by_role("button", name="Start").count() == 0
    before = page.locator(".hero canvas").nth(1).evaluate("c => c.toDataURL()")
    page.keyboard.press("Shift+ArrowUp")  # the focus is where the reader goes on: on the plane
    page.wait_for_function(
        "before => document.querySelectorAll('.hero canvas')[1].toDataURL() != before", arg=before
    )
    assert page.errors == []


@pytest.mark.parametrize("missing", ["**/figure-latent.js", "**/vae.js*"])
def test_what_cannot_be_loaded_is_said(page, book, missing):
    page.route(missing, lambda route: route.abort())
    visit(page, book())
    page.get_by_role("button", name="Start").click()
    page.get_by_text("could not be loaded").wait_for()
    assert page.locator(".hero img").first.is_visible()


@SIZES
def test_a_link_to_a_figure_opens_at_the_figure(page, book, width, height):
    page.set_viewport_size({"width": width, "height": height})
    visit(page, book())
    links = page.locator("main a[href*='-live-']").evaluate_all("all => all.map(a => a.href)")
    assert len(set(links)) == 4
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
