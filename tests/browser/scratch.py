"""A scratch page with the figure that trains: a chapter's built page, the figure put into it."""

import contextlib
import os
import shutil

from browsing import HTML

from aebook import live
from aebook.data import load_mnist

CHAPTER = "notebooks/03-variational-autoencoder.html"


def data():
    """What aebook.live.learn packs, from the bundled sample: (arrays, settings)."""
    from aebook.live.figures import N_HELD_OUT, N_TRAIN, digits_data

    mnist = load_mnist("sample", quiet=True)
    return digits_data(
        mnist.x_train[:N_TRAIN], mnist.x_test[:N_HELD_OUT], mnist.y_test[:N_HELD_OUT]
    )


@contextlib.contextmanager
def folder():
    """The page's folder below the built book, as deep as the chapters', for this process only."""
    from _ext.live import classic_script

    place = HTML / f"_scratch-{os.getpid()}"
    place.mkdir(exist_ok=True)
    (place / "figure-learn.js").write_text(classic_script("learn"), encoding="utf-8")
    shutil.copy(live.STYLE, place)
    header, payload = live.pack(*data())
    live.write_data(place, "digits", header, payload)
    tag = f'data-live="learn" data-data="digits" data-sha256="{header["sha256"]}"'
    text = (HTML / CHAPTER).read_text(encoding="utf-8")
    head = '<link rel="stylesheet" href="live.css"><script defer src="figure-learn.js"></script>'
    text = text.replace("</head>", f"{head}</head>", 1)
    mark = '<section id="'
    at = text.index(mark, text.index("<article"))
    at = text.index(">", at) + 1
    blank = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
    for name, more in {"learn": "", "plain": " data-plain", "hero": ' data-play="2"'}.items():
        put = f'<div {tag}{more}></div><img src="{blank}" alt="still">'
        (place / f"{name}.html").write_text(text[:at] + put + text[at:], encoding="utf-8")
    try:
        yield place.name
    finally:
        shutil.rmtree(place)
