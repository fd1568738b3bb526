"""The questions for a learning platform: read back by the platforms' published rules."""

import re
import zipfile
from xml.etree import ElementTree as ET

import pytest
import quiz

QUESTIONS = {stem: quiz.questions(path) for stem, path in quiz.CHAPTERS.items()}
TAG = {"q": quiz.QUESTIONS, "p": quiz.PACKAGE}


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    out = tmp_path_factory.mktemp("kit")
    quiz.main(out=out)
    return out


def unescaped(text):
    """GIFT's own rule, as Moodle reads it: a backslash before one of seven characters."""
    return re.sub(r"\\([\\~=#{}:])", r"\1", text)


def read_gift(text):
    """{name: (question, [(mark, option, feedback)])}; what is escaped ends nothing."""
    found = {}
    for block in re.findall(r"(?ms)^::(.*?)(?<!\\)\}$", text):
        name, rest = block.split("::[html]", 1)
        asked, answers = re.split(r" (?<!\\)\{\n", rest, maxsplit=1)
        options = re.findall(r"(?m)^([=~])(.*?)(?<!\\)#(.*)$", answers)
        found[name] = (unescaped(asked), [(m, unescaped(o), unescaped(f)) for m, o, f in options])
    return found


def test_every_question_of_every_chapter_is_there(kit):
    read = read_gift((kit / "questions.gift").read_text(encoding="utf-8"))
    assert list(read) == [q.name for asked in QUESTIONS.values() for q in asked]
    assert len(read) >= 60


def test_gift_says_what_the_chapter_says(kit):
    read = read_gift((kit / "questions.gift").read_text(encoding="utf-8"))
    for q in (q for asked in QUESTIONS.values() for q in asked):
        text, options = read[q.name]
        assert text == quiz.html(q.text)
        assert [option for _, option, _ in options] == [quiz.html(o) for o in q.options.values()]
        assert [mark for mark, *_ in options].count("=") == 1
        letter = list(q.options)[[mark for mark, *_ in options].index("=")]
        assert letter == q.right
        assert all(feedback for *_, feedback in options)


def test_qti_scores_the_right_answer_and_no_other(kit):
    with zipfile.ZipFile(kit / "questions-qti.zip") as archive:
        named = ET.fromstring(archive.read("imsmanifest.xml")).findall(".//p:file", TAG)
        assert {file.get("href") for file in named} | {"imsmanifest.xml"} == {*archive.namelist()}
        for stem, asked in QUESTIONS.items():
            root = ET.fromstring(archive.read(f"{stem}.xml"))
            items = root.findall(".//q:item", TAG)
            assert [item.get("title") for item in items] == [q.name for q in asked]
            for item, q in zip(items, asked, strict=True):
                scored = {
                    condition.findtext(".//q:varequal", namespaces=TAG):
                    condition.findtext("q:setvar", namespaces=TAG)
                    for condition in item.findall(".//q:respcondition", TAG)
                }  # fmt: skip
                assert scored == {o: "100" if o == q.right else None for o in q.options}
                linked = [f.get("linkrefid") for f in item.findall(".//q:displayfeedback", TAG)]
                assert linked == [f.get("ident") for f in item.findall("q:itemfeedback", TAG)]


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("a *b* `c_d`", "a <em>b</em> <code>c_d</code>"),
        ("is $p < q_1 * r * s$?", r"is \(p &lt; q_1 * r * s\)?"),
        ("see [chapter 4](04-latent-space.ipynb#x)", "see chapter 4"),
    ],
)
def test_markdown_becomes_what_a_platform_shows(markdown, html):
    assert quiz.html(markdown) == html


def test_what_gift_would_read_as_its_own_is_escaped():
    q = quiz.Question(
        "1", "a: {b} = c ~ d # $\\mu$?", {"A": "=x", "B": "~y"}, "A", "#1", {"B": "}"}
    )
    read = read_gift(quiz.gift([q], "00"))
    assert read == {
        "1": (r"a: {b} = c ~ d # \(\mu\)?", [("=", "=x", "#1"), ("~", "~y", "}")])
    }  # fmt: skip


def test_a_chapter_that_is_not_there_is_said(tmp_path):
    with pytest.raises(SystemExit, match="no chapter's name begins with 99"):
        quiz.main(["99"], tmp_path)
    assert list(tmp_path.iterdir()) == []
