"""The hand-written loops are the same model, and every printed figure comes from the data file."""

import live_figures
import numpy as np
import pytest
import tables
from _ext import live as extension
from conftest import ROOT

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(20, 784)).astype("float32")
EPS = RNG.normal(size=(20, 2)).astype("float32")


@pytest.fixture(scope="module")
def by_jax():
    """Parameters, the loss at them and its gradient, by JAX's own differentiation."""
    jax = pytest.importorskip("jax")
    import jax_vae

    parameters = jax_vae.initial_parameters(jax.random.key(0), hidden=16)
    return parameters, *jax.value_and_grad(jax_vae.loss)(parameters, X, EPS)


def halves(parameters):
    """Chapter 3's encoder and decoder with these weights."""
    from aebook import models

    encoder, decoder = models.build_vae_encoder(hidden=16), models.build_decoder(hidden=16)
    for layer in encoder.layers + decoder.layers:
        if layer.name in parameters:
            layer.set_weights([np.asarray(a) for a in parameters[layer.name]])
    return encoder, decoder


def test_the_gradient_worked_out_by_hand_is_the_gradient(by_jax):
    import numpy_vae

    parameters, value, slopes = by_jax
    arrays = {k: tuple(np.array(a) for a in layer) for k, layer in parameters.items()}
    got, gradient = numpy_vae.value_and_gradient(arrays, X, EPS)
    assert got == pytest.approx(float(value), rel=1e-5)
    for name, layer in slopes.items():
        for ours, theirs in zip(gradient[name], layer, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5, err_msg=name)


def test_the_loop_in_pytorch_has_the_same_loss(by_jax):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: make test BACKEND=torch")
    import torch_vae

    parameters, value, _ = by_jax
    tensors = {k: [torch.tensor(np.array(a)) for a in layer] for k, layer in parameters.items()}
    got = torch_vae.loss(tensors, torch.tensor(X), torch.tensor(EPS))
    assert float(got) == pytest.approx(float(value), rel=1e-5)


def test_the_loss_is_the_one_of_chapter_3(by_jax):
    import keras

    from aebook import models

    parameters, value, _ = by_jax
    encoder, decoder = halves(parameters)
    z_mean, z_log_var = encoder(X)
    logits = decoder(z_mean + keras.ops.multiply(EPS, keras.ops.exp(z_log_var / 2)))
    losses = models.reconstruction_loss(X, logits) + models.kl_loss(z_mean, z_log_var)
    losses = keras.ops.convert_to_numpy(losses)
    assert float(losses.mean()) == pytest.approx(float(value), rel=1e-5)


def test_the_model_that_is_given_its_noise_has_the_same_loss(by_jax):
    import given_noise

    parameters, value, _ = by_jax
    vae = given_noise.build_vae(*halves(parameters))
    vae.compile("rmsprop")
    got = vae.test_on_batch([X, EPS], return_dict=True)["loss"]
    assert got == pytest.approx(float(value), rel=1e-5)


def test_an_epoch_has_every_image_once_and_new_noise():
    import given_noise

    batches = given_noise.Batches(np.arange(20.0)[:, None], batch_size=5, latent_dim=3)
    epochs = []
    for _ in range(2):
        epochs.append([np.concatenate(a) for a in zip(*(b for (b,) in batches), strict=True)])
        batches.on_epoch_end()
    for x, eps in epochs:
        assert sorted(x[:, 0]) == list(range(20))
        assert eps.shape == (20, 3)
    (x, eps), (x_2, eps_2) = epochs
    assert not np.array_equal(x, x_2)
    assert not np.isin(eps, eps_2).any()


def test_the_hand_written_loop_learns():
    jax = pytest.importorskip("jax")
    import jax_vae
    import numpy_vae

    one = np.repeat(X[:1] > 0.5, 20, axis=0).astype("float32")  # a picture that can be learnt
    epoch = numpy_vae.make_epoch(jax_vae.initial_parameters(jax.random.key(0), hidden=16), one, 10)
    first = epoch()
    assert [epoch() for _ in range(30)][-1] < first / 2


@pytest.mark.parametrize("exponent", [0.5, 1.0, -1.0])
def test_the_fitted_exponent_is_that_of_a_power_law(exponent):
    sizes = [10, 30, 100, 400]
    assert tables.exponent(sizes, [3 * n**exponent for n in sizes]) == pytest.approx(exponent)


@pytest.mark.parametrize("path", tables.PAGES, ids=lambda path: path.stem)
def test_the_pages_say_what_was_measured(path):
    for name in tables.PAGES[path]:
        page = (ROOT / name).read_text(encoding="utf-8")
        assert tables.stamped(page, tables.read(path)) == page, "run: make bench PART=pages"


def test_a_new_measurement_changes_the_readme():
    readme, data = (ROOT / "README.md").read_text(encoding="utf-8"), tables.read()
    data["epochs"]["tensorflow"]["seconds"] = 9.87
    assert "9.87" in tables.stamped(readme, data)


MEASURED = {  # numbers by hand, no two alike
    "epochs": {
        "tensorflow": {"import": 4.1, "data": 1.5, "first": 2.8, "seconds": 1.2, "low": 1.1,
                       "high": 2.3, "memory": 1700, "loss": 163.5, "large": 0.9},
        "torch": {"import": 5.4, "data": 0.7, "first": 3.1, "seconds": 3.5, "low": 3.2,
                  "high": 4.3, "memory": 1620, "loss": 162.7, "large": 1.3},
        "compiled": {"import": 6.8, "data": 0.6, "first": 38.1, "seconds": 2.6, "low": 1.6,
                     "high": 2.7, "memory": 1621, "loss": 162.6, "large": 1.0},
        "scan": {"import": 0.4, "data": 0.8, "first": 6.1, "seconds": 0.99, "low": 0.94,
                 "high": 1.05, "memory": 1291, "large": 0.8},
        "eager": {"import": 1.0, "data": 0.85, "first": 2.4, "seconds": 1.7, "low": 1.6,
                  "high": 2.65, "memory": 825, "large": 0.95},
    },
    "ratios": {"tensorflow": 1.4, "torch": 1.8},
    "likelihood": 21.0,
    "chapters": {"00-a": 18.0, "01-b": 44.0},
    "figures": {"tensorflow": {"03": 40.0, "04": 22.0}},
    "growth": {"images": {"sizes": [100, 200], "seconds": [1.0, 2.0]}},
    "sharing": {"one process": {"epoch": 1.1, "whole": 8.0, "loss": 171.6}},
    "live": {"calls": {"decode": {"median": 0.14, "fastest": 0.13}}},
    "training": {"steps": {"wasm": {64: {"median": 240.0, "fastest": 500.0},
                                    256: {"median": 90.0, "fastest": 180.0}}},
                 "usual": {"step": 400, "seconds": 1.04, "frames": 58.0},
                 "slow": {"step": 400, "seconds": 6.0, "frames": 21.0},
                 "memory": {"megabytes": [200.0, 260.0, 230.0], "steps": 12345}},
}  # fmt: skip


def rows(name):
    """A table of MEASURED as it reads: each row a dict of heading to cell."""
    header, _, *lines = tables.TABLES[name](MEASURED)
    heads, *cells = ([c.strip() for c in line.strip("|").split("|")] for line in [header, *lines])
    return [dict(zip(heads, row, strict=True)) for row in cells]


def test_a_share_stands_in_per_cent_also_where_it_is_none_or_all():
    assert [tables.finding(v) for v in (0.0, 0.25, 1.0)] == ["0%", "25%", "100%"]
    assert [tables.finding(v) for v in (2.3, -159.8)] == ["2.3", "−159.8"]


def test_a_goal_is_met_at_its_limit_and_missed_beyond_it():
    """1.4 of at most 1.4; 1.8 of 1.5; 21 s of 20; 44 s of 45, the slowest chapter."""
    told = [(row["goal at most"], row["verdict"]) for row in rows("goals")]
    assert told == [
        ("1.4 x", "met"),
        ("1.5 x", "missed by 20%"),
        ("20 s", "missed by 5%"),
        ("45 s", "met"),
    ]
    *_, slowest = rows("goals")
    assert slowest["What"] == "the slowest chapter, 1"
    assert rows("goals")[1]["measured"] == "1.80 x (fastest against fastest 2.00 x)"


def test_so_are_the_goals_of_training_in_the_page():
    told = [(row["goal"], row["measured"], row["verdict"]) for row in rows("training")]
    assert told == [
        ("at least 300", "240 (the fastest 500)", "missed by 25%"),
        ("at least 90", "90 (the fastest 180)", "met"),
        ("at most 3", "1.0 (step 400)", "met"),
        ("at least 50", "58", "met"),
        ("at most 5", "6.0 (step 400)", "missed by 20%"),
        ("no frozen page", "21", "–"),
        ("grows by at most 10%", "200, 230 (12,345 steps)", "missed by 5%"),
    ]


def test_organized_is_the_first_step_whose_loss_is_near_that_of_the_end():
    losses = [[step, 160 + 1000 / (step + 1), 4] for step in range(0, 2001, 10)]
    seen = [[0, 0], [1000, 400], [5000, 2000]]
    step, seconds = live_figures.organized(seen, losses)
    assert step == 400  # 1000 / 401 is within 2 of 1000 / 1951, and 1000 / 391 is not
    assert seconds == pytest.approx(1)


def test_a_slower_processor_is_imitated_in_the_script_that_is_there():
    text = live_figures.slowed(extension.classic_script("learn"))
    assert text.count("linger") == 3
    with pytest.raises(ValueError, match="expected one"):
        live_figures.slowed("let learner;")


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("epochs", {"Contender": "Keras on TensorFlow", "import (s)": "4.1", "data (s)": "1.5",
                    "first epoch (s)": "2.8", "an epoch (s)": "**1.20** (1.10 to 2.30)",
                    "memory (MiB)": "1,700"}),
        ("backends", {"Backend": "Keras on TensorFlow", "test loss (nats)": "163.5",
                      "to the end of the first epoch": "8 s", "an epoch": "1.20 s",
                      "against a loop by hand": "1.40 x a `scan` in JAX"}),
        ("figures", {"Backend": "Keras on TensorFlow",
                     "24 digits drawn by the VAE, chapter 3 (s)": "40",
                     "the grid over the plane, chapter 4 (s)": "22"}),
        ("losses", {"Backend": "Keras on TensorFlow",
                    "test loss after five epochs (nats)": "163.5"}),
        ("growth", {"size of": "images", "seconds an epoch": "100: 1.00, 200: 2.00",
                    "exponent": "+1.00"}),
        ("sharing", {"Run": "one process", "300 steps (s)": "1.10", "the whole run (s)": "8",
                     "loss (nats)": "172"}),
        ("live", {"Call": "decode", "median (ms)": "0.14", "fastest (ms)": "0.13"}),
        ("chapters", {"Chapter": "[0](../notebooks/00-a.ipynb)", "seconds": "18"}),
        ("steps", {"Contender": "Keras on TensorFlow",  # of 600 steps, and of 60
                   "100 images in a step (ms)": "1.8 - 1.6 = **0.3**",
                   "1,000 images (ms)": "15.0 - 13.3 = **1.7**"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_number_stands_under_its_heading(name, row):
    assert rows(name)[0] == row


def test_compiling_pays_after_as_many_epochs_as_make_up_for_it():
    """35 s once, 1.6 s won by each of the 21.875 epochs after the first."""
    (said,) = tables.compiling(MEASURED)
    assert "35 s longer and each later one 1.6 s shorter" in said
    assert "paid after 23 epochs" in said
