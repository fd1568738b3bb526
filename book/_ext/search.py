"""A Sphinx extension of this book: a search that finds sections, also from file://.

Sphinx's own search names pages, and for an excerpt fetches each of them, which a browser refuses
from file://. Here the build writes the text of every section, of every entry of the glossary and of
every reference into one script, which the search page alone loads; book/assets/search.js looks
there. Sphinx's index, which nothing would read, is not built.
"""

import json
import re
import textwrap
import unicodedata
from pathlib import Path

from docutils import nodes

INDEX = "search-index.js"
SIGNS = {"mid": "|", "|": "‖", "lVert": "‖", "rVert": "‖", "cdot": "·", "times": "×", "ge": "≥",
         "le": "≤", "approx": "≈", "sim": "~", "pm": "±", "to": "→", "mapsto": "→", "in": "∈",
         "leftarrow": "←", "longrightarrow": "→", "sqrt": "√", "sum": "∑", "int": "∫", "ell": "ℓ",
         "partial": "∂", "nabla": "∇", "top": "ᵀ", "dots": "…", "cdots": "…", "lambda": "λ",
         "varepsilon": "ε", "%": "%"}  # fmt: skip
NAMES = ("log", "ln", "exp", "sin", "cos", "tanh", "min", "max")
HAT = re.compile(r"\\hat\s*(?:\{(\w)\}|(\w))")
FRACTION = re.compile(r"\\t?frac\s*(\d|\{[^{}]*\})\s*(\d|\{[^{}]*\})")
APART = (nodes.section, nodes.title, nodes.citation, nodes.label, nodes.raw, nodes.math_block,
         nodes.comment)  # fmt: skip


def sign(match):
    """A command of LaTeX as plain text; of one that only sets type nothing remains."""
    name = match.group(1)
    if name in SIGNS or name in NAMES:
        return SIGNS.get(name, name)
    case = "SMALL" if name.islower() else "CAPITAL"
    try:
        return unicodedata.lookup(f"GREEK {case} LETTER {name.upper()}")
    except KeyError:
        return ""


def bracketed(part):
    """One half of a fraction, in brackets where it is longer than a sign."""
    part = part.strip("{}")
    return part if len(part) == 1 else f"({part})"


def readable(formula):
    r"""A formula in a sentence as plain text: of `q(z \mid \hat x)` "q(z | x̂)"."""
    text = HAT.sub("\\1\\2\u0302", formula)
    text = FRACTION.sub(lambda match: "/".join(map(bracketed, match.groups())), text)
    text = re.sub(r"\\([A-Za-z]+|.)", sign, text, flags=re.S)
    return " ".join(re.sub("[{}]", "", text).split())


def is_term(node):
    """Whether a node is an entry of a glossary: it has an address of its own."""
    return isinstance(node, nodes.definition_list_item) and bool(node.children[0]["ids"])


def is_cell(node, name):
    return isinstance(node, nodes.container) and name in (node.get("nb_element"), *node["ids"])


def pieces(node):
    """(text, whether it is code) below a node, in order.

    Left out are the setup of a notebook, what its cells put out except captions, and what is found
    for itself: sections, terms, references.
    """
    for child in node.children:
        if is_cell(child, "cell_code_output"):
            for caption in child.findall(nodes.caption):
                yield from pieces(caption)
        elif isinstance(child, nodes.literal_block):
            yield child.astext() + "\n", True
        elif isinstance(child, nodes.math):
            yield readable(child.astext()), False
        elif isinstance(child, nodes.Text):
            yield child.astext(), False
        elif not (isinstance(child, APART) or is_term(child) or is_cell(child, "cell-setup")):
            yield from pieces(child)
            if not isinstance(child, nodes.Inline):
                yield " ", False


def text_of(node):
    """What a reader would read below a node, on one line."""
    return " ".join("".join(text for text, is_code in pieces(node) if not is_code).split())


def entries(doctree):
    """[anchor, title, text, code] of each place of a page that a search can find."""
    for section in doctree.findall(nodes.section):
        code = "".join(text for text, is_code in pieces(section) if is_code)
        yield [section["ids"][0], text_of(section[0]), text_of(section), code.strip()]
    for item in filter(is_term, doctree.findall(nodes.definition_list_item)):
        yield [item[0]["ids"][0], text_of(item[0]), text_of(item[1]), ""]
    for citation in doctree.findall(nodes.citation):
        text = text_of(citation)
        yield [citation["ids"][0], textwrap.shorten(text, 100, placeholder=" …"), text, ""]


def in_order(env):
    """The book's pages, as they are read."""
    following = {name: after for name, (_, _, after) in env.collect_relations().items()}
    name = env.config.root_doc
    while name:
        yield name
        name = following.get(name)


def tree(app, docname):
    """A page as it was read; with its references, where it has a list of them."""
    doctree = app.env.get_doctree(docname)
    if any(node.tagname == "bibliography" for node in doctree.findall()):
        return app.env.get_and_resolve_doctree(docname, app.builder)
    return doctree


def index(app):
    """What the search page reads: pages as [address, title], places as [page's number, *entry]."""
    pages, places = [], []
    for number, docname in enumerate(in_order(app.env)):
        pages.append([app.builder.get_target_uri(docname), app.env.titles[docname].astext()])
        places += [[number, *entry] for entry in entries(tree(app, docname))]
    return {"pages": pages, "places": places}


def write(app, error):
    """Write the index into the built book."""
    if not error and app.builder.format == "html":
        data = json.dumps(index(app), ensure_ascii=False, separators=(",", ":"))
        text = f"globalThis.aebookIndex = {data};\n"
        Path(app.outdir, "_static", INDEX).write_text(text, encoding="utf-8")


def not_sphinxs(app):
    app.builder.search = False


def page(app):
    """The search page, which Sphinx would otherwise make together with its index."""
    return [("search", {}, "search.html")]


def setup(app):
    app.connect("builder-inited", not_sphinxs)
    app.connect("html-collect-pages", page)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
