"""Which way up things are drawn."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from aebook import plots


def test_tile_puts_row_zero_at_the_bottom_and_keeps_pictures_upright():
    images = np.zeros((3, 2, 4, 5))
    for row in range(3):
        for column in range(2):
            images[row, column] = 10 * row + column
            images[row, column, 0, 0] = -1  # the top left corner of each picture
    big = plots.tile(images)
    assert big.shape == (12, 10)
    assert big[-1, 0] == 0  # row 0, column 0: bottom left, as on a scatter
    assert big[-1, -1] == 1  # row 0, column 1: bottom right
    assert big[1, 1] == 20  # row 2, column 0: top left
    assert big[0, 0] == big[4, 0] == big[8, 0] == -1  # every corner still top left


def test_tile_takes_flat_images():
    flat = np.arange(2 * 3 * 16).reshape(2, 3, 16)
    np.testing.assert_array_equal(plots.tile(flat), plots.tile(flat.reshape(2, 3, 4, 4)))


def test_image_is_ink_on_paper():
    _, ax = matplotlib.pyplot.subplots()
    plots.image(ax, np.linspace(0, 1, 784))
    (drawn,) = ax.get_images()
    assert drawn.get_clim() == (0, 1)
    assert drawn.origin == "upper"


def lightness_and_hue(rgb):
    """CIELAB coordinates of linear sRGB, white point D65."""
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = rgb @ np.transpose(matrix) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


@pytest.mark.parametrize(
    "vision",
    [
        np.eye(3),
        [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    ],
    ids=["normal", "red-blind", "green-blind"],
)
def test_no_two_digits_have_a_like_colour(vision):
    """Dichromats after Viénot, Brettel and Mollon (1999); 20 is far from alike in CIELAB."""
    rgb = np.array([matplotlib.colors.to_rgb(c) for c in plots.DIGIT_COLOURS]) ** 2.2
    lab = lightness_and_hue(np.clip(rgb @ np.transpose(vision), 0, 1))
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    assert apart[~np.eye(10, dtype=bool)].min() > 20
