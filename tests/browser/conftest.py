"""What the browser tests share: Chromium, a fresh page, and the addresses of the book's pages."""

import pytest
from browsing import AXE, HTML, PAGES, chromium, served
from figures import CHAPTERS, Figure
from xdist.scheduler import LoadScopeScheduling

try:
    from playwright.sync_api import sync_playwright
except ModuleNotFoundError:
    sync_playwright = None


class OnePrinting(LoadScopeScheduling):
    """Each test goes to whoever is free; those of the printed book go together: one printing."""

    def _split_scope(self, nodeid):
        return "pdf" if "test_pdf.py" in nodeid else nodeid


def pytest_xdist_make_scheduler(config, log):
    return OnePrinting(config, log)


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
