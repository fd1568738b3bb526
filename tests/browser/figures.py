"""A live figure on an open page, as its tests work it."""

import json

import nbformat
import numpy as np
import pytest
from _ext.live import told
from browsing import AXE, ROOT, wake

from aebook.live.packing import unpacked_kernel

DATA = ROOT / "book" / "assets" / "live"
STORED = {
    live["live"]: (path.stem, live["data"])
    for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
    for cell in nbformat.read(path, as_version=4).cells
    if (live := told(cell))
}
CHAPTERS = {name: chapter for name, (chapter, _) in STORED.items()}
CALL = """([place, name, list]) => JSON.stringify(place.live[name](...list),
    (_, v) => ArrayBuffer.isView(v) ? Array.from(v) : v)"""


def vae_from(arrays, prefix="", latents=2):
    """Chapter 3's VAE with the weights of a figure's arrays; without an encoder's, with its own."""
    from aebook import models

    vae = models.build_vae(models.build_vae_encoder(latent_dim=latents),
                           models.build_decoder(latents))  # fmt: skip
    for part, names in [("encoder", ("encoding", "z_mean", "z_log_var")),
                        ("decoder", ("decoding", "logits"))]:  # fmt: skip
        for name in names:
            if f"{prefix}{name}_kernel" in arrays:
                kernel = unpacked_kernel(arrays, prefix + name)
                weights = [kernel, arrays[f"{prefix}{name}_bias"]]
                vae.get_layer(part).get_layer(name).set_weights(weights)
    return vae


SIZES = pytest.mark.parametrize(("width", "height"), [(1280, 720), (375, 667)])
AXE_ON = """async place => (await axe.run(place, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    resultTypes: ["violations"],
})).violations.map(v => `${v.id} x${v.nodes.length}: ${v.nodes[0].html}`)"""


BOXES = """place => [place, ...place.querySelectorAll("button, input, select, canvas, table")]
    .map(e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height] })"""


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

    def state(self):
        return self.call("state")

    def look(self):
        """Bring it into sight: some rest where nobody sees them."""
        self.handle.evaluate("e => e.scrollIntoView({behavior: 'instant'})")
        self.settle()
        return self

    def press(self, name):
        self.place.get_by_role("button", name=name, exact=True).click()

    def slide(self, name, value):
        self.place.get_by_role("slider", name=name).fill(str(value))
        self.settle()

    def follow(self, address):
        """Click a link of the text to this address."""
        link = f'<p><a id="set" href="{address}">as the text says</a></p>'
        put = "(e, link) => e.insertAdjacentHTML('beforeend', link)"
        self.page.locator("article").first.evaluate(put, link)
        self.page.locator("#set").click()

    def boxes(self):
        """Where it and all its parts stand: x, y, width, height of each, its own first."""
        return self.place.evaluate(BOXES)

    def on_one_screen(self, height):
        """Its boxes; an error where a screen of this height does not show the whole of it."""
        (_, top, _, tall), *_ = boxes = self.boxes()
        assert tall <= 560
        assert top >= 0
        assert top + tall <= height
        return boxes

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

    def faults(self, work):
        """What axe finds in both themes on two widths, untouched and worked; and small controls."""
        self.page.add_script_tag(path=AXE)
        found = {}
        for width in (1280, 375):
            self.page.set_viewport_size({"width": width, "height": 800})
            for theme in ("light", "dark"):
                self.page.evaluate("to => { document.documentElement.dataset.theme = to }", theme)
                if self.place.get_by_role("button", name="Reset", exact=True).count():
                    self.press("Reset")
                found[width, theme] = self.page.evaluate(AXE_ON, self.handle)
                work()
                found[width, theme, "worked"] = self.page.evaluate(AXE_ON, self.handle)
            for control in self.place.locator(":is(button, input, select):visible").all():
                box = control.bounding_box()
                if min(box["width"], box["height"]) < 24:
                    found[width, control.inner_text()] = box
        return {where: what for where, what in found.items() if what}
