import re

import pytest

from aebook import Table


def test_a_table_is_aligned_text_in_a_terminal():
    table = Table(["model", "loss"], [["PCA", "9.5"], ["autoencoder", "10.25"]])
    assert repr(table) == "model         loss\nPCA            9.5\nautoencoder  10.25"


def test_numbers_stand_at_the_right_and_words_at_the_left_in_html_too():
    html = Table(["a", "b"], [["one & <two>", "-1,234.5 dB"], ["x", "3 ± 0.1"]])._repr_html_()
    sides = re.findall(r'<t(?:d|h scope="col") style="text-align: (\w+)">([^<]*)</t[dh]>', html)
    assert sides == [("left", "a"), ("right", "b"), ("left", "one &amp; &lt;two&gt;"),
                     ("right", "-1,234.5 dB"), ("left", "x"), ("right", "3 ± 0.1")]  # fmt: skip


def test_a_column_of_one_word_among_numbers_is_text():
    assert 'left">3<' in Table(["n"], [["3"], ["many"]])._repr_html_()


def test_a_row_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"a row of 2 texts is needed, found \['1'\]"):
        Table(["a", "b"], [[1]])


@pytest.mark.parametrize("header", [[], ["a", ""], [" ", "b"]])
def test_a_column_without_a_name_is_refused(header):
    with pytest.raises(ValueError, match="a table needs a name for each column, found"):
        Table(header, [])


def test_a_table_without_rows_shows_its_header():
    assert repr(Table(["a", "b"], [])) == "a  b"
