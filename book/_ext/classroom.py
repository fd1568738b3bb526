"""A Sphinx extension of this book for teachers: links to cells, an index of sections, and costs.

The role `cell` links to a cell of a chapter, {cell}`03-variational-autoencoder/kl-rent`. The
directive `sections` lists the sections of all chapters, from the notebooks. The directive
`students` writes what a student costs, and what a class needs, from book/students.yml, which
benchmarks/students.py measured.
"""

import math
import re
from pathlib import Path

import nbformat
import yaml
from docutils import nodes
from docutils.statemachine import StringList
from ledger import links, table
from mdit_py_plugins.anchors.index import slugify
from sphinx.util.docutils import SphinxDirective, SphinxRole

BOOK = Path(__file__).resolve().parent.parent
NOTEBOOKS = BOOK.parent / "notebooks"
STUDENTS = BOOK / "students.yml"
CLASSES = (20, 100, 400)
PATIENCE = 5  # minutes in which everybody's chapter should be through
SYSTEM = 2  # GiB for the machine itself and the hub


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


def costs(data):
    """Markdown: what one student costs, chapter by chapter."""
    rows = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cost = data["chapters"].get(path.stem)
        shown = [f"{cost['memory']:,}", str(cost["seconds"])] if cost else ["not measured", ""]
        rows.append([f"[{int(path.name[:2])}](../notebooks/{path.name})", *shown])
    rows.append(["JupyterLab alone", f"{data['server']:,}", ""])
    return table(("Chapter", "memory at its highest (MiB)", "processor time (s)"), rows)


def machine(students, data, share=1.0):
    """(GiB, cores) for a class of which a share runs the dearest chapter at the same moment."""
    memory = max(c["memory"] for c in data["chapters"].values())
    seconds = max(c["seconds"] for c in data["chapters"].values())
    running = math.ceil(students * share)
    gib = SYSTEM + (students * data["server"] + running * memory) / 1024
    return math.ceil(gib), max(2, math.ceil(running * seconds / (60 * PATIENCE)))


def classes(data):
    """Markdown: how large a machine a class needs."""
    rows = []
    for students in CLASSES:
        row = [str(students)]
        for share in (1.0, 1 / 3):
            gib, cores = machine(students, data, share)
            row.append(f"{gib} GiB, {cores} cores")
        rows.append(row)
    return table(("Students", "all run at once", "a third runs at once"), rows)


class Generated(SphinxDirective):
    """A directive whose content is Markdown lines, written by `lines`."""

    def run(self):
        self.env.note_dependency(__file__)
        node = nodes.container()
        self.state.nested_parse(StringList(self.lines(), ""), self.content_offset, node)
        return node.children


class Sections(Generated):
    """`sections`: the index of all chapters' sections."""

    def lines(self):
        for path in NOTEBOOKS.glob("*.ipynb"):
            self.env.note_dependency(str(path))
        return index()


class Students(Generated):
    """`students` with the argument `costs` or `classes`."""

    required_arguments = 1

    def lines(self):
        self.env.note_dependency(str(STUDENTS))
        data = yaml.safe_load(STUDENTS.read_text(encoding="utf-8"))
        return {"costs": costs, "classes": classes}[self.arguments[0]](data)


class Cell(SphinxRole):
    """`cell`: a link to a cell, named by its chapter and its id."""

    def run(self):
        return [nodes.raw("", links([self.text]), format="html")], []


def setup(app):
    app.add_directive("sections", Sections)
    app.add_directive("students", Students)
    app.add_role("cell", Cell())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
