"""The page of live figures: each is there, with its picture, its idea and the way to it."""

import re

import nbformat
import pytest
from _ext import gallery
from conftest import ROOT

HTML = ROOT / "_build" / "html"
SOURCE = (ROOT / "book" / "gallery.md").read_text(encoding="utf-8")
SAID = gallery.lines(re.search(r"```{gallery}\n(.*?)```", SOURCE, re.S)[1].splitlines())


def test_every_live_figure_has_a_line_and_every_line_a_figure():
    names = {name for name, *_ in gallery.live_figures()}
    assert names == set(SAID)


def test_an_idea_is_one_line():
    for line in SAID.values():
        assert 10 < len(line.idea) <= 120
        assert line.idea[-1] in ".?"


def test_a_line_without_its_idea_is_no_line():
    with pytest.raises(gallery.ExtensionError, match="a name, a title and an idea"):
        gallery.lines(["learn | Watch it learn"])


def test_live_figures_are_found_where_the_chapters_hold_them(tmp_path):
    told = {"live": "fit", "data": "fit", "sha256": "0"}
    out = nbformat.v4.new_output("display_data", {}, metadata={"aebook": told})
    cells = [
        nbformat.v4.new_code_cell("plot()"),
        nbformat.v4.new_code_cell("live()", outputs=[out]),
    ]
    for i, cell in enumerate(cells):
        cell.metadata.mystnb = {"figure": {"name": f"fig-{i}", "caption": "A caption."}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "07-x.ipynb")
    ((name, address, number, cell),) = gallery.live_figures(tmp_path)
    assert (name, address, number) == ("fit", "../notebooks/07-x.html#fig-1", "7.2")
    assert cell.source == "live()"


@pytest.mark.built
def test_the_page_shows_them_and_leads_to_them():
    page = (HTML / "book" / "gallery.html").read_text(encoding="utf-8")
    for name, address, number, _ in gallery.live_figures():
        title, idea = SAID[name]
        assert f'href="{address}">{title}</a>' in page
        assert f"Figure {number}." in page
        assert idea in page.replace("&#39;", "'")
    assert "data-live=" not in page  # nothing is loaded before a figure's own page is opened
    assert len(re.findall(r'class="gallery-card', page)) == len(list(gallery.live_figures()))
