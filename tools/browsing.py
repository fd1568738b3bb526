"""The built book as a browser meets it: its pages, its addresses, and what a visit asked for."""

import functools
import http.server
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
NODE_MODULES = ROOT / "_build" / "browser" / "node_modules"
AXE = NODE_MODULES / "axe-core" / "axe.min.js"
PAGES = sorted(
    path.relative_to(HTML).as_posix()
    for path in HTML.rglob("*.html")
    if not path.relative_to(HTML).parts[0].startswith("_")
)
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]


def chromium():
    """The path of a Chromium on this machine, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


class Handler(http.server.SimpleHTTPRequestHandler):
    """A static host that keeps quiet."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Nothing."""


@contextmanager
def served(folder=HTML, handler=Handler):
    """The folder over http on a port of this machine: its address, with a slash at the end."""
    handler = functools.partial(handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def wake(page):
    """Bring each live figure of an open page near enough to come alive; then back to the top."""
    for place in page.locator("[data-live]").all():
        place.evaluate("place => place.scrollIntoView()")
        alive = "place => place.classList.contains('live-ready')"
        page.wait_for_function(alive, arg=place.element_handle(timeout=30_000))
    # Where Chromium has scrolled to, the Tab key goes on: back to the top by the same way.
    page.evaluate("document.documentElement.scrollIntoView()")


def visit(page, address):
    """Go there, and wait until the page has come, its fonts too."""
    page.goto(address)
    page.evaluate("document.fonts.ready.then(() => true)")
    wake(page)
