"""The vocabulary of chapter 16: nearest entries, the slope past them, the prior and its coder."""

import itertools

import keras
import numpy as np
import pytest
from chapter import definitions
from keras import ops

from aebook.compression import ideal_bytes

page = definitions("16")


def array(a):
    return ops.convert_to_numpy(a)


@pytest.fixture
def small(monkeypatch):
    """The page's functions for three places and four entries."""
    monkeypatch.setattr(page, "PLACES", 3)
    monkeypatch.setattr(page, "ENTRIES", 4)


def random_prior(seed=0):
    """A prior whose weights are large enough for its predictions to differ."""
    keras.utils.set_random_seed(seed)
    prior = page.build_prior(5)
    rng = np.random.default_rng(seed)
    prior.set_weights([rng.normal(0, 2, w.shape) for w in prior.get_weights()])
    return prior


def probabilities(prior, tokens):
    return array(ops.softmax(prior(tokens)))


def test_a_picture_is_put_together_as_it_was_cut():
    x = np.random.default_rng(0).random((5, 784))
    patches = page.cut(x)
    assert patches.shape == (5, 16, 49)
    np.testing.assert_array_equal(page.paste(patches), x)
    np.testing.assert_array_equal(patches[0, 1], x[0].reshape(28, 28)[:7, 7:14].ravel())


def test_the_nearest_entry_is_the_one_at_the_least_distance():
    rng = np.random.default_rng(0)
    h, codebook = rng.normal(size=(50, 16, 8)), rng.normal(size=(64, 8)) * 2 + 1
    expected = np.square(h[:, :, None] - codebook).sum(axis=-1).argmin(axis=-1)
    found = array(page.nearest(h.astype("float32"), codebook.astype("float32")))
    np.testing.assert_array_equal(found, expected)


class Two(keras.Model):
    """Two weights, h and e, and a loss of both that is given; a step of SGD shows its slopes."""

    def __init__(self, loss, shape=(4,)):
        super().__init__()
        self.h = self.add_weight(shape=shape, initializer="ones", name="h")
        self.e = self.add_weight(shape=shape, initializer="zeros", name="e")
        self.loss_of = loss

    def call(self, x):
        return x + self.loss_of(self.h, self.e)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(y_pred)


def slopes(loss, shape=(4,)):
    """The slopes with respect to h, all ones, and e, all zeros, as training takes them."""
    model = Two(loss, shape)
    model.compile(keras.optimizers.SGD(1.0))
    model.fit(np.zeros((1, 1), "float32"), epochs=1, verbose=0)
    return 1 - array(model.h), -array(model.e)


def test_straight_through_is_e_forwards_and_has_the_slope_of_h():
    c = np.array([1.0, -2.0, 0.5, 3.0], "float32")
    to_h, to_e = slopes(lambda h, e: ops.sum(ops.multiply(c, page.straight_through(h, e))))
    np.testing.assert_allclose(to_h, c, atol=1e-6)
    np.testing.assert_allclose(to_e, 0, atol=1e-6)
    h, e = ops.ones(4), ops.arange(4, dtype="float32")
    np.testing.assert_allclose(array(page.straight_through(h, e)), array(e), atol=1e-6)


def test_of_the_loss_one_term_moves_the_codebook_and_a_quarter_of_one_the_encoder():
    x, logits = ops.zeros((1, 784)), ops.zeros((1, 784))
    shape = (1, 2, 3)
    to_h, to_e = slopes(lambda h, e: ops.mean(page.vq_loss(x, logits, h, e)), shape)
    np.testing.assert_allclose(to_h, 0.25 * 2 * np.ones(shape), atol=1e-5)
    np.testing.assert_allclose(to_e, -2 * np.ones(shape), atol=1e-5)


@pytest.mark.parametrize("width", [1, 0.5])
def test_both_slopes_agree_with_draws(width):
    """The true one with a difference of losses, the estimate with the slopes that training adds."""
    eps = np.random.default_rng(0).normal(size=400_000)
    for theta in (-0.1, 0.3, 0.6):
        _, true, estimate = (v[0] for v in page.two_slopes(np.array([theta]), width))
        e = [np.rint((t + 0.2 * eps) / width) * width for t in (theta - 0.05, theta, theta + 0.05)]
        losses = [np.mean((v - 0.4) ** 2) for v in e]
        assert abs((losses[2] - losses[0]) / 0.1 - true) < 0.05
        assert abs(np.mean(2 * (e[1] - 0.4)) - estimate) < 0.01


def test_perplexity_counts_equally_frequent_entries():
    assert abs(page.perplexity(np.repeat(np.arange(5), 7)) - 5) < 1e-9
    p = np.array([0.5, 0.25, 0.125, 0.125])
    tokens = np.repeat(np.arange(4), (800 * p).astype(int))
    assert abs(page.perplexity(tokens) - 2**1.75) < 1e-9


def test_a_restart_moves_the_unused_entries_onto_vectors_and_no_other():
    keras.utils.set_random_seed(0)
    model, x = page.VQVAE(), np.random.default_rng(0).random((200, 784)).astype("float32")
    model(x[:1])
    before = page.to_tokens(model, x)
    uses, old = np.bincount(before.ravel(), minlength=64), array(model.codebook)
    page.restart(model, x, np.random.default_rng(0))
    new, h = array(model.codebook), array(model.encoder(x)).reshape(-1, 8)
    unused = uses < len(h) / 64 / 20
    assert 10 < unused.sum() < 64
    np.testing.assert_array_equal(new[~unused], old[~unused])
    assert all((np.abs(h - entry).max(axis=1) < 1e-6).any() for entry in new[unused])
    assert page.perplexity(page.to_tokens(model, x)) > 1.2 * page.perplexity(before)


def test_the_prior_is_a_distribution_over_all_rows_of_tokens(small):
    prior = random_prior()
    rows = np.array(list(itertools.product(range(4), repeat=3)), "int32")
    p = np.take_along_axis(probabilities(prior, rows), rows[..., None], -1)[..., 0].prod(axis=1)
    assert abs(p.sum() - 1) < 1e-5
    assert p.max() > 3 * p.mean()


def sees(prior, places):
    """Which place's prediction changes with which token: bool (token, prediction)."""
    tokens = np.zeros((1, places), "int32")
    base, found = probabilities(prior, tokens), []
    for i in range(places):
        other = tokens.copy()
        other[0, i] = 1
        found.append(np.any(probabilities(prior, other) != base, axis=(0, 2)))
    return np.array(found)


def test_a_place_sees_all_before_it_and_nothing_else(small):
    assert (sees(random_prior(), 3) == np.triu(np.ones((3, 3), bool), 1)).all()


def test_a_place_that_sees_itself_is_found(small, monkeypatch):
    loose = page.MaskedDense

    def careless(mask, activation=None):
        return loose(np.ones_like(mask), activation)

    monkeypatch.setattr(page, "MaskedDense", careless)
    assert sees(random_prior(), 3).diagonal().any()


def test_what_is_sent_comes_back_and_costs_what_the_prior_says(small):
    prior = random_prior()
    tokens = page.draw(prior, 400, np.random.default_rng(0))
    p = np.take_along_axis(probabilities(prior, tokens), tokens[..., None], -1)
    messages = page.send(prior, tokens)
    assert (page.receive(prior, messages, 400) == tokens).all()
    size = sum(map(len, messages))
    ideal = -np.log2(p).sum() / 8
    assert ideal - 2 < size < ideal + 3 * 16
    even = ideal_bytes(tokens, np.full((3, 4), 2**14))
    assert size < 0.8 * even


def test_with_another_prior_nothing_comes_back(small):
    tokens = page.draw(random_prior(), 400, np.random.default_rng(0))
    messages = page.send(random_prior(), tokens)
    with pytest.raises(ValueError, match="damaged bytes, or other tables"):
        page.receive(random_prior(seed=1), messages, 400)


def test_tokens_are_drawn_as_often_as_the_prior_says(small):
    prior = random_prior()
    tokens = page.draw(prior, 4000, np.random.default_rng(0))
    rows = np.array(list(itertools.product(range(4), repeat=3)), "int32")
    p = np.take_along_axis(probabilities(prior, rows), rows[..., None], -1)[..., 0].prod(axis=1)
    found = np.bincount(tokens @ [16, 4, 1], minlength=64) / 4000
    assert np.abs(found - p).max() < 4 * np.sqrt(0.25 / 4000)


def test_masked_weights_cost_nothing(small):
    prior = page.build_prior(5)
    used = sum(len(np.flatnonzero(layer.mask)) + layer.mask.shape[1]
               for layer in prior.layers if isinstance(layer, page.MaskedDense))  # fmt: skip
    assert page.kept_weights(prior) == used < prior.count_params()
