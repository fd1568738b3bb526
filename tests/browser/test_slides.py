"""The decks as a projector shows them: nothing overflows, formulas are set, no request leaves."""

import pytest
import slides
from browsing import ROOT

CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OVERFLOWS = """() => {
    const slide = Reveal.getCurrentSlide();
    const parts = [...slide.querySelectorAll(":scope > :not(aside)")];
    const out = (e) => e.offsetTop + e.offsetHeight > 720 || e.scrollWidth > e.clientWidth + 1;
    return parts.filter(out).map((e) => e.tagName + ": " + e.textContent.slice(0, 60));
}"""


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    slides.assets(folder)
    return folder


@pytest.mark.parametrize("chapter", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_every_slide_fits_and_asks_nobody(page, decks, chapter):
    count = slides.export(chapter, decks)
    page.goto((decks / f"{chapter.stem}.html").as_uri())
    page.wait_for_function("Reveal.isReady()")
    assert page.evaluate("Reveal.getTotalSlides()") == count
    for number in range(count):
        page.evaluate(f"Reveal.slide({number}); document.fonts.ready.then(() => true)")
        assert page.evaluate(OVERFLOWS) == [], f"slide {number + 1}"
        assert "$" not in page.evaluate(
            "[...Reveal.getCurrentSlide().querySelectorAll('h2, p, li')]"
            ".filter(e => !e.closest('aside')).map(e => e.innerText).join(' ')"
        )
    assert page.errors == []
    assert all(address.startswith(("file:", "data:")) for address in page.asked)


def test_the_speaker_sees_the_notes(page, decks):
    slides.export(CHAPTERS[0], decks)
    page.goto((decks / f"{CHAPTERS[0].stem}.html").as_uri())
    page.wait_for_function("Reveal.isReady()")
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    notes = popup.value.locator(".speaker-controls-notes .value")
    notes.wait_for(state="visible")
    assert "Could the arrow be turned round?" in notes.inner_text()
