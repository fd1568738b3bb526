"""The ledger: filtered from the keyboard, readable at every width, whole without scripts."""

import pytest
from _ext import ledger
from browsing import visit

LEDGER = "book/ledger.html"
VERDICTS = [row["verdict"] for group in ledger.read()["claims"] for row in group["rows"]]
ROWS = ".ledger.claims tbody tr"


def count(verdict):
    return sum(v == verdict or not verdict for v in VERDICTS)


def test_the_filter_works_by_keyboard_and_says_what_it_shows(page, book):
    visit(page, book(LEDGER))
    status = page.get_by_role("status").filter(has_text="claims")
    buttons = page.get_by_role("group", name="Show the claims that are").get_by_role("button")
    assert buttons.count() == 1 + len(ledger.VERDICTS)
    for i, verdict in enumerate(["", *ledger.VERDICTS]):
        assert verdict == "" or ledger.VERDICTS[verdict] == buttons.nth(i).inner_text()
        buttons.nth(0).focus()
        for _ in range(i):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter" if i % 2 else "Space")
        shown = page.locator(ROWS).filter(visible=True)
        assert shown.count() == count(verdict)
        assert status.inner_text() == f"{count(verdict)} of {len(VERDICTS)} claims are shown."
        pressed = buttons.evaluate_all("all => all.map(b => b.ariaPressed)")
        assert pressed == [str(i == k).lower() for k in range(len(pressed))]
        if verdict:
            texts = shown.locator("td:nth-child(2)").all_inner_texts()
            assert set(texts) == {ledger.VERDICTS[verdict]}
    # "holds" is the last, and all its claims are in one group: no heading stands over nothing
    groups = {
        g["group"] for g in ledger.read()["claims"] for r in g["rows"] if r["verdict"] == "holds"
    }
    headings = page.locator(".ledger.claims > p").filter(visible=True).all_inner_texts()
    assert set(headings) == groups
    assert page.errors == []


def test_without_scripts_every_claim_stands_and_no_button_that_would_do_nothing(browser, book):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(book(LEDGER))
        assert page.locator(ROWS).filter(visible=True).count() == len(VERDICTS)
        assert page.locator(".ledger-filter").count() == 0


# Of each table: the words over a cell, by style sheet, and what its column is called.
NAMES = """() => [...document.querySelectorAll(".ledger table")].map(table => [
    [...table.querySelector("tbody tr").cells].map(cell =>
        getComputedStyle(cell, "::before").content.replaceAll('"', "")),
    [...table.querySelectorAll("thead th")].map(th => th.textContent.trim())])"""
BEYOND = """width => [...document.querySelectorAll(".ledger td")].filter(cell => {
    const box = cell.getBoundingClientRect();
    const wide = cell.scrollWidth > cell.clientWidth + 1;
    return box.width && (box.left < 0 || box.right > width || wide)
}).map(cell => cell.textContent.slice(0, 60))"""


@pytest.mark.parametrize("width", [375, 1280])
def test_a_claim_is_readable_whole_at_every_width(page, book, width):
    """On a phone its cells stand below each other, each under the name of its column."""
    page.set_viewport_size({"width": width, "height": 800})
    visit(page, book(LEDGER))
    assert page.evaluate(BEYOND, width) == []
    scrolled = "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth + 1).length"
    assert page.locator(".ledger .pst-scrollable-table-container").evaluate_all(scrolled) == 0
    first = page.locator(f"{ROWS}:first-child").first.locator("td")
    lefts = first.evaluate_all("cells => cells.map(cell => cell.getBoundingClientRect().left)")
    assert len(set(lefts)) == (1 if width < 576 else 4)
    for over, header in page.evaluate(NAMES):
        assert over == (header if width < 576 else ["none"] * len(header))
