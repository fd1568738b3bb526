"""The GAN that trains in the page is chapter 10's: losses, gradients, weights, and how it ends."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import pytest
from keras import layers, ops
from test_engine import KERNELS, NODE, Gradients, asked, floats, text

from aebook.densities import Mixture, mass, sample
from aebook.live.figures import distance

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node: apt-get install nodejs")
TRUTH = Mixture([0.5, 0.5], [0.0, 5.0], [1.0, 1.0])
SINGLE = Mixture([1.0], [2.5], [np.sqrt(7.25)])
VALLEY = mass(SINGLE, 2, 3) / 2
N = 100
CLOSE = {1: 1e-5, 10: 1e-4, 100: 2e-3}  # of the largest number of its matrix; float32 grows apart


def net(inputs, scale):
    """Two hidden layers of 16, as in the chapter, biases included."""
    hidden = [layers.Dense(16, "tanh", kernel_initializer="lecun_normal",
                           bias_initializer=keras.initializers.RandomUniform(-1, 1))
              for _ in range(2)]  # fmt: skip
    last = layers.Dense(1, kernel_initializer="lecun_normal")
    net = [*hidden, last, scale] if inputs == 2 else [scale, *hidden, last]
    return keras.Sequential([keras.Input((inputs,)), *net])


def d_loss(rate):
    def minus_value(real, logits):
        return 2 * rate * ops.mean(ops.softplus(ops.where(real > 0.5, -logits, logits)))

    return minus_value


def g_loss(rate):
    return lambda _, logits: rate * ops.mean(ops.softplus(-logits))


def game(optimizers, how):
    """(generator, discriminator, adversary), always the same at the start."""
    keras.utils.set_random_seed(0)
    generator = net(2, layers.Rescaling(2.5, offset=2.5))
    discriminator = net(1, layers.Rescaling(1 / 2.5, offset=-1.0))
    discriminator.compile(optimizers[0], d_loss(how["discriminator"]), jit_compile=False)
    adversary = keras.Sequential([generator, discriminator])
    discriminator.trainable = False
    adversary.compile(optimizers[1], g_loss(how["generator"]), jit_compile=False)
    return generator, discriminator, adversary


def one_round(generator, discriminator, adversary, guests, z, z_new):
    """Both losses, each before its step."""
    x = np.concatenate([guests[:, None], ops.convert_to_numpy(generator(z))])
    is_real = np.repeat([1.0, 0.0], N)[:, None]
    discriminator.trainable = True
    loss = float(np.squeeze(discriminator.train_on_batch(x, is_real)))
    discriminator.trainable = False
    return loss, float(np.squeeze(adversary.train_on_batch(z_new, is_real[:N])))


def flat(model):
    return np.concatenate([np.ravel(w) for w in model.get_weights()])


def furthest(ours, model):
    at, worst = 0, 0
    for theirs in model.get_weights():
        mine = ours[at : at + theirs.size]
        worst = max(worst, np.abs(mine - theirs.ravel()).max() / np.abs(theirs).max())
        at += theirs.size
    assert at == len(ours)
    return worst


SETTINGS = [
    {"discriminator": 1, "generator": 1, "decay": 0},
    {"discriminator": 1 / 30, "generator": 1, "decay": 0},
    {"discriminator": 1, "generator": 3, "decay": 0.03},
]


@pytest.mark.slow
@KERNELS
@pytest.mark.parametrize("how", SETTINGS, ids=["equal", "slow", "decay"])
def test_losses_gradients_and_weights_equal_keras(wasm, how):
    rng = np.random.default_rng(0)
    rounds = max(CLOSE)
    guests = sample(TRUTH, rounds * N).astype("float32").reshape(rounds, N)
    noise = rng.normal(size=(rounds, 2, N, 2)).astype("float32")
    sgd = [keras.optimizers.SGD(0.1, weight_decay=w) for w in (how["decay"] or None, None)]
    players, slopes = game(sgd, how), game([Gradients(1.0), Gradients(1.0)], how)
    start = {"generator": text(flat(players[0])), "discriminator": text(flat(players[1]))}
    seen = asked("gan", wasm, engine="gan", weights=start, guests=text(guests), noise=text(noise),
                 how=how, n=N, stops=list(CLOSE))  # fmt: skip
    for k in range(rounds):
        losses = one_round(*players, guests[k], *noise[k])
        if k == 0:  # the discriminator's slopes at the start; the generator's behind its step
            one_round(*slopes, guests[0], *noise[0])
            assert furthest(floats(seen["1"]["g"]["discriminator"]), slopes[1]) < CLOSE[1]
            fresh = game([Gradients(1.0), Gradients(1.0)], how)
            fresh[1].set_weights(players[1].get_weights())
            fresh[2].train_on_batch(noise[0, 1], np.ones((N, 1)))
            assert furthest(floats(seen["1"]["g"]["generator"]), fresh[0]) < 3 * CLOSE[1]
        if (stop := k + 1) in CLOSE:
            mine = seen[str(stop)]
            np.testing.assert_allclose(mine["losses"], losses, rtol=CLOSE[stop])
            for name, model in zip(("generator", "discriminator"), players, strict=False):
                assert furthest(floats(mine["w"][name]), model) < CLOSE[stop], (stop, name)


def truth_as_json():
    return dict(zip(("weights", "means", "sds"), TRUTH, strict=True))


def ends(seeds, rounds=1200, **how):
    how = {"discriminator": 1, "generator": 1, "decay": 0} | how
    return asked("games", engine="gan", seeds=list(seeds), rounds=rounds, how=how,
                 truth=truth_as_json(), valley=VALLEY)["ends"]  # fmt: skip


def test_it_judges_as_the_chapter_does():
    (end,) = ends([3], rounds=120)
    x, truth = floats(end["x"]), floats(end["sorted"])
    assert len(x) == len(truth) == 2000
    near = [np.mean(np.abs(x - hour) < 2) for hour in (0, 5)]
    np.testing.assert_allclose(end["near"], near)
    np.testing.assert_allclose(end["valley"], np.mean((x > 2) & (x < 3)), atol=1e-6)
    np.testing.assert_allclose(end["off"], np.mean(np.abs(np.sort(x) - truth)), rtol=1e-5)
    assert abs(truth.mean() - 2.5) < 4 * np.sqrt(7.25 / 2000)
    assert abs(truth.var() - 7.25) < 4 * np.sqrt((79.5625 - 7.25**2) / 2000)


@pytest.mark.slow
def test_equal_rates_keep_both_modes_a_slow_discriminator_loses_one_and_decay_kills_it():
    """As chapter 10 counts them; its bounds: of 20 at least 17, at most 6 in 20 starts."""
    equal = ends(range(1, 21))
    assert sum(end["verdict"] == "both" for end in equal) >= 17
    assert min(end["alive"] for end in equal) > 0.01
    slow = ends(range(1, 21), discriminator=1 / 30)
    assert sum(end["verdict"] == "both" for end in slow) <= 6
    assert sum(end["verdict"] == "one" for end in slow) >= 6
    assert max(end["alive"] for end in ends(range(1, 5), decay=0.03)) < 0.01
    assert min(end["alive"] for end in ends(range(1, 5), decay=0.003)) > 0.01


def test_how_far_apart_two_mixtures_are():
    assert abs(distance(TRUTH, TRUTH)) < 1e-9
    assert abs(distance(SINGLE, Mixture([1.0], [4.5], [np.sqrt(7.25)])) - 2) < 1e-6
    x = np.sort(sample(TRUTH, 200_000)) - np.sort(sample(SINGLE, 200_000, seed=1))
    assert abs(distance(TRUTH, SINGLE) - np.abs(x).mean()) < 0.03
