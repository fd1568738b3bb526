"""The figures on their pages: numbered, captioned, and with letters of one size."""

import pytest
from browsing import CHAPTERS, visit

LETTER = 10 / 72  # inches: as book.mplstyle writes in every figure

# Of each picture of the text: its figure's caption, as shown, and how wide it is and was drawn.
PICTURES = """() => [...document.querySelectorAll("article .cell_output img")].map(img => {
    const figure = img.closest("figure"), caption = figure?.querySelector(":scope > figcaption");
    return {id: figure?.id, caption: caption?.checkVisibility() ? caption.innerText : "",
            shown: img.getBoundingClientRect().width, drawn: img.naturalWidth / 192,
            room: img.parentElement.getBoundingClientRect().width} })"""


@pytest.mark.parametrize("name", CHAPTERS)
def test_figures_are_numbered_captioned_and_have_letters_of_one_size(page, book, name):
    """As large as the text's small print at least, and no figure's a fifth larger than another's.

    The live figures' pictures are looked at, too: without JavaScript they stand there.
    """
    visit(page, book(name))
    page.add_style_tag(content=".cell_output img { display: inline !important }")
    page.evaluate("""Promise.all([...document.images].map(img => {
        img.loading = "eager"; return img.decode() }))""")
    pictures = page.evaluate(PICTURES)
    chapter = int(name.split("/")[1][:2])
    for n, picture in enumerate(pictures, 1):
        assert picture["caption"].startswith(f"Figure {chapter}.{n} "), picture
        assert picture["shown"] <= picture["room"] + 1, picture
    letters = [picture["shown"] / picture["drawn"] * LETTER for picture in pictures]
    assert not letters or 12 <= max(letters) <= 1.2 * min(letters)
