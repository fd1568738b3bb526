"""A scratch page with the figure that trains: a chapter's built page, the figure put into it."""

import contextlib
import os
import shutil

from browsing import HTML, served

from aebook import live
from aebook.data import load_mnist

CHAPTER = "notebooks/02-autoencoder.html"  # which has no live figure of its own


def data():
    """What aebook.live.learn packs, from the bundled sample: (arrays, settings)."""
    from aebook.live.figures import N_HELD_OUT, N_TRAIN, digits_data

    mnist = load_mnist("sample", quiet=True)
    return digits_data(
        mnist.x_train[:N_TRAIN], mnist.x_test[:N_HELD_OUT], mnist.y_test[:N_HELD_OUT]
    )


VARIANTS = {"learn": "", "plain": " data-plain", "hero": ' data-play="2"'}


@contextlib.contextmanager
def folder(figure="learn", data_name="digits", packed=None, chapter=CHAPTER, variants=VARIANTS):
    """The page's folder below the built book, as deep as the chapters', for this process only.

    packed: what `live.pack` takes. variants: of each page its name, and what its element says more.
    """
    from _ext.live import classic_script

    place = HTML / f"_scratch-{figure}-{os.getpid()}"
    place.mkdir(exist_ok=True)
    script = f"figure-{figure}.js"
    (place / script).write_text(classic_script(figure), encoding="utf-8")
    shutil.copy(live.STYLE, place)
    header, payload = live.pack(*(packed or data()))
    live.write_data(place, data_name, header, payload)
    tag = f'data-live="{figure}" data-data="{data_name}" data-sha256="{header["sha256"]}"'
    text = (HTML / chapter).read_text(encoding="utf-8")
    head = f'<link rel="stylesheet" href="live.css"><script defer src="{script}"></script>'
    text = text.replace("</head>", f"{head}</head>", 1)
    mark = '<section id="'
    at = text.index(mark, text.index("<article"))
    at = text.index(">", at) + 1
    blank = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
    for name, more in variants.items():
        put = f'<div {tag}{more}></div><img src="{blank}" alt="still">'
        (place / f"{name}.html").write_text(text[:at] + put + text[at:], encoding="utf-8")
    try:
        yield place.name
    finally:
        shutil.rmtree(place)


def opened(page, address, kind, figure):
    """What a fixture yields: a function that goes to address(...) and gives the figure, alive.

    kind: of class Figure. Fails if the page complained of anything.
    """

    def go(*where, after="", **more):
        page.goto(address(*where, **more) + after)
        return kind(page, figure).look()

    yield go
    assert page.errors == []


@contextlib.contextmanager
def pages(*arguments):
    """The pages of `folder`, also served: their addresses by (name, "http" or "file")."""
    with folder(*arguments) as place, served() as base:
        bases = {"http": base, "file": HTML.as_uri() + "/"}
        yield lambda name, scheme: f"{bases[scheme]}{place}/{name}.html"
