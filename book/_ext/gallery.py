"""A Sphinx extension of this book: a page of all live figures, each with its idea in one line.

The directive `gallery` holds a line for each live figure: the name of its module, its title, and
the idea, with bars between. It shows them in the order of the book, with their stored pictures, and
links to their places. A live figure of the chapters that has no line ends the strict build.
"""

from typing import NamedTuple

import nbformat
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from _ext.classroom import NOTEBOOKS
from _ext.figures import figures
from _ext.front import image
from _ext.live import told

LOGGER = logging.getLogger(__name__)


class Line(NamedTuple):
    """What the gallery says of a live figure."""

    title: str
    idea: str


def lines(content):
    """The gallery's lines by the names of their figures."""
    parts = [[part.strip() for part in text.split("|")] for text in content if text.strip()]
    if any(len(part) != 3 for part in parts):
        raise ExtensionError("gallery: a line is a name, a title and an idea, with bars between")
    return {name: Line(*rest) for name, *rest in parts}


def live_figures(folder=NOTEBOOKS):
    """(name, address from book/, number, cell) of each live figure, in the chapters' order."""
    for path in sorted(folder.glob("*.ipynb")):
        numbers = {name: number for number, name, _ in figures(path)}
        for cell in nbformat.read(path, as_version=4).cells:
            if live := told(cell):
                name = cell.metadata.mystnb.figure.name
                address = f"../notebooks/{path.stem}.html#{name}"
                yield live["live"], address, numbers[name], cell


class Gallery(SphinxDirective):
    """`gallery`: its lines are the figures' names, titles and ideas."""

    has_content = True

    def card(self, line, address, number, cell):
        link = f'<a class="reference internal" href="{address}">{line.title}</a>'
        title = nodes.paragraph("", "", nodes.raw("", link, format="html"))
        title["classes"].append("gallery-title")
        idea, messages = self.parse_inline(line.idea)
        where = nodes.inline("", f" Figure {number}.", classes=["gallery-number"])
        text = nodes.paragraph("", "", *idea, where)
        return nodes.container(
            "", image(self, cell), title, text, *messages, classes=["gallery-card"]
        )

    def run(self):
        for path in NOTEBOOKS.glob("*.ipynb"):
            self.env.note_dependency(str(path))
        said, cards = lines(self.content), []
        for name, address, number, cell in live_figures():
            if name in said:
                cards.append(self.card(said[name], address, number, cell))
            else:
                LOGGER.warning(
                    "gallery: the live figure %s has no line", name, location=self.env.docname
                )
        return [nodes.container("", *cards, classes=["gallery"])]


def setup(app):
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
