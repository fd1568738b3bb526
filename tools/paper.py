"""What of the built book goes on paper, and how: its pages as one document for `make pdf`.

A chapter gets the questions of its exercises and the answers to "Check yourself" at its end. Left
out is what only a screen has a use for, and the code of folded cells, which only draws.
"""

import re
from dataclasses import dataclass
from html import escape
from urllib.parse import urldefrag, urljoin, urlsplit

import nbformat
import yaml
from browsing import HTML, ROOT
from bs4 import BeautifulSoup

CSS = ROOT / "tools" / "paper.css"
FONTS = ROOT / "_build" / "browser" / "node_modules" / "@fontsource"
FACES = {"source-serif-4": ("400", "400-italic", "700"), "source-sans-3": ("400", "600")}
ON_SCREEN = "benchmarks exercises figures gallery helper kit sections server teaching"
SCREEN_ONLY = {f"book/{name}" for name in ON_SCREEN.split()}
SHEETS = "book/exercises/"
SHORT = 10  # lines of code that stay together, and with what they show
LEFT_OUT = (  # parts of pages
    ".headerlink, script, button, #jb-print-docs-body, [data-live], [data-figure], "
    ".hero-start, .sd-container-fluid, .cell details.hide, #what-the-book-covers"
)
HEADINGS = ["h1", "h2", "h3", "h4", "h5"]


@dataclass
class Page:
    """A page of the book: what its links call it, its part of the book, its article."""

    name: str
    part: str
    article: BeautifulSoup

    @property
    def title(self):
        return self.article.h1.get_text()

    @property
    def chapter(self):
        """Whether it is one of the numbered chapters."""
        return self.name[0].isdigit()


def order(chapter=""):
    """The pages that are printed, with the part each belongs to, in the order of _toc.yml.

    With "03", those of chapter 3.
    """
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    found = [(toc["root"], "")] + [
        (page["file"], part["caption"])
        for part in toc["parts"]
        for entry in part["chapters"]
        for page in (entry, *entry.get("sections", ()))
    ]
    return [
        (path, part)
        for path, part in found
        if path not in SCREEN_ONLY and name_of(path).startswith(chapter)
    ]


def name_of(path):
    """What the links call a page: a chapter by its file, its exercises as a part of it."""
    if path.startswith(SHEETS):
        return path.removeprefix(SHEETS) + "--exercises"
    return path.removeprefix("notebooks/").replace("/", "-")


def made(html):
    """The elements that this text says."""
    return BeautifulSoup(html, "html.parser")


def page_of(id):
    """A place for the number of the page on which this id stands."""
    return f'<span data-page-of="{id}">000</span>'


def set_links(article, address, name, names):
    """Inner links lead to ids of the one document; what is elsewhere stands there as an address.

    A link from one chapter into another also says the page.
    """
    for link in article.select("a[href]"):
        target, fragment = urldefrag(urljoin(address, link["href"]))
        host = urlsplit(target).hostname or ""
        if target in names:
            id = names[target] + (f"--{fragment}" if fragment else "")
            link["href"] = f"#{id}"
            elsewhere = id[0].isdigit() and id.partition("--")[0] != name.partition("--")[0]
            if elsewhere and (fragment or not link.find_parent("table")):
                link.append(made(f" (page {page_of(id)})"))
        elif not host or host.endswith(".invalid"):
            link.unwrap()
        elif host not in link.get_text() and not link.get_text().startswith("doi:"):
            shown = target.removeprefix("https://").rstrip("/")
            link.insert_after(made(f' <span class="address">({escape(shown)})</span>'))


def set_ids(article, name):
    """Ids that are unique in the one document; a section's is its heading's.

    (A section may begin on the page before its heading.)
    """
    for section in article.select("section[id]"):
        heading = section.find(HEADINGS, recursive=False)
        if heading:
            heading["id"] = section["id"]
            del section["id"]
    for element in article.select("[id]"):
        element["id"] = f"{name}--{element['id']}"


def refer_to_first_cell(article, name, names):
    """The cell that all chapters begin with is printed once, in the first of them."""
    cell = article.find(id=f"{name}--cell-setup")
    first = next((other for other in names.values() if other[0].isdigit()), name)
    if cell and name != first:
        id = f"{first}--cell-setup"
        place = f'<a href="#{id}">page {page_of(id)}</a>'
        cell.replace_with(made(f'<p class="note">The first cell is the one on {place}.</p>'))


def unfold(article, name):
    """Open what is folded; the answers to questions go to the end."""
    answers = []
    for details in article.find_all("details"):
        summary = details.summary.extract().get_text()
        details.name = "div"
        details["class"] = "answer" if summary == "Answer" else "aside"
        if summary == "Answer":
            question = details.find_previous(string=re.compile(r"^\d+\. "))
            details.p.insert(0, made(f"<b>{question.split()[0]}</b> "))
            answers.append(details.extract())
        else:
            details.insert(0, made(f'<p class="aside-title">{summary}</p>'))
    if answers:
        place = article.find("p", string=re.compile("unfold an answer"))
        id = f"{name}--answers"
        place.replace_with(
            made(
                '<p class="lead-in">Decide before you look up the answers on '
                f'<a href="#{id}">page {page_of(id)}</a>.</p>'
            )
        )
        article.append(made(f'<h2 id="{id}">Answers</h2><div class="answers"></div>'))
        article.find(class_="answers").extend(answers)


def take(path, names):
    """The article of a built page, as it goes on paper."""
    file = HTML / f"{path}.html"
    article = made(file.read_text(encoding="utf-8")).select_one("article.bd-article")
    for element in article.select(LEFT_OUT):
        element.decompose()
    for code in article.select(".cell_input pre"):
        if code.get_text().count("\n") <= SHORT:
            code.find_parent(class_="cell")["class"].append("short")
    for image in article.select("img"):
        image["src"] = urljoin(file.as_uri(), image["src"])
        del image["loading"]
    set_links(article, file.as_uri(), name_of(path), names)
    set_ids(article, name_of(path))
    refer_to_first_cell(article, name_of(path), names)
    unfold(article, name_of(path))
    return article


def questions(path, names):
    """The exercises of a chapter as questions: what is given, neither tests nor empty cells."""
    article = take(path, names)
    for cell in nbformat.read(ROOT / f"{path}.ipynb", 4).cells:
        if "nbgrader" in cell.metadata:
            graded = article.find(id=f"{name_of(path)}--cell-{cell.id}")
            if graded:
                graded.decompose()
    for place in article.find_all("p", string="YOUR ANSWER HERE"):
        place.decompose()
    (points,) = re.findall(r"\d+ points", article.find("p").get_text())
    for element in article.h1.find_next_siblings():
        if element.name != "section":
            element.decompose()
    article.h1.string = "Exercises"
    article.h1["id"] = name_of(path)
    article.h1.insert_after(
        made(
            f"<p>{points}. The sheet, with tests that say in words what an answer misses, is the "
            f"notebook <code>{path}.ipynb</code>.</p>"
        )
    )
    for heading in article.find_all(HEADINGS):
        heading.name = f"h{int(heading.name[1]) + 1}"
    return article


def pages(chapter=""):
    """The pages of the printed book, or of one chapter."""
    paths = order(chapter)
    names = {(HTML / f"{path}.html").as_uri(): name_of(path) for path, _ in paths}
    printed = {
        name_of(path): Page(name_of(path), part, take(path, names))
        for path, part in paths
        if not path.startswith(SHEETS)
    }
    for path, _ in paths:
        if path.startswith(SHEETS):
            article = printed[path.removeprefix(SHEETS)].article
            asked = questions(path, names)
            asked["class"] = "questions"
            article.find(id=re.compile("--answers$")).insert_before(asked)
    return list(printed.values())


def running_head(page):
    """The style of a page's sheets: title and number on top, the number outside."""
    title = '"{}"'.format(page.title.replace("\\", "\\\\").replace('"', '\\"'))
    number = "counter(page)"
    return "".join(
        f"@page p-{page.name}:{side} {{ @top-left {{ content: {left} }} "
        f"@top-right {{ content: {right} }} }}\n"
        for side, left, right in (("left", number, title), ("right", title, number))
    )


def entry(heading, id):
    """A line of the contents."""
    return f'<a href="#{id}"><span>{"".join(map(str, heading.contents))}</span>{page_of(id)}</a>'


def contents(pages):
    """Parts, chapters and their sections, with the pages where they begin."""
    part = ""
    for page in pages:
        if page.part != part:
            part = page.part
            yield f'<p class="part">{part}</p>'
        yield f'<p class="title">{entry(page.article.h1, page.name)}</p>'
        if page.part != "Reference":
            for heading in page.article.find_all("h2"):
                yield f"<p>{entry(heading, heading['id'])}</p>"


def document(pages, config):
    """One page of HTML: a title page, the contents, the book."""
    sheets = [HTML / "_static" / name for name in ("katex/katex.min.css", "pygments.css")]
    sheets += [FONTS / font / f"{face}.css" for font, faces in FACES.items() for face in faces]
    links = "".join(f'<link rel="stylesheet" href="{sheet.as_uri()}">' for sheet in (*sheets, CSS))
    licence = made(config["html"]["extra_footer"])
    set_links(licence, "", "", {})
    front = f"""<div class="title-page"><p>{config["title"]}</p>
        <p>{config["author"]}, {config["copyright"]}</p>
        <p>{licence}</p>
        <p>Code that only draws is left out here; the notebooks have all of it.</p></div>
        <nav class="contents"><h1>Contents</h1>{"".join(contents(pages))}</nav>"""
    body = "".join(
        f'<article id="{page.name}" style="page: p-{page.name}">{page.article.decode_contents()}'
        "</article>"
        for page in pages
    )
    return f"""<!DOCTYPE html><html lang="en" data-theme="light"><head>
        <meta charset="utf-8"><title>{config["title"]}</title>
        {links}<style>{"".join(map(running_head, pages))}</style></head>
        <body>{front if len(pages) > 1 else ""}{body}</body></html>"""
