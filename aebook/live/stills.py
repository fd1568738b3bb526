"""The pictures that stand for the live figures in print, on GitHub and without JavaScript."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patches

from aebook import plots
from aebook.densities import Mixture, gaussian_mle, log_density, sample, stationary_points

N_TILES = 13  # along each side of the plane decoded


def latent_explorer(vae, x_test, y_test):
    """The plane with a way from the first 7 to the first 3, and what is decoded along it."""
    from aebook.models import decode, encode

    z_mean, z_log_var = encode(vae, x_test)
    a, b = (np.flatnonzero(y_test == digit)[0] for digit in (7, 3))
    fig, axes = plt.subplot_mosaic([[0, 1], [0, 2], [0, 3]], figsize=(plots.FULL, 4.6),
                                   width_ratios=[4, 1], layout="compressed")  # fmt: skip
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


def learn(vae, x, y):
    """Where the trained encoder puts held-out digits, over what the decoder makes of the plane."""
    from aebook.models import decode, encode

    z_mean, _ = encode(vae, x)
    reach = max(1.05 * np.quantile(np.abs(z_mean), 0.98), 2.6)
    places = reach * (np.arange(1, 2 * N_TILES, 2) / N_TILES - 1)
    grid = np.stack(np.meshgrid(places, places), axis=-1)
    tiles = decode(vae, grid.reshape(-1, 2)).reshape(N_TILES, N_TILES, -1)
    ax = plots.scatter(z_mean, y, plt.subplots(figsize=(plots.FULL, 4.6))[1], size=14)
    ax.imshow(0.3 * plots.tile(tiles), extent=(-reach, reach, -reach, reach), vmin=0, vmax=1)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach))
    return ax.figure


def draw_a_digit(vae, x_test, y_test):
    """The first 4: the picture, its spot in the plane, its reconstruction and the loss terms."""
    from keras import ops

    from aebook.models import decode, encode, kl_loss, reconstruction_loss

    row = [np.flatnonzero(y_test == 4)[0]]
    x, (z_mean, z_log_var) = x_test[row], encode(vae, x_test)
    logits = vae.get_layer("decoder")(z_mean[row])
    terms = [float(reconstruction_loss(x, logits)[0])]
    terms += [float(ops.convert_to_numpy(kl_loss(z_mean[row], z_log_var[row]))[0])]
    fig, axes = plt.subplots(1, 3, figsize=(plots.FULL, 2.9), width_ratios=[1, 1.4, 1],
                             layout="compressed")  # fmt: skip
    plots.image(axes[0], x[0], "drawn")
    axes[1].plot(*z_mean.T, ".", ms=2, color="0.6")
    size = 3 * np.exp(z_log_var[row][0] / 2)
    axes[1].axvline(z_mean[row][0, 0], color="black", ls=":", lw=1)
    axes[1].axhline(z_mean[row][0, 1], color="black", ls=":", lw=1)
    axes[1].add_patch(
        patches.Ellipse(z_mean[row][0], *size, fc="white", ec="black", lw=2, zorder=3)
    )
    axes[1].set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal", title="where it is put")
    plots.image(axes[2], decode(vae, z_mean[row])[0], "what is drawn again")
    axes[2].set_xlabel(f"reconstruction {terms[0]:.0f} nats\nKL {terms[1]:.1f} nats")
    return fig


def two_modes():
    """The cafe: two rushes, a hundred guests, and three normals that answer for them."""
    truth = Mixture([0.5, 0.5], [0, 5], [1, 1])
    x, grid = sample(truth, 100), np.linspace(-6, 14, 801)
    curves = {"truth": truth, "maximum likelihood": Mixture([1], *np.transpose([gaussian_mle(x)]))}
    valleys = sorted((p for p in stationary_points(truth) if p.valley), key=lambda p: p.kl)
    names = ["reverse KL, global", "reverse KL, local", "reverse KL, local too"]
    curves |= {name: Mixture([1], [p.mean], [p.sd])
               for name, p in zip(names, valleys, strict=True)}  # fmt: skip
    ax = plots.densities(grid, {k: np.exp(log_density(grid, p)) for k, p in curves.items()}, x)
    ax.set_ylim(0, 0.45)
    return ax.figure


def bottleneck(x, codes):
    """What the middle one of each method's codes makes of the pictures."""
    pictures = {"test image": x}
    for name, points in codes.items():
        size, *_, x_hat = points[len(points) // 2]
        pictures[f"{name}\n{size:.1f} bytes"] = x_hat
    return plots.rows(pictures)
