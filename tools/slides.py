"""Decks of slides from the chapters: the same cells, nothing written or drawn twice.

    python tools/slides.py            every chapter, into _build/slides
    python tools/slides.py 03 05      those whose name contains 03 or 05

A cell with the metadata `slideshow: {slide_type: slide}` becomes a slide, under the heading it
stands below. Of a code cell the slide shows the figure, or else the code with what it printed. Of
a Markdown cell it shows what carries the thought: formulas, lists, tables, quotes, and sentences
with something in bold. All prose, that too, goes to the notes, which the speaker's window (key S)
shows. nbconvert renders; reveal.js and KaTeX lie beside the decks, so
that a deck opens from the file system, without a network.
"""

import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from pygments.formatters import HtmlFormatter
from sphinxcontrib import katex

ROOT = Path(__file__).resolve().parent.parent
DECK = ROOT / "tools" / "deck"
OUT = ROOT / "_build" / "slides"
FOLDED = re.compile(r"<details>.*?</details>", re.S)
SENTENCE_END = re.compile(r"(?:(?<=[.!?:])|(?<=[.!?:]\*\*))\s+(?=[A-Z*(])")
WHOLE = re.compile(r"\$\$|[-*|>] |\d+\. |\|")  # how a formula, a list, a table, a quote begins
FIGURES = ("image/png", "image/svg+xml")


def is_slide(cell):
    return cell.metadata.get("slideshow", {}).get("slide_type") == "slide"


def sections(source):
    """Split Markdown at its headings: pairs of a heading (or "") and the text below it."""
    parts = re.split(r"(?m)^(#+ .*)$", source)
    pairs = [("", parts[0])] if parts[0].strip() else []
    return pairs + list(zip(parts[1::2], parts[2::2], strict=True))


def shown(text, opening=False):
    """What of a Markdown text a slide shows; of a chapter's opening its questions, too."""
    kept = []
    for block in re.split(r"\n\s*\n", FOLDED.sub("", text).strip()):
        if WHOLE.match(block) or re.fullmatch(r"\*.*\*", block):
            kept.append(block)
        else:
            said = SENTENCE_END.split(block)
            said = [s for s in said if "**" in s or (opening and s.endswith("?"))]
            kept.append(" ".join(said))
    return "\n\n".join(filter(None, kept))


def slide(cell, heading):
    """The cell that shows `cell` on a slide of its own, under its heading."""
    figure = any(kind in out.get("data", {}) for out in cell.get("outputs", []) for kind in FIGURES)
    new = nbformat.from_dict(cell)
    new.metadata = nbformat.from_dict({
        "slideshow": {"slide_type": "slide"},
        "deck": {"heading": heading, "kind": "figure" if figure else "code",
                 "alt": cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")},
    })  # fmt: skip
    if figure:
        new.outputs = [out for out in new.outputs if set(FIGURES) & set(out.get("data", {}))]
    return new


def notes(text):
    metadata = {"slideshow": {"slide_type": "notes"}, "deck": {"kind": "notes"}}
    return nbformat.v4.new_markdown_cell(text, metadata=metadata)


def derive(notebook):
    """A notebook of slides and notes, in turn, from a chapter."""
    cells, heading = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if is_slide(cell):
                cells += [slide(cell, heading), notes("")]
            continue
        for title, text in sections(cell.source):
            heading = title.lstrip("# ") or heading
            opening = title.startswith("# ")
            if is_slide(cell) and (keys := shown(text, opening)):
                page = nbformat.v4.new_markdown_cell(keys)
                page.metadata = nbformat.from_dict({
                    "slideshow": {"slide_type": "slide"},
                    "deck": {"heading": heading, "kind": "title" if opening else "text"},
                })  # fmt: skip
                cells += [page, notes("")]
            cells[-1].source += "\n\n" + text.replace(".ipynb", ".html").strip()
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def export(path, out):
    """Write the deck of one chapter; return how many slides it has."""
    notebook = derive(nbformat.read(path, as_version=4))
    exporter = SlidesExporter(template_name="deck", extra_template_basedirs=[str(DECK.parent)])
    resources = {"metadata": {"name": notebook.cells[0].metadata.deck.heading}}
    page, _ = exporter.from_notebook_node(notebook, resources)
    (out / f"{path.stem}.html").write_text(page, encoding="utf-8")
    return len(notebook.cells) // 2


def assets(out):
    """Lay reveal.js, KaTeX and the style beside the decks."""
    shutil.copytree(DECK / "reveal", out / "reveal", dirs_exist_ok=True)
    shutil.copytree(ROOT / "book" / "assets" / "katex", out / "katex", dirs_exist_ok=True)
    shutil.copy(Path(katex.__file__).with_name("katex.min.js"), out / "katex")
    for name in ("deck.css", "deck.js"):
        shutil.copy(DECK / name, out)
    colours = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")
    (out / "code.css").write_text(colours, encoding="utf-8")


def main(wanted, out=OUT):
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    paths = [p for p in paths if not wanted or any(word in p.name for word in wanted)]
    if not paths:
        sys.exit(f"slides: no notebook's name contains {' or '.join(wanted)}")
    out.mkdir(parents=True, exist_ok=True)
    assets(out)
    for path in paths:
        print(f"{path.stem}.html: {export(path, out)} slides")
    print(f"Open file://{out} in a browser and choose a deck; S opens the speaker's window.")


if __name__ == "__main__":
    main(sys.argv[1:])
