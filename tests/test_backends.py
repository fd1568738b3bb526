"""One model, three backends: what one saves, the others load and compute alike."""

import importlib.util

import keras
import numpy as np
import pytest
from keras import ops

from aebook import models, training
from aebook.workshops import Workshop

pytestmark = pytest.mark.slow  # other backends start in processes of their own


def elsewhere():
    """What another process makes of the saved model; that it trains there, too."""
    x, vae = np.load("x.npy"), keras.models.load_model("vae.keras")
    z_mean, z_log_var = models.encode(vae, x)
    x_hat = models.decode(vae, z_mean)
    vae.compile("rmsprop", **training.fast())  # what PyTorch saved names an optimizer of its own
    vae.fit(x, verbose=0)
    found = {"z_mean": z_mean, "z_log_var": z_log_var, "x_hat": x_hat}
    named = {name: values.tolist() for name, values in found.items()}
    return {"backend": keras.config.backend(), **named}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a VAE trained on this backend and images; and what the model makes of them."""
    folder = tmp_path_factory.mktemp("saved")
    x = np.random.default_rng(0).uniform(size=(64, 784)).astype("float32")
    keras.utils.set_random_seed(0)
    vae = models.build_vae(models.build_vae_encoder(hidden=16), models.build_decoder(hidden=16))
    vae.compile("rmsprop", **training.fast())
    vae.fit(x, verbose=0)
    np.save(folder / "x.npy", x)
    vae.save(folder / "vae.keras")
    z_mean, z_log_var = models.encode(vae, x)
    x_hat = models.decode(vae, z_mean)
    return folder, {"z_mean": z_mean, "z_log_var": z_log_var, "x_hat": x_hat}


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_saved_model_computes_the_same_elsewhere(saved, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    folder, here = saved
    workshop = Workshop(backend, folder)
    there = workshop.ask(elsewhere)
    workshop.close()
    assert there["backend"] == backend
    for name, values in here.items():
        np.testing.assert_allclose(there[name], values, rtol=1e-5, atol=1e-5, err_msg=name)


def test_what_goes_wrong_in_a_workshop_is_told(tmp_path):
    def wrong():
        raise ValueError("not here")

    workshop = Workshop(keras.config.backend(), tmp_path)
    with pytest.raises(RuntimeError, match="ValueError: not here"):
        workshop.ask(wrong)
    assert workshop.process.wait(30) != 0


def test_training_rounds_what_is_too_small_for_fast_arithmetic_to_zero():
    """One gradient of 1 and 880 of 0 leave RMSprop 0.1 * 0.9**880 = 5e-42 as running square."""
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, use_bias=False)])
    model.compile("rmsprop", loss=lambda x, y: ops.sum(y), **training.fast())

    def squares_after(x):
        model.fit(x, x, batch_size=1, verbose=0)
        (squares,) = (v for v in model.optimizer.variables if tuple(v.shape) == (8, 1))
        return ops.convert_to_numpy(squares)

    np.testing.assert_allclose(squares_after(np.ones((1, 8), "float32")), 0.1, rtol=1e-5)
    bits = squares_after(np.zeros((880, 8), "float32")).view("int32")  # to compare would round
    assert not bits.any()


def test_losses_take_arrays_and_tensors_alike():
    """NumPy's `array * tensor` is not defined on every backend; the losses must not care."""
    rng = np.random.default_rng(0)
    x, logits = rng.uniform(size=(2, 4, 9)).astype("float32")
    for loss in (models.reconstruction_loss, models.kl_loss):
        values = [
            ops.convert_to_numpy(loss(a, b))
            for a in (x, ops.convert_to_tensor(x))
            for b in (logits, ops.convert_to_tensor(logits))
        ]
        np.testing.assert_allclose(values, [values[0]] * 4, rtol=1e-6)


def test_a_loss_of_an_array_and_a_layers_output():
    """As `kl_loss(*encoder(x))`: on PyTorch such outputs carry gradients and refuse NumPy."""
    decoder = models.build_decoder(hidden=4, output_dim=9)
    z, x = np.zeros((3, 2), "float32"), np.zeros((3, 9), "float32")
    assert ops.convert_to_numpy(models.reconstruction_loss(x, decoder(z))).shape == (3,)
