"""Links that the build makes from plain words: to the glossary, to the references, to figures."""

import functools
import re
import types
import unicodedata

import pytest
from _ext import links
from bs4 import BeautifulSoup
from conftest import ROOT
from docutils import nodes
from docutils.core import publish_doctree
from pybtex.database import parse_file
from pybtex.plugin import find_plugin

HTML = ROOT / "_build" / "html"
BIBLIOGRAPHY = parse_file(ROOT / "book" / "references.bib")
STYLE = find_plugin("pybtex.style.formatting", "plain")()
CITATIONS = [
    types.SimpleNamespace(
        entry=entry,
        key=key,
        citation_id=f"ref-{key}",
        bibliography_key=types.SimpleNamespace(docname="references"),
        tooltip_entry=STYLE.format_entry("", entry),
    )
    for key, entry in BIBLIOGRAPHY.entries.items()
]
WORDS = {
    "VAE": (vae := links.Term("term-VAE", "An autoencoder with a rent.")),
    "variational autoencoder": vae,
    "autoencoder": links.Term("term-autoencoder", "Both ways."),
    "BEGAN": links.Term("term-BEGAN", "A GAN."),
    "KL divergence": links.Term("term-KL", "Nats lost."),
    "entropy": links.Term("term-entropy", "Nats needed."),
    "entropy coding": links.Term("term-entropy-coding", "Few bits."),
    "rate": links.Term("term-rate", "Bits."),
}


@pytest.fixture
def warnings(monkeypatch):
    """What the build complains of."""
    told = []
    logger = types.SimpleNamespace(warning=lambda text, **_: told.append(text))
    monkeypatch.setattr(links, "LOGGER", logger)
    return told


def linked(source, **known):
    """A page, from reStructuredText, after its links were made."""
    doctree = publish_doctree(source)
    links.Linker(doctree, lambda page, name: f"{page}#{name}", **known).run()
    return doctree


def shown(doctree):
    """The links of a page: (text, address), in their order."""
    return [(a.astext(), a.get("refuri", "")) for a in doctree.findall(nodes.reference)]


def terms_linked(source):
    return [text for text, _ in shown(linked(source, words=WORDS))]


def test_a_term_is_linked_once_a_page_by_whichever_of_its_words_comes_first():
    page = linked(
        "A *variational autoencoder*, or VAE. Autoencoders; the autoencoder.", words=WORDS
    )
    assert shown(page) == [
        ("variational autoencoder", "book/glossary#term-VAE"),
        ("Autoencoders", "book/glossary#term-autoencoder"),
    ]
    link = next(page.findall(nodes.reference))
    assert (link["reftitle"], link["classes"]) == ("An autoencoder with a rent.", ["term"])
    assert page.astext() == "A variational autoencoder, or VAE. Autoencoders; the autoencoder."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("It began, and BEGAN began.", ["BEGAN"]),
        ("Two VAEs. The VAE's own.", ["VAEs"]),
        ("The VQ-VAE and a VAE-like thing.", []),
        ("The KL\ndivergence, over two lines.", ["KL\ndivergence"]),
        ("Two entropies.", ["entropies"]),
        ("At a rate of ten, a *false rate*, then the *rate*.", ["rate"]),
        ("Runs in a minute. Needs: VAEs.\n\nHere is the VAE.", ["VAE"]),
        ("Entropy coding and entropy.", ["Entropy coding", "entropy"]),
        ("``VAE``, `a VAE <x.html>`_, :math:`VAE`::\n\n    VAE\n\nThe VAE.", ["a VAE", "VAE"]),
        ("A VAE\n=====\n\nThe VAE.", ["VAE"]),
        (".. figure:: x.png\n\n   The VAE.\n\nThe VAE.", ["VAE"]),
        ("*and* VAE *and* VAE *and*", ["VAE"]),
    ],
)
def test_a_term_is_linked_in_prose_only_as_it_is_meant(source, expected):
    assert terms_linked(source) == expected


OBJECTIVES = """
Title
=====

Runs in about 20 seconds. Needs: a VAE.

Why a {question}?

After this chapter you can:

- draw from a VAE (exercise 1)
- say what an autoencoder is

{body}
"""


@pytest.mark.parametrize(
    ("question", "body", "expected"),
    [
        ("one", "The VAE.\n\nA VAE.", [("VAE", "The VAE.")]),
        ("one", "The VAE.\n\nA **VAE**.", [("VAE", "A VAE.")]),
        ("VAE", "The VAE.", [("VAE", "The VAE.")]),
        ("**VAE**", "The VAE.\n\nA **VAE**.", [("VAE", "A VAE.")]),
        ("one", "A **variational autoencoder** (**VAE**).\n\n**VAE**.",
         [("variational autoencoder", "A variational autoencoder (VAE).")]),
        ("one", "The VAE.\n\n**All that the VAE does**.", [("VAE", "The VAE.")]),
        ("one", "**VAEs are good.** So: VAE.", [("VAEs", "VAEs are good. So: VAE.")]),
        ("one", "A list:\n\n- a **VAE**\n\nThe VAE.", [("VAE", "a VAE")]),
        ("one", "A rate, the *rate*.\n\nThe **rate**.", [("rate", "The rate.")]),
    ],
)  # fmt: skip
def test_a_term_is_linked_where_it_stands_in_bold_or_at_its_first_use_below_the_objectives(
    question, body, expected
):
    page = linked(OBJECTIVES.format(question=question, body=body), words=WORDS)
    places = [
        (link.astext(), links.around(link, nodes.paragraph).astext())
        for link in page.findall(nodes.reference)
    ]
    assert places == expected


def test_a_link_written_in_html_holds_no_other():
    opening, closing = (nodes.raw("", tag, format="html") for tag in ("<a href='x'>", "</a>"))
    texts = [nodes.Text("the VAE") for _ in range(2)]
    page = nodes.paragraph("", "", opening, texts[0], closing, texts[1])
    links.Linker(page, lambda *_: "", words=WORDS).run()
    assert [type(node).__name__ for node in page] == [
        "raw",
        "Text",
        "raw",
        "Text",
        "reference",
        "Text",
    ]


FORMS = {
    "(Kingma and Welling, 2014)": ["kingma2014"],
    "(Kingma and\nWelling, 2014; Ghosh et al., 2020)": ["kingma2014", "ghosh2020"],
    "Ghosh et al. (2020) found": ["ghosh2020"],
    "(Theis, van den Oord and Bethge, 2016)": ["theis2016"],
    "(van der Vaart, 1998)": ["vandervaart1998"],
    "Liu, Ting and Zhou (2008) and Liu et al. (2015)": ["liu2008", "liu2015"],
    "(as one reads; NVIDIA, 2023, says so)": ["nvidia2023"],
    "(Loaiza-Ganem and Cunningham, 2019; Ballé, Laparra and Simoncelli, 2017.)": [
        "loaizaganem2019",
        "balle2017",
    ],
    "In 2018 one imported, and MNIST (60,000 digits) of 1998, was": [],
}


@pytest.mark.parametrize("text", FORMS)
def test_a_citation_leads_to_its_entry_in_each_form(text, warnings):
    page = linked(text, citations=CITATIONS)
    assert [address for _, address in shown(page)] == [f"references#ref-{k}" for k in FORMS[text]]
    assert page.astext() == text
    assert warnings == []


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("(Kingma and Welling, 2015)", "no entry"),
        ("(Kingma, 2014)", "no entry"),
        ("(Kingma et al., 2014)", "no entry"),  # two are named, both
        ("(Welling and Kingma, 2014)", "no entry"),
        ("(Tishby and Pereira, 1999)", "no entry"),
        ("(Pearson, 1901)", "pearson1901 and again1901"),
    ],
)
def test_a_citation_of_no_entry_or_of_two_is_a_warning(text, keys, warnings):
    (pearson,) = (c for c in CITATIONS if c.key == "pearson1901")
    again = types.SimpleNamespace(entry=pearson.entry, key="again1901")
    page = linked(text, citations=[*CITATIONS, again])
    assert shown(page) == []
    (told,) = warnings
    assert told == f"links: {text[1:-1]!r}: means {keys} of references.bib, should mean one"


FIGURES = """
The picture below shows two, {below}

.. figure:: a.png
   :name: fig-a

   See the map below (Pearson, 1901).

This curve
above, (and the plane below). {between}

.. figure:: b.png
   :name: fig-b

   B.

So {above} and the figure above.
"""
NUMBERS = {"fig-a": (4, 1), "fig-b": (4, 2)}


def test_words_about_a_figure_get_its_number_and_lead_to_it(warnings):
    source = FIGURES.format(below="", between="", above="")
    page = linked(source, numbers=NUMBERS, citations=CITATIONS)
    assert shown(page) == [
        ("figure 4.1", "#fig-a"),
        ("Pearson, 1901", "references#ref-pearson1901"),  # a caption is no place to point from
        ("figure 4.1", "#fig-a"),
        ("figure 4.2", "#fig-b"),
        ("figure 4.2", "#fig-b"),
    ]
    text = " ".join(page.astext().split())
    assert "The picture below (figure 4.1) shows two" in text
    assert "This curve above (figure 4.1), (and the plane below [figure 4.2])" in text
    assert warnings == []


@pytest.mark.parametrize(
    ("place", "phrase"), [("below", "the plot above"), ("above", "the\ngrid below")]
)
def test_words_about_a_figure_that_is_not_there_are_a_warning(place, phrase, warnings):
    words = dict.fromkeys(("below", "between", "above"), "") | {place: phrase}
    linked(FIGURES.format(**words), numbers=NUMBERS, citations=CITATIONS)
    said = " ".join(phrase.split())
    assert warnings == [f"links: {said!r}: there is no numbered figure on that side"]


def test_tables_and_several_curves_are_no_figure_of_ours(warnings):
    assert shown(linked("The table below, the curves above, a map above.", numbers=NUMBERS)) == []
    assert warnings == []


def form(word):
    """A pattern for a word of the glossary, one or many; what has capitals is written with them."""
    forms = f"{re.escape(word)}(?:s|es)?|{re.escape(word[:-1])}ies".replace("'", "['’]")
    return f"(?i:{forms})" if word.islower() else f"(?:{forms})"


def entries():
    """The glossary as it is written: (word, the name of its entry on the page, text)."""
    page = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    body = page.partition("{glossary}\n")[2].partition("\n```")[0]
    for block in body.strip().split("\n\n"):
        *words, text = block.split("\n")
        plain = unicodedata.normalize("NFKD", words[0]).encode("ascii", "ignore").decode()
        name = "term-" + re.sub(r"\W+", "-", plain)
        yield from ((word, name, text.strip()) for word in words)


def test_the_first_sentence_of_an_entry_is_words_for_it_is_shown_at_a_link():
    for word, _, text in entries():
        first = re.match(r".*?[.!?](?=\s|$)", text).group()
        assert not re.search(r"[$*`_\\]", first), f"{word}: {first}"
        assert len(first) < 200, word


def test_a_source_named_in_a_notebook_is_one_entry(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for match in re.finditer(links.CITATION, cell.source, re.VERBOSE):
                found = list(links.meant(match["names"], match["year"], CITATIONS))
                assert len(found) == 1, f"{cell.id}: {match.group()}"


@functools.cache
def read(name):
    """A built page."""
    path = HTML / f"{name}.html"
    assert path.exists(), "the book is not built: run make book first"
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@functools.cache
def prose(notebook_path):
    """The prose of a chapter's page: links as ⟦address|text⟧, bold as ⟪text⟫, figures as ◆name◆.

    The end of its head, which is the list of what one can do after it, is ▲.
    """
    article = read(f"notebooks/{notebook_path.stem}").select_one("article.bd-article")
    for paragraph in article("p"):
        if paragraph.get_text().startswith(links.OBJECTIVES):
            paragraph.find_next_sibling("ul").insert_after(" ▲ ")
        elif paragraph.get_text().startswith("Runs in "):
            paragraph.decompose()
    for output in article.select(".cell_output"):
        figures = "".join(f"◆{figure['id']}◆" for figure in output.select("figure[id]"))
        output.replace_with(f" ∎ {figures} ")
    for link in article.select("a[href]"):
        link.replace_with(f"⟦{link['href']}|{link.get_text()}⟧")
    for bold in article.select("strong"):
        bold.replace_with(f"⟪{bold.get_text()}⟫")
    for element in article.select("h1, h2, h3, h4, pre, code, summary, script, .math, .katex"):
        element.replace_with(" ∎ ")
    return " ".join(article.get_text().split())


LINK = re.compile(r"⟦(?P<page>[^#|⟧]*)#?(?P<name>[^|⟧]*)\|(?P<text>[^⟧]*)⟧")


def faults(text, known):
    """What is wrong with the links to terms in a text that prose() gave, and the entries linked.

    known: as entries() gives it. A term belongs linked once: at the first place below the head
    where it is all that stands in bold, or else at its first use there.
    """
    known = sorted(known, key=lambda entry: -len(entry[0]))
    words = "|".join(f"(?P<w{i}>{form(word)})" for i, (word, _, _) in enumerate(known))
    named = re.compile(rf"{LINK.pattern}|(?<![\w-])(?:{words})(?![\w-])")
    told, uses, begins = [], {}, text.find("▲")
    for match in named.finditer(text):
        bold = text[match.start() - 1 : match.start()] + text[match.end() :][:1] == "⟪⟫"
        if match["text"] is None:
            word, name, _ = known[int(match.lastgroup[1:])]
            if match.start() > begins and (bold or word not in links.EVERYDAY):
                uses.setdefault(name, []).append((bold, None))
        elif match["page"].endswith("glossary.html"):
            meant = {name for word, name, _ in known if re.fullmatch(form(word), match["text"])}
            if meant != {match["name"]}:
                told.append(f"{match['text']} leads to {match['name']}")
            if match.start() < begins:
                told.append(f"{match['name']} is linked in the head")
            uses.setdefault(match["name"], []).append((bold, match["text"]))
    for name, places in uses.items():
        wanted = next((i for i, (bold, _) in enumerate(places) if bold), 0)
        linked = [i for i, (_, link) in enumerate(places) if link]
        if linked != [wanted]:
            told.append(f"{name} is linked at its uses {linked}, not at {wanted}")
    return told, {name for name, places in uses.items() if any(link for _, link in places)}


VAE, RATE = ("⟦x/glossary.html#term-VAE|VAE⟧", "⟦x/glossary.html#term-rate|rate⟧")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"A ⟪VAE⟫. ▲ A VAE. ⟪{VAE}⟫ and ⟪VAE⟫, at a rate.", []),
        (f"▲ A {VAE}. ⟪All of the VAE⟫, at a ⟪{RATE}⟫.", []),
        (f"A {VAE}. ▲ It.", ["term-VAE is linked in the head"]),
        (f"▲ A VAE. {VAE}.", ["term-VAE is linked at its uses [1], not at 0"]),
        (f"▲ A {VAE}. ⟪VAE⟫.", ["term-VAE is linked at its uses [0], not at 1"]),
        ("▲ A VAE, a VAE.", ["term-VAE is linked at its uses [], not at 0"]),
        ("▲ A ⟪rate⟫.", ["term-rate is linked at its uses [], not at 0"]),
        (f"▲ A {VAE}, a {VAE}.", ["term-VAE is linked at its uses [0, 1], not at 0"]),
        (f"▲ A {RATE.replace('|rate', '|VAE')}.", ["VAE leads to term-rate"]),
    ],
)
def test_a_link_that_is_missing_or_elsewhere_is_found(text, told):
    known = [("VAE", "term-VAE", "A."), ("rate", "term-rate", "B.")]
    assert faults(text, known)[0] == told


@pytest.mark.built
def test_each_term_is_linked_in_bold_or_at_its_first_use_in_a_chapter_and_only_there(
    notebook_path,
):
    told, linked = faults(prose(notebook_path), entries())
    assert told == []
    assert linked


@pytest.mark.built
def test_each_citation_in_a_chapter_leads_to_the_entry_it_names(notebook_path):
    text = prose(notebook_path)
    for link in LINK.finditer(text):
        if link["page"].endswith("references.html"):
            entry = read("book/references").find(id=link["name"]).get_text()
            for name in re.findall(r"[A-ZÀ-Þ][\w-]+|\d{4}", link["text"]):
                assert name in entry, f"{link['text']}: {entry}"
    unlinked = LINK.sub("", text)
    assert re.findall(r"[^\W\d]\.?(?:, | \()(?:19|20)\d\d\b", unlinked) == []


@pytest.mark.built
def test_words_about_a_figure_lead_to_the_nearest_one_on_their_side(notebook_path):
    text = prose(notebook_path)
    for match in re.finditer(
        r"(?i)\b(?:the|this) (?:figure|picture|plot|map|grid|plane|curve) (above|below)\b", text
    ):
        before = re.findall("◆(.*?)◆", text[: match.start()])
        after = re.findall("◆(.*?)◆", text[match.end() :])
        nearest = before[-1] if match[1].lower() == "above" else after[0]
        link = re.match(rf" [(\[]{LINK.pattern}[)\]]", text[match.end() :])
        assert link, f"no link after {text[match.start() - 40 : match.end()]!r}"
        assert link["name"] == nearest, text[match.start() - 40 : match.end() + 40]
