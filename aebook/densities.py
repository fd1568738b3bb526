"""Densities in one dimension: mixtures of Gaussians, the KL divergence, and a search of its optima.

The functions below stand on the page in the chapter on two modes; a test holds that the page and
this file are the same code. Everything is float64, densities are per unit of x, divergences and
entropies are in nats.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, softmax
from scipy.stats import norm

# A fine grid under the standard normal: E f(eps) = f(EPS) @ EPS_WEIGHT. Equal steps integrate a
# smooth function that dies out at both ends to near machine precision.
EPS = np.linspace(-9, 9, 601)
EPS_WEIGHT = norm.pdf(EPS) / norm.pdf(EPS).sum()


class Mixture(NamedTuple):
    """p(x) = sum of weights * N(x; means, sds^2); a single Gaussian is a mixture of one.

    weights: positive, summing to 1; means; sds: standard deviations, positive. One of each a
    component, as lists, tuples or arrays.
    """

    weights: object
    means: object
    sds: object


def log_density(x, mixture):
    """log p(x) of a Mixture at each x: any shape in, the same shape out, float64."""
    weights, means, sds = map(np.asarray, mixture)
    eps = (np.asarray(x)[..., None] - means) / sds
    return logsumexp(np.log(weights / sds) - eps**2 / 2, axis=-1) - np.log(2 * np.pi) / 2


def sample(mixture, n, seed=0):
    """n independent draws from a Mixture, float64 of shape (n,)."""
    weights, means, sds = map(np.asarray, mixture)
    rng = np.random.default_rng(seed)
    which = rng.choice(len(weights), size=n, p=weights)
    return means[which] + sds[which] * rng.normal(size=n)


def mass(mixture, low, high):
    """The probability that a Mixture puts between low and high (numbers), by its exact CDF."""
    weights, means, sds = map(np.asarray, mixture)
    return weights @ (norm.cdf(high, means, sds) - norm.cdf(low, means, sds))


def moments(mixture):
    """The mean and the variance of a Mixture: spread within the parts plus spread between."""
    weights, means, sds = map(np.asarray, mixture)
    mean = weights @ means
    return mean, weights @ (sds**2 + (means - mean) ** 2)


def gaussian_mle(x):
    """The mean and the standard deviation that make draws x, of shape (n,), most likely.

    The closed form: the sample's mean and its root mean square deviation (division by n).
    """
    mean = np.mean(x)
    return mean, np.sqrt(np.mean((x - mean) ** 2))


def kl(log_p, log_q, step):
    """KL(p || q) in nats from two log-densities on one grid of equal steps.

    log_p, log_q: (n,), where p has died out at both ends of the grid. Kullback and Leibler
    (1951).
    """
    return np.sum(np.exp(log_p) * (log_p - log_q)) * step


def reverse_kl(mean, log_sd, mixture):
    """KL(q || p) for q = N(mean, exp(log_sd)^2) and a Mixture p, in nats.

    mean, log_sd: arrays of one shape, which is also the result's.
    """
    x = mean[..., None] + np.exp(log_sd)[..., None] * EPS
    minus_entropy = -log_sd - np.log(2 * np.pi * np.e) / 2
    return minus_entropy - log_density(x, mixture) @ EPS_WEIGHT


def log_density_slopes(x, mixture):
    """The first and the second derivative of log p(x) of a Mixture: x.shape each."""
    weights, means, sds = map(np.asarray, mixture)
    eps = (np.asarray(x)[..., None] - means) / sds
    share = softmax(np.log(weights / sds) - eps**2 / 2, axis=-1)
    pull = -eps / sds
    first = np.sum(share * pull, axis=-1)
    return first, np.sum(share * (pull**2 - sds**-2.0), axis=-1) - first**2


def reverse_kl_slopes(mean, log_sd, mixture):
    """Gradient and Hessian of `reverse_kl` in (mean, log_sd).

    mean, log_sd: (n,). Returns (n, 2) and (n, 2, 2).
    """
    sd = np.exp(log_sd)
    first, second = log_density_slopes(mean[:, None] + sd[:, None] * EPS, mixture)
    d_mean = -first @ EPS_WEIGHT
    d_log_sd = -1 - sd * (first @ (EPS_WEIGHT * EPS))
    d_mean2 = -second @ EPS_WEIGHT
    d_both = -sd * (second @ (EPS_WEIGHT * EPS))
    d_log_sd2 = d_log_sd + 1 - sd**2 * (second @ (EPS_WEIGHT * EPS**2))
    hessian = np.array([[d_mean2, d_both], [d_both, d_log_sd2]])
    return np.stack([d_mean, d_log_sd], axis=-1), np.moveaxis(hessian, -1, 0)


class Point(NamedTuple):
    """A stationary point of `reverse_kl`: N(mean, sd^2), its KL in nats, a valley or a pass."""

    mean: float
    sd: float
    kl: float
    valley: bool


def newton(at, mixture, steps=20):
    """Newton's method towards zeros of the gradient of `reverse_kl`, at most 0.5 a step.

    at: starts (n, 2), each (mean, log_sd). Returns those that arrived, (n_arrived, 2): some at
    minima, some at saddles.
    """
    for _ in range(steps):
        gradient, hessian = reverse_kl_slopes(*at.T, mixture)
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        at = at - step / np.maximum(1, np.linalg.norm(step, axis=1, keepdims=True) / 0.5)
    gradient, _ = reverse_kl_slopes(*at.T, mixture)
    return at[np.abs(gradient).max(axis=1) < 1e-9]


def stationary_points(mixture, n_means=7, n_sds=4):
    """All points where the gradient of `reverse_kl` vanishes, from left to right.

    `newton` from a grid of n_means * n_sds starts that spans the mixture. At a valley (minimum)
    both eigenvalues of the Hessian are positive, at a pass (saddle) one is.

    Returns a list of `Point`. To see whether one was missed, count: `reverse_kl` rises in all
    directions and has no maxima, so there is one valley more than there are passes (Milnor, 1963).
    """
    _, means, sds = map(np.asarray, mixture)
    mean = np.linspace(means.min(), means.max(), n_means)
    log_sd = np.linspace(np.log(sds.min() / 2), np.log(2 * sds.max() + np.ptp(means)), n_sds)
    starts = np.stack(np.meshgrid(mean, log_sd), axis=-1).reshape(-1, 2)
    at = np.unique(np.round(newton(starts, mixture), 6) + 0.0, axis=0)  # + 0.0: no -0.0
    _, hessian = reverse_kl_slopes(*at.T, mixture)
    values, valley = reverse_kl(*at.T, mixture), np.linalg.eigvalsh(hessian)[:, 0] > 0
    return [Point(*p) for p in zip(at[:, 0], np.exp(at[:, 1]), values, valley, strict=True)]
