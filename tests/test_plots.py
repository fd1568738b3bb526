"""Figures say what they are given: what lies where, how large, in which colour, which way up."""

import types
from pathlib import Path

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import to_hex

from aebook import plots

RNG = np.random.default_rng(0)
Y = np.repeat([3, 7], 20)
Z = RNG.normal(size=(40, 2)) + 10 * (Y == 7)[:, None]
BLANK = np.zeros(784)


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
    _, ax = plt.subplots()
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


def letters(fig):
    """The sizes of all letters of a figure, in points."""
    return {text.get_fontsize() for text in fig.findobj(matplotlib.text.Text) if text.get_text()}


@pytest.fixture(autouse=True)
def _one_look():
    """Whatever a test draws is as wide as a page or half, with letters of one size in it."""
    plt.style.use("aebook.book")
    yield
    figures = [plt.figure(number) for number in plt.get_fignums()]
    plt.close("all")
    for fig in figures:
        assert fig.get_figwidth() in (plots.FULL, plots.HALF)
        assert letters(fig) <= {9, 10, 12}  # ticks and legends, text, names of groups
        assert fig.get_figheight() <= 5.2  # on a slide, what is higher would be smaller


def texts(ax):
    """What stands at which point of the axes: dict of text to (x, y)."""
    return {text.get_text(): text.get_position() for text in ax.texts}


def annotated(ax):
    return {text.get_text(): tuple(text.xy) for text in ax.texts}


def labelled(ax):
    return ax.get_xlabel() != "" and ax.get_ylabel() != ""


def inside(ellipse, points):
    """Which of the points, in data coordinates, an ellipse holds."""
    half = np.array([ellipse.width, ellipse.height]) / 2
    return (((points - ellipse.center) / half) ** 2).sum(axis=1) < 1


def test_the_style_draws_as_wide_as_a_page_and_cuts_nothing_away():
    assert plt.rcParams["figure.figsize"][0] == plots.FULL
    assert plt.rcParams["savefig.bbox"] is None
    assert plt.rcParams["savefig.dpi"] == 2 * plt.rcParams["figure.dpi"] == 192


def test_every_figure_is_looked_at_here():
    made = [n for n, f in vars(plots).items() if getattr(f, "__module__", "") == plots.__name__]
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in made if f"plots.{name}(" not in text] == []


def test_rows_names_each_row_and_titles_the_first():
    shades = [np.full((3, 784), 0.2), np.full((3, 784), 0.7)]
    axes = plots.rows(dict(zip("ab", shades, strict=True)), titles="xyz").axes
    assert [ax.get_ylabel() for ax in axes] == ["a", "", "", "b", "", ""]
    assert [ax.get_title() for ax in axes] == ["x", "y", "z", "", "", ""]
    assert [ax.get_images()[0].get_array().mean() for ax in axes] == pytest.approx(
        [0.2] * 3 + [0.7] * 3
    )


def test_scatter_colours_and_names_each_digit_where_it_lies():
    ax = plots.scatter(Z, Y)
    for drawn, digit in zip(ax.collections, (3, 7), strict=True):
        np.testing.assert_allclose(drawn.get_offsets(), Z[digit == Y])
        assert to_hex(drawn.get_facecolor()[0]) == plots.DIGIT_COLOURS[digit].lower()
        assert annotated(ax)[str(digit)] == tuple(np.median(Z[digit == Y], axis=0))
    assert ax.get_xlabel() == "$z_1$"
    assert ax.get_ylabel() == "$z_2$"
    assert ax.get_aspect() == 1


def test_labels_that_would_cover_each_other_move_and_no_others():
    medians = np.array([[0, 0], [0.1, 0], [0, 0.2], [5, 5]])
    moved = plots.apart(medians, 1)
    distance = np.linalg.norm(moved[:, None] - moved, axis=-1)
    assert distance[~np.eye(4, dtype=bool)].min() > 0.95
    assert np.linalg.norm(moved - medians, axis=1).max() < 1
    np.testing.assert_array_equal(moved[3], medians[3])
    crowd, digits = np.concatenate([Z, Z[:20] + 0.01]), np.concatenate([Y, np.full(20, 5)])
    ax = plots.scatter(Z, Y)
    for text in list(ax.texts):
        text.remove()
    plots.label_classes(ax, crowd, digits)
    at = annotated(ax)
    assert at["7"] == pytest.approx(np.median(Z[Y == 7], axis=0))
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text() in "35"]
    assert not boxes[0].overlaps(boxes[1])


def test_a_label_stands_where_it_is_told():
    ax = plt.subplots()[1]
    plots.label(ax, (0.2, 0.7), "here")
    (text,) = ax.texts
    assert (text.xy, text.get_ha(), text.get_va()) == ((0.2, 0.7), "center", "center")


def test_curve_counts_epochs_from_one_and_tells_training_from_validation():
    history = types.SimpleNamespace(history={"loss": [9, 8, 7], "val_loss": [9.5, 8.5, 7.5]})
    ax = plots.curve(history, {"published": {1: 190.0, 3: 160.0}})
    drawn = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(drawn["training"].get_xydata(), [[1, 9], [2, 8], [3, 7]])
    np.testing.assert_array_equal(drawn["validation"].get_ydata(), [9.5, 8.5, 7.5])
    np.testing.assert_array_equal(drawn["published"].get_xydata(), [[1, 190], [3, 160]])
    assert drawn["training"].get_linestyle() != drawn["validation"].get_linestyle()
    assert labelled(ax)


@pytest.mark.parametrize("n", [4, 8, 10, 14])
def test_rows_fill_the_page_with_their_pictures(n):
    """Names and all: what is left is less than two pictures, and nothing leaves the paper."""
    fig = plots.rows({"test image\nof a digit": np.zeros((n, 784))}, ["1\n2"] * n)
    fig.draw_without_rendering()
    boxes = [ax.get_window_extent() for ax in fig.axes]
    name = fig.axes[0].yaxis.label.get_window_extent()
    title = fig.axes[0].title.get_window_extent()
    assert name.x0 >= 0
    assert title.y1 <= fig.bbox.height
    assert name.x1 <= boxes[0].x0
    picture = boxes[0].width
    assert picture == pytest.approx(boxes[0].height, rel=0.05)
    assert name.x0 + fig.bbox.x1 - boxes[-1].x1 < 2 * picture or picture > 0.9 * fig.dpi


def test_flow_reads_from_left_to_right_and_an_encoder_narrows():
    parts = [(BLANK, "image", ""), ("e", "narrow", "b"), ("z", "plain", ""), ("d", "widen", "r")]
    ax = plots.flow(parts, arrows="123").axes[0]
    at = {text: x for text, (x, _) in texts(ax).items() if text}
    assert sorted(at, key=at.get) == ["1", "e", "2", "z", "3", "d"]
    for drawn, narrows in zip(ax.patches[::2], (True, False), strict=True):
        x, y = drawn.get_xy().T
        assert (np.ptp(y[x == x.min()]) > np.ptp(y[x == x.max()])) == narrows


def test_auc_dots_stand_over_their_digits():
    panels = {"one": {"a": np.linspace(0, 0.9, 10), "b": np.full(10, 0.5)}, "two": {"a": [1] * 10}}
    first, second = plots.auc_dots(panels).axes
    assert (first.get_title(), second.get_title()) == ("one", "two")
    chance, a, b = first.lines
    assert list(chance.get_ydata()) == [0.5, 0.5]
    assert a.get_label() == "a (0.45)"
    np.testing.assert_array_equal(np.rint(a.get_xdata()), np.arange(10))
    np.testing.assert_allclose(a.get_ydata(), np.linspace(0, 0.9, 10))
    assert a.get_marker() != b.get_marker()
    assert first.get_ylim() == (0, 1)
    assert second.lines[1].get_marker() not in (a.get_marker(), b.get_marker())
    assert second.get_xlabel() == "digit held out"


def test_roc_panels_show_each_digit_its_own_curve_false_positives_along():
    pairs = [(np.array([0, 0.1, 1]), np.array([0, k / 10, 1])) for k in range(10)]
    fig = plots.roc_panels({"m": pairs})
    for digit, ax in enumerate(fig.axes):
        assert ax.get_title() == f"{digit} held out"
        np.testing.assert_array_equal(ax.lines[1].get_xydata().T, pairs[digit])
    assert (fig.get_supxlabel(), fig.get_supylabel()) == (
        "false-positive rate",
        "true-positive rate",
    )


def test_answers_crosses_the_wrong_ones_only():
    found = [[4, 9], [1, 1]]
    fig = plots.answers([BLANK] * 2, [4, 1], np.zeros((2, 2, 784)), found)
    crossed = {ax.get_title(): bool(ax.lines) for ax in fig.axes if ax.get_title()}
    assert crossed == {"query 4": False, "4": False, "✗ 9": True, "query 1": False, "1": False}


def test_a_picture_of_the_grid_is_centred_on_its_point():
    images = np.zeros((3, 3, 784))
    images[0, 2] = 1  # row 0, column 2: at the point (at[2], at[0])
    ax = plots.grid_of_pictures(images, [-1, 0, 1])
    (drawn,) = ax.get_images()
    assert drawn.get_extent() == [-1.5, 1.5, -1.5, 1.5]
    left, right, bottom, top = drawn.get_extent()
    height, width = drawn.get_array().shape
    rows, columns = np.nonzero(drawn.get_array())
    assert drawn.origin == "upper"
    x = left + (columns.mean() + 0.5) * (right - left) / width
    y = top - (rows.mean() + 0.5) * (top - bottom) / height
    assert (x, y) == pytest.approx((1, -1))


def test_posteriors_are_ellipses_of_that_many_standard_deviations():
    sigma = RNG.uniform(0.1, 0.5, size=Z.shape)
    ax = plots.posteriors(Z, sigma, Y, radius=1.5)
    *ellipses, prior = ax.patches
    for ellipse, mean, sd, digit in zip(ellipses, Z, sigma, Y, strict=True):
        assert tuple(ellipse.center) == tuple(mean)
        assert (ellipse.width, ellipse.height) == pytest.approx(tuple(2 * 1.5 * sd))
        assert to_hex(ellipse.get_facecolor()) == plots.DIGIT_COLOURS[digit].lower()
    assert (*prior.center, prior.radius) == (0, 0, 1.5)
    assert annotated(ax)["7"] == tuple(np.median(Z[Y == 7], axis=0))
    assert ax.get_aspect() == 1
    assert labelled(ax)


def test_a_label_beside_a_small_ellipse_does_not_lie_on_it():
    z, sigma = np.array([[0.0, 0.0], [2.0, 1.0]]), np.array([[0.05, 0.1], [0.3, 0.2]])
    ax = plots.posteriors(z, sigma, np.array([3, 7]), radius=1.5, beside=True)
    for digit, mean, sd in zip("37", z, sigma, strict=True):
        assert np.linalg.norm((annotated(ax)[digit] - mean) / (1.5 * sd)) > 1


def test_confusion_writes_each_share_in_its_row_and_column():
    matrix = 0.7 * np.eye(10)
    matrix[4, 9] = 0.3  # fours that were read as nines
    ax = plots.confusion(matrix)
    (drawn,) = ax.get_images()
    np.testing.assert_array_equal(drawn.get_array(), matrix)
    assert texts(ax)["30"] == (9, 4)
    assert len(ax.texts) == 11
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("read as", "written")


def test_plane_map_has_row_zero_at_the_bottom_and_the_dots_over_it():
    values = np.array([[0.0, 0.0], [1.0, 2.0]])
    ax = plots.plane_map(values, (-1, 1, -2, 2), Z, "nats")
    (drawn,) = ax.get_images()
    np.testing.assert_array_equal(drawn.get_array(), values)
    assert (drawn.origin, drawn.get_extent()) == ("lower", [-1, 1, -2, 2])
    assert drawn.get_clim() == (0, pytest.approx(np.quantile(values, 0.9)))
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), Z)
    assert drawn.colorbar.ax.get_ylabel() == "nats"
    assert labelled(ax)


@pytest.mark.parametrize(
    ("model", "labels", "generative"),
    [("VAE, GAN", False, True), ("autoregressive", False, True), ("energy", False, True),
     ("naive Bayes", True, True), ("class-conditional", True, True),
     ("PCA, autoencoder", False, False), ("k-means", False, False),
     ("classifier", True, False), ("logistic", True, False)],
)  # fmt: skip
def test_the_map_puts_each_model_where_its_two_answers_are(model, labels, generative):
    """Labels are given at the right; the distribution of the data is modelled at the top."""
    ax = plots.field_map().axes[0]
    across = dict(zip(ax.get_xticks(), [t.get_text() for t in ax.get_xticklabels()], strict=True))
    upwards = dict(zip(ax.get_yticks(), [t.get_text() for t in ax.get_yticklabels()], strict=True))
    (x, y) = next(text.get_position() for text in ax.texts if model in text.get_text())
    column = across[min(across, key=lambda tick: abs(tick - x))]
    row = upwards[min(upwards, key=lambda tick: abs(tick - y))]
    assert column.startswith("with labels") == labels
    assert (row == "generative") == generative


def test_densities_name_their_curves_and_count_the_samples():
    x = np.linspace(-1, 1, 5)
    ax = plots.densities(x, {"p": x**2, "q": 1 - x**2}, samples=[0.1, 0.2])
    p, q, crosses = ax.lines
    assert [text.get_text() for text in ax.get_legend().texts] == ["p", "q", "2 samples"]
    np.testing.assert_array_equal(p.get_ydata(), x**2)
    np.testing.assert_array_equal(q.get_ydata(), 1 - x**2)
    assert (p.get_color(), p.get_linestyle()) != (q.get_color(), q.get_linestyle())
    np.testing.assert_array_equal(crosses.get_xydata(), [[0.1, 0], [0.2, 0]])
    assert ax.get_ylim()[0] == 0
    assert labelled(ax)
    ax = plots.densities(x, {"p": x**2, "q": 1 - x**2}, colours=("red", "blue"))
    assert [line.get_color() for line in ax.lines] == ["red", "blue"]


def test_the_regions_of_a_posterior_hold_what_they_say():
    """On a normal the shaded 90% and the dashed 90% are the same region."""
    mean, sd = np.array([0.5, -0.3]), np.array([0.4, 0.2])
    axis = np.linspace(-3, 3, 241)
    z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    mass = np.exp(-(((z - mean) / sd) ** 2).sum(axis=1) / 2)
    mass /= mass.sum()
    ax = plots.posterior(plt.subplots()[1], z, mass, mean, sd)
    (dashed,) = ax.patches
    draws = RNG.normal(mean, sd, size=(100_000, 2))
    assert inside(dashed, draws).mean() == pytest.approx(0.9, abs=0.005)
    shaded = ax.collections[0]
    held = [mass[mass >= level].sum() for level in shaded.levels[:-1]]
    assert held == pytest.approx([0.99, 0.9, 0.5], abs=0.01)
    outline = shaded.get_paths()[1].to_polygons()[0]
    half = np.abs(outline - mean).max(axis=0)
    assert half == pytest.approx([dashed.width / 2, dashed.height / 2], rel=0.05)
    assert ax.get_aspect() == 1
    assert labelled(ax)


def test_the_highest_ranks_on_top_beside_its_name():
    ax = plots.ranking({"low": (1, "o", "b"), "high": (3, "s", "r"), "mid": (2, "^", "g")}, "nats")
    named = dict(zip((t.get_text() for t in ax.get_yticklabels()), ax.get_yticks(), strict=True))
    assert named == {"low": 0, "mid": 1, "high": 2}
    assert annotated(ax) == {"1": (1, 0), "2": (2, 1), "3": (3, 2)}
    markers = {line.get_marker(): tuple(line.get_xydata()[0]) for line in ax.lines[1::2]}
    assert markers == {"o": (1, 0), "^": (2, 1), "s": (3, 2)}
    assert ax.get_xlabel() == "nats"


def test_a_table_reads_as_its_lists():
    ax = plots.table([["a", "b"], ["c", ""]], ["left", "right"], ["first", "second"]).axes[0]
    at = texts(ax)
    assert ax.yaxis_inverted()
    assert (at["a"], at["b"], at["c"]) == ((0.5, 0.5), (1.5, 0.5), (0.5, 1.5))
    assert at["left"][0] == at["a"][0] == at["c"][0]
    assert at["second"][1] == at["c"][1]
    filled = [p.get_xy() for p in ax.patches if p.get_facecolor()[3] > 0]
    assert filled == [(0, 0), (1, 0), (0, 1)]


def test_a_diagram_has_its_boxes_and_an_arrow_from_each_to_the_next():
    boxes = {"x": (0, 0, "w"), "encoder": (2, 0, "w"), "z": (4, 1, "w"), "KL term": (4, 0, "w")}
    ax = plots.diagram(boxes, [["x", "encoder", "z"]], [["z", "KL term"]])
    arrows = {text for text in ax.texts if hasattr(text, "arrow_patch")}
    places = {text.get_text(): text.get_position() for text in set(ax.texts) - arrows}
    assert places == {name: box[:2] for name, box in boxes.items()}
    drawn = {(arrow.xyann, arrow.xy, arrow.arrow_patch.get_linestyle()) for arrow in arrows}
    assert drawn == {((0, 0), (2, 0), "-"), ((2, 0), (4, 1), "-"), ((4, 1), (4, 0), ":")}


def test_a_gallery_has_each_picture_under_its_title_in_order():
    named = {c: np.full((20, 30 + 10 * k, 3), k / 10) for k, c in enumerate("abc")}
    fig = plots.gallery(named, n_rows=2)
    assert [ax.get_title() for ax in fig.axes] == ["a", "b", "c", ""]
    shades = [ax.get_images()[0].get_array().mean() for ax in fig.axes[:3]]
    assert shades == pytest.approx([0, 0.1, 0.2])
