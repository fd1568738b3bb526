"""The games: gradients against hand-made ones, the optimal discriminator, divergences, balance."""

import keras
import numpy as np
import pytest
from chapter import definitions
from keras import ops
from scipy.integrate import quad
from scipy.stats import norm, wasserstein_distance

from aebook.densities import Mixture, log_density

page = definitions("10")
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


def test_each_member_of_a_crowd_is_a_dense_layer_of_its_own():
    keras.utils.set_random_seed(0)
    layer = page.crowd_dense(50, 4, 64, "tanh")
    x = np.random.default_rng(0).normal(size=(7, 50, 4)).astype("float32")
    out = ops.convert_to_numpy(layer(x))
    kernel, bias = map(ops.convert_to_numpy, layer.weights)
    assert out.shape == (7, 50, 64)
    for i in (0, 49):
        np.testing.assert_allclose(out[:, i], np.tanh(x[:, i] @ kernel[i] + bias[i]), atol=1e-5)
    assert kernel.var() == pytest.approx(1 / 4, rel=0.05)


def one_step(x=None, rate=1e-2, **settings):
    """A GAN of two members, before and after one step of SGD: x, loss, weights, weights."""
    keras.utils.set_random_seed(0)
    gan = page.GAN(page.build_generator(2), page.build_discriminator(2), **settings)
    if x is None:
        x = np.random.default_rng(0).normal(size=(50, 2, 1)).astype("float32")
    nets = gan.generator, gan.opponent
    before = [net.get_weights() for net in nets]
    gan.compile(optimizer=keras.optimizers.SGD(rate))
    loss = gan.train_on_batch(x)
    return x, loss, before, [net.get_weights() for net in nets]


def noise(shape):
    """What a new game draws first."""
    return keras.random.normal(shape, seed=keras.random.SeedGenerator(0))


@pytest.mark.parametrize("saturating", [False, True])
def test_the_loss_is_minus_the_value_and_the_generator_takes_its_own_step(saturating):
    strength, rate = 3.0, 1e-2
    x, loss, before, after = one_step(strength=strength, saturating=saturating, rate=rate)
    generator, discriminator = page.build_generator(2), page.build_discriminator(2)
    generator.set_weights(before[0])
    discriminator.set_weights(before[1])
    z = noise((50, 2, 2))

    def d_of(x):
        return 1 / (1 + np.exp(-ops.convert_to_numpy(discriminator(x)).astype("float64")))

    fakes = ops.convert_to_numpy(generator(z))
    value = np.mean(np.log(d_of(x)) + np.log(1 - d_of(fakes)), axis=0).sum()
    assert loss == pytest.approx(-value, rel=1e-4)

    def objective(shift):
        d = d_of(fakes + np.float32(shift))
        return np.mean(np.log(1 - d) if saturating else -np.log(d), axis=0)[:, 0]

    # The last bias moves every fake by 2.5 times as much, so its gradient is a plain derivative.
    gradient = 2.5 * (objective(0.02) - objective(-0.02)) / 0.04
    step = (after[0][-1] - before[0][-1])[:, 0]
    np.testing.assert_allclose(step, -rate * strength * gradient, rtol=0.02, atol=1e-6)


@pytest.mark.slow
def test_the_discriminator_learns_the_same_whatever_the_generator_does():
    _, _, _, expected = one_step()
    for strength, saturating in [(0.0, False), (10.0, False), (0.5, True), (10.0, True)]:
        _, _, before, after = one_step(strength=strength, saturating=saturating)
        for a, b in zip(after[1], expected[1], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        moved = any((a != b).any() for a, b in zip(after[0], before[0], strict=True))
        assert moved == (strength > 0)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"strength": [0, 4]}, {"saturating": [False, True]}])
def test_settings_hold_for_each_member_alone(settings):
    (name, values), (_, _, _, mixed) = *settings.items(), one_step(**settings)
    for i, value in enumerate(values):
        _, _, _, alone = one_step(**{name: value})
        for a, b in zip(mixed[0], alone[0], strict=True):
            np.testing.assert_allclose(a[i], b[i], atol=1e-6)


def test_decay_shrinks_the_discriminator_and_nothing_else():
    _, plain_loss, before, plain = one_step()
    _, loss, _, decayed = one_step(decay=[0.0, 0.5])
    for old, a, b in zip(before[1], decayed[1], plain[1], strict=True):
        np.testing.assert_allclose(a[0], b[0], atol=1e-7)
        np.testing.assert_allclose(a[1], b[1] - 1e-2 * 0.5 * old[1], atol=1e-6)
    for a, b in zip(decayed[0], plain[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)
    squares = sum(np.sum(w[1] ** 2) for w in before[1])
    assert loss == pytest.approx(plain_loss + 0.25 * squares, rel=1e-4)


def test_the_two_losses_at_their_closed_values():
    logits = np.float32([-30, 0, 30])
    found = [ops.convert_to_numpy(page.forger_loss(logits, value)) for value in (False, True)]
    expected = [30, np.log(2), 0], [0, -np.log(2), -30]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.slow
def test_members_do_not_disturb_one_another():
    x, _, _, expected = one_step()
    x = x.copy()
    x[:, 1] += 3
    _, _, _, after = one_step(x=x)
    for a, b in zip(after[1], expected[1], strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        assert (a[1] != b[1]).any()


def test_next_k_is_a_thermostat_between_0_and_1():
    k = page.next_k(np.array([0.5, 0.5, 0.0, 0.99]), 2.0, np.array([0.5, 1.5, 9.0, 0.0]), 0.5, 0.1)
    np.testing.assert_allclose(ops.convert_to_numpy(k), [0.55, 0.45, 0.0, 1.0], atol=1e-6)


def test_began_balances_and_starts_as_a_plain_autoencoder():
    keras.utils.set_random_seed(0)
    began = page.BEGAN(page.build_generator(2), page.build_judge(2), gamma=[0.5, 40.0], rate=0.1)
    plain = page.build_judge(2)
    plain.set_weights(began.opponent.get_weights())
    x = np.random.default_rng(0).normal(size=(50, 2, 1)).astype("float32")
    fakes = began.generator(noise((50, 2, 2)))
    real, fake = (ops.convert_to_numpy(began.errors(v)) for v in (x, fakes))
    expected = np.abs(x - ops.convert_to_numpy(plain(x))).mean((0, 2))
    np.testing.assert_allclose(real, expected, rtol=1e-5)
    began.compile(optimizer=keras.optimizers.SGD(0.01))
    loss = began.train_on_batch(x)
    assert loss == pytest.approx(real.sum(), rel=1e-5)
    expected = np.clip(0.1 * (np.array([0.5, 40.0]) * real - fake), 0, 1)
    np.testing.assert_allclose(ops.convert_to_numpy(began.k), expected, rtol=1e-5, atol=1e-6)
    assert expected.max() > 0

    def total_error(x, x_hat):
        return ops.sum(ops.mean(ops.abs(x - x_hat), axis=(0, 2)))

    plain.compile(optimizer=keras.optimizers.SGD(0.01), loss=total_error)
    plain.train_on_batch(x, x)
    for a, b in zip(began.opponent.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def a_gan():
    discriminator = page.build_discriminator(2)
    return page.GAN(page.build_generator(2), discriminator, [1, 4], 0.1, [False, True])


def a_began():
    return page.BEGAN(page.build_generator(2), page.build_judge(2), gamma=[0.5, 40.0], rate=0.1)


GAMES = {"GAN": a_gan, "BEGAN": a_began}


@pytest.mark.slow
@pytest.mark.parametrize("name", GAMES)
def test_a_game_comes_back_from_disk(tmp_path, name):
    """With its nets, its settings and its optimizer: on the same noise it plays on the same."""
    x = np.random.default_rng(0).normal(size=(50, 2, 1)).astype("float32")
    game = GAMES[name]()
    game.compile("adam")
    game.fit(x, verbose=0)
    game.save(tmp_path / "game.keras")
    loaded = keras.models.load_model(tmp_path / "game.keras")
    state = ops.convert_to_numpy(game.seed_generator.state)  # which Keras does not save
    loaded.seed_generator.state.assign(np.array(state))
    went_on, resumed = (g.fit(x, shuffle=False, verbose=0).history["loss"] for g in (game, loaded))
    np.testing.assert_allclose(went_on, resumed, rtol=1e-5)
    for a, b in zip(game.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_games_in_other_dtypes(name, policy):
    keras.config.set_dtype_policy(policy)
    try:
        game = GAMES[name]()
        game.compile("adam")
        x = np.random.default_rng(0).normal(size=(50, 2, 1)).astype("float32")
        assert np.isfinite(game.fit(x, verbose=0).history["loss"]).all()
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name", GAMES)
def test_a_game_takes_points_only(name):
    game, x = GAMES[name](), np.zeros((9, 2, 1), "float32")
    game.compile("adam")
    for given in ({"y": x}, {"sample_weight": np.ones(9)}, {"class_weight": {0: 2.0}}):
        with pytest.raises(ValueError, match=f"{name} counts images x; found .*, leave it out"):
            game.fit(x, verbose=0, **given)
