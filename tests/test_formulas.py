"""Formulas are set when the book is built: what KaTeX makes of them, and what stays beside them."""

import pytest
from _ext import formulas
from docutils import nodes
from docutils.utils import new_document


def test_a_formula_is_set_to_be_seen_and_to_be_read_aloud():
    inline, displayed = formulas.html(r"\hat{x}"), formulas.html(r"\hat{x}", True)
    for html in (inline, displayed):
        assert 'class="katex-html" aria-hidden="true"' in html
        assert '<annotation encoding="application/x-tex">\\hat{x}</annotation>' in html
    assert "katex-display" in displayed
    assert "katex-display" not in inline


@pytest.mark.parametrize("latex", [r"\frac{1", r"\nosuchcommand", "x^1^2"])
def test_what_cannot_be_set_is_an_error_with_its_reason(latex):
    with pytest.raises(ValueError, match="KaTeX parse error"):
        formulas.html(latex)


def joined(*children):
    """The text of a paragraph with these children, | where a line must not break."""
    document = new_document("page")
    document += nodes.paragraph("", "", *children)
    formulas.KeepPunctuation(document).run()
    return document.astext().replace(formulas.JOINER, "|")


def test_punctuation_stays_with_the_formula_beside_it():
    x, y = nodes.math("", "x"), nodes.math("", "y")
    texts = nodes.Text("A code ("), nodes.Text("), or "), nodes.Text(". Its mean")
    assert joined(texts[0], x, texts[1], y, texts[2]) == "A code (|x|), or y|. Its mean"


def test_words_and_other_elements_beside_a_formula_are_left_as_they_are():
    assert joined(nodes.math("", "x")) == "x"
    assert joined(nodes.Text("a "), nodes.math("", "x"), nodes.strong("", ", b")) == "a x, b"
    assert joined(nodes.Text("a, (b), "), nodes.Text(". c")) == "a, (b), . c"


def test_a_hyphen_between_two_formulas_holds_both():
    assert joined(nodes.math("", "x"), nodes.Text("-"), nodes.math("", "y")) == "x|-|y"
