"""Other pictures, chapter 17: bits from densities, convolutions, the scale mixture, copies."""

import keras
import numpy as np
import pytest
from chapter import definitions
from keras import layers, ops
from scipy.special import logsumexp
from scipy.stats import norm

page = definitions("17")


def array(a):
    return ops.convert_to_numpy(a)


def test_no_test_patch_shares_a_pixel_with_one_to_train_on(monkeypatch):
    numbered = np.arange(427 * 640 * 3, dtype="int32").reshape(427, 640, 3)
    two = [numbered, numbered + numbered.size]
    monkeypatch.setattr(page, "photographs", two, raising=False)
    fit, test = (set(np.unique(page.strips(n, 4))) for n in ((0, 1, 2, 4, 5, 6), (3, 7)))
    assert not fit & test


def test_bits_are_those_of_whole_numbers_drawn_from_a_known_distribution(monkeypatch):
    """A normal density, integrated over each cell, is a distribution of whole numbers."""
    monkeypatch.setattr(page, "VALUES", 50)
    cells = norm.cdf(np.arange(257) / 256, 0.5, 0.1)
    p = np.diff(cells) / (cells[-1] - cells[0])
    rng = np.random.default_rng(0)
    values = rng.choice(256, size=(2000, 50), p=p)
    entropy = -np.sum(p[p > 0] * np.log2(p[p > 0]))
    x = page.dequantized(values).astype("float64")
    found = page.bits(norm.logpdf(x, 0.5, 0.1).sum(axis=1))
    assert entropy < found + 0.01
    assert found < entropy + 0.02  # the cells are narrow: next to nothing is lost


def test_dequantized_values_stay_in_their_cells():
    values = np.random.default_rng(0).integers(256, size=(100, 12))
    x = page.dequantized(values)
    np.testing.assert_array_equal(np.floor(x.astype("float64") * 256), values)
    assert abs((x * 256 - values).mean() - 0.5) < 0.05


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_convolution_is_that_of_keras(k):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 7, 9, 3)), rng.normal(size=(k, k, 3, 4))
    layer = layers.Conv2D(4, k, use_bias=False)
    layer(x)
    layer.set_weights([kernel])
    np.testing.assert_allclose(page.convolve(x, kernel), array(layer(x)), atol=1e-4)


def drawn(n, d, sizes, seed=0):
    """n points of a scale mixture of these sizes, equally likely; the shape's Cholesky root."""
    rng = np.random.default_rng(seed)
    root = np.tril(rng.normal(size=(d, d)) / 3) + np.eye(d)
    chosen = rng.choice(sizes, size=(n, 1))
    return np.sqrt(chosen) * (rng.normal(size=(n, d)) @ root.T), root


@pytest.fixture
def five(monkeypatch):
    monkeypatch.setattr(page, "VALUES", 5)


def test_em_finds_the_sizes_of_a_scale_mixture_and_never_descends(five):
    x, root = drawn(20_000, 5, [0.05, 4.0])
    parts = np.zeros(5), np.linalg.cholesky(np.cov(x.T)), np.array([0.1, 1.0]), np.log([0.5, 0.5])
    heights = []
    for _ in range(60):
        heights.append(logsumexp(page.log_parts(x, *parts)[0], axis=1).mean())
        parts = page.em_step(x, *parts)
    assert np.all(np.diff(heights) > -1e-9)
    _, found, sizes, log_weight = parts
    assert sizes[1] / sizes[0] == pytest.approx(80, rel=0.1)
    np.testing.assert_allclose(np.exp(log_weight), 0.5, atol=0.03)
    shape, true = found @ found.T, root @ root.T
    np.testing.assert_allclose(shape / np.trace(shape), true / np.trace(true), atol=0.02)


def test_the_density_of_a_scale_mixture_integrates_to_one(monkeypatch):
    monkeypatch.setattr(page, "VALUES", 2)
    axis = np.linspace(-12, 12, 401)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    parts = [np.array(a) for a in ([0.3, -0.2], [[1, 0], [0.5, 0.7]], [0.2, 3])]
    parts.append(np.log([0.4, 0.6]))
    log_p = logsumexp(page.log_parts(grid, *parts)[0], axis=1)
    assert np.exp(log_p).sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-6)


def test_the_bound_of_a_colour_vae_is_that_of_the_turned_normal():
    """With a decoder that ignores its code and q(z|x) at the prior, the bound is a log density."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    turn = np.eye(page.VALUES) + rng.normal(size=(page.VALUES, page.VALUES)) / 100
    middle = rng.random(page.VALUES)
    encoder, decoder = page.dense_encoder(), page.dense_decoder(True)
    for network in (encoder, decoder):
        network.set_weights([np.zeros(w.shape) for w in network.get_weights()])
    model = page.ColourVAE(encoder, decoder, middle, turn)
    x = rng.random((3, 16, 16, 3)).astype("float32")
    y = (x.reshape(3, -1) - middle) @ turn
    expected = norm.logpdf(y).sum(axis=1) + np.linalg.slogdet(turn)[1]
    np.testing.assert_allclose(-array(model(x)), expected, rtol=1e-4)


def test_copies_are_nearer_to_what_was_seen_and_others_are_a_coin():
    rng = np.random.default_rng(0)
    seen, other, fresh = rng.normal(size=(3, 500, 6))
    assert page.nearer(seen + 0.01, seen, other) == 1
    assert abs(page.nearer(fresh, seen, other) - 0.5) < 0.1
