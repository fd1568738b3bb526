"""A learned prior against closed forms, and against computations that share no code with it."""

import keras
import numpy as np
import pytest
from chapter import definitions
from keras import ops
from scipy.integrate import quad, solve_ivp
from scipy.linalg import sqrtm
from scipy.stats import multivariate_normal, norm

from aebook import load_mnist
from aebook.likelihood import (
    aggregate_density,
    aggregate_draws,
    binarize,
    log_mixture,
    log_normal,
    log_p_quadrature,
    plane_grid,
)
from aebook.models import build_decoder, build_vae, build_vae_encoder, encode
from aebook.training import fast, one_epoch

pytestmark = pytest.mark.mnist
page = definitions("15")
MEAN, SD = np.array([1.5, -0.5]), np.array([0.4, 1.2])


def gaussian_flow(z, t, *labels):
    """The velocity from N(0, I) to N(MEAN, SD^2): E[z - eps | z_t], by Gaussian regression."""
    variance = (1 - t) ** 2 + t**2 * SD**2
    slope = (t * SD**2 - (1 - t)) / variance
    return MEAN + slope * (z - t * MEAN)


def bent_flow(z, t):
    """A smooth velocity that shears, spreads and changes with time."""
    x, y = z.T
    return np.stack([np.sin(y) + t * x / 2, np.cos(x * (1 + t)) - y / 3], axis=1)


def test_the_gradient_of_the_conditional_loss_is_that_of_the_marginal_one():
    """Both losses of a field v = a z_t + b at one time, for Gaussian data, by Monte Carlo."""
    rng, t, n, a, b = np.random.default_rng(0), 0.6, 400_000, 0.3, -0.2
    eps = rng.normal(size=(n, 2))
    z = MEAN + SD * rng.normal(size=(n, 2))
    at = (1 - t) * eps + t * z
    gradients = []
    for target in (z - eps, gaussian_flow(at, t)):
        error = 2 * (a * at + b - target)
        gradients.append(np.stack([(error * at).sum(axis=1), error.sum(axis=1)], axis=1))
    difference = gradients[0] - gradients[1]
    noise = difference.std(axis=0) / np.sqrt(n)
    assert (np.abs(difference.mean(axis=0)) < 4 * noise).all()
    assert (np.abs(gradients[1].mean(axis=0)) > 40 * noise).all()  # not zero against zero
    losses = [
        ((a * at + b - target) ** 2).sum(axis=1).mean()
        for target in (z - eps, gaussian_flow(at, t))
    ]
    assert losses[0] > losses[1] + 0.1  # the losses themselves differ, by the lines' spread


def test_the_model_computes_the_loss_of_the_page():
    """A field that answers zero: the loss is E|z - eps|^2, of noise E|eps|^2."""
    field = page.build_field(3, 2, 4)
    field.set_weights([0 * w for w in field.get_weights()])
    z = (MEAN + SD * np.random.default_rng(0).normal(size=(40_000, 2))).astype("float32")
    for kind, wanted in (
        (page.FlowMatching, 2 + (z**2).sum(axis=1).mean()),
        (page.NoisePrediction, 2),
    ):
        loss = ops.convert_to_numpy(kind(field)(z))
        assert loss.shape == (40_000,)
        assert abs(loss.mean() - wanted) < 0.1


def test_a_trained_flow_comes_near_the_velocity_in_closed_form():
    z = MEAN + SD * np.random.default_rng(0).normal(size=(20_000, 2))
    v = page.train_flow(z, width=32)
    at = np.random.default_rng(1).normal(size=(500, 2))
    for t in (0.2, 0.5, 0.8):
        here = (1 - t) * at + t * (MEAN + SD * at[::-1])
        assert np.abs(v(here, t) - gaussian_flow(here, t)).mean() < 0.15
    draws = page.euler(v, at, 50)
    np.testing.assert_allclose(draws.mean(axis=0), MEAN, atol=0.2)
    np.testing.assert_allclose(draws.std(axis=0), SD, rtol=0.15)


def test_velocity_noise_and_score_are_one_formula_apart():
    z = np.random.default_rng(0).normal(size=(50, 2))
    for t in (0.1, 0.5, 0.9):
        sd = np.sqrt((1 - t) ** 2 + t**2 * SD**2)
        score = -(z - t * MEAN) / sd**2
        np.testing.assert_allclose((t * gaussian_flow(z, t) - z) / (1 - t), score)


def test_weighted_by_the_schedule_the_loss_on_noise_is_a_bound_that_the_exact_noise_reaches():
    """With weight 1 / (t (1 - t)) two Gaussians differ by the difference of their entropies.

    The least loss at time t is the variance of the noise given z_t, t^2 s^2 / ((1-t)^2 + t^2 s^2).
    """

    def least(t, sd):
        return t**2 * sd**2 / ((1 - t) ** 2 + t**2 * sd**2)

    for sd in (0.3, 4.0):
        integral, _ = quad(lambda t, sd=sd: (least(t, sd) - least(t, 1)) / (t * (1 - t)), 0, 1)
        assert abs(integral - np.log(sd)) < 1e-6


def test_eulers_error_halves_and_goes_to_the_reference():
    z = np.random.default_rng(0).normal(size=(20, 2))
    ends = solve_ivp(
        lambda t, y: bent_flow(y.reshape(-1, 2), t).ravel(), (0, 1), z.ravel(), rtol=1e-9, atol=1e-9
    )
    exact = ends.y[:, -1].reshape(-1, 2)
    errors = [np.abs(page.euler(bent_flow, z, n) - exact).max() for n in (50, 100, 200)]
    assert errors[-1] < 0.01
    assert np.allclose([errors[0] / errors[1], errors[1] / errors[2]], 2, atol=0.2)


def test_divergence_is_the_trace_in_any_dimension():
    matrix = np.random.default_rng(0).normal(size=(7, 7))
    z = np.random.default_rng(1).normal(size=(4, 7))
    np.testing.assert_allclose(page.divergence(lambda z, t: z @ matrix, z, 0.3), matrix.trace())


def test_the_density_of_a_flow_in_closed_form():
    z = MEAN + SD * np.random.default_rng(0).normal(size=(200, 2))
    exact = norm.logpdf(z, MEAN, SD).sum(axis=1)
    np.testing.assert_allclose(page.log_flow(gaussian_flow, z, 100), exact, atol=2e-3)


def test_the_density_of_a_bent_flow_integrates_to_1():
    z, log_weight = plane_grid(241, 7)
    log_cell = log_weight - multivariate_normal(np.zeros(2)).logpdf(z)
    density = np.exp(page.log_flow(bent_flow, z) + log_cell)
    assert abs(density.sum() - 1) < 1e-3
    assert abs(np.exp(multivariate_normal(np.zeros(2)).logpdf(z) + log_cell).sum() - 1) < 1e-4


def test_two_ways_to_log_p_agree_in_float64():
    """A decoder of 30 pixels after a bent flow: moved grid, and density on a grid of its own."""
    rng = np.random.default_rng(3)
    weights, x = rng.normal(0, 1.2, size=(2, 30)), (rng.random((6, 30)) < 0.4).astype("float64")

    def decoder(z):
        return ops.convert_to_tensor(np.sin(z @ weights) * 3)

    moved = log_p_quadrature(lambda eps: decoder(page.euler(bent_flow, eps, 400)), x)
    z, log_weight = plane_grid(281, 7)
    log_prior = (
        page.log_flow(bent_flow, z) + log_weight[0] - multivariate_normal([0, 0]).logpdf(z[0])
    )
    logits = np.sin(z @ weights) * 3
    log_x = -np.logaddexp(0, np.where(x[:, None] == 1, -logits, logits)).sum(axis=-1)
    second = np.logaddexp.reduce(log_x + log_prior, axis=1)
    assert np.abs(moved - second).max() < 0.02


def test_diffusion_draws_what_the_flow_draws():
    """With the exact noise of a Gaussian's path the moments are those of the data."""
    z = np.random.default_rng(0).normal(size=(20_000, 2))
    drawn = page.diffuse(lambda z, t: z - t * gaussian_flow(z, t), z, 200)
    np.testing.assert_allclose(drawn.mean(axis=0), MEAN, atol=0.05)
    np.testing.assert_allclose(drawn.std(axis=0), SD, rtol=0.05)
    assert np.corrcoef(drawn[:, 0], z[:, 0])[0, 1] < 0.9  # the noise is fresh


def test_frechet_is_zero_symmetric_and_as_scipy_has_it():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(500, 5)), rng.normal(size=(400, 5)) @ rng.normal(size=(5, 5)) + 1
    s, t = np.cov(a.T), np.cov(b.T)
    slow = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert abs(page.frechet(a, b) - slow) < 1e-6
    assert abs(page.frechet(a, b) - page.frechet(b, a)) < 1e-6
    assert abs(page.frechet(a, a)) < 1e-6


def test_frechet_sees_moments_only():
    """The fault that the chapter names: other shapes with the same moments are at no distance."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(200_000, 2))
    normal = np.random.default_rng(1).normal(size=(200_000, 2))
    assert page.frechet(signs, normal) < 1e-3


def test_aggregate_density_is_that_of_its_draws():
    z_mean, z_log_var = np.array([[0.0, 1.0], [2.0, -1.0]]), np.log([[0.3, 0.5], [0.2, 1.0]])
    axis = np.linspace(-6, 6, 121)
    density = aggregate_density(axis, z_mean, z_log_var)
    z = aggregate_draws(z_mean, z_log_var, 200_000)
    assert abs(density.sum() * 0.01 - 1) < 1e-6
    across = density.sum(axis=0) * 0.01 @ axis
    assert abs(across - z[:, 0].mean()) < 0.01
    assert abs(density.sum(axis=1) * 0.01 @ axis - z[:, 1].mean()) < 0.01


def test_labels_are_hidden_in_one_case_of_five():
    """By what the field is given."""
    seen = []

    class Field(keras.layers.Layer):
        def call(self, rows):
            seen.append(ops.convert_to_numpy(rows[:, 3:]))
            return rows[:, :2]

    model = page.ConditionalFlow(Field())
    rows = np.hstack([np.zeros((20_000, 2)), np.eye(10)[np.zeros(20_000, int)]]).astype("float32")
    model.call(ops.convert_to_tensor(rows))
    assert abs(seen[0][:, 0].mean() - 0.8) < 0.02
    assert (seen[0][:, 1:] == 0).all()


@pytest.mark.slow
def test_log_p_of_every_prior_agrees_with_a_second_sum_in_double_precision():
    """The chapter's averages against sums over other points, decoder and pixels in float64.

    A digit whose posterior is as narrow as the grid's step may be off by more than the average.
    """
    vae, x = trained_vae(), digits_to_judge(300)
    z_train = aggregate_draws(*encode(vae, train_digits()), 20_000)
    flow = page.train_flow(z_train)
    densities = {
        "N(0, I)": log_normal,
        "one Gaussian": page.gaussian_mixture(z_train, 1).score_samples,
        "mixture": page.gaussian_mixture(z_train, 20).score_samples,
        "flow": lambda z: page.log_flow(flow, z),
    }
    sums = [of_grid(vae, x, densities, 161, 6.0, np.float32)]
    sums.append(of_grid(vae, x, densities, 200, 6.5, np.float64))
    for name in densities:
        apart = np.abs(sums[0][name] - sums[1][name])
        print(f"{name}: {apart.mean():.4f} nats apart on average, at most {apart.max():.4f}")
        assert apart.mean() < 0.02, name
        assert apart.max() < 0.5, name


def train_digits():
    return binarize(load_mnist(quiet=True).x_train)


def digits_to_judge(n):
    return binarize(load_mnist(quiet=True).x_test, seed=1)[:n]


def trained_vae():
    keras.utils.set_random_seed(0)
    vae = build_vae(build_vae_encoder(), build_decoder())
    vae.compile(keras.optimizers.Adam(0.002), **fast())
    rows = ops.convert_to_tensor(one_epoch(train_digits()))
    vae.fit(rows, epochs=3, batch_size=100, verbose=0)
    return vae


def of_grid(vae, x, densities, n_points, box, dtype):
    """{name: log p(x) of each image}, with the decoder's layers and the sum in one precision."""
    z, _ = plane_grid(n_points, box)
    hidden, last = (vae.get_layer("decoder").get_layer(name) for name in ("decoding", "logits"))
    (w, b), (v, c) = ([a.astype(dtype) for a in layer.get_weights()] for layer in (hidden, last))
    logits = np.maximum(z.astype(dtype) @ w + b, 0) @ v + c
    cell = 2 * np.log(2 * box / (n_points - 1))
    return {
        name: log_mixture(x.astype(dtype), logits, density(z) + cell)
        for name, density in densities.items()
    }
