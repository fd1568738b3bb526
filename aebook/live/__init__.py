"""Live figures: a chapter's own trained model under the reader's finger.

Each function of figures.py returns a `LiveFigure` for the last line of a cell. In Jupyter and
Colab, where the package anywidget is at hand, it is a widget that carries the weights of the
running notebook. Everywhere else it is a picture, also where a program executes the notebook
(`nbconvert --execute`) and where the variable AEBOOK_LIVE is `off`: an exported page then shows it
without a network. The book's pages put the same code, with the weights stored beside them, in the
picture's place; see book/_ext/live.py.

The code of a figure is common.js and its own module put one behind the other: one ES module. What
it draws from is one block of bytes, floats in half precision, the kernels of networks in eight bits
a weight, and a header that says what is where.
"""

from aebook.live.display import HERE, STYLE, VARIABLE, LiveFigure, module
from aebook.live.figures import (
    add_it_up,
    average_a_crowd,
    be_the_fit,
    between_the_points,
    bottleneck,
    draw_a_digit,
    draw_from_the_posterior,
    flow,
    gan,
    latent_explorer,
    learn,
    set_the_alarm,
    spoil_and_repair,
    two_arrows,
)
from aebook.live.packing import fingerprint, pack, read_data, unpack, write_data

__all__ = [
    "HERE",
    "STYLE",
    "VARIABLE",
    "LiveFigure",
    "add_it_up",
    "average_a_crowd",
    "be_the_fit",
    "between_the_points",
    "bottleneck",
    "draw_a_digit",
    "draw_from_the_posterior",
    "fingerprint",
    "flow",
    "gan",
    "latent_explorer",
    "learn",
    "module",
    "pack",
    "read_data",
    "set_the_alarm",
    "spoil_and_repair",
    "two_arrows",
    "unpack",
    "write_data",
]
