"""Part of the extension: links that the text of a notebook leaves to the build.

A notebook is read in many places, so its text is plain Markdown. On the book's pages a term of the
glossary leads to its entry where it first stands in bold, by itself, or else at its first use below
the head of the chapter; (Kingma and Welling, 2014) leads to its entry among the references, and
"the picture below" gets the number of that figure, as a link. A source that is not among the
references, or is there twice, and a figure that is not there are warnings, which end the strict
build.
"""

import functools
import re
from typing import NamedTuple

import pybtex.plugin
from docutils import nodes
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
PLAIN = pybtex.plugin.find_plugin("pybtex.backends", "plaintext")()
GLOSSARY = "book/glossary"
WITH_TERMS = ("notebooks/", "book/exercises/", "book/ledger")
# Words with other senses, too: a term only where one stands emphasized, and alone.
EVERYDAY = {"flow", "mixture", "rank", "rate", "score"}
NOT_TEXT = (nodes.title, nodes.reference, nodes.literal, nodes.FixedTextElement, nodes.math,
            nodes.math_block, nodes.citation, nodes.Invisible)  # fmt: skip

OBJECTIVES = "After this chapter you can"  # the line above their list

NAME = r"(?:(?:van|von|de|der|den)\s)*[A-ZÀ-Þ][\w’'-]+"
CITATION = rf"""(?P<names>{NAME}(?:,\s{NAME})*(?:,?\sand\s{NAME}|\set\sal\.)?)
                (?:,\s|(?P<open>\s\())(?P<year>(?:19|20)\d\d)\b(?(open)\)?)"""
FIGURE = r"\b(?:the|this)\s(?:figure|picture|plot|map|grid|plane|curve)\s(?P<side>above|below)\b"


class Term(NamedTuple):
    """An entry of the glossary: its name there, and its first sentence."""

    name: str
    sentence: str


@functools.lru_cache(maxsize=1)
def terms(env):
    """The glossary: each word, as written there, with its entry. Words of one entry share it."""
    found = {}
    for item in env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
        words = list(item.findall(nodes.term))
        sentence = re.match(r".*?[.!?](?=\s|$)", " ".join(item[-1].astext().split()))
        entry = Term(words[0]["ids"][0], sentence.group())
        found |= {word.astext(): entry for word in words}
    return found


def spelt(term):
    """A pattern for a term at the start of a sentence or within it, one or many.

    Capitals stay: "began" is no BEGAN.
    """
    stem, ending = (term[:-1], "(?:y|ies)") if term.endswith("y") else (term, "(?:s|es)?")
    letters = {c: f"[{c}{c.upper()}]" if c.islower() else re.escape(c) for c in set(stem)}
    return "".join({**letters, " ": r"\s"}[c] for c in stem) + ending


@functools.cache
def pattern(words):
    """What is looked for, and how to know which word was found: {name of a group: word}."""
    words = sorted(words, key=len, reverse=True)  # "latent space" rather than "latent"
    groups = {f"term{i}": word for i, word in enumerate(words)}
    options = "|".join(f"(?P<{group}>{spelt(word)})" for group, word in groups.items())
    options = rf"|(?<![\w-])(?:{options})(?![\w-])" if words else ""
    return re.compile(f"{CITATION}|(?i:{FIGURE}){options}", re.VERBOSE), groups


def authors(entry):
    """The family names of a bibliography entry, as one writes them in a text."""
    return [
        " ".join(str(name) for name in person.rich_prelast_names + person.rich_last_names)
        for person in entry.persons["author"]
    ]


def meant(names, year, citations):
    """Those citations that "Kingma and Welling" or "Ghosh et al.", and the year, may mean."""
    first, et_al, _ = names.partition(" et al.")
    written = re.split(r",? and |, ", first)
    for citation in citations:
        named = authors(citation.entry)
        agree = named[0] == first and len(named) > 2 if et_al else named == written
        if agree and citation.entry.fields["year"] == year:
            yield citation


def join_texts(doctree):
    """Make one of the texts that stand side by side: those of two lines of a paragraph."""
    for parent in list(doctree.findall(nodes.TextElement)):
        joined = []
        for node in parent:
            if isinstance(node, nodes.Text) and joined and isinstance(joined[-1], nodes.Text):
                node = nodes.Text(joined.pop() + node)
            joined.append(node)
        parent[:] = joined


def place(text):
    """Where in its parent a text stands. Texts that say the same are equal, so: this very one."""
    return next(i for i, node in enumerate(text.parent) if node is text)


def around(node, kinds):
    """The nearest node of these kinds that a node stands in, at whatever depth, or None."""
    while node is not None and not isinstance(node, kinds):
        node = node.parent
    return node


def is_prose(text):
    """Whether a text is neither code nor a formula, a heading or a link, one in HTML either."""
    at = place(text)
    before = text.parent[at - 1].astext() if at else ""
    return not before.startswith("<a ") and around(text, NOT_TEXT) is None


def head(doctree):
    """The texts of a chapter's head, by id(): down to the list of what one can do after it.

    On a page without such a list: those of the line that says how long it runs.
    """
    texts, found = list(doctree.findall(nodes.Text)), set()
    for paragraph in doctree.findall(nodes.paragraph):
        if paragraph.astext().startswith("Runs in "):
            found |= set(map(id, paragraph.findall(nodes.Text)))
        elif paragraph.astext().startswith(OBJECTIVES):
            objectives = paragraph.next_node(nodes.bullet_list, siblings=True)
            last = list(objectives.findall(nodes.Text))[-1]
            return {id(text) for text in texts[: 1 + [t is last for t in texts].index(True)]}
    return found


class Linker:
    """Makes the links of one page, from its start to its end.

    doctree: the page. address: its link to a page and a name on it. words: the glossary's, as
    terms() gives them. citations: those of the references. numbers: of the page's figures, by name.
    """

    def __init__(self, doctree, address, words=None, citations=(), numbers=None):
        self.doctree, self.address, self.citations = doctree, address, citations
        self.words, self.numbers = words or {}, numbers or {}
        self.pattern, self.groups = pattern(frozenset(self.words))
        self.figures = [name for node in doctree.findall() for name in self.numbered(node)]
        self.passed, self.used, self.bold, self.head = 0, set(), {}, set()

    def numbered(self, node):
        """The names by which a node is a numbered figure: one, or none."""
        names = node.get("ids", ()) if isinstance(node, nodes.Element) else ()
        return [name for name in names if name in self.numbers]

    def run(self):
        join_texts(self.doctree)
        every, self.head = list(self.doctree.findall()), head(self.doctree)
        texts = {id(node) for node in every if isinstance(node, nodes.Text) and is_prose(node)}
        for node in every:
            if id(node) in texts and isinstance(node.parent, nodes.strong):
                self.define(node)
        for node in every:
            self.passed += len(self.numbered(node))
            if id(node) in texts:
                self.link(node)

    def define(self, text):
        """Note the first place at which a term is all that stands in bold: there it is linked."""
        match = self.pattern.fullmatch(text)
        if match and match.lastgroup in self.groups and id(text) not in self.head:
            self.bold.setdefault(self.words[self.groups[match.lastgroup]], text)

    def link(self, text):
        """Put the links into a text."""
        parts, end = [], 0
        for match in self.pattern.finditer(text):
            if made := self.made(match, text):
                parts += [nodes.Text(text[end : match.start()]), *made]
                end = match.end()
        if parts:
            at = place(text)
            text.parent[at : at + 1] = [*parts, nodes.Text(text[end:])]

    def made(self, match, text):
        """What stands in the place of a match; nothing where it stays as it is."""
        if match["year"]:
            return self.citation(match, text)
        if around(text, nodes.caption):
            return []
        return self.figure(match, text) if match["side"] else self.term(match, text)

    def reference(self, text, page, name, **attributes):
        address = self.address(page, name)
        return nodes.reference("", text, internal=True, refuri=address, **attributes)

    def warn(self, match, text, fault):
        phrase = " ".join(match.group().split())
        LOGGER.warning(f"links: {phrase!r}: {fault}", location=text.parent, type="links")
        return []

    def citation(self, match, text):
        names = " ".join(match["names"].split())
        found = list(meant(names, match["year"], self.citations))
        if len(found) != 1:
            keys = " and ".join(citation.key for citation in found) or "no entry"
            return self.warn(match, text, f"means {keys} of references.bib, should mean one")
        title = " ".join(found[0].tooltip_entry.text.render(PLAIN).replace("\\url ", "").split())
        page = found[0].bibliography_key.docname
        return [self.reference(match.group(), page, found[0].citation_id, reftitle=title)]

    def figure(self, match, text):
        at = self.passed - (match["side"].lower() == "above")
        if not 0 <= at < len(self.figures):
            return self.warn(match, text, "there is no numbered figure on that side")
        name = self.figures[at]
        number = "figure " + ".".join(map(str, self.numbers[name]))
        before = text[: match.start()]
        opening, closing = "[]" if before.count("(") > before.count(")") else "()"
        link = self.reference(number, "", name)
        return [nodes.Text(f"{match.group()} {opening}"), link, nodes.Text(closing)]

    def term(self, match, text):
        word = self.groups[match.lastgroup]
        term = self.words[word]
        alone = match.group() == text and isinstance(text.parent, (nodes.emphasis, nodes.strong))
        elsewhere = id(text) in self.head or self.bold.get(term, text) is not text
        if elsewhere or term in self.used or (word in EVERYDAY and not alone):
            return []
        self.used.add(term)
        attributes = {"classes": ["term"], "reftitle": term.sentence}
        return [self.reference(match.group(), GLOSSARY, term.name, **attributes)]


def resolved(app, doctree, docname):
    """Make the links of a page about to be written."""

    def address(page, name):
        return f"{app.builder.get_relative_uri(docname, page) if page else ''}#{name}"

    Linker(
        doctree,
        address,
        words=terms(app.env) if docname.startswith(WITH_TERMS) else None,
        citations=app.env.get_domain("cite").citations,
        numbers=app.env.toc_fignumbers.get(docname, {}).get("figure"),
    ).run()


def depend(app, doctree):
    """Read a page again, and so write it again, when the entries have changed that it links to."""
    for path in (f"{GLOSSARY}.md", *app.config.bibtex_bibfiles):
        app.env.note_dependency(path)


def setup(app):
    app.connect("doctree-read", depend)
    app.connect("doctree-resolved", resolved)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
