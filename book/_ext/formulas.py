"""A Sphinx extension of this book: formulas set when it is built, so that pages need no script.

KaTeX, from the package sphinxcontrib-katex, runs in QuickJS, a small engine of JavaScript. What it
can't set is a warning, at which the strict build fails. Punctuation beside a formula stays on its
line.
"""

import json
from functools import cache
from pathlib import Path

import quickjs
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinxcontrib import katex

log = logging.getLogger(__name__)
SCRIPT = Path(katex.__file__).with_name("katex.min.js")
# As JSON: the engine joins its strings late, and its Python side takes only whole ones.
SET = """(latex, displayMode) => { try {
    return JSON.stringify({html: katex.renderToString(latex, {displayMode, strict: "error"})})
} catch (error) { return JSON.stringify({error: error.message}) } }"""
OPENING, CLOSING, JOINER = tuple("([“‘-–"), tuple("-–)]”’.,;:!?…"), "\N{WORD JOINER}"


@cache
def engine():
    """KaTeX in QuickJS, as a function of (latex, whether it is displayed) that returns JSON."""
    context = quickjs.Context()
    context.eval(SCRIPT.read_text(encoding="utf-8"))
    return context.eval(SET)


@cache
def html(latex, displayed=False):
    """The formula as KaTeX sets it: HTML to be seen, MathML to be read aloud.

    Raises ValueError, with KaTeX's reason, where it can't.
    """
    result = json.loads(engine()(latex, displayed))
    if "error" in result:
        raise ValueError(result["error"])
    return result["html"]


def write(writer, node):
    """Write a formula, inline or displayed."""
    displayed = isinstance(node, nodes.math_block)
    try:
        formula = html(node.astext(), displayed)
    except ValueError as error:
        log.warning("%s: %s", error, node.astext(), location=node, type="formula")
        formula = ""
    tag = "div" if displayed else "span"
    writer.body.append(writer.starttag(node, tag, "", CLASS="formula"))
    writer.body.append(f"{formula}</{tag}>\n" if displayed else f"{formula}</{tag}>")
    raise nodes.SkipNode


class KeepPunctuation(SphinxPostTransform):
    """Join a formula with the punctuation beside it, so that no line begins with its comma.

    Browsers may break a line at each of its boxes; only a word joiner forbids it.
    """

    default_priority = 700
    formats = ("html",)

    def run(self, **kwargs):
        for text in list(self.document.findall(nodes.Text)):
            siblings, joined = text.parent.children, text.astext()
            place = siblings.index(text)
            if isinstance((None, *siblings)[place], nodes.math) and joined.startswith(CLOSING):
                joined = JOINER + joined
            if isinstance((*siblings, None)[place + 1], nodes.math) and joined.endswith(OPENING):
                joined += JOINER
            if joined != text:
                text.parent[place] = nodes.Text(joined)


def setup(app):
    app.add_html_math_renderer(
        "built", inline_renderers=(write, None), block_renderers=(write, None)
    )
    app.add_post_transform(KeepPunctuation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
