"""The hand-written loops are the same model, and every printed figure comes from the data file."""

import numpy as np
import pytest
import tables
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
