"""Formulas are set when the book is built."""

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


def test_the_last_box_of_a_formula_in_a_line_holds_what_follows():
    """Of its boxes, between which a line may break, the last stands in one where it may not."""
    html = formulas.html("a = b + c")
    boxes = html.split(formulas.BOX)
    assert len(boxes) == 4
    assert [box.endswith('<span class="last">') for box in boxes] == [False, False, True, False]
    assert html.count("<span") == html.count("</span>")
    assert "last" not in formulas.html("a = b + c", True)


def test_a_bracket_before_a_formula_stands_in_such_a_box_too():
    document = new_document("page")
    x, y = nodes.math("", "x"), nodes.math("", "y")
    document += nodes.paragraph("", "", x, nodes.Text(" (see) and ("), y, nodes.Text(")"))
    formulas.KeepBracket(document).run()
    assert document.astext() == "x (see) and (y)"
    (box,) = document.findall(nodes.inline)
    assert (box.astext(), box["classes"]) == ("(", ["last"])
    assert box.parent[box.parent.index(box) + 1] is y
