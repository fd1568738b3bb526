"""How a page reads: one paper for figures, code and tables in their boxes, ranks of headings."""

import io
from collections import Counter

import numpy as np
import pytest
from browsing import CHAPTERS, HTML, PAGES, visit
from figures import CHAPTERS as LIVE
from PIL import Image

DARK = "() => { document.documentElement.dataset.theme = 'dark' }"
BOXES = ".pst-scrollable-table-container, .output.text_html:has(> table.results)"


def text(name):
    return (HTML / name).read_text(encoding="utf-8")


def shown(place):
    """The pixels of an element as they are on the screen."""
    place.scroll_into_view_if_needed()
    place.evaluate("e => e.decode?.()")
    picture = Image.open(io.BytesIO(place.screenshot(animations="disabled")))
    return np.array(picture.convert("RGB"))


def edge(picture):
    """The colour of a picture's upper edge: paper, but for the top of a letter here and there."""
    return Counter(map(tuple, shown(picture)[1].tolist())).most_common(1)[0][0]


def paper(drawing):
    """The colour that most of a drawing has."""
    return Counter(map(tuple, shown(drawing).reshape(-1, 3).tolist())).most_common(1)[0][0]


@pytest.mark.parametrize("chapter", sorted(set(LIVE.values())))
def test_in_the_dark_all_figures_lie_on_one_paper(page, book, chapter):
    page.emulate_media(reduced_motion="reduce")
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => document.head.append("
        "Object.assign(document.createElement('style'), {textContent: "
        "'.bd-header-article, #pst-back-to-top { display: none !important }'})))"
    )
    visit(page, book(f"notebooks/{chapter}.html"))
    page.evaluate(DARK)
    light = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper')")
    wanted = (round(255 * float(light)),) * 3
    assert wanted < (240,) * 3
    pictures = [p for p in page.locator(".bd-article img").all() if p.is_visible()]
    assert len(pictures) > 2
    assert {edge(picture) for picture in pictures} == {wanted}
    drawings = page.locator("[data-live]").all()
    assert {paper(figure.locator("canvas").last) for figure in drawings} == {wanted}
    page.emulate_media(media="print")
    assert pictures[0].evaluate("e => getComputedStyle(e).filter") == "brightness(1)"


# Grounds lighter than a middle grey, the figures' paper apart.
PLATES = """() => [...document.querySelectorAll(".bd-article *")].filter(e => {
    if (e.closest("[data-live], .hero") || e.matches("img, canvas, svg, svg *")) return false;
    const [r, g, b, a = 1] = getComputedStyle(e).backgroundColor.match(/[\\d.]+/g).map(Number);
    return a > 0.5 && e.checkVisibility() && (r + g + b) / 3 > 128;
}).map(e => `${e.tagName} ${e.className}`)"""


@pytest.mark.parametrize("name", PAGES)
def test_in_the_dark_nothing_lies_on_a_light_plate(visited, name):
    page = visited(name)
    page.evaluate(DARK)
    page.evaluate("document.getAnimations().forEach(change => change.finish())")
    assert page.evaluate(PLATES) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_code_is_large_enough_and_keeps_to_its_box(visited, name):
    page = visited(name)
    for width in (375, 1200, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(400)  # the theme looks again which boxes scroll
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sizes = page.locator(".bd-article pre").evaluate_all(
            "list => list.map(e => parseFloat(getComputedStyle(e).fontSize))"
        )
        assert min(sizes) >= 13, width
        right = page.locator(".cell_input").evaluate_all(
            "list => Math.max(...list.map(e => e.getBoundingClientRect().right))"
        )
        contents = page.locator(".bd-sidebar-secondary .sidebar-secondary-item").first
        if width >= 1200:
            assert right <= contents.bounding_box()["x"], width
        if width >= 1280:
            room = page.locator(".cell_input pre").first.evaluate(
                """e => {
                    const said = document.createElement("span");
                    said.textContent = "0".repeat(92);
                    e.append(said);
                    const room = e.clientWidth - parseFloat(getComputedStyle(e).paddingLeft)
                        - said.getBoundingClientRect().width;
                    said.remove();
                    return room }"""
            )
            assert room >= 0, f"a line of 92 columns does not fit at {width}"


@pytest.mark.parametrize("name", [p for p in PAGES if "<table" in text(p)])
def test_no_table_widens_a_phone_and_the_keyboard_scrolls_it(visited, name):
    page = visited(name)
    page.set_viewport_size({"width": 375, "height": 800})
    page.wait_for_timeout(400)  # the theme looks again which boxes scroll
    names = []
    for box in filter(lambda box: box.is_visible(), page.locator(BOXES).all()):
        place = box.bounding_box()
        assert place["x"] + place["width"] <= 375
        if box.evaluate("e => e.scrollWidth > e.clientWidth + 1"):
            assert box.get_attribute("role") == "region"
            names.append(box.get_attribute("aria-label"))
            box.focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_function("e => e.scrollLeft > 0", arg=box.element_handle())
        else:
            assert box.get_attribute("role") is None
    assert len(set(names)) == len(names)
    assert all(names)


@pytest.mark.parametrize("name", CHAPTERS)
def test_results_are_seen_whole_on_a_desktop(visited, name):
    tables = visited(name).locator("table.results")
    wide = tables.evaluate_all(
        """list => list.filter(t => t.parentElement.scrollWidth > t.parentElement.clientWidth)
            .map(t => t.innerText)"""
    )
    assert wide == []


@pytest.mark.parametrize("width", [375, 1280])
def test_the_order_of_headings_is_their_order_of_size(page, book, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(book())
    looks = page.evaluate("""[1, 2, 3, 4].map((rank) => {
        const heading = document.createElement(`h${rank}`);
        document.querySelector(".bd-article section").append(heading);
        const { fontSize, fontWeight } = getComputedStyle(heading);
        return [parseFloat(fontSize), +fontWeight] })""")
    sizes, weights = zip(*looks, strict=True)
    assert sorted(set(sizes), reverse=True) == list(sizes)
    assert sorted(weights, reverse=True) == list(weights)


@pytest.mark.parametrize("name", [c for c in CHAPTERS if "above-input" in text(c)])
def test_folded_code_is_one_line_and_opens_without_scripts(browser, book, name):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(book(name))
        fold = page.locator("details.above-input").first
        assert fold.bounding_box()["height"] <= 32
        assert not fold.locator("pre").is_visible()
        fold.locator("summary").click()
        assert fold.locator("pre").is_visible()
        assert fold.evaluate("e => getComputedStyle(e).borderWidth") == "0px"
        assert fold.evaluate("e => getComputedStyle(e).boxShadow") == "none"
