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
BOX = '<span class="base">'


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
    if displayed:
        return result["html"]
    # A line may break after each of KaTeX's boxes; not after the last, where a comma may follow.
    start, box, rest = result["html"].rpartition(BOX)
    return f'{start}<span class="last">{box}{rest}</span>'


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


class KeepBracket(SphinxPostTransform):
    """Put a bracket that opens right before a formula into a box, after which no line ends."""

    default_priority = 700
    formats = ("html",)

    def run(self, **kwargs):
        for formula in list(self.document.findall(nodes.math)):
            siblings, place = formula.parent, formula.parent.index(formula)
            text = siblings[place - 1] if place else None
            if isinstance(text, nodes.Text) and text.endswith(("(", "[")):
                bracket = nodes.inline("", text[-1], classes=["last"])
                siblings[place - 1 : place] = [nodes.Text(text[:-1]), bracket]


def setup(app):
    app.add_html_math_renderer(
        "built", inline_renderers=(write, None), block_renderers=(write, None)
    )
    app.add_post_transform(KeepBracket)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
