"""What trains in the page computes what Keras computes, on both of its kernels."""

import base64
import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import given_noise
import keras
import numpy as np
import pytest
import scipy.stats
from conftest import ROOT

from aebook import live
from aebook.data import load_mnist
from aebook.live.display import worker
from aebook.live.figures import digits_data
from aebook.models import build_decoder, build_vae, build_vae_encoder

ENGINE = live.HERE / "engine"
KERNELS = pytest.mark.parametrize("wasm", [True, False], ids=["wasm", "plain"])
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node: apt-get install nodejs")
BATCH = 100
# Relative: float32 has 6e-8, and in a hundred steps a difference in the last bit grows.
CLOSE = {1: 1e-5, 10: 1e-4, 100: 2e-3}


def text(array, dtype="<f4"):
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode()


def floats(said):
    return np.frombuffer(base64.b64decode(said), "<f4")


def asked(job, wasm=True, kernel=ENGINE / "kernel.wasm", engine="learn", **task):
    """What the engine of a figure answers under Node."""
    wasm = base64.b64encode(Path(kernel).read_bytes()).decode() if wasm else None
    task |= {"job": job, "engine": worker(engine), "wasm": wasm}
    done = subprocess.run([NODE, ROOT / "tests" / "train.mjs"], input=json.dumps(task),
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["plain"] == (wasm is None)
    return answer["of"]


@pytest.fixture(scope="module")
def digits():
    """A thousand digits at three bits a pixel, as the figures have them."""
    x = load_mnist("sample", quiet=True).x_train[:1000]
    return (np.rint(7 * x) / 7).astype("float32")


class Weighted(given_noise.GivenNoise):
    """The loss is reconstruction + beta * KL."""

    beta = 1.0

    def compute_loss(self, x, y=None, y_pred=None, sample_weight=None, training=True):
        reconstruction, kl = self.terms(x if y is None else y, y_pred)
        self.trackers[0].update_state(reconstruction)
        self.trackers[1].update_state(kl)
        return keras.ops.mean(reconstruction + self.beta * kl)


class Gradients(keras.optimizers.SGD):
    """Puts in each weight's place its gradient."""

    def update_step(self, gradient, variable, learning_rate):
        self.assign(variable, gradient)


def build(hidden, beta, optimizer):
    keras.utils.set_random_seed(0)
    encoder, decoder = build_vae_encoder(hidden=hidden), build_decoder(hidden=hidden)
    vae = given_noise.build_vae(encoder, decoder, Weighted)
    vae.beta = beta
    vae.compile(optimizer, jit_compile=False)
    return vae


def flat(weights):
    """Keras's arrays as the engine has them: both heads of the encoder as one layer."""
    w = list(weights)
    heads = [np.concatenate([w[2], w[4]], axis=1), np.concatenate([w[3], w[5]])]
    return np.concatenate([a.ravel() for a in [*w[:2], *heads, *w[6:]]])


def furthest(ours, keras_weights, share=1.0):
    """The largest difference, relative to the largest number of the same matrix.

    share: of the differences, the smallest, which alone are looked at.
    """
    theirs, at, worst = flat(keras_weights), 0, 0
    sizes = [w.size for w in keras_weights]
    for size in [*sizes[:2], sizes[2] + sizes[4], sizes[3] + sizes[5], *sizes[6:]]:
        a, b = ours[at : at + size], theirs[at : at + size]
        worst = max(worst, np.quantile(np.abs(a - b), share) / np.abs(b).max())
        at += size
    assert at == len(ours) == len(theirs)
    return worst


RATE = 0.001
KINDS = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam}


@functools.cache
def noise():
    return np.random.default_rng(1).normal(size=(100, BATCH, 2)).astype("float32")


def batch(x, step):
    return [x[(step - 1) % 10 * BATCH :][:BATCH], noise()[step - 1]]


@pytest.fixture(scope="module")
def in_keras(digits):
    """in_keras(hidden, beta, optimizer): weights at the start, gradients there, and after some
    steps both terms of the loss and the weights."""

    @functools.cache
    def trained(hidden, beta, optimizer):
        vae, slopes = (
            build(hidden, beta, KINDS[optimizer](RATE)),
            build(hidden, beta, Gradients(1.0)),
        )
        start = [np.array(w) for w in vae.get_weights()]
        slopes.set_weights(start)
        slopes.train_on_batch(batch(digits, 1))
        after = {}
        for step in range(1, 1 + last_step(hidden)):
            vae.reset_metrics()
            logs = vae.train_on_batch(batch(digits, step), return_dict=True)
            if step in CLOSE:
                terms = [float(logs[name]) for name in ("reconstruction", "kl")]
                after[step] = terms, [np.array(w) for w in vae.get_weights()]
        return start, slopes.get_weights(), after

    return trained


def stepped(start, slopes, optimizer):
    """The weights after a step of Keras's optimizer by the slopes given."""
    weights = keras.Variable(flat(start))
    KINDS[optimizer](RATE).apply([keras.ops.convert_to_tensor(slopes)], [weights])
    return keras.ops.convert_to_numpy(weights.value)


def last_step(hidden):
    """In the wide net at a large beta two orders of adding up part ways before a hundred steps."""
    return 100 if hidden == 64 else 10


@pytest.mark.slow
@KERNELS
@pytest.mark.parametrize("optimizer", KINDS)
@pytest.mark.parametrize(("hidden", "beta"), [(64, 1.0), (64, 0.0), (256, 4.0)])
def test_loss_gradients_and_weights_equal_keras(digits, in_keras, wasm, optimizer, hidden, beta):
    start, slopes, after = in_keras(hidden, beta, optimizer)
    seen = asked("train", wasm, net={"hidden": hidden, "optimizer": optimizer}, n=BATCH, beta=beta,
                 weights=text(flat(start)), x=text(digits), noise=text(noise()), rate=RATE,
                 stops=list(after))  # fmt: skip
    assert furthest(floats(seen["1"]["g"]), slopes) < CLOSE[1]
    for step, (terms, weights) in after.items():
        ours = [seen[str(step)][name] for name in ("reconstruction", "kl")]
        np.testing.assert_allclose(ours, terms, rtol=CLOSE[step], err_msg=f"step {step}")
        # Adam divides a slope by its own size: where it is nearly zero, its last bit is a tenth of
        # a step. That is so in few places; after a hundred steps, in all.
        if step <= 10:
            assert furthest(floats(seen[str(step)]["w"]), weights, 0.99) < 1e-4, step
    own = stepped(start, floats(seen["1"]["g"]), optimizer)
    np.testing.assert_allclose(floats(seen["1"]["w"]), own, rtol=0, atol=1e-4 * RATE)


@pytest.mark.slow
def test_the_loss_at_the_end_is_that_of_keras(digits):
    """From weights, batches and noise of its own; on digits held out, as the figure does it."""
    steps, hidden, rate, seeds = 600, 64, 0.003, (1, 2, 3)
    mnist = load_mnist("sample", quiet=True)
    arrays, settings = digits_data(mnist.x_train[:3000], mnist.x_test[:500], mnist.y_test[:500])
    ours = asked("figure", digits=text(arrays["digits"], "u1"), nTrain=settings["n_train"],
                 hidden=hidden, seeds=seeds, steps=steps, rate=rate)  # fmt: skip
    x, held_out = (np.rint(7 * a) / 7 for a in (mnist.x_train[:3000], mnist.x_test[:500]))
    theirs = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        vae = build_vae(build_vae_encoder(hidden=hidden), build_decoder(hidden=hidden))
        vae.compile(keras.optimizers.Adam(rate))
        vae.fit(x, batch_size=BATCH, epochs=steps // 30, verbose=0)
        theirs.append(vae.evaluate(held_out, batch_size=500, verbose=0, return_dict=True)["loss"])
    assert abs(np.mean(ours) - np.mean(theirs)) < 2, (ours, theirs)


# --- the kernel that is in the repository


def calls():
    """One call of each function of the kernel, on numbers of all sizes, with rows of odd length."""
    rng = np.random.default_rng(3)

    def some(*shape):
        return text(rng.normal(size=shape) * 10.0 ** rng.integers(-4, 2, shape))

    x = np.maximum(rng.normal(size=(7, 13)), 0)
    logits = np.concatenate([rng.normal(0, 8, 96), [0, -0.0, 90, -90, 700, -700, 1e-6, -1e-6]])
    square = text(rng.random(52))
    sizes, step = [7, 13, 10], [52, 0.01]
    given = {
        "forward": [text(x), some(13, 10), some(10), some(7, 10), *sizes, 1],
        "weights": [text(x), some(7, 10), some(13, 10), some(10), *sizes],
        "inputs": [some(7, 10), some(13, 10), text(x), some(7, 13), *sizes, 1],
        "cross_entropy": [text(rng.random(104)), text(logits), some(104), 104, 0.1],
        "rmsprop": [some(52), some(52), square, *step, 0.9, 0.1, 0.1],
        "adam": [some(52), some(52), some(52), square, *step, 0.1, 1e-3, 0.1],
    }
    return [{"name": name, "given": arguments} for name, arguments in given.items()]


def test_both_kernels_do_the_same():
    given = calls()
    pairs = [asked("calls", wasm, calls=given) for wasm in (True, False)]
    for call, ours, theirs in zip(given, *pairs, strict=True):
        a, b = (np.concatenate([floats(array) for array in each["arrays"]])
                for each in (ours, theirs))  # fmt: skip
        assert np.isfinite(a).all()
        np.testing.assert_allclose(
            a, b, rtol=1e-5, atol=1e-6 * np.abs(b).max(), err_msg=call["name"]
        )
        np.testing.assert_allclose(ours["answer"] or 0, theirs["answer"] or 0, rtol=1e-6)


@pytest.mark.skipif(
    not (shutil.which("clang") and shutil.which("wasm-ld")),
    reason="the kernel's compiler is missing: apt-get install clang lld",
)
def test_the_kernel_in_the_repository_is_what_its_source_gives(tmp_path):
    """Bit by bit in what it computes; compilers of other versions may order the bytes otherwise."""
    shutil.copy(ENGINE / "kernel.c", tmp_path)
    subprocess.run(["make", "-B", "kernel", f"KERNEL={tmp_path}/kernel"], cwd=ROOT, check=True,
                   capture_output=True)  # fmt: skip
    fresh, given = tmp_path / "kernel.wasm", calls()
    if fresh.read_bytes() != (ENGINE / "kernel.wasm").read_bytes():
        assert asked("calls", calls=given) == asked("calls", kernel=fresh, calls=given)


def test_chance_is_uniform_normal_and_repeats():
    one, same, other = (asked("random", seed=seed, n=4000) for seed in (1, 1, 2))
    assert one == same != other
    uniform, normal = np.array(one["uniform"]), np.array(one["normal"])
    assert scipy.stats.kstest(uniform, "uniform").pvalue > 1e-3
    assert scipy.stats.kstest(normal, "norm").pvalue > 1e-3
    assert sorted(one["order"]) == list(range(4000))
    assert abs(np.corrcoef(one["order"], range(4000))[0, 1]) < 0.06
