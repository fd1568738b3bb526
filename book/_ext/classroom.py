"""A Sphinx extension of this book for teachers: links to cells, and an index of sections.

The role `cell` links to a cell of a chapter, {cell}`03-variational-autoencoder/kl-of-three`. The
directive `sections` lists the sections of all chapters, from the notebooks.
"""

import re
from pathlib import Path

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from mdit_py_plugins.anchors.index import slugify
from sphinx.util.docutils import SphinxDirective, SphinxRole

from _ext.ledger import links

NOTEBOOKS = Path(__file__).resolve().parent.parent.parent / "notebooks"


def headings(path):
    """(level, title) of every heading of a notebook, in order."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return [(len(marks), title) for marks, title in re.findall(r"(?m)^(#+) (.*)$", text)]


def opening(path):
    """The line in italics below a chapter's title: its running time and what it needs."""
    first = nbformat.read(path, as_version=4).cells[0].source
    line = re.search(r"(?m)^\*(Runs in .*)\*$", first).group(1)
    return re.sub(r"\]\((?=\d\d-)", "](../notebooks/", line)


def index():
    """Markdown: each chapter with its running time, its sections as nested lists."""
    lines = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        address = f"../notebooks/{path.name}"
        (_, chapter), *rest = headings(path)
        lines += [f"**[{chapter}]({address})**", "", opening(path), ""]
        for level, title in rest:
            indent = "  " * (level - 2)
            lines.append(f"{indent}- [{title}]({address}#{slugify(title)})")
        lines.append("")
    return lines


class Sections(SphinxDirective):
    """`sections`: the index of all chapters' sections."""

    def run(self):
        for path in NOTEBOOKS.glob("*.ipynb"):
            self.env.note_dependency(str(path))
        node = nodes.container()
        self.state.nested_parse(StringList(index(), ""), self.content_offset, node)
        return node.children


class Cell(SphinxRole):
    """`cell`: a link to a cell, named by its chapter and its id."""

    def run(self):
        return [nodes.raw("", links([self.text]), format="html")], []


def setup(app):
    app.add_directive("sections", Sections)
    app.add_role("cell", Cell())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
