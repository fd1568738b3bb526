"""A Sphinx extension of this book: numbers for the figures of the chapters, and a list of them.

A code cell whose metadata hold `mystnb.figure` shows a figure with a caption; MyST-NB wraps it.
The figures of chapter 4 are numbered 4.1, 4.2 and so on, whatever the place of the chapter in the
table of contents. The directive `figures` lists them all, with their captions.
"""

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.environment.collectors.toctree import TocTreeCollector
from sphinx.util.docutils import SphinxDirective

from _ext.classroom import NOTEBOOKS, headings


def figures(path):
    """The captioned figures of a notebook, in order: (number, name, caption), such as "4.1"."""
    cells = nbformat.read(path, as_version=4).cells
    told = [cell.metadata.get("mystnb", {}).get("figure") for cell in cells]
    for n, figure in enumerate(filter(None, told), 1):
        yield f"{int(path.name[:2])}.{n}", figure["name"], figure["caption"]


def numbers(folder=NOTEBOOKS):
    """The number of each figure of each chapter: {"notebooks/04-...": {"fig-04-...": (4, 1)}}."""
    return {
        f"{folder.name}/{path.stem}": {
            name: tuple(map(int, number.split("."))) for number, name, _ in figures(path)
        }
        for path in sorted(folder.glob("*.ipynb"))
    }


def assign_figure_numbers(_, env, folder=NOTEBOOKS):
    """In the place of Sphinx's own: number by chapter; the pages whose numbers are new."""
    before = env.toc_fignumbers
    env.toc_fignumbers = {page: {"figure": found} for page, found in numbers(folder).items()}
    return [page for page, found in env.toc_fignumbers.items() if found != before.get(page)]


def listed(folder=NOTEBOOKS):
    """Markdown: each chapter with its figures, each with its number, a link to it, its caption."""
    for path in sorted(folder.glob("*.ipynb")):
        address = f"../notebooks/{path.stem}.html"
        if found := list(figures(path)):
            title = headings(path)[0][1]
            yield from ("", f"## {title}", "")
            for number, name, caption in found:
                link = f'<a class="reference internal" href="{address}#{name}">Figure {number}</a>'
                yield f"- {link} {caption}"


class Figures(SphinxDirective):
    """`figures`: the list of all chapters' figures."""

    def run(self):
        for path in NOTEBOOKS.glob("*.ipynb"):
            self.env.note_dependency(str(path))
        node = nodes.Element()
        self.state.nested_parse(StringList(list(listed()), ""), self.content_offset, node, True)
        return node.children


def setup(app):
    # In the place of Sphinx's own, not after it: two that disagree write all pages at each build.
    TocTreeCollector.assign_figure_numbers = assign_figure_numbers
    app.add_directive("figures", Figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
