"""Figures in one visual voice; the style itself is book.mplstyle beside this file.

Every figure is as wide as a page's text or as half of it, so that its letters are as large as those
of any other; what it shows decides its height alone.
"""

import itertools

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
FULL, HALF = 7.17, 3.5  # widths of figures, in inches: the text of a page, and half of it


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


def rows(named_images, titles=None):
    """Rows of pictures with a name at the left of each: {"original": x, "decoded": x_hat}.

    named_images: dict of str to (n, 784) or (n, h, w[, 3]), the same n in each, all in [0, 1].
    titles: n texts above the first row. The pictures are as large as the page lets them be, at
    most an inch.
    """
    n = len(next(iter(named_images.values())))
    shape = (len(named_images), n)
    longest = max(len(line) for name in named_images for line in name.splitlines() or [""])
    size = min((FULL - 0.09 * longest - 0.2) / n, 1)
    above = 0.17 * (1 + max(title.count("\n") for title in titles)) if titles is not None else 0
    fig, axes = plt.subplots(*shape, figsize=(FULL, size * shape[0] + above + 0.1), squeeze=False,
                             layout="compressed")  # fmt: skip
    fig.get_layout_engine().set(w_pad=0.03, h_pad=0.03)
    for ax_row, (name, images) in zip(axes, named_images.items(), strict=True):
        for ax, x in zip(ax_row, images, strict=True):
            image(ax, x)
        ax_row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for ax, title in zip(axes[0], titles if titles is not None else [], strict=False):
        ax.set_title(title)
    return fig


def gallery(named, n_rows=1):
    """Pictures of any size with a title above each, row by row, at one scale in each row.

    named: dict of title to a picture (h, w, 3), in [0, 1]; all in one column are of one width.
    """
    names = list(named)
    n = -(-len(names) // n_rows)
    wide = [named[name].shape[1] for name in names[:n]]
    tall = [named[name].shape[0] for name in names[::n]]
    scale = (FULL - 0.1 * n) / sum(wide)
    above = 0.17 * (1 + max(name.count("\n") for name in names))
    size = (FULL, scale * sum(tall) + (above + 0.1) * n_rows)
    fig, axes = plt.subplots(n_rows, n, figsize=size, squeeze=False, width_ratios=wide)
    fig.get_layout_engine().set(w_pad=0.03, h_pad=0.03)
    for ax in axes.flat[len(names) :]:
        ax.axis("off")
    for ax, name in zip(axes.flat, names, strict=False):
        image(ax, named[name], name)
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


def apart(points, least):
    """The points, (n, 2), pushed away from each other until no two are closer than `least`."""
    points = np.array(points, float)
    for _ in range(200):
        gaps = points[:, None] - points
        distance = np.linalg.norm(gaps, axis=-1) + np.eye(len(points))
        push = np.clip(least - distance, 0, None) * ~np.eye(len(points), dtype=bool) / 2
        points += (gaps * (push / distance)[..., None]).sum(axis=1)
    return points


def label_classes(ax, points, y):
    """Label each digit at the median of its points, or beside it where another label stands."""
    digits = np.unique(y)
    inches = ax.get_window_extent().size / ax.figure.dpi
    least = 0.17 * max(np.ptp([ax.get_xlim(), ax.get_ylim()], axis=1) / inches)
    medians = [np.median(points[y == digit], axis=0) for digit in digits]
    for digit, at in zip(digits, apart(medians, least), strict=True):
        label(ax, at, str(digit), DIGIT_COLOURS[digit])


def scatter(z, y, ax=None, size=3):
    """Codes in the latent plane, coloured by digit, each class labelled at its median.

    z: (n, 2); y: (n,) integers 0 to 9. Equal scales on both axes. Returns the axes.
    """
    ax = ax or plt.subplots(figsize=(FULL, 5.2))[1]
    for digit in np.unique(y):
        ax.scatter(*z[y == digit].T, s=size, color=DIGIT_COLOURS[digit], alpha=0.6, lw=0,
                   label=str(digit))  # fmt: skip
    label_classes(ax, z, y)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    ax.legend(title="digit", markerscale=14 / size**0.5 / 2, loc="center left",
              bbox_to_anchor=(1.01, 0.5))  # fmt: skip
    return ax


def label(ax, at, text, colour=BLACK, size=12):
    """A text with a white rim, legible over points. at: (x, y) in data coordinates."""
    rim = [patheffects.withStroke(linewidth=3, foreground="white")]
    ax.annotate(text, at, color=colour, fontsize=size, weight="bold", ha="center", va="center",
                path_effects=rim)  # fmt: skip


def curve(history, references=None):
    """Loss over epochs of a Keras History, training solid and validation dashed.

    references: dict of str to {epoch: nats}, published values to compare with, as open circles.
    """
    _, ax = plt.subplots(figsize=(FULL, 3.6))
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


def flow(parts, arrows=None):
    """A chain of labelled shapes and pictures with arrows between them, read left to right.

    parts: (what, kind, colour) each. kind is "box", "narrow" (an encoder), "widen" (a decoder) or
    "plain", and what is the text in it; or kind is "image" and what is a picture, as `image`
    takes it. arrows: the text over each arrow, one fewer than parts. Up to five parts are drawn to
    one scale, an inch each.
    """
    n = len(parts)
    wide, between = 0.96, 1.55
    fig, ax = plt.subplots(figsize=(FULL, 1.1), layout=None)
    ax.set_position((0, 0, 1, 1))
    half = {"box": (0.42, 0.42), "narrow": (0.5, 0.22), "widen": (0.22, 0.5)}
    for i, (what, kind, colour) in enumerate(parts):
        x, edge = between * i, wide / 2
        if kind in half:
            left, right = half[kind]
            corners = [(x - edge, -left), (x + edge, -right), (x + edge, right), (x - edge, left)]
            ax.add_patch(patches.Polygon(corners, fc=colour, ec="none", alpha=0.25))
            ax.add_patch(patches.Polygon(corners, fc="none", ec=colour, lw=2))
        if kind == "image":
            image(ax.inset_axes((x - 0.5, -0.5, 1, 1), transform=ax.transData), what)
        else:
            ax.text(x, 0, what, ha="center", va="center", size=9)
        if i + 1 < n:
            style = {"arrowstyle": "-|>", "lw": 2, "color": "#333333"}
            ends = (x + between - edge - 0.03, 0), (x + edge + 0.03, 0)
            ax.annotate("", *ends, arrowprops=style)
            if arrows:
                ax.text(x + between / 2, 0.1, arrows[i], ha="center", va="bottom", size=9)
    middle, width = between * (n - 1) / 2, max(FULL, between * (n - 1) + wide + 0.05)
    ax.set(xlim=(middle - width / 2, middle + width / 2), ylim=(-0.55, 0.55), aspect="equal")
    ax.axis("off")
    return fig


def diagram(boxes, solid, dotted=()):
    """Boxes of text with arrows between them.

    boxes: dict of text to (x, y, fill), its centre in units of which a page is about eleven wide,
    and its colour. solid, dotted: chains of these texts, each a list; an arrow leads from each to
    the next. Returns the axes.
    """
    x, y, _ = zip(*boxes.values(), strict=True)
    _, ax = plt.subplots(figsize=(FULL, 0.5 * (np.ptp(y) + 1.2)))
    ax.set(xlim=(min(x) - 0.9, max(x) + 0.7), ylim=(min(y) - 0.5, max(y) + 0.5))
    ax.axis("off")
    drawn = {
        text: ax.text(*at, text, ha="center", va="center", bbox={"boxstyle": "round", "fc": fill})
        for text, (*at, fill) in boxes.items()
    }
    for line, chains in (("-", solid), (":", dotted)):
        for start, end in (pair for chain in chains for pair in itertools.pairwise(chain)):
            style = {"arrowstyle": "-|>", "fc": BLACK, "ls": line, "shrinkA": 0,
                     "patchA": drawn[start].get_bbox_patch(),
                     "patchB": drawn[end].get_bbox_patch()}  # fmt: skip
            ax.annotate("", boxes[end][:2], boxes[start][:2], arrowprops=style)
    return ax


def auc_dots(groups):
    """Dot charts of AUC over held-out digits, one panel a group, with chance as a dashed line.

    groups: dict of panel title to {method: (10,) AUCs}; at most ten methods, each of which has a
    marker of its own in the whole figure. Returns the figure.
    """
    fig, axes = plt.subplots(len(groups), 1, figsize=(FULL, 2.6 * len(groups)), sharex=True)
    markers = iter("osD^v<>PX*")
    for ax, (title, methods) in zip(np.atleast_1d(axes), groups.items(), strict=True):
        ax.axhline(0.5, color="gray", ls="--", lw=1)
        shifts = np.linspace(-0.25, 0.25, len(methods))
        for (name, values), shift in zip(methods.items(), shifts, strict=True):
            ax.plot(np.arange(10) + shift, values, next(markers), ms=7,
                    label=f"{name} ({np.mean(values):.2f})")  # fmt: skip
        ax.set(ylim=(0, 1), ylabel="AUC", title=title, xticks=range(10))
        ax.vlines(np.arange(9) + 0.5, 0, 1, color="lightgray", lw=0.8)
        ax.legend(title="method (mean)", loc="center left", bbox_to_anchor=(1.01, 0.5))
    np.atleast_1d(axes)[-1].set_xlabel("digit held out")
    return fig


def roc_panels(curves):
    """Ten small ROC plots, one for each held-out digit, with chance as a thin diagonal.

    curves: dict of method to a list of ten (fpr, tpr); methods differ in line style and colour.
    """
    fig, axes = plt.subplots(2, 5, figsize=(FULL, 3.6), sharex=True, sharey=True)
    for digit, ax in enumerate(axes.flat):
        ax.plot([0, 1], [0, 1], color="gray", lw=0.8)
        for (name, pairs), style in zip(curves.items(), ("-", "--", ":"), strict=False):
            ax.plot(*pairs[digit], style, label=name)
        ax.set(title=f"{digit} held out", xticks=[0, 1], yticks=[0, 1], aspect="equal")
    fig.supxlabel("false-positive rate")
    fig.supylabel("true-positive rate")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return fig


def answers(x_query, y_query, x_found, y_found):
    """Queries at the left, each with its answers from left to right; wrong ones are crossed.

    x_query: (n, 784), y_query: (n,) digits; x_found: (n, k, 784), y_found: (n, k).
    """
    n, k = np.shape(y_found)
    ratios = [1, 0.3] + [1] * k
    size = min(FULL / (sum(ratios) + 0.5), 1)
    fig, axes = plt.subplots(n, k + 2, figsize=(FULL, (size + 0.25) * n), width_ratios=ratios,
                             layout="compressed")  # fmt: skip
    for i, ax_row in enumerate(np.atleast_2d(axes)):
        image(ax_row[0], x_query[i], f"query {y_query[i]}")
        ax_row[1].axis("off")
        for ax, x, y in zip(ax_row[2:], x_found[i], y_found[i], strict=True):
            wrong = y != y_query[i]
            image(ax, x, f"✗ {y}" if wrong else f"{y}")
            if wrong:
                ax.plot([0, 27, np.nan, 0, 27], [0, 27, np.nan, 27, 0], color=ORANGE, lw=1.5)
                ax.title.set_color(ORANGE)
    return fig


def grid_of_pictures(images, at, ax=None):
    """A grid of pictures on axes that can carry points too, row 0 at the bottom.

    images: (n, n, 784), in [0, 1]; at: (n,) evenly spaced. The picture at [i, j] is centred on
    the point (at[j], at[i]). Returns the axes.
    """
    ax = ax or plt.subplots(figsize=(FULL, 5.2))[1]
    at = np.asarray(at)
    half = (at[1] - at[0]) / 2
    ends = (at[0] - half, at[-1] + half)
    ax.imshow(tile(images), extent=(*ends, *ends), vmin=0, vmax=1)
    return ax


def posteriors(z_mean, sigma, y, radius=1.5, ax=None, beside=False):
    """q(z|x) of many images as ellipses of `radius` standard deviations, coloured by digit.

    z_mean, sigma: (n, 2); y: (n,) integers 0 to 9. Each class is labelled at its median (beside it,
    where a class is one small ellipse), and the prior is the dashed circle. Returns the axes.
    """
    ax = ax or plt.subplots(figsize=(FULL, 5.2))[1]
    for mean, sd, digit in zip(z_mean, sigma, y, strict=True):
        ax.add_patch(patches.Ellipse(mean, *(2 * radius * sd), color=DIGIT_COLOURS[digit],
                                     alpha=0.4, lw=0))  # fmt: skip
    ax.add_patch(patches.Circle((0, 0), radius, fill=False, ls="--", lw=2))
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    ax.autoscale_view()
    label_classes(ax, z_mean + beside * (0.7 * radius * sigma + 0.16), y)
    return ax


def confusion(matrix, ax=None):
    """Shares of each written digit (row) that were read as each digit (column), in per cent.

    matrix: (10, 10), each row sums to 1. Entries below half a per cent stay blank.
    """
    ax = ax or plt.subplots(figsize=(FULL, 5))[1]
    ax.imshow(matrix, vmin=0, vmax=1, cmap="Blues")
    for (i, j), share in np.ndenumerate(matrix):
        if share >= 0.005:
            colour = "white" if share > 0.6 else BLACK
            ax.text(j, i, f"{100 * share:.0f}", ha="center", va="center", color=colour, size=9)
    ax.set(xticks=range(10), yticks=range(10), xlabel="read as", ylabel="written")
    ax.spines[:].set_visible(False)
    return ax


def plane_map(values, extent, points, name):
    """A quantity over the latent plane as a heat map, with codes as dots over it.

    values: (rows, columns), row 0 at the BOTTOM. extent: (left, right, bottom, top), the edges.
    points: (n, 2). name: of the quantity, with its unit. Colours end at the 90% quantile.
    Returns the axes.
    """
    fig, ax = plt.subplots(figsize=(FULL, 5.2))
    drawn = ax.imshow(values, cmap="Oranges", vmin=0, vmax=np.quantile(values, 0.9),
                      extent=extent, origin="lower", interpolation="bilinear")  # fmt: skip
    ax.scatter(*points.T, s=2, color=BLUE, lw=0)
    fig.colorbar(drawn, label=name, extend="max")
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
    return ax


def field_map():
    """Models by two questions: are labels given, and is the data's own distribution modelled?

    Four fields, without labels at the left, generative at the top; in bold what the book trains.
    """
    fig, ax = plt.subplots(figsize=(FULL, 3.5))
    fields = [  # column, row, colour, what is modelled, models of the book, others
        (0, 1, ORANGE, "$p(x)$", "VAE, GAN, mixture", "autoregressive, flow,\nenergy, diffusion"),
        (1, 1, PINK, "$p(x, y)$ or $p(x \\mid y)$", "naive Bayes",
         "class-conditional VAE or GAN,\npictures from a text"),
        (0, 0, GREEN, "a code or groups", "PCA, autoencoder", "k-means"),
        (1, 0, BLUE, "discriminative: $p(y \\mid x)$", "classifier network", "logistic regression"),
    ]  # fmt: skip
    for column, row, colour, modelled, ours, others in fields:
        box = patches.Rectangle((column + 0.02, row + 0.03), 0.96, 0.94, fc=colour, ec="none",
                                alpha=0.15)  # fmt: skip
        ax.add_patch(box)
        ax.text(column + 0.5, row + 0.77, modelled, ha="center", va="center")
        ax.text(column + 0.5, row + 0.53, ours, ha="center", va="center", weight="bold")
        ax.text(column + 0.5, row + 0.26, others, ha="center", va="center")
    heads = ["without labels: unsupervised", "with labels: supervised"]
    ax.set_xticks([0.5, 1.5], heads)
    ax.set_yticks([0.5, 1.5], ["no model of\nthe data's\ndistribution", "generative"])
    ax.set(xlim=(0, 2), ylim=(0, 2))
    ax.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    return fig


def densities(x, curves, samples=None, ax=None, colours=()):
    """Densities over one axis, each in a colour and a line style of its own, with a legend.

    x: (n,); curves: dict of str to (n,), densities at x. samples: (m,), drawn as black crosses
    on the axis. colours: one for each curve, where the style's own do not suit. Returns the axes.
    """
    ax = ax or plt.subplots(figsize=(FULL, 3.8))[1]
    styles = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
    for i, (name, density) in enumerate(curves.items()):
        ax.plot(x, density, ls=styles[i], label=name, color=colours[i] if colours else None)
    if samples is not None:
        ax.plot(samples, np.zeros(len(samples)), "x", color=BLACK, ms=6, mew=1.2, clip_on=False,
                zorder=5, label=f"{len(samples)} samples")  # fmt: skip
    ax.set(xlabel="$x$ (hours after noon)", ylabel="density (per hour)", ylim=(0, None))
    ax.legend()
    return ax


def posterior(ax, z, mass, mean, sd, picture=None):
    """True posterior and encoder's q in the latent plane, each by the region that holds 90%.

    z: (n * n, 2), the points of a square grid; mass: (n * n,), the posterior's share of each
    point. Shaded: the smallest regions that hold 50%, 90% and 99% of it. Dashed: the ellipse that
    holds 90% of a normal with this mean and sd, both (2,). picture: (784,), drawn in a corner.
    """
    n = round(np.sqrt(len(z)))
    z1, z2, mass = z[:n, 0], z[::n, 1], mass.reshape(n, n)
    falling = np.sort(mass.ravel())[::-1]
    held = np.cumsum(falling) / falling.sum()
    levels = [falling[np.searchsorted(held, share)] for share in (0.99, 0.9, 0.5)]
    ax.contourf(z1, z2, mass, [*levels, mass.max()], colors=["#d0e4f2", "#79b3da", BLUE])
    size = 2 * np.sqrt(-2 * np.log(0.1)) * np.asarray(sd)
    ax.add_patch(patches.Ellipse(mean, *size, fill=False, ls="--", lw=2.5, color=ORANGE))
    rows, columns = np.nonzero(mass > levels[0] / 4)
    corners = np.array([[z1[columns], z2[rows]]]).reshape(2, -1).T
    points = np.vstack([corners, mean - size, mean + size])
    centre = (points.max(axis=0) + points.min(axis=0)) / 2
    half = (points.max(axis=0) - points.min(axis=0)).max() * 0.7
    ax.set(xlim=centre[0] + np.array([-half, half]), ylim=centre[1] + np.array([-half, half]),
           aspect="equal", xlabel="$z_1$", ylabel="$z_2$")  # fmt: skip
    if picture is not None:
        image(ax.inset_axes([0.78, 0.78, 0.22, 0.22]), picture)
    return ax


def ranking(named, label=""):
    """Dots on one axis, the highest value on top, each with its name at the left.

    named: dict of name to (value, marker, colour); label: of the axis, with the unit.
    """
    ordered = sorted(named.items(), key=lambda item: item[1][0])
    _, ax = plt.subplots(figsize=(FULL, 0.36 * len(named) + 0.7))
    for row, (_, (value, marker, colour)) in enumerate(ordered):
        ax.axhline(row, color="#dddddd", lw=1, zorder=0)
        ax.plot(value, row, marker, color=colour, ms=8)
        ax.annotate(f"{value:.0f}", (value, row), (9, 4), textcoords="offset points")
    ax.set(yticks=range(len(named)), yticklabels=[name for name, _ in ordered], xlabel=label)
    ax.margins(x=0.1)
    return ax


def table(cells, columns, rows):
    """A ruled table of words with bold headings, as a figure.

    cells: list of rows, each a list of texts; columns, rows: their headings, above and at left.
    """
    fig, ax = plt.subplots(figsize=(FULL, 0.8 * len(rows) + 0.6))
    for i, (name, texts) in enumerate(zip(rows, cells, strict=True)):
        ax.text(-0.05, i + 0.5, name, ha="right", va="center", weight="bold")
        for j, text in enumerate(texts):
            ax.add_patch(patches.Rectangle((j, i), 1, 1, fc=SKY if text else "none", alpha=0.3))
            ax.add_patch(patches.Rectangle((j, i), 1, 1, fc="none", ec="gray"))
            ax.text(j + 0.5, i + 0.5, text, ha="center", va="center")
    for j, name in enumerate(columns):
        ax.text(j + 0.5, -0.1, name, ha="center", va="bottom", weight="bold")
    ax.set(xlim=(-0.5, len(columns) + 0.01), ylim=(len(rows) + 0.01, -0.5))
    ax.axis("off")
    return fig
