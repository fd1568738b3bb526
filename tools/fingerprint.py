"""What a chapter's outputs come from, as one number: `make execute` stores it in the notebook.

Counted are the code cells, the modules of the helper package that they use, in turn what those
import, and what lies beside them: the style of the figures, the cluster's scripts. Not counted are
comments, docstrings, layout and the book's version, the set-up cell, which only names the
repository's address, and the scripts of the live figures, which run in the reader's page and make
none of the stored outputs.
"""

import ast
import hashlib
import re
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).resolve().parent.parent
BESIDE = (".mplstyle", ".sh", ".yaml")  # files of a package that are no code and count, too


def content(node):
    """A syntax tree as nested lists, the same in every version of Python, docstrings left out."""
    if isinstance(node, list):
        return [content(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
        return []  # a new version of the book makes no new outputs
    fields = dict(ast.iter_fields(node))
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
        fields["body"] = node.body[1:]
    kept = [[name, content(value)] for name, value in fields.items() if value not in (None, [])]
    return [type(node).__name__, *kept]


def named(tree):
    """The names of helper modules, and of what may be one, that some code imports or runs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"^aebook(?:\.\w+)+$", node.value)  # python -m aebook.x


def files(name, root=ROOT):
    """The files that importing a name runs: of its packages and, if it is one, of the module."""
    parts = name.split(".") if name.startswith("aebook") else []
    for end in range(1, len(parts) + 1):
        path = root.joinpath(*parts[:end])
        yield from filter(Path.is_file, (path / "__init__.py", path.with_suffix(".py")))


def helpers(trees, root=ROOT):
    """The helper modules that some code uses, in turn: a dict of path to syntax tree."""
    found, waiting = {}, ["aebook", *(name for tree in trees for name in named(tree))]
    while waiting:
        for path in files(waiting.pop(), root):
            if path not in found:
                found[path] = ast.parse(path.read_text(encoding="utf-8"))
                waiting += named(found[path])
    return found


def fingerprint(notebook, root=ROOT):
    """SHA-256 of all that the outputs of a notebook come from, as hexadecimal digits."""
    python = TransformerManager().transform_cell  # magics become the calls that they stand for
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"][1:]
    trees = [ast.parse(python(cell.source)) for cell in cells]
    modules = helpers(trees, root)
    beside = {p for module in modules for p in module.parent.iterdir() if p.suffix in BESIDE}
    parts = [content(tree) for tree in trees]
    parts += [[path.name, content(modules[path])] for path in sorted(modules)]
    parts += [[path.name, path.read_text(encoding="utf-8")] for path in sorted(beside)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()
