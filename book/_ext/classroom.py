"""A Sphinx extension of this book for teachers: links to cells, indexes of what chapters hold.

The role `cell` links to a cell of a chapter, {cell}`03-variational-autoencoder/kl-of-three`. The
directive `sections` lists the sections of all chapters, `objectives` what one can do after each and
the exercise that grades it, from the notebooks.
"""

import re
from pathlib import Path

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from mdit_py_plugins.anchors.index import slugify
from sphinx.util.docutils import SphinxDirective, SphinxRole

from _ext.ledger import links

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOKS, EXERCISES = ROOT / "notebooks", ROOT / "book" / "exercises"


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


def objectives(path):
    """What a chapter says one can do after it: (what, number of the exercise) in order."""
    first = nbformat.read(path, as_version=4).cells[0].source
    _, _, listed = first.partition("After this chapter you can:")
    return re.findall(r"(?m)^- (.*) \(exercise (\d+)\)[;.]?$", listed)


def items(path):
    """The exercises of a sheet: its headings by their numbers, without points."""
    titles = [title for level, title in headings(path) if level == 2]
    return {title.partition(".")[0]: title for title in titles}


def graded():
    """Markdown: a table of all objectives, each with the exercise that it is tied to."""
    lines = ["| chapter | afterwards one can | graded by |", "| --- | --- | --- |"]
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        sheet = items(EXERCISES / path.name)
        for what, exercise in objectives(path):
            title = sheet[exercise]
            name = re.sub(r" \(\d+ points?\)$", "", title)
            lines.append(
                f"| [{int(path.stem[:2])}](../notebooks/{path.name}) | {what} | "
                f"[{name}](exercises/{path.name}#{slugify(title)}) |"
            )
    return lines


class Objectives(SphinxDirective):
    """`objectives`: what one can do after each chapter, and the exercise that grades it."""

    def run(self):
        for path in NOTEBOOKS.glob("*.ipynb"):
            self.env.note_dependency(str(path))
        node = nodes.container()
        self.state.nested_parse(StringList(graded(), ""), self.content_offset, node)
        return node.children


class Cell(SphinxRole):
    """`cell`: a link to a cell, named by its chapter and its id."""

    def run(self):
        return [nodes.raw("", links([self.text]), format="html")], []


def setup(app):
    app.add_directive("sections", Sections)
    app.add_directive("objectives", Objectives)
    app.add_role("cell", Cell())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
