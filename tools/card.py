"""Make book/assets/card.png: what other sites show when somebody shares a page of the book.

    python tools/card.py      from chapter 4's stored figures; `make execute CHAPTER=04` does so too

1200 by 630 pixels, the size that most sites ask for: the title above, below it the two figures that
the front page opens with.
"""

from pathlib import Path

import matplotlib
import nbformat
import yaml
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
CARD = ROOT / "book" / "assets" / "card.png"
SIZE, MARGIN = (1200, 630), 40
SUBTITLE = "A course book that runs: every number and every figure computed beside the text"


def font(name, size):
    """A font of Matplotlib's, set in the same way on every machine."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", name)
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def make(figures):
    """The card, with this picture below the title."""
    title = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    card = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(card)
    draw.text((MARGIN, 28), title, "black", font("DejaVuSans-Bold.ttf", 44))
    draw.text((MARGIN, 90), SUBTITLE, "#404040", font("DejaVuSans.ttf", 25))
    fitted = figures.copy()
    fitted.thumbnail((SIZE[0] - 2 * MARGIN, SIZE[1] - 135 - 15), Image.LANCZOS)
    card.paste(fitted, ((SIZE[0] - fitted.width) // 2, 135))
    return card


def main():
    from execute import SHOWN, in_256_colours, side_by_side

    name, cells = SHOWN
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    in_256_colours(make(side_by_side(notebook, cells))).save(CARD, optimize=True)


if __name__ == "__main__":
    main()
