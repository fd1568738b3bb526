"""The questions of all chapters for a learning platform: Moodle's GIFT, and QTI 1.2 as a zip.

    python tools/quiz.py            every chapter, into _build/kit
    python tools/quiz.py 03 04      those whose name begins so

GIFT is what Moodle imports, QTI 1.2 with a manifest what Canvas does. Each wrong answer brings its
own feedback, why it tempts, and formulas stay TeX between \\( and \\), which both set with MathJax.
"""

import re
import sys
import zipfile
from html import escape
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "_build" / "kit"
CHAPTERS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
QUESTIONS = "http://www.imsglobal.org/xsd/ims_qtiasiv1p2"
PACKAGE = "http://www.imsglobal.org/xsd/imscp_v1p1"
ANSWER = "\n\n<details><summary>Answer</summary>\n\n"
LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")  # to other pages of the book, which a platform has not


class Question(NamedTuple):
    """A question of a chapter, all texts in Markdown.

    name: chapter and number. options: by letter. right: a letter. why: of the right answer.
    tempting: for each of the other letters, why it tempts and what is wrong with it.
    """

    name: str
    text: str
    options: dict
    right: str
    why: str
    tempting: dict


def questions(path):
    """The questions that a chapter ends with, as `Question`, in order."""
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "markdown" or ANSWER not in cell.source:
            continue
        asked, folded = cell.source.split(ANSWER)
        number, text = re.search(r"(?ms)^\*\*(\d+)\. (.*)\*\*$(?=\n\n- )", asked).groups()
        options = re.findall(r"(?m)^- \*\*([A-Z])\.\*\* (.*)$", asked)
        right, why = re.match(r"\*\*([A-Z])\.\*\* (.*)", folded).groups()
        tempting = re.findall(r"(?m)^- \*\*([A-Z])\*\* (tempts because .*)$", folded)
        found.append(
            Question(f"{path.stem[:2]}-{number}", text, dict(options), right, why,
                     {letter: words[0].upper() + words[1:] for letter, words in tempting})
        )  # fmt: skip
    return found


def html(text):
    """A line of Markdown as HTML, formulas as TeX between \\( and \\), links as their words."""

    def formula(_, tokens, i, *__):
        return rf"\({escape(tokens[i].content)}\)"

    reader = MarkdownIt().use(dollarmath_plugin)
    reader.add_render_rule("math_inline", formula)
    return reader.renderInline(LINK.sub(r"\1", text))


def gift(asked, chapter):
    """The questions of a chapter in GIFT, as a category of their own."""

    def text(words):  # a backslash first, for the others bring one along
        return re.sub(r"([\\~=#{}:])", r"\\\1", html(words))

    lines = [f"$CATEGORY: aebook/{chapter}", ""]
    for q in asked:
        lines += [f"::{q.name}::[html]{text(q.text)} {{"]
        for letter, option in q.options.items():
            mark, feedback = ("=", q.why) if letter == q.right else ("~", q.tempting[letter])
            lines.append(f"{mark}{text(option)}#{text(feedback)}")
        lines += ["}", ""]
    return "\n".join(lines)


def _add(parent, tag, text=None, **attributes):
    child = ET.SubElement(parent, tag, attributes)
    child.text = text
    return child


def _material(parent, words):
    _add(_add(parent, "material"), "mattext", html(words), texttype="text/html")


def _written(root):
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def qti(asked, chapter):
    """The questions of a chapter as a QTI 1.2 assessment of their own: XML as bytes."""
    root = ET.Element("questestinterop", xmlns=QUESTIONS)
    assessment = _add(root, "assessment", ident=f"aebook-{chapter}", title=f"aebook {chapter}")
    section = _add(assessment, "section", ident="root_section")
    for q in asked:
        item = _add(section, "item", ident=f"question-{q.name}", title=q.name)
        fields = _add(_add(item, "itemmetadata"), "qtimetadata")
        field = _add(fields, "qtimetadatafield")
        _add(field, "fieldlabel", "question_type")
        _add(field, "fieldentry", "multiple_choice_question")
        shown = _add(item, "presentation")
        _material(shown, q.text)
        choice = _add(shown, "response_lid", ident="response1", rcardinality="Single")
        labels = _add(choice, "render_choice")
        scored = _add(item, "resprocessing")
        _add(_add(scored, "outcomes"), "decvar",
             maxvalue="100", minvalue="0", varname="SCORE", vartype="Decimal")  # fmt: skip
        for letter, option in q.options.items():
            _material(_add(labels, "response_label", ident=letter), option)
            condition = _add(scored, "respcondition", **{"continue": "Yes"})
            _add(_add(condition, "conditionvar"), "varequal", letter, respident="response1")
            if letter == q.right:
                _add(condition, "setvar", "100", action="Set", varname="SCORE")
            _add(condition, "displayfeedback", feedbacktype="Response", linkrefid=f"{letter}_fb")
            feedback = _add(item, "itemfeedback", ident=f"{letter}_fb")
            words = q.why if letter == q.right else q.tempting[letter]
            _material(_add(feedback, "flow_mat"), words)
    return _written(root)


def manifest(chapters):
    """What tells a platform which file is which: XML as bytes."""
    root = ET.Element("manifest", xmlns=PACKAGE, identifier="aebook")
    _add(root, "organizations")
    resources = _add(root, "resources")
    for chapter in chapters:
        one = _add(resources, "resource", identifier=f"aebook-{chapter}", type="imsqti_xmlv1p2")
        _add(one, "file", href=f"{chapter}.xml")
    return _written(root)


def main(names=(), out=OUT):
    chosen = {s: p for s, p in CHAPTERS.items() if not names or s.startswith(tuple(names))}
    if not chosen:
        sys.exit(f"quiz: no chapter's name begins with {' or '.join(names)}: see notebooks/")
    chapters = {stem: questions(path) for stem, path in chosen.items()}
    out.mkdir(parents=True, exist_ok=True)
    text = "\n".join(gift(asked, stem) for stem, asked in chapters.items())
    (out / "questions.gift").write_text(text, encoding="utf-8")
    with zipfile.ZipFile(out / "questions-qti.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        files = {f"{stem}.xml": qti(asked, stem) for stem, asked in chapters.items()}
        for name, content in {"imsmanifest.xml": manifest(chapters), **files}.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    total = sum(map(len, chapters.values()))
    print(f"{total} questions of {len(chapters)} chapters: {out / 'questions.gift'} (Moodle), "
          f"{out / 'questions-qti.zip'} (Canvas)")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
