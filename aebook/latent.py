"""The latent plane: a grid over the prior, the aggregate posterior, the width of a spot, holes.

Everything here is arithmetic on arrays; a point of the plane is (z_1, z_2). A grid of points or
pictures is indexed [i, j] with i along z_2, upwards, and j along z_1, as `plots.tile` draws it.
"""

import numpy as np
from keras import ops
from scipy.stats import norm

PROBABILITIES = np.linspace(0.05, 0.95, 7)


def prior_grid(probabilities=PROBABILITIES):
    """Points of the plane between which the prior N(0, I) has equal mass.

    probabilities: (n,), evenly spaced, strictly between 0 and 1: the inverse CDF is infinite at
        both ends. Returns float64 (n, n, 2); [i, j] is (q[j], q[i]) for the quantiles q.
    Raises ValueError for a probability that has no finite quantile.
    """
    z = norm.ppf(probabilities)
    if not np.isfinite(z).all():
        raise ValueError("probabilities must lie strictly between 0 and 1")
    return np.stack(np.meshgrid(z, z), axis=-1)


def distance_to_nearest(x, reference):
    """Euclidean distance of each picture to the nearest one of a reference set.

    x: (n, d); reference: (m, d). Returns (n,), in the unit of a pixel (ink = 1). Exact up to the
    rounding of the differences of squares; needs an (n, m) array.
    """
    squares = (x**2).sum(axis=1)[:, None] + (reference**2).sum(axis=1) - 2 * x @ reference.T
    return np.sqrt(np.maximum(squares.min(axis=1), 0))


def aggregate_density(grid, z_mean, z_log_var):
    """q(z), the mean over the images of q(z|x), at every point of a square of the plane.

    grid: (g,), the values of either coordinate. z_mean, z_log_var: (n, 2), from the encoder.
    Returns float64 (g, g) per unit area; [i, j] belongs to the point (grid[j], grid[i]).
    The coordinates of a spot are independent, so that the sum over images is a matrix product.
    """
    sigma = np.exp(z_log_var / 2)
    across, up = (norm.pdf(grid, z_mean[:, [k]], sigma[:, [k]]) for k in (0, 1))
    return up.T @ across / len(z_mean)


def aggregate_draws(z_mean, z_log_var, n, seed=0):
    """n draws from q(z): pick an image, then throw a dart at its spot. Returns (n, 2)."""
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(z_mean), size=n)
    eps = rng.normal(size=(n, z_mean.shape[1]))
    return z_mean[chosen] + np.exp(z_log_var[chosen] / 2) * eps


def predicted_width(decoder, z, step=0.01):
    """The width at which a spot at z would balance rent against reconstruction: (n, 2).

    A quadratic around z: -log p(x|z) - log p(z) has the curvature 1 + sum_i (d logit_i / dz_j)^2
    p_i (1 - p_i), on average over x; the best normal with independent coordinates has the
    inverse as its variance. decoder: z -> logits; z: (n, d); slopes by differences of `step`.
    """
    x_hat = ops.convert_to_numpy(ops.sigmoid(decoder(z)))
    widths = []
    for shift in step * np.eye(z.shape[1], dtype="float32"):
        slope = ops.convert_to_numpy(decoder(z + shift) - decoder(z - shift)) / (2 * step)
        widths.append(1 / np.sqrt(1 + (slope**2 * x_hat * (1 - x_hat)).sum(axis=1)))
    return np.stack(widths, axis=1)
