"""A Sphinx extension of this book: a live figure on the front page, which the reader starts.

With the option `play`, seconds, it starts once by itself for so long, unless motion is reduced.

The directive `hero` takes a notebook and ids of its cells, first that of a live figure, then those
whose stored pictures stand for it until then. Model and script are fetched when the button is
pressed (book/assets/start.js); without JavaScript there is no button, and the pictures stay. On the
chapters' pages, book/assets/arrive.js sees to it that a link to a live figure opens there.
"""

import base64
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from _ext.classroom import NOTEBOOKS
from _ext.live import told

DATA = NOTEBOOKS.parent / "book" / "assets" / "live"
PLACE = """\
<div data-figure="{live}" data-data="{data}" data-sha256="{sha256}"{play}></div>
<p class="hero-start pst-js-only"><button type="button" class="btn btn-primary">{label}</button>
<span role="status">Loads {what}, {size:.1f} MB, and runs in this page.</span></p>"""


def picture_of(cell):
    """The stored picture of a cell, and the text that stands for it."""
    for output in cell.outputs:
        if png := output.get("data", {}).get("image/png"):
            return base64.b64decode(png), cell.metadata.mystnb.image.alt
    raise ExtensionError(f"hero: the cell {cell.id} has no stored PNG")


def image(directive, cell, **attributes):
    """The stored picture of a cell as a node, from a file that the build may copy."""
    png, alt = picture_of(cell)
    env, kind = directive.env, directive.name
    path = Path(env.app.outdir).parent / "jupyter_execute" / f"{kind}-{cell.id}.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(png)
    uri = f"/{path.relative_to(env.srcdir).as_posix()}"
    return nodes.image(uri=uri, alt=alt, **attributes)


class Hero(SphinxDirective):
    """`hero`: a notebook, the live figure's cell, and the cells of its pictures."""

    required_arguments, final_argument_whitespace = 1, True
    option_spec = {"label": str, "play": int}  # noqa: RUF012 (Sphinx asks for a dict)
    has_content = True

    def run(self):
        notebook, figure, *pictures = self.arguments[0].split()
        source = NOTEBOOKS / f"{notebook}.ipynb"
        self.env.note_dependency(str(source))
        cells = {cell.id: cell for cell in nbformat.read(source, as_version=4).cells}
        live = told(cells[figure])
        size = (DATA / f"{live['data']}.js").stat().st_size / 1e6
        seconds = self.options.get("play")
        play = f' data-play="{seconds}"' if seconds else ""
        what = "the digits that it learns" if seconds else "the trained model"
        place = PLACE.format(**live, label=self.options["label"], size=size, play=play, what=what)
        caption = nodes.container(classes=["hero-caption"])
        self.state.nested_parse(self.content, self.content_offset, caption)
        images = [image(self, cells[name], classes=["at-once"]) for name in pictures]
        hero = nodes.container("", nodes.raw("", place, format="html"), *images, caption)
        hero["classes"].append("hero")
        self.env.metadata[self.env.docname]["hero"] = True
        return [hero]


def add_scripts(app, pagename, templatename, context, doctree):
    """Load what starts the figure where there is one, and what holds a page at a live one."""
    if "hero" in app.env.metadata[pagename]:
        app.add_js_file("start.js", loading_method="defer")
    if app.env.metadata[pagename].get("live"):
        app.add_js_file("arrive.js", loading_method="defer")


def setup(app):
    app.add_directive("hero", Hero)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
