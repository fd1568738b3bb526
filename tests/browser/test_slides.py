"""The decks as a projector shows them: nothing overflows, formulas are set, no request leaves."""

import pytest
import slides
from browsing import ROOT

CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
FOOT = 690  # below it are the number and the arrows

# What is wrong with the slide that is shown, in words; lengths are those of a stage of 1280 x 720.
WRONG = """(foot) => {
    const slide = Reveal.getCurrentSlide(), scale = Reveal.getScale(), wrong = [];
    const stage = slide.getBoundingClientRect();
    const box = (e) => {
        const b = e.getBoundingClientRect();
        return {left: (b.left - stage.left) / scale, right: (b.right - stage.left) / scale,
                top: (b.top - stage.top) / scale, bottom: (b.bottom - stage.top) / scale};
    };
    const say = (e, what) => wrong.push(`${what}: ${e.tagName} ${e.textContent.slice(0, 60)}`);
    const text = (e) => parseFloat(getComputedStyle(e).fontSize);
    const figure = slide.querySelector("img");
    for (const e of slide.querySelectorAll("h1, h2, p, li, pre, td, th")) {
        if (e.closest("aside")) continue;
        const b = box(e);
        if (b.bottom > foot || b.top < 0) say(e, "over the foot");
        if (b.left < 0 || b.right > 1280 || e.scrollWidth > e.clientWidth + 1 && e.clientWidth) {
            say(e, "over the side");
        }
        if (text(e) < (e.matches(".printed, .caption, td, th") ? 18 : 24)) say(e, `${text(e)} px`);
        if (e.tagName !== "PRE" && e.innerText.includes("$")) say(e, "a formula not set");
    }
    for (const e of slide.querySelectorAll(".katex-html .base")) {
        if (e.closest("aside")) continue;
        const b = box(e);
        if (b.left < 0 || b.right > 1280) say(e, "formula cut");
        if (text(e) < 18) say(e, "formula too small");
    }
    if (figure) {
        const b = box(figure), ratio = figure.naturalWidth / figure.naturalHeight;
        const width = Math.min(b.right - b.left, (b.bottom - b.top) * ratio);
        if (b.bottom > 720) say(figure, "figure over the foot");
        if (width < 1200 && width / ratio < 0.6 * 720) say(figure, "a small figure");
        for (const e of slide.querySelectorAll(".words > *")) {
            const w = box(e), drawn = b.right - width;
            const beside = slide.matches(".tall") ? w.right <= drawn + 1 : true;
            const apart = w.bottom <= b.top + 1 || w.top >= b.bottom - 1;
            if (!(slide.matches(".tall") ? beside : apart)) say(e, "under the figure");
        }
    }
    const number = document.querySelector(".slide-number").getBoundingClientRect();
    for (const arrow of document.querySelectorAll(".controls-arrow")) {
        const b = arrow.getBoundingClientRect();
        if (b.left < number.right && number.left < b.right) say(arrow, "number under an arrow");
    }
    return wrong;
}"""


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    slides.assets(folder)
    return folder


def opened(page, folder, pages):
    target = folder / "deck.html"
    slides.export(pages, target)
    page.goto(target.as_uri())
    page.wait_for_function("Reveal.isReady()")
    assert page.evaluate("Reveal.getTotalSlides()") == len(pages)
    return page


def faults(page):
    """What is wrong, slide by slide."""
    found = {}
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        page.evaluate(f"Reveal.slide({number}); document.fonts.ready.then(() => true)")
        if wrong := page.evaluate(WRONG, FOOT):
            found[number + 1] = wrong
    return found


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_slide_fits_is_legible_and_asks_nobody(page, decks, chapter):
    opened(page, decks, slides.chapter_deck(chapter))
    assert faults(page) == {}
    assert page.errors == []
    assert all(address.startswith(("file:", "data:")) for address in page.asked)


def test_every_slide_of_a_plan_fits(page, decks):
    for plan in ("lecture", "workshop"):
        opened(page, decks, slides.plan_decks(plan)[plan])
        assert faults(page) == {}


def test_a_long_formula_is_scaled_and_a_longer_text_is_found(page, decks):
    """The faults that the tests above look for are seen where they are."""
    formula = slides.slide(
        "text", "A formula", "$$" + " + ".join(f"x_{{{i}}}" for i in range(18)) + "$$"
    )
    crowd = slides.slide("text", "A crowd", "\n\n".join(["**Words.** " * 30] * 9))
    code = slides.slide("code", "Wide code", "x = " + "1 + " * 40 + "1")
    pages = [formula, crowd, code]
    for each in pages:
        slides.note(each)
    found = faults(opened(page, decks, pages))
    assert 1 not in found
    assert any("over the foot" in wrong for wrong in found[2])
    assert any("over the side" in wrong for wrong in found[3])


def test_the_speaker_sees_the_notes(page, decks):
    opened(page, decks, slides.chapter_deck(CHAPTERS[0]))
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    notes = popup.value.locator(".speaker-controls-notes .value")
    notes.wait_for(state="visible")
    assert "min." in notes.inner_text()
