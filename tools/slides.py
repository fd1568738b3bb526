"""Decks of slides from the chapters: the same cells, nothing written or drawn twice.

    python tools/slides.py                  every chapter, into _build/slides
    python tools/slides.py 03 05            those whose name contains 03 or 05
    python tools/slides.py --plan lecture   what this plan of book/teaching.md names

A cell with the metadata `slideshow: {slide_type: slide}` becomes a slide, under the heading it
stands below, or its own: `slideshow.heading`. Of a code cell the slide shows the figure, or else
what it printed, and the code where that defines something or prints nothing. Of a Markdown cell it
shows what carries the thought: formulas, lists, tables, quotes, and sentences with something in
bold; the answer to a question is the next slide. The prose around it goes to the notes, which the
speaker's window (key S) shows: minutes, a cue, at most 120 words. nbconvert renders; reveal.js and
KaTeX lie beside the decks, so that a deck opens from the file system, without a network.
"""

import argparse
import ast
import base64
import io
import math
import re
import shutil
import sys
import textwrap
from pathlib import Path

import nbformat
from mdit_py_plugins.anchors.index import slugify
from nbconvert import SlidesExporter
from PIL import Image, ImageOps
from pygments.formatters import HtmlFormatter
from sphinxcontrib import katex

ROOT = Path(__file__).resolve().parent.parent
DECK = ROOT / "tools" / "deck"
OUT = ROOT / "_build" / "slides"
TEACHING = ROOT / "book" / "teaching.md"
CHAPTERS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}

FOLDED = re.compile(r"<details>.*?</details>", re.S)
QUESTION = re.compile(
    r"\*\*(?P<asked>\d+\. .*?)\*\*\n\n(?P<options>.*?)\n\n<details><summary>Answer</summary>\n\n"
    r"\*\*(?P<letter>\w)\.\*\* (?P<why>.*?)\n\n(?P<others>.*?)\n\n</details>",
    re.S,
)
SENTENCE_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?]\*\*)|(?<=[.!?]\)))(?<!et al\.)\s+(?=[A-Z*($])")
WHOLE = re.compile(r"\$\$|[-*|>] |\d+\. |\|")  # how a formula, a list, a table, a quote begins
LINK = re.compile(r"\[([^]]+)\]\((?:https?:|[^()\s]*\.(?:ipynb|md))[^()\s]*\)")
NAMED = re.compile(  # in a plan: a cell; or a link to a chapter, a section of one, or a question
    r"\{cell\}`(?P<in>[\w-]+)/(?P<cell>[\w-]+)`"
    r"|\[(?:question (?P<question>\d+)|[^]]*)\]\(\.\./notebooks/(?P<chapter>[\w-]+)\.ipynb"
    r"(?:#(?P<section>[\w-]+))?\)"
)
PLAN = re.compile(r"(?ms)^\(plan-(\w+)\)=\n+## (.*?)\n(.*?)(?=^\(plan-|^## |\Z)")

NOTED = 120  # words of a slide's notes, at most
PACE = 130  # words a minute
COLUMNS = 84  # of code, at 24 pixels
TOGETHER = 18  # lines of code and rows of a table, at most, that stand on one slide
BESIDE = 6  # lines of print, at most, that stand below code
# From this width by height a figure leaves room for its caption below; up to that, heading and
# caption stand beside it.
WIDE, TALL = 2.9, 1.45


def wrong(chapter, cell, why):
    sys.exit(f"slides: {chapter}, cell {cell}: {why}")


def is_slide(cell):
    return cell.metadata.get("slideshow", {}).get("slide_type") == "slide"


def sections(source):
    """Split Markdown at its headings: pairs of a heading (or "") and the text below it."""
    parts = re.split(r"(?m)^(#+ .*)$", source)
    pairs = [("", parts[0])] if parts[0].strip() else []
    return pairs + list(zip(parts[1::2], parts[2::2], strict=True))


def sentences(text):
    """The sentences of a Markdown text's prose; formulas, lists and tables left out."""
    blocks = re.split(r"\n\s*\n", FOLDED.sub("", text).strip())
    prose = [
        block for block in blocks if block and not re.match(rf"{WHOLE.pattern}|\*Runs ", block)
    ]
    return [said for block in prose for said in SENTENCE_END.split(LINK.sub(r"\1", block))]


def shown(text, opening=False):
    """What of a Markdown text a slide shows; of an opening its questions and objectives, too."""
    kept = []
    for block in re.split(r"\n\s*\n", FOLDED.sub("", text).strip()):
        if WHOLE.match(block) or re.fullmatch(r"\*[^*].*[^*]\*", block):
            kept.append(block)
        else:
            said = SENTENCE_END.split(block)
            said = [s for s in said if "**" in s or (opening and s.endswith(("?", "can:")))]
            kept.append(" ".join(said))
    return LINK.sub(r"\1", "\n\n".join(filter(None, kept)))


def defines(statement):
    return isinstance(statement, ast.FunctionDef | ast.ClassDef)


def checks(node):
    """Whether code asserts, or prints a text or a table."""
    return any(
        isinstance(part, ast.Assert)
        or (isinstance(part, ast.Name) and part.id in ("print", "Table"))
        for part in ast.walk(node)
    )


def taught(source, table=False):
    """Code without what checks or prints, or of a table what it defines; its long lines broken."""
    source = re.sub(r"(?m)^( *)%.*", r"\1pass", source)
    body = ast.parse(source).body
    inner = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Assert | ast.Expr)]
    out = [node for node in body if not defines(node)] + inner
    out = [node for node in out if table or checks(node)]
    out = {number for node in out for number in range(node.lineno, node.end_lineno + 1)}
    kept = [line for number, line in enumerate(source.splitlines(), 1) if number not in out]
    code = "\n".join(map(broken, kept)).replace("  # fmt: skip", "")
    return re.sub(r"\n{3,}", "\n\n", code).strip()


def broken(line):
    """A line of code that is longer than a slide is wide, as several."""
    indent = " " * (len(line) - len(line.lstrip()) + 8)
    return "\n".join(textwrap.wrap(line, COLUMNS, subsequent_indent=indent)) or line


def picture(output):
    """A figure among a cell's outputs, as an address and its width by height; else None."""
    data = output.get("data", {})
    if "image/png" in data:
        png = data["image/png"].replace("\n", "")
        image = Image.open(io.BytesIO(base64.b64decode(png)))
        if image.width < TALL * image.height:
            image, png = trimmed(image)
        return f"data:image/png;base64,{png}", image.width / image.height
    if svg := data.get("image/svg+xml"):
        box = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', svg)
        address = f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
        return address, float(box[1]) / float(box[2])
    return None


def trimmed(image):
    """A picture without the white at its left and right, and as a PNG in base64."""
    ink = ImageOps.invert(image.convert("L")).getbbox()
    image, file = image.crop((ink[0], 0, ink[2], image.height)), io.BytesIO()
    image.save(file, "png", dpi=image.info.get("dpi"))
    return image, base64.b64encode(file.getvalue()).decode()


def slide(kind, heading, source="", **deck):
    """A cell that shows itself on a slide; `deck` is what else deck/index.html.j2 wants of it."""
    metadata = {"slideshow": {"slide_type": "slide"}, "deck": {"kind": kind, "heading": heading}}
    metadata["deck"] |= {"said": [], "cue": "", "section": "", **deck}
    return nbformat.v4.new_markdown_cell(source, metadata=metadata)


def of_code(cell, heading):
    """The slide of a code cell: its figure, else its code and what came of it."""
    mystnb = cell.metadata.get("mystnb", {})
    outputs = cell.get("outputs", [])
    if figure := next(filter(None, map(picture, outputs)), None):
        address, aspect = figure
        shape = "wide" if aspect > WIDE else "tall" if aspect < TALL else "full"
        caption = LINK.sub(r"\1", mystnb.get("figure", {}).get("caption", ""))
        return slide("figure", heading, address=address, aspect=aspect, shape=shape,
                     caption=caption, alt=mystnb.get("image", {}).get("alt", ""))  # fmt: skip
    tables = [out.data["text/html"] for out in outputs if "text/html" in out.get("data", {})]
    printed = [out.text for out in outputs if out.get("name") == "stdout"]
    shows = not (tables or printed) or any(map(defines, ast.parse(cell.source).body))
    folded = "hide-input" in cell.metadata.get("tags", [])
    code = "" if folded else taught(cell.source, bool(tables))
    rows = sum(table.count("<tr") for table in tables)
    fits = not tables or code.count("\n") + 1 + rows <= TOGETHER
    page = slide("code", heading, code if shows and fits else "")
    fit = [text for text in printed if not page.source or text.count("\n") <= BESIDE]
    page.metadata.deck |= {"tables": tables, "printed": fit}
    return page if page.source or tables or printed else None


def of_question(cell):
    """The slides of a question: what is asked, then the answer."""
    found = QUESTION.search(cell.source)
    asked, letter = found["asked"], found["letter"]
    right = re.search(rf"(?m)^- \*\*{letter}\.\*\* (.*)$", found["options"])[1]
    others = re.findall(r"(?m)^- \*\*(.*)$", found["others"])
    question = slide("question", asked, found["options"],
                     cue="Let everybody vote for A, B or C before anybody says why.")  # fmt: skip
    answer = slide("answer", f"{letter}. {right}", found["why"], asked=asked,
                   cue="Ask one who chose otherwise what tempted.",
                   said=[f"**{other}" for other in others])  # fmt: skip
    return [question, answer]


def of_text(title, text, heading):
    """The slide of a part of a Markdown cell, or None where nothing carries the thought."""
    opening = title.startswith("# ")
    keys = re.sub(r"\*Runs in .*? cores\. ", "*", shown(text, opening))
    if not keys:
        return None
    page = slide("title" if opening else "text", heading, keys)
    page.metadata.deck.said = [s for s in sentences(text) if s not in keys]
    if not page.metadata.deck.said:
        page.metadata.deck.cue = "Ask for each point what showed it."
    return page


def derive(chapter, named=()):
    """The slides of a chapter: of the cells that are marked, and of those that are named."""
    pages, heading, lead = [], "", []
    for cell in nbformat.read(CHAPTERS[chapter], as_version=4).cells:
        own = cell.metadata.get("slideshow", {}).get("heading")
        wanted, found = is_slide(cell) or cell.id in named, []
        if cell.cell_type == "code":
            found = [of_code(cell, own or heading)] if wanted else []
            said = []
        elif QUESTION.search(cell.source):
            found, said = of_question(cell) if wanted else [], []
            if opened := re.match(r"## (.*)", cell.source):
                heading = opened[1]
        else:
            for title, text in sections(cell.source):
                heading, said = title.lstrip("# ") or heading, sentences(text)
                page = (
                    of_text(title, text, heading if title else own or heading) if wanted else None
                )
                found.append(page)
                if page is None and pages:
                    pages[-1].metadata.deck.said += said
        found = list(filter(None, found))
        if wanted and not found:
            wrong(chapter, cell.id, "a slide with nothing on it: no list, formula, bold or output")
        for page in found:
            deck = page.metadata.deck
            deck.chapter, deck.cell, deck.section = chapter, cell.id, heading
            deck.cue = deck.cue or cue(lead)
        pages += found
        lead = said if cell.cell_type == "markdown" else []
    return pages


def cue(said):
    """What leads to a slide: the last question before it, else the last sentence."""
    said = [s for s in said if len(s.split()) > 2]
    asked = [s for s in said if s.endswith("?")]
    return (asked or said or [""])[-1]  # none where code stands above code: see note


def note(page, minutes=None):
    """Write a slide's notes: minutes, the cue, and as many sentences as fit."""
    deck = page.metadata.deck
    words = len(" ".join([page.source if deck.kind != "code" else "", *deck.said]).split())
    minutes = minutes or max(1, math.ceil(2 * words / PACE)) / 2
    deck.cue = deck.cue or deck.get("caption") or (deck.said or ["Ask what is to be seen."])[0]
    head = f"**{minutes:g} min.** {deck.cue}"
    more = f"More on the page, under *{deck.section}*." if deck.section else ""
    room, kept = NOTED - len(f"{head} {more}".split()), []
    said = [s for s in deck.said if s != deck.cue]
    for sentence in said:
        room -= len(sentence.split())
        if room < 0:
            break
        kept.append(sentence)
    between = "\n\n" if deck.kind == "answer" else " "
    deck.notes = "\n\n".join(filter(None, [head, between.join(kept), more * (room < 0)]))


def distinct(pages):
    """Stop where two slides of a deck have one heading."""
    seen = {}
    for page in pages:
        deck = page.metadata.deck
        other = seen.setdefault(deck.heading, deck)
        if other is not deck:
            wrong(deck.chapter, deck.cell, f"its heading is that of {other.chapter}/{other.cell}, "
                  f'"{deck.heading}": give it a slideshow.heading')  # fmt: skip
    return pages


def chapter_deck(chapter):
    pages = distinct(derive(chapter))
    for page in pages:
        note(page)
    return pages


def plans():
    """The plans of book/teaching.md: by name the title, the goal, and the rows of the table."""
    found = {}
    for name, title, text in PLAN.findall(TEACHING.read_text(encoding="utf-8")):
        goal = re.search(r"\*\*Goal\.\*\* (.*)", text)
        table = re.search(r"(?m)^\| ---.*\n((?:\|.*\n)+)", text)[1]
        rows = [[c.strip() for c in row.strip("|").split(" | ")] for row in table.splitlines()]
        found[name] = title, goal[1] if goal else "", rows
    return found


def named_slides(row, name):
    """The slides of what a row of a plan names: cells, questions, sections, whole chapters."""
    pages = []
    for found in NAMED.finditer(" | ".join(row)):
        chapter, cell = found["in"] or found["chapter"], found["cell"]
        cell = f"check-{found['question']}" if found["question"] else cell
        if chapter not in CHAPTERS:
            sys.exit(f"slides: the plan {name} names {chapter}, which is no chapter")
        pages += [
            page
            for page in distinct(derive(chapter, {cell}))
            if page.metadata.deck.cell == cell
            or (not cell and found["section"] in (None, slugify(page.metadata.deck.section)))
        ]
        if not pages or pages[-1].metadata.deck.chapter != chapter:
            sys.exit(f"slides: the plan {name} names {found[0]}, which has nothing to show")
    return pages


def row_pages(row, name):
    """The slides of a row of a plan, with their notes: what is to be done, what it names."""
    pages = named_slides(row, name)
    what, how = (re.sub(rf"[,;:]*\s*(?:{NAMED.pattern})", "", text) for text in row[1:3])
    minutes = re.fullmatch(r"(\d+)-(\d+)", row[0])
    if minutes and (how or not pages):
        head, *rest = SENTENCE_END.split(what)
        body = "\n\n".join(filter(None, [" ".join(rest), how[:1].upper() + how[1:]]))
        pages.insert(0, slide("text", head.rstrip("."), body))
    each = None
    if minutes:
        pages[0].metadata.deck.cue = f"Minutes {row[0]}. {what} {pages[0].metadata.deck.cue}"
        each = max(1, round(2 * (int(minutes[2]) - int(minutes[1])) / len(pages))) / 2
    for page in pages:
        note(page, each)
    return pages


def plan_decks(name):
    """The decks of a plan, by file name: one of minutes, or one for each week."""
    if name not in plans():
        sys.exit(f"slides: no plan {name} in book/teaching.md; there are {', '.join(plans())}")
    title, goal, rows = plans()[name]
    decks = {}
    for row in rows:
        timed = "-" in row[0]  # minutes; else the row is a week
        deck = name if timed else f"{name}-{row[0]}"
        if deck not in decks:
            head = title if timed else f"{title}: week {row[0]}"
            text = goal if timed else f"Afterwards you can {row[2]}."
            decks[deck] = [slide("title", head, text, cue="Say what this is for.")]
            note(decks[deck][0])
        decks[deck] += row_pages(row, name)
    return decks


def export(pages, target):
    """Write the deck of these slides."""
    notebook = nbformat.v4.new_notebook(cells=pages)
    notebook.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
    exporter = SlidesExporter(template_name="deck", extra_template_basedirs=[str(DECK.parent)])
    resources = {"metadata": {"name": pages[0].metadata.deck.heading}}
    page, _ = exporter.from_notebook_node(notebook, resources)
    target.write_text(page, encoding="utf-8")


def assets(out):
    """Lay reveal.js, KaTeX and the style beside the decks."""
    shutil.copytree(DECK / "reveal", out / "reveal", dirs_exist_ok=True)
    shutil.copytree(ROOT / "book" / "assets" / "katex", out / "katex", dirs_exist_ok=True)
    shutil.copy(Path(katex.__file__).with_name("katex.min.js"), out / "katex")
    for name in ("deck.css", "deck.js"):
        shutil.copy(DECK / name, out)
    colours = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")
    (out / "code.css").write_text(colours, encoding="utf-8")


def main(wanted, plan=None, out=OUT):
    names = [name for name in CHAPTERS if not wanted or any(word in name for word in wanted)]
    if not names:
        sys.exit(f"slides: no notebook's name contains {' or '.join(wanted)}")
    decks = plan_decks(plan) if plan else {name: chapter_deck(name) for name in names}
    out.mkdir(parents=True, exist_ok=True)
    assets(out)
    for name, pages in decks.items():
        export(pages, out / f"{name}.html")
        print(f"{name}.html: {len(pages)} slides")
    print(f"Open file://{out} in a browser and choose a deck; S opens the speaker's window.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("chapters", nargs="*")
    parser.add_argument("--plan")
    given = parser.parse_args()
    main(given.chapters, given.plan)
