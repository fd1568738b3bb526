"""A Sphinx extension of this book: live figures in the place of their pictures.

A figure by `aebook.live` tells its name in the metadata of its stored output. Its page, and no
other, gets the figure's module, rewritten into a classic script that also runs from file://, and
an empty element before the picture. The script fills it, from the data in book/assets/live, when
the reader comes near; where it does not run, the picture stays. A link of the text that sets the
figure's state, as [beta 0](#learn?beta=0), stays as it is written: no element has that name.
"""

import re
import shutil
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.transforms import SphinxTransform

from aebook import live

PAGE_SCRIPT = Path(__file__).with_suffix(".js")


def classic_script(name):
    """A figure's ES module as a classic script that starts itself on a page of the book."""
    module, found = re.subn(r"^export default ", "const figure = ", live.module(name), flags=re.M)
    if found != 1:
        raise ValueError(f"{name}.js: expected one `export default`, found {found}")
    start = PAGE_SCRIPT.read_text(encoding="utf-8")
    return f'(() => {{\n"use strict";\nconst NAME = "{name}";\n{module}\n{start}}})();\n'


def told(cell):
    """What the outputs of a cell say of a live figure: a dict with `live`, or None."""
    for output in cell.get("outputs", []):
        if "aebook" in output.get("metadata", {}):
            return output.metadata["aebook"]
    return None


class KeepStates(SphinxTransform):
    """Keep links that set a live figure's state from MyST, which would look for what they name."""

    default_priority = 870  # before its ResolveAnchorIds

    def apply(self, **kwargs):
        for node in self.document.findall(nodes.reference):
            name, said, _ = node.get("refuri", "").partition("?")
            if said and name[:1] == "#" and (live.HERE / f"{name[1:]}.js").exists():
                node.attributes.pop("id_link", None)
                node["internal"] = True


def add_places(app, doctree):
    """Put the element for each live figure before its picture, and note it for the page."""
    source = Path(app.env.doc2path(app.env.docname))
    if source.suffix != ".ipynb":
        return
    cells, names = nbformat.read(source, as_version=4).cells, set()
    for node in doctree.findall(nodes.container):
        figure = node.get("nb_element") == "cell_code" and told(cells[node["cell_index"]])
        if figure:
            names.add(figure["live"])
            place = (f'<div data-live="{figure["live"]}" data-data="{figure["data"]}" '
                     f'data-sha256="{figure["sha256"]}"></div>')  # fmt: skip
            output = node.children[-1]
            output = next(output.findall(nodes.figure), output)  # its caption belongs to both
            output.insert(0, nodes.raw("", place, format="html"))
    app.env.metadata[app.env.docname]["live"] = sorted(names)


def write_scripts(app):
    """Write every figure's script and the style sheet into the built book."""
    if app.builder.format == "html":
        folder = Path(app.outdir) / "_static" / "live"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(live.STYLE, folder)
        for path in live.HERE.glob("*.js"):
            if path.stem != "common":
                text = classic_script(path.stem)
                (folder / f"figure-{path.name}").write_text(text, encoding="utf-8")


def add_scripts(app, pagename, templatename, context, doctree):
    """Load the scripts on the pages that have a place for them."""
    for name in app.env.metadata[pagename].get("live", []):
        app.add_css_file("live/live.css")
        app.add_js_file(f"live/figure-{name}.js", loading_method="defer")


def setup(app):
    app.add_transform(KeepStates)
    app.connect("doctree-read", add_places)
    app.connect("builder-inited", write_scripts)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
