"""What a chapter defines, as a module: its listings are tested where they stand."""

import ast
import re
import types

import nbformat
from conftest import NOTEBOOKS

KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


def is_kept(node, known):
    """Whether a statement defines: an import, a function, a class, a constant of what is known."""
    if not isinstance(node, ast.Assign):
        return isinstance(node, KEPT)
    names = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    return all(name.isupper() or name in known for name in names)


def definitions(number):
    """A module of what the chapter of this number imports and defines; nothing else of it is run.

    number: such as "04". Listings may use each other, in whatever order they stand.
    """
    (path,) = (p for p in NOTEBOOKS if p.name.startswith(number))
    module = types.ModuleType(f"chapter_{number}")
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            tree = ast.parse(re.sub(r"(?m)^( *)%", r"\1pass  # %", cell.source))
            tree.body = [node for node in tree.body if is_kept(node, vars(module))]
            exec(compile(tree, f"{path.name}, cell {cell.id}", "exec"), vars(module))
    return module
