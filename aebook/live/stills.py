"""The pictures that stand for the live figures in print, on GitHub and without JavaScript."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patches
from matplotlib.colors import to_rgb

from aebook import plots
from aebook.densities import Mixture, kl, log_density

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
    for radius in (1, 2):
        ax.add_patch(patches.Circle((0, 0), radius, fill=False, ls="--", lw=1, color=plots.BLACK))
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach))
    return ax.figure


def draw_a_digit(vaes, x_test, y_test):
    """The first 4: the picture, its spot in the plane, and its reconstruction by each VAE."""
    from keras import ops

    from aebook.models import decode, encode, kl_loss, reconstruction_loss

    row = [np.flatnonzero(y_test == 4)[0]]
    x, (z_mean, z_log_var) = x_test[row], encode(vaes[0], x_test)
    fig, axes = plt.subplots(1, 2 + len(vaes), figsize=(plots.FULL, 2.4), layout="compressed",
                             width_ratios=[1, 1.4, *(1 for _ in vaes)])  # fmt: skip
    plots.image(axes[0], x[0], "drawn")
    axes[1].plot(*z_mean.T, ".", ms=2, color="0.6")
    at, size = z_mean[row][0], 3 * np.exp(z_log_var[row][0] / 2)
    axes[1].axvline(at[0], color="black", ls=":", lw=1)
    axes[1].axhline(at[1], color="black", ls=":", lw=1)
    axes[1].add_patch(patches.Ellipse(at, *size, fc="white", ec="black", lw=2, zorder=3))
    axes[1].set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal", title="where it is put")
    for ax, vae in zip(axes[2:], vaes, strict=True):
        mean, log_var = encode(vae, x)
        error = float(reconstruction_loss(x, vae.get_layer("decoder")(mean))[0])
        kl = float(ops.convert_to_numpy(kl_loss(mean, log_var))[0])
        plots.image(ax, decode(vae, mean)[0], f"{mean.shape[1]} latents")
        ax.set_xlabel(f"error {error:.0f} nats\nKL {kl:.1f} nats")
    return fig


def between_the_points(models, z_mean, y):
    """The planes of two models with 200 draws in each, and in grey where no code is near.

    models: dict of name to what is said of it; z_mean: dict of name to (n, 2) codes; y: (n,) their
    digits.
    """
    from sklearn.neighbors import NearestNeighbors

    fig, axes = plt.subplots(1, 2, figsize=(plots.FULL, 3.6), layout="compressed")
    line, draws = np.linspace(-4, 4, 201), np.random.default_rng(0).normal(size=(200, 2))
    places = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    for ax, (name, said) in zip(axes, models.items(), strict=True):
        middle, spread = np.array(said["middle"]), np.array(said["spread"])
        units = (z_mean[name] - middle) / spread
        far = NearestNeighbors(n_neighbors=1).fit(units).kneighbors(places)[0]
        holes = 0.2 * (far > said["usual"]).reshape(201, 201)
        edges = np.stack([middle - 4 * spread, middle + 4 * spread], axis=1)
        plots.scatter(z_mean[name], y, ax, size=3).get_legend().remove()
        ax.imshow(holes, cmap="Greys", vmin=0, vmax=1, origin="lower", extent=edges.ravel())
        ax.plot(*(middle + spread * draws).T, "x", ms=3, mew=0.7, color=plots.ORANGE)
        for radius in (2, 4):
            ax.add_patch(patches.Ellipse(middle, *(radius * spread), fill=False, ls="--"))
        ax.set(xlim=edges[0], ylim=edges[1], title=said["title"], aspect="auto")
    return fig


def draw_from_the_posterior(vae, x, y):
    """Ten posteriors and the prior; a dozen draws from the 7's, and what they decode to."""
    from aebook.models import decode, encode

    z_mean, z_log_var = encode(vae, x)
    sigma, noise = np.exp(z_log_var / 2), np.random.default_rng(0).normal(size=(12, 2))
    z = z_mean[7] + sigma[7] * noise
    fig, (left, right) = plt.subplots(1, 2, figsize=(plots.FULL, 4.2), width_ratios=[1.7, 1],
                                      layout="compressed")  # fmt: skip
    plots.posteriors(z_mean, sigma, y, ax=left, beside=True)
    left.plot(*z.T, "k.", ms=3)
    left.set(xlim=(-4, 4), ylim=(-4, 4))
    plots.image(right, plots.tile(decode(vae, z).reshape(4, 3, 784)), "draws of the 7, decoded")
    return fig


def flow(v, z, eps):
    """The velocity at three times, and where the points of the conditional paths are then."""
    fig, axes = plt.subplots(1, 3, figsize=(plots.FULL, 2.7), sharey=True)
    at = np.stack(np.meshgrid(*[np.linspace(-4, 4, 13)] * 2), axis=-1).reshape(-1, 2)
    n = min(len(z), len(eps), 2500)
    for ax, t in zip(axes, (0.05, 0.5, 0.9), strict=True):
        ax.plot(*((1 - t) * eps[:n] + t * z[:n]).T, ".", ms=1, color="0.7")
        ax.quiver(*at.T, *v(at, t).T, color=plots.BLUE, angles="xy", scale=30, width=0.006)
        ax.set(title=f"t = {t}", xlim=(-4.4, 4.4), ylim=(-4.4, 4.4), aspect="equal")
        ax.set_xlabel("$z_1$")
    axes[0].set_ylabel("$z_2$")
    return fig


def spoil_and_repair(x, normal, narrow, wide):
    """A digit at three levels of Gaussian noise, and what three methods make of it."""
    from keras import ops

    from aebook.restoration import median_filter

    levels = (0.1, 0.25, 0.4, 0.55, 0.7)
    noisy = np.stack([x + level * normal for level in levels]).astype("float32")
    shown = {"spoiled": noisy.clip(0, 1), "median\nfilter": median_filter(noisy.clip(0, 1), 3)}
    for name, network in {"narrow\nautoencoder": narrow, "wide\nautoencoder": wide}.items():
        shown[name] = ops.convert_to_numpy(ops.sigmoid(network(noisy)))
    return plots.rows(shown, [rf"$\sigma$ = {level}" for level in levels])


def set_the_alarm(scores, y, digit=4, false_alarms=0.1):
    """Two histograms with a threshold, and the ROC curve with the point that it gives."""
    from aebook.finding import roc

    name, of = next(iter(scores.items()))
    score, unseen = of[digit], y == digit
    threshold = np.quantile(score[~unseen], 1 - false_alarms)
    fig, (left, right) = plt.subplots(1, 2, figsize=(plots.FULL, 3), width_ratios=[1.6, 1],
                                      layout="constrained")  # fmt: skip
    bins = np.linspace(0, np.quantile(score, 0.999), 41)
    left.hist(score[~unseen], bins, density=True, alpha=0.5, label="known digits")
    left.hist(score[unseen], bins, density=True, histtype="step", lw=2, color="black",
              label=f"{digit}, never seen")  # fmt: skip
    left.axvline(threshold, color="black", ls="--", label="threshold")
    left.set(xlabel=name, ylabel="density")
    left.legend()
    right.plot(*roc(score, unseen))
    right.plot([0, 1], [0, 1], ":", color="gray")
    right.plot(false_alarms, np.mean(score[unseen] > threshold), "o", color=plots.ORANGE, ms=8)
    right.set(xlabel="false-positive rate", ylabel="true-positive rate", aspect="equal")
    return fig


def average_a_crowd(one, many):
    """The mean of the first few portraits and of more: of one face, and of many."""
    counts = (1, 2, 4, 8, 16, 32, len(one))
    named = {"one face": one, "many faces": many}
    means = {name: [x[:n].mean(axis=0) for n in counts] for name, x in named.items()}
    return plots.rows(means, [f"mean of {n}" for n in counts])


def two_arrows(classifier, vae, z_mean, y):
    """The code of a 7 in the latent plane, what it decodes to, and how the classifier reads it."""
    from aebook.models import decode

    sevens = z_mean[y == 7]
    surest = classifier.predict(decode(vae, sevens), verbose=0)[:, 7].argmax()
    z = sevens[[surest]]
    x = decode(vae, z)
    fig, axes = plt.subplots(1, 3, figsize=(plots.FULL, 2.6), width_ratios=[1.3, 1, 1.1],
                             layout="constrained")  # fmt: skip
    plots.scatter(z_mean, y, axes[0], size=6).get_legend().remove()
    axes[0].plot(*z.T, "o", ms=11, mfc="none", mew=3, color=plots.ORANGE)
    axes[0].set_title("code z")
    plots.image(axes[1], x[0], "decoded: x*")
    belief = classifier.predict(x, verbose=0)[0]
    axes[2].barh(range(10), belief, color=plots.BLUE)
    axes[2].set(yticks=range(10), xlim=(0, 1), xlabel="p(y | x*)", title="its label y")
    axes[2].invert_yaxis()
    return fig


def be_the_fit(truth):
    """Two Gaussians over a mixture, a narrow and a wide one, and in ink where each costs."""
    grid, step = np.linspace(-20, 28, 2401, retstep=True)
    log_p, seen = log_density(grid, truth), (grid > -4) & (grid < 12)
    fig, axes = plt.subplots(1, 2, figsize=(plots.FULL, 2.6), sharey=True, layout="constrained")
    for ax, (mean, sd) in zip(axes, [(0, 1), (2.5, 2.4)], strict=True):
        log_q = log_density(grid, Mixture([1], [mean], [sd]))
        forward, reverse = kl(log_p, log_q, step), kl(log_q, log_p, step)
        for colour, log_more, log_less in (
            (plots.BLUE, log_p, log_q),
            (plots.ORANGE, log_q, log_p),
        ):
            ink = np.clip((log_more - log_less) / 3, 0, 1)
            colours = [(*to_rgb(colour), 0.85 * alpha) for alpha in ink[seen]]
            ax.bar(grid[seen], np.exp(log_more[seen]), step, color=colours)
        ax.plot(grid[seen], np.exp(log_p[seen]), color="black", lw=2)
        ax.plot(grid[seen], np.exp(log_q[seen]), "--", color=plots.GREEN, lw=2)
        ax.set(xlabel="x (hours after noon)", ylim=(0, 0.45), xticks=[0, 5, 10],
               title=f"KL(p || q) {forward:.2f} nats,\nKL(q || p) {reverse:.2f} nats")  # fmt: skip
    axes[0].set_ylabel("density (per hour)")
    return fig


def gan(truth, rivals):
    """The data, and what maximum likelihood made of them: where the game begins."""
    grid = np.linspace(-5, 10, 601)
    curves = {"data": truth} | rivals
    ax = plots.densities(grid, {k: np.exp(log_density(grid, p)) for k, p in curves.items()})
    ax.set_ylim(0, 0.28)
    ax.legend(loc="upper center", ncols=len(curves))
    return ax.figure


def add_it_up(x, log_joint, box, z_mean, z_log_var):
    """A picture, and what each place of the plane adds to its log p(x); the encoder's answer."""
    n = int(np.sqrt(len(log_joint)))
    fig, (left, right) = plt.subplots(1, 2, figsize=(plots.FULL, 3), width_ratios=[1, 2.4],
                                      layout="constrained")  # fmt: skip
    plots.image(left, x, "x")
    light = log_joint.reshape(n, n)
    right.imshow(light, cmap="Blues", vmin=-12, vmax=0, origin="lower", extent=(-box, box) * 2)
    size = 3 * np.exp(z_log_var / 2)
    right.add_patch(patches.Ellipse(z_mean, *size, fill=False, lw=1.5, ec="black"))
    right.set(xlim=(-4, 4), ylim=(-3, 3), xlabel="$z_1$", ylabel="$z_2$")
    return fig


def bottleneck(x, codes):
    """What the middle one of each method's codes makes of the pictures."""
    pictures = {"test image": x}
    for name, points in codes.items():
        size, *_, x_hat = points[len(points) // 2]
        pictures[f"{name}\n{size:.1f} bytes"] = x_hat
    return plots.rows(pictures)
