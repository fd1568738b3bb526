"""The search page in a real browser, from a host and from a disk."""

import re

import pytest
from browsing import HTML, visit

SCHEMES = pytest.mark.parametrize("scheme", ["http", "file"])
RESULTS = """() => [...document.querySelectorAll(".search-found li")].map(li => ({
    title: li.querySelector("h2").innerText, href: li.querySelector("h2 a").getAttribute("href"),
    text: li.querySelector("p:last-child").innerText,
    marked: [...li.querySelectorAll("mark")].map(m => m.innerText)}))"""


def search(page, book, query, scheme="http"):
    """What the search page lists for a query."""
    visit(page, book("search.html", scheme) + f"?q={query}")
    return page.evaluate(RESULTS)


@SCHEMES
def test_the_dialog_leads_to_a_section_of_a_chapter(page, book, scheme):
    """By keyboard from any page, to the place itself, with the word marked there."""
    visit(page, book("notebooks/03-variational-autoencoder.html", scheme))
    page.keyboard.press("Control+k")
    page.keyboard.type("stationary points")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=stationary+points*")
    link = page.locator(".search-found a[href*='notebooks/05-two-modes.html#']").first
    link.wait_for()
    anchor = link.get_attribute("href").partition("#")[2]
    link.click()
    page.wait_for_url(f"**/05-two-modes.html#{anchor}")
    page.locator(f"#{anchor} .highlighted").first.wait_for()
    assert page.errors == []


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("posterior", "book/glossary.html#term-posterior"),
        ("Posteriors", "book/glossary.html#term-posterior"),
        ("beta", "notebooks/14-linear-and-beta.html#beta-rate-against-distortion"),
        ("β", "notebooks/14-linear-and-beta.html#beta-rate-against-distortion"),
        ("two modes", "notebooks/05-two-modes.html#two-modes"),
        ("coloring", "notebooks/06-cleaning-and-colouring.html#colouring"),
    ],
)
def test_what_bears_the_name_comes_first(page, book, query, first):
    """Whatever the number, the spelling or the alphabet."""
    assert search(page, book, query)[0]["href"] == first


@SCHEMES
def test_the_places_that_have_all_words_are_found(page, book, scheme):
    """Those and no others, each with a word that is marked and an address that is there."""
    found = search(page, book, "forward KL", scheme)
    places = page.evaluate("aebookIndex.places.map(([, anchor, ...texts]) => [anchor, texts])")
    words = [re.compile(rf"\b{word}", re.I) for word in ("forward", "KL")]
    having = [anchor for anchor, texts in places
              if all(word.search(" ".join(texts)) for word in words)]  # fmt: skip
    assert len(found) == len(having) > 5
    for result in found:
        target, _, anchor = result["href"].partition("#")
        assert f'id="{anchor}"' in (HTML / target).read_text(encoding="utf-8")
        assert anchor in having
        assert result["marked"]
        assert len(result["text"]) < 300


def test_titles_come_before_texts(page, book):
    titled = ["likeli" in result["title"].lower() for result in search(page, book, "likelihood")]
    assert titled == sorted(titled, reverse=True)
    assert {True, False} == set(titled)


def test_a_name_from_code_is_found(page, book):
    (first, *_) = search(page, book, "stationary_points")
    assert any("stationary_points" in text for text in first["marked"])


def test_the_number_of_places_is_said_and_the_rest_can_be_had(page, book):
    assert len(search(page, book, "model")) == 20
    told = page.get_by_role("status").inner_text()
    page.get_by_role("button", name="Show the rest").click()
    assert re.match(r"(\d+) places", told)[1] == str(len(page.evaluate(RESULTS)))
    assert page.evaluate("document.activeElement.closest('li').matches(':nth-child(21)')")
    assert search(page, book, "xyzzy") == []
    assert "No place" in page.get_by_role("status").inner_text()


@pytest.mark.parametrize("width", [1280, 375])
def test_the_magnifier_stands_before_the_first_letter_and_one_ring_around(page, book, width):
    page.set_viewport_size({"width": width, "height": 667})
    for dialog in (False, True):
        visit(page, book("search.html" if not dialog else "index.html"))
        if dialog:
            page.keyboard.press("Control+k")
        form = page.locator("dialog form.bd-search" if dialog else "main form.bd-search")
        form.locator("input").focus()
        gap, ring, rings = form.evaluate(
            """form => {
                const input = form.querySelector("input"), icon = form.querySelector("i");
                const box = input.getBoundingClientRect(), style = getComputedStyle(input);
                const ringed = e => getComputedStyle(e).outlineStyle != "none"
                    || getComputedStyle(e).boxShadow != "none";
                return [box.left + parseFloat(style.paddingLeft)
                    - icon.getBoundingClientRect().right,
                    form.getBoundingClientRect().width - box.width,
                    [form, input].filter(ringed).length]; }"""
        )
        assert 2 < gap < 16
        assert ring <= 2  # the ring of the field is the ring of the box
        assert rings == 1


def test_without_javascript_the_search_page_says_so(browser, book):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(book("search.html"))
        assert "needs JavaScript" in page.locator("main").inner_text()
        assert page.locator("main a[href='book/glossary.html']").is_visible()
