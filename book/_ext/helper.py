"""Directives for the page of the helper package, made from its docstrings and from the chapters.

`helper` writes what a module offers; `chapters` which modules a chapter uses, and which hold what
it teaches. The source is read, not imported: the page needs neither Keras nor a backend. Public is
what has no underscore in front of its name.
"""

import ast
import re

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from _ext import HERE
from _ext.classroom import NOTEBOOKS
from _ext.ledger import table

PACKAGE = HERE.parent.parent / "aebook"
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
PARAGRAPH = re.compile(r"\n\s*\n|\n(?=[a-z]\w*(?:, \w+)*: )")


def signature(node):
    """A function's or class's name with its arguments, as one writes a call."""
    if isinstance(node, ast.FunctionDef):
        return f"{node.name}({ast.unparse(node.args)})"
    starts = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
    if not starts:
        return node.name
    arguments = starts[0].args
    arguments.args = arguments.args[1:]
    return f"{node.name}({ast.unparse(arguments)})"


def public(path):
    """(signature, docstring) of what a module offers, in its order."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, DEFINITIONS) and not node.name.startswith("_"):
            yield signature(node), ast.get_docstring(node) or ""


def paragraphs(text):
    """A docstring as paragraphs; what stands between backticks is code."""
    for block in PARAGRAPH.split(text):
        paragraph = nodes.paragraph()
        for i, part in enumerate(re.split(r"`([^`]+)`", " ".join(block.split()))):
            paragraph += nodes.literal(text=part) if i % 2 else nodes.Text(part)
        yield paragraph


def bare(node):
    """A definition as text, without docstrings and decorators."""
    for inner in ast.walk(node):
        if isinstance(inner, DEFINITIONS):
            inner.decorator_list = []
            if ast.get_docstring(inner) is not None:
                inner.body = inner.body[1:]
    return ast.unparse(node)


def definitions(tree):
    """The functions and classes at the top of a syntax tree, bare: whoever has the same, equals."""
    return {bare(node) for node in tree.body if isinstance(node, DEFINITIONS)}


def code(path):
    """A notebook's code as one syntax tree, without lines for IPython."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return ast.parse(re.sub(r"(?m)^( *)%", r"\1pass  # %", text))


def imported(tree):
    """The modules of the helper package that a syntax tree imports from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "aebook":
            names = {"load_mnist": "data", "split": "data", "DataError": "data"}
            inside = node.module.partition(".")[2]
            yield from [inside] if inside else [names.get(a.name, a.name) for a in node.names]


def rows():
    """Of each chapter: a link, the modules it imports from, those that hold what it defines."""
    held = {p.stem: definitions(ast.parse(p.read_text("utf-8"))) for p in PACKAGE.glob("*.py")}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        tree = code(path)
        taught = sorted(module for module, kept in held.items() if kept & definitions(tree))
        shown = [", ".join(f"`{name}`" for name in names)
                 for names in (sorted(set(imported(tree))), taught)]  # fmt: skip
        yield [f"[{path.stem}](../notebooks/{path.name})", *shown]


class Chapters(SphinxDirective):
    """`chapters`: which modules a chapter imports, and where its listings stand."""

    def run(self):
        for path in NOTEBOOKS.glob("*.ipynb"):
            self.env.note_dependency(str(path))
        lines = table(("Chapter", "takes from", "its listings stand in"), rows())
        node = nodes.container()
        self.state.nested_parse(StringList(lines, ""), self.content_offset, node)
        return node.children


class Helper(SphinxDirective):
    """`helper` with the name of a module, such as `training`."""

    required_arguments = 1

    def run(self):
        path = PACKAGE / f"{self.arguments[0].replace('.', '/')}.py"
        self.env.note_dependency(str(path))
        opening = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        entries = nodes.definition_list()
        for name, text in public(path):
            item = nodes.definition_list_item()
            item += nodes.term("", "", nodes.literal(text=name))
            item += nodes.definition("", *paragraphs(text))
            entries += item
        return [*paragraphs(opening), entries]


def setup(app):
    app.add_directive("helper", Helper)
    app.add_directive("chapters", Chapters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
