"""Of the latent plane: closed forms, and the same thing computed another way."""

import keras
import numpy as np
import pytest
from chapter import definitions
from keras import layers, ops
from scipy.stats import multivariate_normal, norm

from aebook import plots
from aebook.models import kl_loss

latent = definitions("04")
rng = np.random.default_rng(0)


def test_grid_runs_from_5_to_95_percent_and_z2_points_upwards():
    grid = latent.prior_grid()
    assert grid.shape == (7, 7, 2)
    np.testing.assert_allclose(grid[0, 0], [-1.6449, -1.6449], atol=5e-5)
    np.testing.assert_allclose(grid[0, 6], [1.6449, -1.6449], atol=5e-5)
    np.testing.assert_allclose(grid[6, 0], [-1.6449, 1.6449], atol=5e-5)
    np.testing.assert_allclose(grid[3, 3], [0, 0], atol=1e-12)


def test_between_neighbours_of_the_grid_the_prior_has_equal_mass():
    z = latent.prior_grid()[0, :, 0]
    inside = rng.normal(size=(200_000, 2))
    counts = np.histogram2d(*inside.T, bins=(z, z))[0] / len(inside)
    np.testing.assert_allclose(counts, 0.15**2, atol=5 * np.sqrt(0.15**2 / len(inside)))


@pytest.mark.parametrize("bad", [[0, 0.5], [0.5, 1], [-0.1, 0.5], [np.nan, 0.5]])
def test_grid_refuses_probabilities_without_a_quantile(bad):
    with pytest.raises(ValueError, match="strictly between"):
        latent.prior_grid(bad)


def test_drawn_grid_lies_as_the_scatter_does():
    """A 'decoder' that writes its own z into the picture: read it back where it was drawn."""
    grid = latent.prior_grid()
    ax = plots.grid_of_pictures(np.repeat(grid[..., 1:], 784, axis=2), latent.PROBABILITIES)
    picture = ax.images[0]
    left, right, bottom, top = picture.get_extent()
    height, width = picture.get_array().shape
    up = picture.origin == "lower"
    for u1, u2 in [(0.05, 0.05), (0.95, 0.2), (0.5, 0.95)]:
        column = int((u1 - left) / (right - left) * width)
        row = int((u2 - bottom) / (top - bottom) * height)
        shown = picture.get_array()[row if up else height - 1 - row, column]
        assert shown == pytest.approx(norm.ppf(u2))


def test_distance_to_nearest_equals_the_plain_loop():
    x, reference = rng.uniform(size=(5, 784)), rng.uniform(size=(40, 784))
    slow = [min(np.linalg.norm(a - b) for b in reference) for a in x]
    np.testing.assert_allclose(latent.distance_to_nearest(x, reference), slow)
    np.testing.assert_allclose(latent.distance_to_nearest(reference, reference), 0, atol=1e-6)


def test_aggregate_of_one_posterior_at_the_prior_is_the_prior():
    grid = np.linspace(-3, 3, 13)
    zero = np.zeros((1, 2))
    prior = np.outer(norm.pdf(grid), norm.pdf(grid))
    np.testing.assert_allclose(latent.aggregate_density(grid, zero, zero), prior)


def test_aggregate_density_is_the_mixture_of_the_posteriors():
    mean, log_var = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    grid = np.linspace(-2, 3, 9)
    q = latent.aggregate_density(grid, mean, log_var)
    parts = [multivariate_normal(m, np.diag(np.exp(v))) for m, v in zip(mean, log_var, strict=True)]
    for i, j in [(0, 8), (3, 5), (8, 1)]:
        at = [grid[j], grid[i]]
        assert q[i, j] == pytest.approx(np.mean([part.pdf(at) for part in parts]))


def test_the_kl_term_is_mutual_information_plus_prior_mismatch():
    """The information, drawn and averaged by itself, is what the chapter gets by subtraction."""
    mean, log_var = 1.5 * rng.normal(size=(8, 2)), rng.normal(-1, 0.4, size=(8, 2))
    grid = np.linspace(-9, 9, 721)
    q, p = latent.aggregate_density(grid, mean, log_var), np.outer(norm.pdf(grid), norm.pdf(grid))
    marginal_kl = latent.rel_entr(q, p).sum() * (grid[1] - grid[0]) ** 2
    kl_term = float(ops.mean(kl_loss(mean, log_var)))
    which = rng.integers(8, size=40_000)
    sd = np.exp(log_var / 2)
    z = mean[which] + sd[which] * rng.normal(size=(40_000, 2))
    each = norm.pdf(z[:, None], mean, sd).prod(axis=2)
    gained = np.log(each[np.arange(len(z)), which] / each.mean(axis=1))
    error = 4 * gained.std() / np.sqrt(len(z))
    assert 0.5 < gained.mean() < np.log(8)
    assert kl_term - marginal_kl == pytest.approx(gained.mean(), abs=error)
    assert abs(kl_term - gained.mean()) > 2 * error  # the mismatch is not nothing


def test_draws_of_the_aggregate_have_its_moments():
    mean, log_var = rng.normal(size=(50, 2)), rng.normal(-1, 0.5, size=(50, 2))
    z = latent.aggregate_draws(mean, log_var, 100_000)
    np.testing.assert_allclose(z.mean(axis=0), mean.mean(axis=0), atol=0.02)
    variance = np.exp(log_var).mean(axis=0) + mean.var(axis=0)
    np.testing.assert_allclose(z.var(axis=0), variance, rtol=0.03)


def test_predicted_width_is_the_best_width_of_a_linear_decoder():
    """The width that minimizes KL plus reconstruction, found by trying widths."""
    weights = rng.normal(size=(2, 30)).astype("float32") / 3
    decoder = keras.Sequential([keras.Input((2,)), layers.Dense(30, use_bias=False)])
    decoder.set_weights([weights])
    curvature = (weights**2).sum(axis=1) / 4  # at z = 0 every pixel has p (1 - p) = 1/4
    best = []
    for j in range(2):
        sigma = np.linspace(0.05, 1.5, 5000)
        log_var = np.zeros((5000, 2))
        log_var[:, j] = 2 * np.log(sigma)
        kl = ops.convert_to_numpy(kl_loss(np.zeros((5000, 2)), log_var))
        best.append(sigma[np.argmin(kl + curvature[j] * sigma**2 / 2)])
    width = latent.predicted_width(decoder, np.zeros((1, 2), "float32"))
    np.testing.assert_allclose(width[0], best, rtol=2e-3)
