"""A figure as a notebook displays it: alive, or as its picture."""

import base64
import io
import json
import os
from pathlib import Path

from aebook.live.packing import pack, write_data

HERE = Path(__file__).parent
STYLE = HERE / "live.css"
PARTS = {
    "alarm": ["parts/hand"],
    "arrows": ["parts/hand", "parts/network", "parts/paper"],
    "between": ["parts/hand", "parts/network", "parts/plane"],
    "bottleneck": ["parts/hand", "parts/network", "parts/paper"],
    "crowd": ["parts/hand"],
    "draw": ["parts/hand", "parts/network", "parts/vae", "parts/plane", "parts/paper"],
    "fit": ["parts/hand"],
    "flow": ["parts/hand", "parts/network"],
    "gan": ["parts/hand", "parts/training"],
    "latent": ["parts/hand", "parts/network", "parts/vae", "parts/plane"],
    "learn": ["parts/hand", "parts/training", "parts/plane", "parts/paper"],
    "posterior": ["parts/hand", "parts/network", "parts/vae", "parts/plane"],
    "repair": ["parts/hand", "parts/network", "parts/paper"],
    "sum": ["parts/hand"],
}  # what some figures share
VARIABLE = "AEBOOK_LIVE"  # "off": pictures only; else the folder `make execute` wants the data in


def script(*parts):
    return "\n".join((HERE / f"{part}.js").read_text(encoding="utf-8") for part in parts)


def worker(name):
    """What trains for a figure, as the text of a classic script: the engine, then its own part.

    The engine's kernel is in it as KERNEL, in base64.
    """
    kernel = base64.b64encode((HERE / "engine" / "kernel.wasm").read_bytes()).decode()
    parts = script("engine/plain", "engine/engine", f"engine/{name}")
    return f'"use strict";\nconst KERNEL = "{kernel}";\n{parts}'


def module(name):
    """The ES module of a figure as one text: what all figures share, what some do, then its own.

    A figure that trains has a part in engine/, too. Its page makes a worker of the text WORKER: one
    that is opened from a file can make one of nothing else.
    """
    trains = (HERE / "engine" / f"{name}.js").exists()
    said = f"const WORKER = {json.dumps(worker(name))};\n" if trains else ""
    return said + script("common", *PARTS.get(name, []), name)


def is_attended():
    """Whether the front end that runs this cell could ask a person for input.

    Jupyter and Colab could. What executes a whole notebook (`nbconvert --execute`, papermill) says
    in its request that it cannot: nobody would work a widget, and what it stores has to be seen
    later, without this kernel. Outside a kernel nobody says, and the answer is yes.
    """
    from IPython import get_ipython

    request = getattr(get_ipython(), "get_parent", dict)()
    return request.get("content", {}).get("allow_stdin", True)


class LiveFigure:
    """A figure to be displayed: a widget where somebody can work it, else its still picture.

    name: of its module. data: of its data file; figures of one chapter may share one. still: a
    matplotlib figure, what is seen in print, on GitHub and without JavaScript; it is closed.
    """

    def __init__(self, name, data, arrays, settings, still):
        import matplotlib.pyplot as plt

        self.name, self.data = name, data
        self.header, self.payload = pack(arrays, settings)
        size = still.get_size_inches() * 96  # pixels of a page; the file has twice as many
        self.shown = dict(zip(("width", "height"), map(int, size), strict=True))
        picture = io.BytesIO()
        still.savefig(picture, format="png")
        plt.close(still)
        self.picture = base64.b64encode(picture.getvalue()).decode()

    def __repr__(self):
        return f"<live figure {self.name!r}: a picture here, alive in the book and with anywidget>"

    def widget(self):
        """The figure as an anywidget, or None where that package is missing."""
        try:
            import anywidget
            import traitlets
        except ImportError:
            return None
        traits = {"header": traitlets.Dict(self.header), "payload": traitlets.Bytes(self.payload)}
        synced = {key: trait.tag(sync=True) for key, trait in traits.items()}
        code = {"_esm": module(self.name), "_css": STYLE.read_text(encoding="utf-8")}
        return type(f"Live_{self.name}", (anywidget.AnyWidget,), synced | code)()

    def _repr_mimebundle_(self, **kwargs):
        told = {"live": self.name, "data": self.data, "sha256": self.header["sha256"]}
        bundle = {"text/plain": repr(self), "image/png": self.picture}
        metadata = {"aebook": told, "image/png": self.shown}
        wanted = os.environ.get(VARIABLE, "")
        if wanted not in ("", "off"):
            write_data(wanted, self.data, self.header, self.payload)
        if not wanted and is_attended() and (widget := self.widget()):
            shown = widget._repr_mimebundle_()
            shown, extra = shown if isinstance(shown, tuple) else (shown, {})
            bundle, metadata = shown | bundle, metadata | extra
        return bundle, metadata
