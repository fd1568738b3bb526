"""Figures in one visual voice; the style itself is book.mplstyle beside this file."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patches, patheffects

# Ten colours for ten digits, from Okabe and Ito's and Paul Tol's schemes, chosen so that no two
# come close under normal, red-blind or green-blind vision (tests/test_plots.py measures it).
# Colour never stands alone: each class is also labelled with its digit.
DIGIT_COLOURS = (
    "#0072B2", "#CC3311", "#009E73", "#E69F00", "#88CCEE",
    "#882255", "#DDCC77", "#332288", "#000000", "#661100",
)  # fmt: skip
BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
)  # fmt: skip


def image(ax, x, title=None):
    """Draw one picture, ink black on white paper, without axes.

    x: (side * side,), (h, w) or (h, w, 3), in [0, 1].
    """
    x = np.asarray(x)
    if x.ndim == 1:
        side = round(np.sqrt(x.size))
        x = x.reshape(side, side)
    ax.imshow(x, vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    if title is not None:
        ax.set_title(title)
    return ax


def rows(named_images, titles=None, size=0.8):
    """Rows of pictures with a name at the left of each: {"original": x, "decoded": x_hat}.

    named_images: dict of str to (n, 784) or (n, h, w[, 3]), the same n in each, all in [0, 1].
    titles: n texts above the first row. size: height of a picture in inches.
    """
    n = len(next(iter(named_images.values())))
    shape = (len(named_images), n)
    width = size * n + 1.6
    fig, axes = plt.subplots(*shape, figsize=(width, size * shape[0] + 0.4), squeeze=False)
    for ax_row, (name, images) in zip(axes, named_images.items(), strict=True):
        for ax, x in zip(ax_row, images, strict=True):
            image(ax, x)
        ax_row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for ax, title in zip(axes[0], titles if titles is not None else [], strict=False):
        ax.set_title(title)
    return fig


def tile(images):
    """One big picture from a grid of pictures, row 0 at the BOTTOM, as on a scatter's y axis.

    images: (n_rows, n_cols, 784) or (n_rows, n_cols, h, w). Returns (n_rows * h, n_cols * w),
    to be drawn with imshow's default origin: each digit stands upright, and the picture at
    [i, j] lies where a scatter would put the point (column j, row i).
    """
    images = np.asarray(images)
    if images.ndim == 3:
        side = round(np.sqrt(images.shape[-1]))
        images = images.reshape(*images.shape[:2], side, side)
    n_rows, n_cols, height, width = images.shape
    return images[::-1].transpose(0, 2, 1, 3).reshape(n_rows * height, n_cols * width)


def scatter(z, y, ax=None, size=3):
    """Codes in the latent plane, coloured by digit, each class labelled at its median.

    z: (n, 2); y: (n,) integers 0 to 9. Equal scales on both axes. Returns the axes.
    """
    ax = ax or plt.subplots(figsize=(7, 6))[1]
    for digit in np.unique(y):
        points = z[y == digit]
        colour = DIGIT_COLOURS[digit]
        ax.scatter(*points.T, s=size, color=colour, alpha=0.6, lw=0, label=str(digit))
        label(ax, np.median(points, axis=0), str(digit), colour)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    ax.legend(title="digit", markerscale=14 / size**0.5 / 2, loc="center left",
              bbox_to_anchor=(1.01, 0.5))  # fmt: skip
    return ax


def label(ax, at, text, colour=BLACK, size=16):
    """A text with a white rim, legible over points. at: (x, y) in data coordinates."""
    rim = [patheffects.withStroke(linewidth=4, foreground="white")]
    ax.annotate(text, at, color=colour, fontsize=size, weight="bold", ha="center", va="center",
                path_effects=rim)  # fmt: skip


def curve(history, references=None):
    """Loss over epochs of a Keras History, training solid and validation dashed.

    references: dict of str to {epoch: nats}, published values to compare with, as open circles.
    """
    _, ax = plt.subplots(figsize=(7, 3.8))
    epochs = np.arange(1, len(history.history["loss"]) + 1)
    ax.plot(epochs, history.history["loss"], "o-", label="training")
    if "val_loss" in history.history:
        ax.plot(epochs, history.history["val_loss"], "s--", label="validation")
    for name, values in (references or {}).items():
        ax.plot(*zip(*values.items(), strict=True), "o", mfc="none", ms=12, mew=2, color=BLACK,
                label=name)  # fmt: skip
    ax.set(xlabel="epoch (600 steps of 100 images)", ylabel="loss (nats per image)")
    ax.set_xticks(epochs if len(epochs) <= 12 else epochs[:: len(epochs) // 8])
    ax.legend()
    return ax


def flow(parts, arrows=None, height=1.7):
    """A chain of labelled shapes and pictures with arrows between them, read left to right.

    parts: (what, kind, colour) each. kind is "box", "narrow" (an encoder), "widen" (a decoder) or
    "plain", and what is the text in it; or kind is "image" and what is a picture, as `image`
    takes it. arrows: the text over each arrow, one fewer than parts. height: in inches.
    """
    n = len(parts)
    fig, ax = plt.subplots(figsize=(min(2.1 * n, 10), height))
    half = {"box": (0.42, 0.42), "narrow": (0.5, 0.22), "widen": (0.22, 0.5)}
    for i, (what, kind, colour) in enumerate(parts):
        x = 1.6 * i
        if kind in half:
            left, right = half[kind]
            corners = [(x - 0.5, -left), (x + 0.5, -right), (x + 0.5, right), (x - 0.5, left)]
            ax.add_patch(patches.Polygon(corners, fc=colour, ec="none", alpha=0.25))
            ax.add_patch(patches.Polygon(corners, fc="none", ec=colour, lw=2))
        if kind == "image":
            image(ax.inset_axes((x - 0.5, -0.5, 1, 1), transform=ax.transData), what)
        else:
            ax.text(x, 0, what, ha="center", va="center", fontsize=12)
        if i + 1 < n:
            style = {"arrowstyle": "-|>", "lw": 2, "color": "#333333"}
            ax.annotate("", (x + 1.07, 0), (x + 0.53, 0), arrowprops=style)
            if arrows:
                ax.text(x + 0.8, 0.12, arrows[i], ha="center", va="bottom", fontsize=11)
    ax.set(xlim=(-0.6, 1.6 * (n - 1) + 0.6), ylim=(-0.65, 0.65), aspect="equal")
    ax.axis("off")
    return fig


def field_map():
    """Where autoencoders and GANs lie on the map of artificial intelligence (figure 2.1)."""
    fig, ax = plt.subplots(figsize=(8, 4.6))
    regions = [  # x, y, width, height, title, colour
        (0.0, 0.0, 10, 6.0, "artificial intelligence", BLACK),
        (0.3, 0.2, 9.4, 5.1, "machine learning", BLUE),
        (0.6, 0.4, 2.5, 4.2, "supervised:\nlabels are given", AMBER),
        (3.3, 0.4, 6.2, 4.2, "unsupervised and self-supervised: the data are the labels", GREEN),
        (4.9, 0.6, 4.4, 3.3, "generative: a distribution to sample from", ORANGE),
    ]
    for x, y, width, height, title, colour in regions:
        box = patches.FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.2",
            fc="none",
            ec=colour,
            lw=2,
        )
        ax.add_patch(box)
        ax.text(x + 0.15, y + height - 0.15, title, va="top", fontsize=11)
    models = [
        (1.85, 2.0, "classifier\nregression"),
        (4.1, 2.6, "PCA"),
        (4.1, 1.3, "plain\nautoencoder"),
        (6.0, 2.1, "one explicit\nobjective:\n\nVAE\nmixtures, flows\ndiffusion"),
        (8.1, 2.1, "two competing\nobjectives:\n\nGAN\n(BEGAN: with an\nautoencoder in it)"),
    ]
    for x, y, text in models:
        ax.text(x, y, text, ha="center", va="center", fontsize=11)
    ax.set(xlim=(-0.1, 10.1), ylim=(-0.1, 6.1))
    ax.axis("off")
    return fig


def densities(x, curves, samples=None, ax=None):
    """Densities over one axis, each in a colour and a line style of its own, with a legend.

    x: (n,); curves: dict of str to (n,), densities at x. samples: (m,), drawn as black crosses
    on the axis. Returns the axes.
    """
    ax = ax or plt.subplots(figsize=(7.5, 4))[1]
    styles = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
    for (name, density), style in zip(curves.items(), styles, strict=False):
        ax.plot(x, density, ls=style, label=name)
    if samples is not None:
        ax.plot(samples, np.zeros(len(samples)), "x", color=BLACK, ms=6, mew=1.2, clip_on=False,
                zorder=5, label=f"{len(samples)} samples")  # fmt: skip
    ax.set(xlabel="$x$ (hours after noon)", ylabel="density (per hour)", ylim=(0, None))
    ax.legend()
    return ax
