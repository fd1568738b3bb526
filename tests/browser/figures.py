"""A live figure on an open page, as its tests work it."""

import json

import numpy as np
from browsing import ROOT, wake

DATA = ROOT / "book" / "assets" / "live"
CHAPTERS = {"latent": "04-latent-space", "draw": "04-latent-space", "modes": "05-two-modes",
            "bottleneck": "01-compression"}  # fmt: skip
CALL = """([place, name, list]) => JSON.stringify(place.live[name](...list),
    (_, v) => ArrayBuffer.isView(v) ? Array.from(v) : v)"""


class Figure:
    """A live figure on an open page."""

    def __init__(self, page, name):
        self.page, self.place = page, page.locator(f'[data-live="{name}"]')
        wake(page)
        self.handle = self.place.element_handle()

    def call(self, name, *arguments):
        """What a function of the figure answers, typed arrays as lists."""
        arguments = json.loads(json.dumps(arguments, default=lambda a: np.asarray(a).tolist()))
        return json.loads(self.page.evaluate(CALL, [self.handle, name, arguments]))

    def slide(self, name, value):
        self.place.get_by_role("slider", name=name).fill(str(value))
        self.settle()

    def settle(self):
        """Wait until what was asked for is drawn."""
        frames = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.page.evaluate(frames)

    def said(self):
        """What a screen reader hears, once the figure has come to rest."""
        self.page.wait_for_timeout(700)
        return self.place.get_by_role("status").inner_text()

    def pixels(self, index=0):
        """The drawing on one of the figure's canvases, to see whether it changes."""
        self.settle()
        return self.place.locator("canvas").nth(index).evaluate("canvas => canvas.toDataURL()")
