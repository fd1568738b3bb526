"""Likelihoods against computations that share no code with them, in float64."""

import keras
import numpy as np
import pytest
from chapter import definitions
from scipy.integrate import dblquad
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from aebook.likelihood import (
    LinearVAE,
    binarize,
    fit_mixture,
    importance_bound,
    kl_to_posterior,
    linear_log_p,
    log_mixture,
    log_normal,
    log_p_quadrature,
    log_posterior,
    log_sum_exp,
    log_weights,
    plane_grid,
    ppca,
)
from aebook.models import build_decoder, build_vae, build_vae_encoder, encode


@pytest.fixture(scope="module")
def vae():
    """A small VAE with random weights, stretched so that its posteriors are narrow and odd."""
    keras.utils.set_random_seed(3)
    model = build_vae(build_vae_encoder(30, 8, 2), build_decoder(2, 16, 30))
    decoder = model.get_layer("decoder")
    rng = np.random.default_rng(3)
    decoder.set_weights([rng.normal(0, 1.2, size=w.shape) for w in decoder.get_weights()])
    return model


@pytest.fixture(scope="module")
def x():
    return (np.random.default_rng(4).random((6, 30)) < 0.4).astype("float32")


def log_p_x_given_z(decoder, x, z):
    """One image, many z, in float64 and pixel by pixel: the definition of the Bernoulli model."""
    hidden_w, hidden_b, out_w, out_b = [w.astype("float64") for w in decoder.get_weights()]
    logits = np.maximum(z @ hidden_w + hidden_b, 0) @ out_w + out_b
    return -np.log1p(np.exp(np.where(x == 1, -logits, logits))).sum(axis=-1)


def gauss_legendre(n_panels=60, box=8.0, order=8):
    """Nodes (m, 2) and log weights of a composite Gauss-Legendre rule, prior included."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    width = 2 * box / n_panels
    left = -box + width * np.arange(n_panels)
    axis = (left[:, None] + width * (nodes + 1) / 2).ravel()
    weight = np.tile(weights * width / 2, n_panels)
    z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    log_prior = multivariate_normal(np.zeros(2)).logpdf(z)
    return z, np.log(np.outer(weight, weight)).ravel() + log_prior


def test_quadrature_agrees_with_gauss_legendre(vae, x):
    decoder = vae.get_layer("decoder")
    z, log_weight = gauss_legendre()
    second = [np.logaddexp.reduce(log_p_x_given_z(decoder, row, z) + log_weight) for row in x]
    assert np.abs(log_p_quadrature(decoder, x) - second).max() < 0.02


def test_quadrature_agrees_with_adaptive_integration():
    """One latent-to-pixel ramp, so smooth that scipy can integrate it blindly."""
    slope, row = np.array([[1.5, -0.7, 0.4], [0.3, 2.0, -1.1]]), np.array([1.0, 0.0, 1.0])

    def integrand(b, a):
        ink = 1 / (1 + np.exp(-np.array([a, b]) @ slope))
        prior = np.exp(-(a * a + b * b) / 2) / (2 * np.pi)
        return prior * np.prod(np.where(row == 1, ink, 1 - ink))

    integral, _ = dblquad(integrand, -8, 8, -8, 8)
    decoder = keras.Sequential([keras.layers.Dense(3, use_bias=False)])
    decoder(np.zeros((1, 2), "float32"))
    decoder.set_weights([slope])
    found = log_p_quadrature(decoder, row[None].astype("float32"))[0]
    assert found == pytest.approx(np.log(integral), abs=1e-4)


def test_probabilities_of_all_images_sum_to_one():
    keras.utils.set_random_seed(0)
    decoder = build_decoder(2, 8, 6)
    everything = np.array(np.meshgrid(*[[0, 1]] * 6)).reshape(6, -1).T.astype("float32")
    assert np.exp(log_p_quadrature(decoder, everything)).sum() == pytest.approx(1, abs=1e-4)
    logits, log_weight = np.random.default_rng(0).normal(size=(3, 6)), np.log([0.2, 0.3, 0.5])
    total = np.exp(log_mixture(everything.astype("float64"), logits, log_weight)).sum()
    assert total == pytest.approx(1, abs=1e-6)


def test_grid_carries_the_whole_prior():
    assert np.exp(plane_grid()[1]).sum() == pytest.approx(1, abs=1e-6)


def test_blocks_change_nothing(x):
    rng = np.random.default_rng(1)
    logits, log_weight = rng.normal(size=(5, 30)).astype("float32"), np.full(5, -np.log(5))
    assert log_mixture(x, logits, log_weight, block=4) == pytest.approx(
        log_mixture(x, logits, log_weight), abs=1e-5
    )


def test_log_normal_and_log_sum_exp(x):
    rng = np.random.default_rng(2)
    z, mean, log_var = rng.normal(size=(3, 4))
    density = multivariate_normal(mean, np.diag(np.exp(log_var))).logpdf(z)
    assert log_normal(z, mean, log_var) == pytest.approx(density)
    assert log_sum_exp(z - 1000) == pytest.approx(np.logaddexp.reduce(z) - 1000)


@pytest.mark.slow
def test_gap_of_the_elbo_is_the_kl_to_the_posterior(vae, x):
    """The ELBO by draws, log p by one quadrature, the KL divergence by a float64 grid."""
    z, log_weight = plane_grid()
    decoder = vae.get_layer("decoder")
    logits = keras.ops.convert_to_numpy(decoder(z.astype("float32")))
    z_mean, z_log_var = encode(vae, x)
    log_q = log_normal(z, z_mean[:, None], z_log_var[:, None]) + log_weight - log_normal(z)
    kl = kl_to_posterior(log_q, log_posterior(x, logits, log_weight))
    log_w = log_weights(vae, x, 1000)
    gap = log_mixture(x, logits, log_weight) - importance_bound(log_w, 1)
    error = log_w.std(axis=1) / np.sqrt(1000)
    assert (kl > 0).all()
    assert (np.abs(gap - kl) < 5 * error + 0.01).all()


@pytest.mark.slow
def test_weights_average_to_p(vae, x):
    """E[w] = p(x) exactly, and the bounds climb from the ELBO towards log p(x)."""
    exact = log_p_quadrature(vae.get_layer("decoder"), x)
    log_w = log_weights(vae, x, 2000)
    ratio = np.exp(log_w - exact[:, None])
    assert (np.abs(ratio.mean(axis=1) - 1) < 5 * ratio.std(axis=1) / np.sqrt(2000)).all()
    bounds = [importance_bound(log_w, k).mean() for k in (1, 10, 100, 2000)]
    assert bounds == sorted(bounds)
    assert bounds[0] < exact.mean() - 1
    assert bounds[-1] == pytest.approx(exact.mean(), abs=0.3)


def test_importance_bound_of_a_linear_model_in_closed_form():
    """With z and x given z normal and q the prior, k = 1 and k to infinity are both known."""
    rng = np.random.default_rng(0)
    x, s2, k = 0.7, 0.5, 100_000
    z = rng.normal(size=(4, k))
    log_w = -0.5 * (np.log(2 * np.pi * s2) + (x - z) ** 2 / s2)
    elbo = -0.5 * (np.log(2 * np.pi * s2) + (x**2 + 1) / s2)
    assert importance_bound(log_w, 1).mean() == pytest.approx(elbo, abs=0.02)
    exact = linear_log_p(np.array([[x]]), np.zeros(1), np.ones((1, 1)), s2)[0]
    assert importance_bound(log_w, k).mean() == pytest.approx(exact, abs=0.01)
    assert elbo < importance_bound(log_w, 10).mean() < exact


@pytest.fixture(scope="module")
def cloud():
    rng = np.random.default_rng(5)
    return rng.normal(size=(400, 2)) @ rng.normal(size=(2, 6)) + 0.3 * rng.normal(size=(400, 6)) + 1


def test_linear_log_p_is_a_gaussian_density(cloud):
    mean, w, noise = ppca(cloud, 2)
    direct = multivariate_normal(mean, w @ w.T + noise * np.eye(6)).logpdf(cloud)
    assert linear_log_p(cloud, mean, w, noise) == pytest.approx(direct)


def test_no_optimizer_beats_ppca(cloud):
    mean, w, noise = ppca(cloud, 2)
    best = linear_log_p(cloud, mean, w, noise).mean()

    def loss(theta):
        return -linear_log_p(cloud, theta[:6], theta[6:18].reshape(6, 2), np.exp(theta[18])).mean()

    start = np.random.default_rng(0).normal(size=19)
    found = minimize(loss, start, method="L-BFGS-B", options={"maxiter": 3000, "maxfun": 100_000})
    assert -found.fun == pytest.approx(best, abs=1e-3)
    assert -found.fun < best + 1e-9


def test_linear_vae_is_tight_at_the_optimum(cloud):
    """Set to the closed form, the linear VAE's ELBO is log p(x): its posterior is the true one."""
    mean, w, noise = ppca(cloud, 2)
    model = LinearVAE(6, 2)
    model(cloud.astype("float32"))
    precision = w.T @ w / noise + np.eye(2)
    to_mean = w @ np.linalg.inv(precision) / noise
    model.to_mean.set_weights([to_mean, -mean @ to_mean])
    model.to_pixels.set_weights([w.T, mean])
    model.z_log_var.assign(-np.log(np.diag(precision)))
    model.noise_log_var.assign(np.log(noise))
    draws = [keras.ops.convert_to_numpy(model(cloud.astype("float32"))) for _ in range(300)]
    exact = linear_log_p(cloud, mean, w, noise)
    assert -np.mean(draws) == pytest.approx(exact.mean(), abs=0.03)


def test_mixture_finds_its_two_halves():
    rng = np.random.default_rng(0)
    ink = np.array([[0.9] * 10 + [0.1] * 10, [0.1] * 10 + [0.9] * 10])
    x = binarize(ink[(rng.random(2000) < 0.2).astype(int)])
    logits, log_weight = fit_mixture(x, 2, n_steps=20)
    found = 1 / (1 + np.exp(-logits))
    order = np.argsort(-found[:, 0])
    found = found[order]
    assert np.exp(log_weight)[order] == pytest.approx([0.8, 0.2], abs=0.05)
    assert found == pytest.approx(ink, abs=0.05)


def test_binarize_tosses_fair_coins_and_repeats():
    x = np.tile([0.0, 0.25, 1.0], (20_000, 1))
    tossed = binarize(x)
    assert set(np.unique(tossed)) == {0, 1}
    assert tossed.dtype == np.float32
    assert tossed.mean(axis=0) == pytest.approx([0, 0.25, 1], abs=0.015)
    assert (tossed == binarize(x)).all()
    assert (tossed != binarize(x, seed=1)).any()


@pytest.fixture(scope="module")
def beta_vae():
    return definitions("14").BetaVAE


def test_beta_multiplies_the_kl_term_alone(beta_vae):
    x, terms = binarize(np.full((5, 784), 0.3)), {}
    for beta in (1.0, 4.0):
        keras.utils.set_random_seed(0)
        model = beta_vae(3, beta, hidden=8)
        out = {k: keras.ops.convert_to_numpy(v) for k, v in model(x).items()}
        out = {"logits": np.zeros_like(x), "z_mean": out["z_mean"], "z_log_var": out["z_log_var"]}
        terms[beta] = [*map(keras.ops.convert_to_numpy, model.terms(x, out))]
    assert np.allclose(terms[4.0][0], terms[1.0][0])
    assert np.allclose(terms[4.0][1], 4 * terms[1.0][1])
    assert (terms[1.0][1] > 0).all()


@pytest.mark.slow
def test_a_high_beta_collapses_latents(beta_vae):
    """At beta 1 the three signs are worth their nats; at beta 500 nothing is."""
    rng = np.random.default_rng(0)
    signs = np.repeat(rng.normal(size=(2000, 3)) > 0, 262, axis=1)[:, :784]
    x, used = binarize(np.where(signs, 0.9, 0.1)), {}
    for beta in (1.0, 500.0):
        keras.utils.set_random_seed(0)
        model = beta_vae(6, beta, hidden=32)
        model.compile(keras.optimizers.Adam(0.003))
        model.fit(x, epochs=15, batch_size=100, verbose=0)
        z_mean, z_log_var = encode(model, x)
        kl = (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var).mean(axis=0) / 2
        used[beta] = (kl > 0.1).sum()
    assert used[1.0] >= 2
    assert used[500.0] == 0


@pytest.mark.slow
@pytest.mark.parametrize(("model", "args"), [(LinearVAE, (30, 3))])
def test_what_was_trained_comes_back_from_disk(tmp_path, model, args):
    """Its weights, what the optimizer remembers, and the sizes it was made with."""
    x = binarize(np.full((50, 784 if not args else 30), 0.3))
    trained = model(*args)
    trained.compile("adam")
    trained.fit(x, verbose=0)
    trained.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is model
    before, after = (m.get_weights() + m.optimizer.variables for m in (trained, loaded))
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (a, b)))
    assert loaded.fit(x, verbose=0).history["loss"][0] > 0


def test_a_linear_vae_takes_images_only():
    model, x = LinearVAE(6, 2), np.zeros((9, 6), "float32")
    model.compile("adam")
    for given in ({"y": x}, {"sample_weight": np.ones(9)}, {"validation_data": (x, x)}):
        with pytest.raises(ValueError, match=r"LinearVAE counts images x; found .*, leave"):
            model.fit(x, verbose=0, **given)
    with pytest.raises(ValueError, match="found y"):
        model.train_on_batch(x, x)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_the_other_vaes_train_in_other_dtypes(policy):
    keras.config.set_dtype_policy(policy)
    try:
        for model, expected in ((LinearVAE(30, 3), 36),):
            model.compile("adam")
            loss = model.fit(binarize(np.full((50, 30), 0.3)), verbose=0).history["loss"][0]
            assert expected / 2 < loss < 2 * expected
    finally:
        keras.config.set_dtype_policy("float32")
