"""What the browser tests share: Chromium, a fresh page, and the addresses of the book's pages."""

import pytest
from browsing import AXE, HTML, PAGES, chromium, served, visit
from figures import CHAPTERS, Figure
from xdist.scheduler import LoadScopeScheduling

try:
    from playwright.sync_api import sync_playwright
except ModuleNotFoundError:
    sync_playwright = None


class Together(LoadScopeScheduling):
    """Each test goes to whoever is free; together go those that share what takes long to come by.

    The printed book is one printing; a page that tests only look at (`visited`) is one visit.
    """

    def _split_scope(self, nodeid):
        if "test_pdf.py" in nodeid:
            return "pdf"
        return nodeid.partition("[")[2] if "test_reading.py" in nodeid else nodeid


def pytest_xdist_make_scheduler(config, log):
    return Together(config, log)


def pytest_sessionstart():
    """Say what is missing before anything runs."""
    if chromium() is None:
        missing = "no Chromium found (chromium, google-chrome): apt-get install chromium"
    elif sync_playwright is None or not AXE.exists():
        missing = "playwright or axe-core is missing: run make browser-tools (it needs npm)"
    elif not PAGES:
        missing = "the book is not built: run make book"
    else:
        return
    pytest.exit(f"browser tests: {missing}", returncode=1)


@pytest.fixture(scope="session", autouse=True)
def _setup():
    """Not the one above: a page needs no TensorFlow."""


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A fresh page, 1280 x 800, in a profile of its own.

    `page.asked` lists the addresses it asked for, `page.errors` what it complained of.
    """
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.asked, page.errors = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        yield page


@pytest.fixture(scope="session")
def _last():
    return {}


@pytest.fixture
def visited(browser, book, _last):
    """visited("notebooks/04-latent-space.html") is that page, light and 1280 x 800.

    Tests in a row that ask for the same page share one visit: they leave it as they found it, but
    for its width and its theme.
    """

    def visited(name):
        if _last.get("name") != name:
            if context := _last.pop("context", None):
                context.close()
            _last["context"] = browser.new_context(reduced_motion="reduce")
            _last["page"] = _last["context"].new_page()
            visit(_last["page"], book(name))
            _last["name"] = name
        _last["page"].set_viewport_size({"width": 1280, "height": 800})
        _last["page"].evaluate("document.documentElement.dataset.theme = 'light'")
        return _last["page"]

    return visited


@pytest.fixture(scope="session")
def book():
    """book("notebooks/04-latent-space.html", scheme="http" or "file") is that page's address."""
    with served() as base:
        bases = {"http": base, "file": HTML.as_uri() + "/"}
        yield lambda name="index.html", scheme="http": bases[scheme] + name


@pytest.fixture
def open_figure(page, book):
    """open_figure("latent", scheme="http"): the figure, alive, on its page."""

    def opened(name, scheme="http"):
        page.goto(book(f"notebooks/{CHAPTERS[name]}.html", scheme))
        return Figure(page, name)

    yield opened
    assert page.errors == []
