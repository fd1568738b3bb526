"""Models and losses against closed forms, finite differences and Keras's own contract."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from scipy import integrate, stats

from aebook import models, training

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(64, 784)).astype("float32")


@pytest.fixture
def vae():
    keras.utils.set_random_seed(0)
    return models.build_vae(models.build_vae_encoder(hidden=16), models.build_decoder(hidden=16))


def to_numpy(*tensors):
    return [ops.convert_to_numpy(tensor).astype("float64") for tensor in tensors]


# ------------------------------------------------------------------ the two losses


def test_reconstruction_is_the_bernoulli_log_likelihood_summed_over_pixels():
    logits = (RNG.normal(size=(5, 784)) * 3).astype("float32")
    x = (RNG.uniform(size=(5, 784)) < 0.5).astype("float32")
    p = 1 / (1 + np.exp(-logits.astype("float64")))
    expected = -stats.bernoulli.logpmf(x, p).sum(axis=1)
    (got,) = to_numpy(models.reconstruction_loss(x, logits))
    assert got.shape == (5,)
    np.testing.assert_allclose(got, expected, rtol=2e-6)  # sums in single precision


def test_reconstruction_is_exact_where_a_probability_would_round():
    """At logit 60 sigmoid is 1 in float64 and its log-complement infinite; the loss is 60."""
    logits = np.array([[60.0], [-60.0], [-60.0], [200.0]], "float32")
    x = np.array([[0.0], [1.0], [0.0], [1.0]], "float32")
    (got,) = to_numpy(models.reconstruction_loss(x, logits))
    np.testing.assert_allclose(got, [60, 60, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("mean", "log_var"), list(itertools.product([-2.0, 0.0, 1.5], [-3.0, 0.0, 1.0]))
)
def test_kl_is_the_integral(mean, log_var):
    q, p = stats.norm(mean, np.exp(log_var / 2)), stats.norm(0, 1)
    low, high = q.mean() - 12 * q.std(), q.mean() + 12 * q.std()
    expected, _ = integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), low, high)
    (got,) = to_numpy(models.kl_loss(np.array([[mean]]), np.array([[log_var]])))
    np.testing.assert_allclose(got, [expected], atol=1e-5)


def test_kl_adds_up_over_latents_and_not_over_images():
    means, log_vars = RNG.normal(size=(2, 7, 5)).astype("float32")
    (together,) = to_numpy(models.kl_loss(means, log_vars))
    apart = [to_numpy(models.kl_loss(means[:, [j]], log_vars[:, [j]]))[0] for j in range(5)]
    assert together.shape == (7,)
    np.testing.assert_allclose(together, np.sum(apart, axis=0), rtol=1e-5)


def test_sampling_has_the_mean_and_the_variance_asked_for():
    n = 40_000
    means = np.tile([[1.0, -2.0]], (n, 1)).astype("float32")
    log_vars = np.tile([[-2.0, 1.0]], (n, 1)).astype("float32")
    (z,) = to_numpy(models.Sampling()(means, log_vars))
    sd = np.exp([-1.0, 0.5])
    np.testing.assert_array_less(abs(z.mean(0) - [1, -2]), 4 * sd / np.sqrt(n))
    np.testing.assert_array_less(abs(z.std(0) - sd), 4 * sd / np.sqrt(2 * n))
    assert abs(np.corrcoef(z.T)[0, 1]) < 4 / np.sqrt(n)


# ------------------------------------------------------------------ the VAE as a Keras model


def test_reported_loss_is_the_sum_of_its_parts_and_the_mean_over_images(vae):
    vae.compile("rmsprop")
    result = vae.evaluate(X, batch_size=10, verbose=0, return_dict=True)  # last batch: 4 images
    assert set(result) == {"loss", "reconstruction", "kl"}
    assert result["loss"] == pytest.approx(result["reconstruction"] + result["kl"], rel=1e-5)
    (kl,) = to_numpy(models.kl_loss(*models.encode(vae, X)))
    assert result["kl"] == pytest.approx(kl.mean(), rel=1e-4)  # the same whatever the batches
    out = vae.predict(X, verbose=0)
    (reconstruction,) = to_numpy(models.reconstruction_loss(X, out["logits"]))
    assert result["reconstruction"] == pytest.approx(reconstruction.mean(), rel=1e-2)


def test_sample_weights_weigh(vae):
    vae.compile("rmsprop")
    (kl,) = to_numpy(models.kl_loss(*models.encode(vae, X)))
    weights = RNG.uniform(size=len(X)).astype("float32")
    for target in ({}, {"y": X}):  # Keras itself drops weights that come without a target
        result = vae.evaluate(X, **target, batch_size=10, sample_weight=weights, verbose=0,
                              return_dict=True)  # fmt: skip
        assert result["kl"] == pytest.approx((kl * weights).mean(), rel=1e-4)
        parts = result["reconstruction"] + result["kl"]
        assert result["loss"] == pytest.approx(parts, rel=1e-5)
    given = {"sample_weight": weights, "validation_data": (X, None, 0 * weights)}
    logs = vae.fit(X, verbose=0, **given).history
    assert logs["val_loss"] == [0]
    assert 0 < logs["loss"][0] < 400  # half of the 544 nats that all weights of 1 give


def test_a_target_is_what_is_reconstructed(vae):
    vae.compile("rmsprop")
    ink, paper = np.ones_like(X), np.zeros_like(X)
    vae.get_layer("decoder").get_layer("logits").bias.assign(np.ones(784))
    to_ink, to_paper = (vae.evaluate(X, y, verbose=0, return_dict=True) for y in (ink, paper))
    out = vae.predict(X, verbose=0)["logits"]
    (expected,) = to_numpy(models.reconstruction_loss(ink, out))
    assert to_ink["reconstruction"] == pytest.approx(expected.mean(), rel=0.01)
    assert to_ink["reconstruction"] != pytest.approx(to_paper["reconstruction"], rel=0.5)


@pytest.mark.parametrize(
    ("given", "said"),
    [({"y": np.arange(64)}, r"target like x, of shape \(None, 784\), found \(64,\)"),
     ({"class_weight": {0: 2.0}}, "found class_weight, leave it out"),
     ({"validation_data": (X, np.arange(64))}, r"found \(64,\)")],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["vae", "autoencoder"])
def test_what_cannot_count_is_refused_in_one_line(vae, kind, given, said):
    model = vae
    if kind == "autoencoder":
        model = models.build_autoencoder(models.build_encoder(), models.build_decoder())
    model.compile("rmsprop", loss=models.reconstruction_loss if model is not vae else None)
    with pytest.raises(ValueError, match=said) as error:
        model.fit(X, verbose=0, **given)
    assert "\n" not in str(error.value)
    model.fit(X, verbose=0)  # as one does next, on the same model


# ------------------------------------------------------------------ other dtypes, other shapes


@pytest.fixture
def policy(request):
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy", ["mixed_float16", "mixed_bfloat16", "float64"], indirect=True
)  # fmt: skip
def test_other_dtypes_train_to_the_same_losses(policy, vae):
    """The losses are float32 whatever the layers compute in."""
    compute = keras.config.dtype_policy().compute_dtype
    plain = models.Sampling()(np.zeros((3, 2)), np.zeros((3, 2)))
    assert keras.backend.standardize_dtype(plain.dtype) == compute or compute == "float64"
    vae.compile("sgd")
    autoencoder = models.build_autoencoder(models.build_encoder(), models.build_decoder())
    autoencoder.compile("sgd", loss=models.reconstruction_loss)
    for model in (vae, autoencoder):
        loss = model.fit(X, X, verbose=0).history["loss"][0]
        assert loss == pytest.approx(784 * np.log(2), rel=0.02)
    codes = *models.encode(vae, X), models.decode(vae, np.zeros((3, 2)))
    assert all(code.dtype == "float32" for code in codes)
    big, logits = np.full((1, 90_000), 0.5), np.zeros((1, 90_000))  # 62,383 nats; float16 ends near
    tensors = ops.cast(big, compute), ops.cast(logits, compute)
    (nats,) = to_numpy(models.reconstruction_loss(*tensors))
    assert nats == pytest.approx(90_000 * np.log(2), rel=1e-5)


def test_pixels_of_every_axis_are_summed():
    shape = (14, 28, 28, 1)
    x, logits = RNG.uniform(size=shape), RNG.normal(size=shape)
    (got,) = to_numpy(models.reconstruction_loss(x, logits))
    flat = models.reconstruction_loss(x.reshape(14, -1), logits.reshape(14, -1))
    np.testing.assert_allclose(got, *to_numpy(flat), rtol=1e-5)


def test_models_of_pictures_with_rows_and_columns():
    """A batch of 14 pictures through a layer of 28 x 28: no axis is taken for another."""
    layers, x = keras.layers, keras.Input((28, 28, 1))
    h, z = layers.Flatten()(layers.Conv2D(2, 3, 4, "same")(x)), keras.Input((2,))
    decoder = keras.Model(z, layers.Reshape((28, 28, 1))(layers.Dense(784)(z)), name="decoder")
    heads = [layers.Dense(2)(h) for _ in range(2)]
    vae = models.build_vae(keras.Model(x, heads, name="encoder"), decoder)
    plain = models.build_autoencoder(keras.Model(x, heads[0], name="encoder"), decoder)
    vae.compile("sgd")
    plain.compile("sgd", loss=models.reconstruction_loss)
    pictures = X.reshape(64, 28, 28, 1)
    for model in (vae, plain):
        loss = model.evaluate(pictures, batch_size=14, verbose=0, return_dict=True)["loss"]
        assert loss == pytest.approx(784 * np.log(2), rel=0.1)
    assert models.decode(vae, models.encode(vae, pictures)[0]).shape == pictures.shape


def test_the_gradient_of_one_step_is_that_of_finite_differences():
    """A step of plain SGD moves a weight by minus the slope of the loss. The noise is kept out
    by a log-variance of -40, so that the loss is a function of the weights alone."""
    keras.utils.set_random_seed(1)
    encoder, decoder = models.build_vae_encoder(hidden=4), models.build_decoder(hidden=4)
    vae = models.build_vae(encoder, decoder)
    log_var = encoder.get_layer("z_log_var")
    log_var.kernel.assign(ops.zeros(log_var.kernel.shape))
    log_var.bias.assign(ops.full(log_var.bias.shape, -40.0))
    x = X[:8]

    def loss():
        return vae.evaluate(x, batch_size=8, verbose=0, return_dict=True)["loss"]

    rate, d = 1e-3, 1e-2
    vae.compile(keras.optimizers.SGD(rate))
    kernel = encoder.get_layer("z_mean").kernel
    before = ops.convert_to_numpy(kernel).copy()
    slopes = {}
    for at in [(0, 0), (1, 1), (3, 0)]:
        values = []
        for sign in (1, -1):
            nudged = before.copy()
            nudged[at] += sign * d
            kernel.assign(nudged)
            values.append(loss())
        slopes[at] = (values[0] - values[1]) / (2 * d)
    kernel.assign(before)
    vae.fit(x, batch_size=8, verbose=0)
    moved = (before - ops.convert_to_numpy(kernel)) / rate
    for at, slope in slopes.items():
        assert moved[at] == pytest.approx(slope, rel=0.02, abs=0.02)


@pytest.mark.slow
def test_any_batch_size_and_a_smaller_last_batch(vae):
    vae.compile("rmsprop", **training.fast())
    for batch_size in (1, 7, 64):
        history = vae.fit(X[:15], batch_size=batch_size, verbose=0)
        assert np.isfinite(history.history["loss"]).all()
    assert vae.predict(X[:1], verbose=0)["logits"].shape == (1, 784)


@pytest.mark.slow
def test_training_learns():
    """The loss falls below what the best constant picture reaches."""
    keras.utils.set_random_seed(0)
    kinds = (RNG.uniform(size=(2, 784)) < 0.5).astype("float32")
    x = kinds[np.arange(2_000) % 2]
    vae = models.build_vae(models.build_vae_encoder(hidden=32), models.build_decoder(hidden=32))
    vae.compile("rmsprop", **training.fast())
    loss = vae.fit(x, batch_size=50, epochs=10, verbose=0).history["loss"][-1]
    constant = np.sum(kinds[0] != kinds[1]) * np.log(2)
    assert loss < constant / 4
    with_modes = [np.round(models.decode(vae, models.encode(vae, kinds)[0]))]
    np.testing.assert_array_equal(with_modes[0], kinds)


@pytest.mark.slow
def test_the_vae_comes_back_from_disk_the_same(vae, tmp_path):
    vae.compile("rmsprop")
    vae.fit(X, verbose=0)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert type(loaded) is models.VAE
    for left, right in zip(models.encode(vae, X), models.encode(loaded, X), strict=True):
        np.testing.assert_array_equal(left, right)
    z = RNG.normal(size=(10, 2))
    np.testing.assert_array_equal(models.decode(vae, z), models.decode(loaded, z))
    keys = ("loss", "reconstruction", "kl")
    before, after = (m.evaluate(X, verbose=0, return_dict=True) for m in (vae, loaded))
    assert [before[k] for k in keys] == pytest.approx([after[k] for k in keys], rel=0.01)
    loaded.fit(X, verbose=0)  # and it trains on, without being compiled again


# ------------------------------------------------------------------ the plain autoencoder


@pytest.mark.slow
def test_the_autoencoder_comes_back_from_disk_the_same(tmp_path):
    keras.utils.set_random_seed(0)
    autoencoder = models.build_autoencoder(models.build_encoder(), models.build_decoder())
    autoencoder.compile("rmsprop", loss=models.reconstruction_loss, **training.fast())
    autoencoder.fit(X, X, verbose=0)
    autoencoder.save(tmp_path / "ae.keras")
    loaded = keras.models.load_model(tmp_path / "ae.keras")
    np.testing.assert_array_equal(autoencoder.predict(X, verbose=0), loaded.predict(X, verbose=0))


def test_encode_and_decode_are_the_models_halves(vae):
    autoencoder = models.build_autoencoder(models.build_encoder(), models.build_decoder())
    z = models.encode(autoencoder, X)
    assert z.shape == (64, 2)
    (logits,) = to_numpy(autoencoder(X))
    np.testing.assert_allclose(models.decode(autoencoder, z), 1 / (1 + np.exp(-logits)), atol=1e-5)
    z_mean, z_log_var = models.encode(vae, X)
    assert z_mean.shape == z_log_var.shape == (64, 2)


def test_codes_of_what_is_no_batch_are_refused_in_one_line(vae):
    """One image, a code too long, pictures that are not flat: Keras prints all their numbers."""
    pictures = X.reshape(64, 28, 28)
    for rows in (X[0], X[:, :9], pictures):
        with pytest.raises(ValueError, match=r"shape \(None, 784\), found .* x\[None\]$"):
            models.encode(vae, rows)
    for rows in (X[:3], X[0, :2]):
        with pytest.raises(ValueError, match=r"shape \(None, 2\), found .* x\[None\]$"):
            models.decode(vae, rows)


def test_a_vae_needs_an_encoder_with_two_heads():
    with pytest.raises(ValueError, match="expected an encoder to z_mean and z_log_var"):
        models.build_vae(models.build_encoder(), models.build_decoder())


def test_an_autoencoder_aims_at_its_own_input():
    autoencoder = models.build_autoencoder(models.build_encoder(), models.build_decoder())
    autoencoder.compile("rmsprop", loss=models.reconstruction_loss)
    itself, blank = (autoencoder.evaluate(X, y, verbose=0) for y in (X, 0 * X))
    assert autoencoder.evaluate(X, verbose=0) == pytest.approx(itself)
    assert blank != pytest.approx(itself)


def test_autoencoder_loss_is_summed_over_pixels():
    autoencoder = models.build_autoencoder(models.build_encoder(), models.build_decoder())
    autoencoder.compile("rmsprop", loss=models.reconstruction_loss)
    (per_image,) = to_numpy(models.reconstruction_loss(X, autoencoder(X)))
    reported = autoencoder.evaluate(X, X, batch_size=10, verbose=0)
    assert reported == pytest.approx(per_image.mean(), rel=1e-4)
    assert reported > 100  # a mean over pixels would be below 1
