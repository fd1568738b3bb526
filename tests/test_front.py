"""What a visitor meets first: the front page, and what the book says of itself elsewhere."""

import base64
import re

import nbformat
import pytest
from _ext import live as live_ext
from conftest import NOTEBOOKS, ROOT

HTML = ROOT / "_build" / "html"


def page(name="index.html"):
    return (HTML / name).read_text(encoding="utf-8")


def cells():
    """(page, cell) of every code cell of the chapters."""
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                yield f"notebooks/{path.stem}.html", cell


@pytest.mark.built
def test_every_live_figure_is_linked_from_the_front_page():
    live = [(address, cell.id) for address, cell in cells() if live_ext.told(cell)]
    assert live
    for address, cell in live:
        assert f'href="{address}#cell-{cell}"' in page()


@pytest.mark.built
def test_the_front_pages_figure_is_a_chapters():
    """Its data as the chapter's page has it, its pictures as they are stored there."""
    told = dict(re.findall(r'data-(\w+)="([^"]*)"', re.search("<div data-figure.*", page())[0]))
    assert f'data-live="{told["figure"]}" data-data="{told["data"]}"' in page(
        "notebooks/04-latent-space.html"
    )
    assert f'data-sha256="{told["sha256"]}"' in page("notebooks/04-latent-space.html")
    pictures = re.findall(r'<img[^>]*src="_images/hero-([\w-]+)\.png"', page())
    assert len(pictures) == 2
    stored = {cell.id: cell for _, cell in cells()}
    for name in pictures:
        shown = (HTML / "_images" / f"hero-{name}.png").read_bytes()
        (png,) = [out.data["image/png"] for out in stored[name].outputs
                  if "image/png" in out.get("data", {})]  # fmt: skip
        assert base64.b64decode(png) == shown


@pytest.mark.built
def test_what_is_seen_first_does_not_wait():
    for tag in re.findall(r'<img[^>]*src="_images/hero-[^>]*>', page()):
        assert "lazy" not in tag
        assert 'width="' in tag
