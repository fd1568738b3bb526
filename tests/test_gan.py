"""The games: gradients against hand-made ones, the optimal discriminator, divergences, decay."""

import keras
import numpy as np
import pytest
from chapter import definitions
from keras import ops
from scipy.integrate import quad
from scipy.stats import norm, wasserstein_distance

from aebook.densities import Mixture, kl, log_density, sample

page = definitions("10")
page.two_modes = Mixture([0.5, 0.5], [0.0, 5.0], [1.0, 1.0])
page.truth = sample(page.two_modes, 2000, seed=5)[:, None]
page.single = Mixture([1.0], [2.5], [7.25**0.5])
DAY = np.linspace(-3, 8, 111, dtype="float32")
GRID = np.linspace(-30, 60, 9001)
STEP = GRID[1] - GRID[0]


def on_grid(weights, means, sds):
    return log_density(GRID, Mixture(weights, means, sds))


def test_transport_is_the_wasserstein_distance_of_each_column():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(200, 3)), rng.exponential(size=(200, 3))
    expected = [wasserstein_distance(a[:, i], b[:, i]) for i in range(3)]
    np.testing.assert_allclose(page.transport(a, b), expected)
    np.testing.assert_allclose(page.transport(a, rng.permutation(a) - 1.5), 1.5)


def test_jensen_shannon_at_its_closed_values():
    one, far = on_grid([1.0], [0.0], [1.0]), on_grid([1.0], [40.0], [1.0])
    both = on_grid([0.5, 0.5], [0.0, 40.0], [1.0, 1.0])
    assert page.jensen_shannon(one, one, STEP) == pytest.approx(0, abs=1e-12)
    assert page.jensen_shannon(one, far, STEP) == pytest.approx(np.log(2), abs=1e-9)
    assert page.jensen_shannon(both, one, STEP) == pytest.approx(0.75 * np.log(4 / 3), abs=1e-9)
    assert page.jensen_shannon(both, one, STEP) == page.jensen_shannon(one, both, STEP)


def test_the_value_of_the_best_discriminator_is_twice_js_minus_log_four():
    log_p, log_q = on_grid([0.5, 0.5], [0, 5], [1, 1]), on_grid([1.0], [2.5], [np.sqrt(7.25)])

    def p(x):
        return (norm.pdf(x) + norm.pdf(x, 5)) / 2

    def q(x):
        return norm.pdf(x, 2.5, np.sqrt(7.25))

    def value(nudge):
        def integrand(x):
            d = p(x) / (p(x) + q(x))
            d += nudge * d * (1 - d)
            return p(x) * np.log(d) + q(x) * np.log(1 - d)

        return quad(integrand, -5, 10, limit=200, epsabs=1e-9, points=[0, 2.5, 5])[0]

    tails = norm.cdf(-5, 2.5, np.sqrt(7.25)) * 2  # there q dominates: log(1 - D) is nearly 0
    best = 2 * page.jensen_shannon(log_p, log_q, STEP) - np.log(4)
    assert value(0) == pytest.approx(best, abs=1e-3 * tails)
    assert value(0.05) < value(0)
    assert value(-0.05) < value(0)


def keeps_both_and_collapsed(draws):
    _, _, both, one, _ = page.judge(np.asarray(draws)[:, None])
    return bool(both[0]), bool(one[0])


def test_the_judge_tells_the_truth_from_all_that_is_known_to_be_bad():
    rng = np.random.default_rng(0)
    assert keeps_both_and_collapsed(sample(page.two_modes, 2000, seed=1)) == (True, False)
    for bad in (np.linspace(-2.5, 7.5, 2000), rng.normal(2.5, np.sqrt(7.25), 2000)):
        assert keeps_both_and_collapsed(bad) == (False, False)
    for hour in (0, 5):
        assert keeps_both_and_collapsed(rng.normal(hour, 1, 2000)) == (False, True)


def test_the_best_discriminator_turns_the_non_saturating_loss_into_2_kl_from_the_middle():
    """Its gradient: D* held still, the generator's density moved by a little."""
    log_p = on_grid([0.5, 0.5], [0, 5], [1, 1])

    def two_kl(log_q):
        return 2 * kl(np.logaddexp(log_p, log_q) - np.log(2), log_p, STEP)

    for mean, sd in [(1.0, 1.0), (2.0, 2.5), (6.0, 0.8)]:
        here, there = (on_grid([1.0], [mean + d], [sd]) for d in (-1e-3, 1e-3))
        log_q = on_grid([1.0], [mean], [sd])
        minus_log_d = np.logaddexp(log_p, log_q) - log_p
        moved = np.sum((np.exp(there) - np.exp(here)) * minus_log_d) * STEP
        assert moved == pytest.approx(two_kl(there) - two_kl(here), rel=1e-3)
        divergence = page.jensen_shannon(log_p, log_q, STEP)
        assert two_kl(log_q) == pytest.approx(kl(log_q, log_p, STEP) - 2 * divergence, abs=1e-9)


def test_each_member_of_a_group_is_a_dense_layer_of_its_own():
    keras.utils.set_random_seed(0)
    layer = page.group_dense(50, 4, 64, "tanh")
    x = np.random.default_rng(0).normal(size=(7, 50, 4)).astype("float32")
    out = ops.convert_to_numpy(layer(x))
    kernel, bias = map(ops.convert_to_numpy, layer.weights)
    assert out.shape == (7, 50, 64)
    for i in (0, 49):
        np.testing.assert_allclose(out[:, i], np.tanh(x[:, i] @ kernel[i] + bias[i]), atol=1e-5)
    assert kernel.var() == pytest.approx(1 / 4, rel=0.05)


def test_the_losses_at_their_closed_values():
    logits = np.float32([-30, 0, 30])[:, None]
    is_real = np.ones_like(logits)
    expected = {False: [30, np.log(2), 0], True: [0, -np.log(2), -30]}
    for saturating, values in expected.items():
        for logit, value in zip(logits, values, strict=True):
            found = page.g_loss(saturating)(None, logit[None])
            assert float(found) == pytest.approx(value, abs=1e-6)
    both = np.concatenate([logits, -logits]), np.concatenate([is_real, 0 * is_real])
    right = np.logaddexp(0, -logits).mean() * 2
    assert float(page.d_loss()(both[1], both[0])) == pytest.approx(right, rel=1e-6)


def group(members, afar=0.0, rate_d=1.0, rate_g=1.0, saturating=False, **how):
    """A game of some members, as the chapter builds it: generators, discriminators, and both."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    to_hours = layers.Rescaling(2.5, 2.5 + afar)
    g = keras.Sequential([keras.Input((members, 2)), *page.group_layers(members, 2), to_hours])
    inputs = [keras.Input((members, 1)), layers.Rescaling(1 / 2.5, -1.0)]
    d = keras.Sequential([*inputs, *page.group_layers(members, 1)])
    rate_d, rate_g, saturating = (np.reshape(v, (-1, 1)) for v in (rate_d, rate_g, saturating))
    losses = (
        page.d_loss(rate_d.astype("float32")),
        page.g_loss(saturating, rate_g.astype("float32")),
    )
    return page.compile_game(g, d, losses, **how)


def one_round(**settings):
    """Weights of two members' nets before and after one round."""
    game = group(2, **settings)
    before = [net.get_weights() for net in game[:2]]
    page.play(*game, 0, 1)
    return before, [net.get_weights() for net in game[:2]]


@pytest.mark.parametrize("saturating", [False, True])
def test_a_round_is_a_step_down_minus_the_value_and_then_a_step_of_the_generator(saturating):
    rate = 1e-2
    before, after = one_round(saturating=saturating, rate=rate)
    generator, discriminator, _ = group(2)
    z, z_new = np.random.default_rng(0).normal(size=(2, 100, 2, 2)).astype("float32")
    x = sample(page.two_modes, 200, seed=0).reshape(100, 2, 1)
    samples, new = (ops.convert_to_numpy(generator(v)) for v in (z, z_new))

    def d_of(x, bias=0.0):
        logits = ops.convert_to_numpy(discriminator(np.float32(x))).astype("float64")
        return 1 / (1 + np.exp(-logits - bias))

    def minus_value(bias):
        return -np.mean(np.log(d_of(x, bias)) + np.log(1 - d_of(samples, bias)), axis=0)[:, 0]

    gradient = (minus_value(1e-3) - minus_value(-1e-3)) / 2e-3
    step = (after[1][-1] - before[1][-1])[:, 0]
    np.testing.assert_allclose(step, -rate * gradient, rtol=0.02, atol=1e-6)
    discriminator.set_weights(after[1])  # the generator answers the new one

    def objective(shift):
        d = d_of(new + shift)
        return np.mean(np.log(1 - d) if saturating else -np.log(d), axis=0)[:, 0]

    # The last bias moves every sample by 2.5 times as much, so its gradient is a plain derivative.
    gradient = 2.5 * (objective(0.02) - objective(-0.02)) / 0.04
    step = (after[0][-1] - before[0][-1])[:, 0]
    np.testing.assert_allclose(step, -rate * gradient, rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("name", ["rate_d", "rate_g", "saturating"])
def test_settings_hold_for_each_member_alone(name):
    values = [False, True] if name == "saturating" else [1.0, 4.0]
    _, mixed = one_round(**{name: values})
    for i, value in enumerate(values):
        _, alone = one_round(**{name: value})
        for nets in zip(mixed, alone, strict=True):
            for a, b in zip(*nets, strict=True):
                np.testing.assert_allclose(a[i], b[i], atol=1e-6)


def test_decay_shrinks_the_discriminator_and_no_generator():
    _, plain = one_round(rate=1e-2, rate_g=0.0)
    before, decayed = one_round(rate=1e-2, rate_g=0.0, decay=0.5)
    for old, a, b in zip(before[1], decayed[1], plain[1], strict=True):
        np.testing.assert_allclose(a, b - 1e-2 * 0.5 * old, atol=1e-5)
    for a, b in zip(decayed[0], before[0], strict=True):
        np.testing.assert_array_equal(a, b)


def says(discriminators, members):
    """The range of what each discriminator says over the day."""
    day = np.repeat(DAY[:, None, None], members, axis=1)
    return np.ptp(ops.convert_to_numpy(ops.sigmoid(discriminators(day))), axis=0)[:, 0]


@pytest.mark.slow
def test_a_planted_decay_is_found_for_it_kills_every_discriminator():
    """By what the chapter asserts of a game that is alive: D is not flat over the day."""
    alive, dead = group(5), group(5, decay=0.03)
    for game in (alive, dead):
        page.play(*game, 0, 800)
    assert says(alive[1], 5).min() > 0.01 > says(dead[1], 5).max()


@pytest.mark.slow
def test_the_saturating_loss_is_slow_where_the_discriminator_is_sure():
    game = group(20, afar=12.0, saturating=np.repeat([False, True], 10))
    z = np.random.default_rng(4).normal(size=(500, 20, 2)).astype("float32")
    page.play(*game, 0, 40)
    samples = game[0](z)
    hours = np.median(ops.convert_to_numpy(samples)[..., 0], axis=0).reshape(2, 10)
    sure = ops.convert_to_numpy(ops.sigmoid(game[1](samples))).mean(axis=0).reshape(2, 10)
    assert np.median(sure[1]) < 0.15 < np.median(sure[0])
    assert np.median(hours[1]) > 10 > np.median(hours[0])
