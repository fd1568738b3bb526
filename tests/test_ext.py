"""What the book adds to Sphinx, without building a page."""

import ast
import re
import types

import _ext
import nbformat
import pytest
from _ext import figures, helper, pages
from conftest import ROOT
from sphinx.errors import ExtensionError


def test_other_code_is_another_setting_of_the_book_and_makes_its_pages_anew(tmp_path):
    seen = [_ext.fingerprint([tmp_path])]
    for name, text in (("a.py", "1"), ("a.py", "2"), ("b.js", "2")):
        (tmp_path / name).write_text(text)
        seen.append(_ext.fingerprint([tmp_path]))
    (tmp_path / "a.cpython-311.pyc").write_text("compiled")
    assert len(set(seen)) == 4
    assert _ext.fingerprint([tmp_path]) == seen[-1]
    settings, loaded = {}, []
    app = types.SimpleNamespace(
        setup_extension=loaded.append,
        add_config_value=lambda name, value, rebuild: settings.update({rebuild: value}),
    )
    _ext.setup(app)
    assert settings == {"env": _ext.fingerprint()}  # "env": Sphinx reads every page again
    assert len(loaded) == len(list((ROOT / "book" / "_ext").glob("[a-z]*.py")))


def test_the_page_of_the_helper_has_every_module_and_its_docstrings():
    page = (ROOT / "book" / "helper.md").read_text(encoding="utf-8")
    shown = re.findall(r"```\{helper\} (\S+)", page)
    assert [f"aebook.{name}" for name in shown] == re.findall(r"## `(\S+)`", page)
    for path in helper.PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(helper.PACKAGE).with_suffix("").parts)
        documented = [text for _, text in helper.public(path) if text]
        assert name in shown or not documented or path.stem == "__init__", f"{name} is not shown"
    entries = dict(helper.public(helper.PACKAGE / "training.py"))
    assert (
        "Repeat (or cut)" in entries["one_epoch(x, steps=STEPS_PER_EPOCH, batch_size=BATCH_SIZE)"]
    )
    assert "Progress(every=1)" in entries


def test_a_listing_counts_as_taught_where_the_helper_holds_the_same_code():
    rows = {link[1:3]: (uses, holds) for link, uses, holds in helper.rows()}
    assert rows["03"][1] == "`models`"
    assert "`densities`" in rows["10"][0]
    one = ast.parse("@decorated\ndef f(x):\n    'Docstring.'\n    return x")
    assert helper.definitions(one) == helper.definitions(ast.parse("def f(x): return x"))
    assert helper.definitions(one) != helper.definitions(ast.parse("def f(x): return -x"))


def test_fields_of_a_docstring_are_paragraphs_of_their_own_and_backticks_code():
    text = "Does it.\n\nx: of `n` rows, in nats\n    or bits. y, z: more.\nreturns_not\nk: last."
    shown = list(helper.paragraphs(text))
    assert [p.astext() for p in shown] == [
        "Does it.", "x: of n rows, in nats or bits. y, z: more. returns_not", "k: last.",
    ]  # fmt: skip
    assert [node.astext() for node in shown[1] if node.tagname == "literal"] == ["n"]


def write_chapter(folder, stem, captions):
    """A notebook with a figure for each of these captions, after a cell that has none."""
    cells = [nbformat.v4.new_code_cell("1")]
    for name, caption in captions.items():
        figure = {"figure": {"name": name, "caption": caption}}
        cells.append(nbformat.v4.new_code_cell("2", metadata={"mystnb": figure}))
    title = nbformat.v4.new_markdown_cell(f"# {int(stem[:2])}. Title")
    nbformat.write(nbformat.v4.new_notebook(cells=[title, *cells]), folder / f"{stem}.ipynb")


def test_figures_are_numbered_by_chapter_and_pages_with_new_numbers_written_anew(tmp_path):
    """Chapter 0 has figures 0.1 and 0.2, chapter 12 its own, wherever _toc.yml puts them."""
    write_chapter(tmp_path, "00-one", {"fig-00-a": "A.", "fig-00-b": "B."})
    write_chapter(tmp_path, "12-two", {"fig-12-c": "C."})
    first, second = f"{tmp_path.name}/00-one", f"{tmp_path.name}/12-two"
    env = types.SimpleNamespace(toc_fignumbers={})
    assert figures.assign_figure_numbers(None, env, tmp_path) == [first, second]
    assert env.toc_fignumbers == {
        first: {"figure": {"fig-00-a": (0, 1), "fig-00-b": (0, 2)}},
        second: {"figure": {"fig-12-c": (12, 1)}},
    }
    write_chapter(tmp_path, "00-one", {"fig-00-b": "B.", "fig-00-a": "A."})
    assert figures.assign_figure_numbers(None, env, tmp_path) == [first]


def test_the_list_of_figures_has_each_with_its_number_caption_and_link(tmp_path):
    write_chapter(tmp_path, "03-three", {"fig-03-a": "What $z$ is.", "fig-03-b": "More."})
    write_chapter(tmp_path, "04-four", {})
    title, *entries = filter(None, figures.listed(tmp_path))
    assert title == "## 3. Title"
    assert re.findall(r'href="([^"]*)">(Figure [\d.]+)</a> (.*)', "\n".join(entries)) == [
        ("../notebooks/03-three.html#fig-03-a", "Figure 3.1", "What $z$ is."),
        ("../notebooks/03-three.html#fig-03-b", "Figure 3.2", "More."),
    ]


ICONS = '.fa-sun:before{content:"\\f185"}.fa-bug:before{content:"\\f188"}.more{content:"\\f107"}'


def test_icons_are_those_of_the_classes_shown_and_those_of_no_icon_class():
    assert sorted(pages.icons(ICONS, {"fa-sun"})) == [0xF107, 0xF185]


def test_a_theme_whose_icon_fonts_are_not_found_is_an_error(tmp_path):
    """Font Awesome 7's rule is known; another one would leave megabytes of icons on each page."""
    (tmp_path / "index.html").write_text('<i class="fa-sun">')
    (tmp_path / "_static").mkdir()
    known = "src:url(../webfonts/fa-solid-900.woff2)}"
    assert pages.ICON_FONT.findall(known) == ["fa-solid-900"]
    with pytest.raises(ExtensionError, match="expected the theme's icon fonts as url"):
        pages.with_cut_icons(ICONS + "src:url(../webfonts/fa-solid-900.otf)}", tmp_path / "_static")


@pytest.mark.parametrize("tag", ['<script src="a.js"></script>', '<script defer src="a.js">'])
def test_scripts_wait_for_the_text(tag):
    assert " defer" in pages.deferred(tag)
