"""The autoencoder and the variational autoencoder, in Keras 3 and `keras.ops` only.

The functions and classes below stand on the page in the chapter that teaches them; a test holds
that the page and this file are the same code. Both models end in logits: a probability is
sigmoid(logit), and the loss is computed from the logit itself, which stays exact where the
probability would round to 0 or 1. Losses are in nats, one number an image.
"""

import keras
import numpy as np
from keras import layers, ops


def build_encoder(input_dim=784, hidden=256, latent_dim=2):
    """x -> z: float32 (n, input_dim) to (n, latent_dim). Linear output, no distribution."""
    x = keras.Input((input_dim,), name="x")
    h = layers.Dense(hidden, activation="relu", name="encoding")(x)
    z = layers.Dense(latent_dim, name="z")(h)
    return keras.Model(x, z, name="encoder")


def build_decoder(latent_dim=2, hidden=256, output_dim=784):
    """z -> logits: float32 (n, latent_dim) to (n, output_dim); x_hat = sigmoid(logits)."""
    z = keras.Input((latent_dim,), name="z")
    h = layers.Dense(hidden, activation="relu", name="decoding")(z)
    logits = layers.Dense(output_dim, name="logits")(h)
    return keras.Model(z, logits, name="decoder")


def build_autoencoder(encoder, decoder):
    """x -> z -> logits as one model; compile it with `reconstruction_loss` and fit(x, x)."""
    x = keras.Input(encoder.input_shape[1:], name="x")
    return keras.Model(x, decoder(encoder(x)), name="autoencoder")


def build_vae_encoder(input_dim=784, hidden=256, latent_dim=2):
    """x -> (z_mean, z_log_var): the mean and log-variance of q(z|x), each (n, latent_dim)."""
    x = keras.Input((input_dim,), name="x")
    h = layers.Dense(hidden, activation="relu", name="encoding")(x)
    z_mean = layers.Dense(latent_dim, name="z_mean")(h)
    z_log_var = layers.Dense(latent_dim, name="z_log_var")(h)
    return keras.Model(x, [z_mean, z_log_var], name="encoder")


@keras.saving.register_keras_serializable("aebook")
class Sampling(layers.Layer):
    """z = z_mean + exp(z_log_var / 2) * eps, with eps from N(0, I): a draw from q(z|x)."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, z_mean, z_log_var):
        eps = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(z_log_var / 2) * eps


def reconstruction_loss(x, logits):
    """-log p(x|z) of each image: binary cross-entropy summed over pixels, shape (n,), in nats.

    For x in {0, 1} this is a likelihood. For grey x it is the cross-entropy that the published
    results report, and no normalized likelihood (Loaiza-Ganem and Cunningham, 2019).
    """
    return ops.sum(ops.softplus(logits) - ops.multiply(x, logits), axis=-1)


def kl_loss(z_mean, z_log_var):
    """KL(q(z|x) || N(0, I)) of each image in closed form, summed over latents: (n,), in nats.

    Kingma and Welling (2014), appendix B.
    """
    squares = ops.square(z_mean) + ops.exp(z_log_var)
    return ops.sum(ops.subtract(squares - 1, z_log_var), axis=-1) / 2


@keras.saving.register_keras_serializable("aebook")
class VAE(keras.Model):
    """A functional model that trains on minus the ELBO: reconstruction + KL, mean over images.

    Make one with `build_vae`. `fit(x)` and `evaluate(x)` take images only and report `loss`,
    `reconstruction` and `kl`; `predict(x)` gives the dict of arrays z_mean, z_log_var, logits.
    """

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.trackers = [keras.metrics.Mean(name) for name in ("reconstruction", "kl")]

    def terms(self, x, out):
        reconstruction = reconstruction_loss(x, out["logits"])
        return reconstruction, kl_loss(out["z_mean"], out["z_log_var"])

    def compute_loss(self, x, y=None, y_pred=None, sample_weight=None, training=True):
        terms = self.terms(x, y_pred)
        for tracker, term in zip(self.trackers, terms, strict=True):
            tracker.update_state(term, sample_weight)
        loss = sum(terms) if sample_weight is None else sum(terms) * sample_weight
        return ops.mean(loss)


def build_vae(encoder, decoder):
    """x -> (z_mean, z_log_var) -> z -> logits as one trainable model."""
    x = keras.Input(encoder.input_shape[1:], name="x")
    z_mean, z_log_var = encoder(x)
    z = Sampling(name="sampling")(z_mean, z_log_var)
    outputs = {"z_mean": z_mean, "z_log_var": z_log_var, "logits": decoder(z)}
    return VAE(x, outputs, name="vae")


def encode(model, x):
    """The code of each image under a model with an `encoder`, in one batch.

    x: float32 (n, input_dim). Returns NumPy: z of shape (n, latent_dim) for an autoencoder, the
    pair (z_mean, z_log_var) for a VAE.
    """
    code = model.get_layer("encoder")(np.asarray(x, "float32"))
    if isinstance(code, (list, tuple)):
        return tuple(ops.convert_to_numpy(part) for part in code)
    return ops.convert_to_numpy(code)


def decode(model, z):
    """x_hat = sigmoid(logits) at each z, in one batch.

    z: (n, latent_dim). Returns NumPy float32 (n, output_dim), in [0, 1]: the mean of p(x|z).
    """
    logits = model.get_layer("decoder")(np.asarray(z, "float32"))
    return ops.convert_to_numpy(ops.sigmoid(logits))
