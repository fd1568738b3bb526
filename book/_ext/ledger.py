"""A Sphinx extension of this book: addresses for code cells, and the ledger of claims.

Each code cell of a notebook gets an address on its page, `#cell-` and the cell's id. The directive
`ledger` writes the tables of book/ledger.md from book/ledger.yml, which is their only source, and
links each row to the cells that measured it.
"""

from pathlib import Path

import nbformat
import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

LEDGER = Path(__file__).resolve().parent.parent / "ledger.yml"
VERDICTS = {"wrong": "✗ wrong", "care": "≈ with care", "holds": "✓ holds"}


def read():
    """The ledger's data: `claims` (groups of rows) and `coverage` (a row id to its places)."""
    return yaml.safe_load(LEDGER.read_text(encoding="utf-8"))


def address(place):
    """The page and fragment of a place: "03-name/cell-id" of a notebook, or a page of book/."""
    page, _, cell = place.partition("/")
    return f"../notebooks/{page}.html#cell-{cell}" if cell else f"{page}.html"


def links(places):
    """Markdown links to places, named by chapter and cell."""
    texts = []
    for place in places:
        page, _, cell = place.partition("/")
        name = f"{int(page[:2])}, {cell.replace('-', ' ')}" if cell else page
        texts.append(f'<a class="reference internal" href="{address(place)}">{name}</a>')
    return "; ".join(texts)


def table(header, rows):
    """A Markdown table whose cells may hold anything that stands on one line."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return lines + ["| " + " | ".join(row).replace("\n", " ") + " |" for row in rows]


def claim_rows(claims):
    for claim in claims:
        shown = [links(claim.get("cells", []))] if claim.get("cells") else []
        shown += [f"{{cite:t}}`{','.join(claim['refs'])}`"] if claim.get("refs") else []
        yield [claim["says"], VERDICTS[claim["verdict"]], claim["correct"], "; ".join(shown)]


class Ledger(SphinxDirective):
    """`ledger` with the argument `claims` or `coverage`."""

    required_arguments = 1

    def run(self):
        self.env.note_dependency(str(LEDGER))
        data, lines = read(), []
        if self.arguments[0] == "claims":
            header = ("The claim", "Verdict", "What is right", "Shown at (chapter, cell)")
            for group in data["claims"]:
                lines += [
                    f"**{group['group']}**",
                    "",
                    *table(header, claim_rows(group["rows"])),
                    "",
                ]
        else:
            rows = [
                [key, row["what"], links(row["places"])] for key, row in data["coverage"].items()
            ]
            lines += table(("Row", "What the book holds", "Where (chapter, cell)"), rows)
        node = nodes.container(classes=["ledger", self.arguments[0]])
        self.state.nested_parse(StringList(lines, str(LEDGER)), self.content_offset, node)
        if self.arguments[0] == "claims":
            claims = (claim for group in data["claims"] for claim in group["rows"])
            bodies = node.findall(nodes.tbody)
            for row, claim in zip((row for b in bodies for row in b), claims, strict=True):
                row["classes"].append(claim["verdict"])  # what ledger.js filters by
        return [node]


def address_cells(app, doctree):
    """Give every code cell of a notebook page the id `cell-<id>`."""
    source = Path(app.env.doc2path(app.env.docname))
    if source.suffix != ".ipynb":
        return
    cells = nbformat.read(source, as_version=4).cells
    for node in doctree.findall(nodes.container):
        if node.get("nb_element") == "cell_code":
            node["ids"].append(f"cell-{cells[node['cell_index']].id}")


def setup(app):
    app.add_directive("ledger", Ledger)
    app.connect("doctree-read", address_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
