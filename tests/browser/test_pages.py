"""Every page in a real browser: alone on its host, silent, light, and open to everyone."""

import gzip
from urllib.parse import unquote

import pytest
from browsing import AXE, CHAPTERS, HTML, PAGES, ROOT, visit

LIVE = "[data-live]"  # marks a live figure; the pages that have one carry a trained model
SCHEMES = pytest.mark.parametrize("scheme", ["http", "file"])
FORMULAS = [c for c in CHAPTERS if "$" in (ROOT / c).with_suffix(".ipynb").read_text("utf-8")]
EVERY_PAGE = pytest.mark.parametrize("name", PAGES)


def weight(path):
    """Bytes on the wire from a static host that compresses text: GitHub Pages, say."""
    data = path.read_bytes()
    return len(data) if path.suffix == ".woff2" else len(gzip.compress(data))


@SCHEMES
@EVERY_PAGE
def test_a_page_is_whole_silent_light_and_asks_no_other_host(page, book, name, scheme):
    visit(page, book(name, scheme))
    if scheme == "http":
        page.wait_for_load_state("networkidle")  # nor does it ask later
    host = book("", scheme)
    assert [a for a in page.asked if not a.startswith((host, "data:", "blob:"))] == []
    assert page.errors == []
    assert page.locator(".formula .katex").count() > 0 or name not in FORMULAS
    assert page.locator(".katex-error").count() == 0
    if page.locator(LIVE).count() == 0:
        paths = {HTML / unquote(a.partition("?")[0][len(host) :]) for a in page.asked}
        paths = {p for p in paths if p.suffix not in (".png", ".svg", ".jpg")}
        assert sum(map(weight, paths)) <= 700_000


EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block", "image-alt"]}


def axe(page, rules):
    """What axe-core finds wrong on the page as it is: rule, how often, the first place.

    Left out: the glyphs KaTeX draws, thousands a page, which screen readers skip for the MathML
    beside them and which take the colour of the text around.
    """
    return page.evaluate(
        """async rules => (await axe.run({exclude: [".katex-html"]}, {
            preload: false, runOnly: rules, resultTypes: ["violations"],
        })).violations.map(v => `${v.id} x${v.nodes.length}: ${v.nodes[0].html}`)""",
        rules,
    )


# Number everything that the Tab key should reach, remember how it looks without the focus, and note
# of what gets it whether it looks otherwise then.
MARK_FOCUSABLE = """() => {
    const outline = s => s.outlineStyle == "none" ? "" : s.outline;
    const look = element => { const s = getComputedStyle(element); return [outline(s),
        outline(getComputedStyle(element, "::after")), s.boxShadow, s.textDecorationLine,
        s.backgroundColor].join() };
    const shown = [...document.querySelectorAll(
        "a[href], button, input, select, textarea, summary, [tabindex]")].filter(e =>
        e.tabIndex >= 0 && !e.disabled && e.checkVisibility({visibilityProperty: true})
        && !e.closest("dialog:not([open])") && !(e.type == "radio" && !e.checked));
    const unfocused = new Map(shown.map(e => [e, look(e)]));
    window.reached = shown.map(() => null);
    addEventListener("focusin", ({ target: e }) => {
        if (unfocused.has(e)) reached[shown.indexOf(e)] = look(e) != unfocused.get(e) });
    return shown.map(e => e.outerHTML.slice(0, 120)) }"""


def out_of_reach(page):
    """Press Tab through the page: what it never reaches, and what does not show that it did."""
    elements = page.evaluate(MARK_FOCUSABLE)
    for _ in range(len(elements) + 20):
        page.keyboard.press("Tab")
    reached = list(zip(elements, page.evaluate("reached"), strict=True))
    return tuple([e for e, shows in reached if shows is its] for its in (None, False))


@EVERY_PAGE
def test_a_page_is_open_to_everyone(page, book, name):
    """By keyboard, at both widths and in both themes; one visit, for most of the time is visits."""
    page.emulate_media(reduced_motion="reduce")  # no colour is caught half way
    visit(page, book(name))
    assert out_of_reach(page) == ([], [])
    page.add_script_tag(path=AXE)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.add_style_tag(content="#pst-back-to-top { display: block !important }")
    page.evaluate("scrollTo(0, 0)")
    found = {}
    for width in (1280, 375):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(400)  # the theme looks again which boxes scroll
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # The dark theme differs in colours and in which of two pictures is shown, in nothing else.
        for theme, rules in {"light": EVERY_RULE, "dark": COLOURS}.items():
            page.evaluate(
                "theme => Object.assign(document.documentElement.dataset, {theme, mode: theme})",
                theme,
            )
            found[width, theme] = axe(page, rules)
    assert found == {key: [] for key in found}


def test_reduced_motion_is_respected(page, book):
    page.emulate_media(reduced_motion="reduce")
    visit(page, book(CHAPTERS[0]))
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter(e => {
            const s = getComputedStyle(e), times = s.transitionDuration + "," + s.animationDuration;
            return times.split(",").some(t => parseFloat(t)) || s.scrollBehavior == "smooth"
        }).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert moving == []
