"""The pictures that stand for the live figures in print, on GitHub and without JavaScript."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patches

from aebook import plots


def latent_explorer(vae, x_test, y_test):
    """The plane with a way from the first 7 to the first 3, and what is decoded along it."""
    from aebook.models import decode, encode

    z_mean, z_log_var = encode(vae, x_test)
    a, b = (np.flatnonzero(y_test == digit)[0] for digit in (7, 3))
    fig, axes = plt.subplot_mosaic([[0, 1], [0, 2], [0, 3]], figsize=(8, 5), width_ratios=[4, 1])
    plots.scatter(z_mean, y_test, axes[0], size=6).get_legend().remove()
    axes[0].plot(*z_mean[[a, b]].T, "k--", lw=1.5)
    for name, row in (("A", a), ("B", b)):
        size = 3 * np.exp(z_log_var[row] / 2)
        axes[0].add_patch(patches.Ellipse(z_mean[row], *size, fill=False, lw=2, ec="black"))
        plots.label(axes[0], z_mean[row] + 0.3, name)
    way = decode(vae, np.linspace(z_mean[a], z_mean[b], 3))
    for i, (x, title) in enumerate(zip(way, ("at A", "half-way", "at B"), strict=True), 1):
        plots.image(axes[i], x, f"decoded {title}")
    return fig
