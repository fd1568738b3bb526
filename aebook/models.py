"""The autoencoder and the variational autoencoder, in Keras 3 and `keras.ops` only.

The functions and classes below stand on the page in the chapter that teaches them; a test holds
that the page and this file are the same code. Both models end in logits: a probability is
sigmoid(logit), and the loss is computed from the logit itself, which stays exact where the
probability would round to 0 or 1. Losses are in nats, one number an image, and computed in float32
whatever the dtype policy: float16 ends at 65,504, bfloat16 knows three digits, which a sum over
hundreds of pixels needs all, and float64 JAX does not have unless it is told to.
"""

import keras
import numpy as np
from keras import layers, ops

from aebook.decorators import takes


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


@keras.saving.register_keras_serializable("aebook")
@takes("y", "sample_weight")
class Autoencoder(keras.Model):
    """A functional `keras.Model` whose target is x where `fit` or `evaluate` is given no other."""

    def compute_loss(self, x, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, x if y is None else y, y_pred, sample_weight, training)


def build_autoencoder(encoder, decoder):
    """x -> z -> logits as one model; compile it with `reconstruction_loss` and fit(x, x).

    A target other than x is fitted as well: fit(noisy, clean).
    """
    x = keras.Input(encoder.input_shape[1:], name="x")
    return Autoencoder(x, decoder(encoder(x)), name="autoencoder")


def build_vae_encoder(input_dim=784, hidden=256, latent_dim=2):
    """x -> (z_mean, z_log_var): the mean and log-variance of q(z|x), each (n, latent_dim)."""
    x = keras.Input((input_dim,), name="x")
    h = layers.Dense(hidden, activation="relu", name="encoding")(x)
    z_mean = layers.Dense(latent_dim, name="z_mean")(h)
    z_log_var = layers.Dense(latent_dim, name="z_log_var")(h)
    return keras.Model(x, [z_mean, z_log_var], name="encoder")


@keras.saving.register_keras_serializable("aebook")
class Sampling(layers.Layer):
    """z = z_mean + exp(z_log_var / 2) * eps, with eps from N(0, I): a draw from q(z|x).

    z_mean, z_log_var: (n, latent_dim), in the dtype in which the layer computes, and so are eps
    and z.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, z_mean, z_log_var):
        shape, dtype = ops.shape(z_mean), self.compute_dtype
        eps = keras.random.normal(shape, dtype=dtype, seed=self.seed_generator)
        return z_mean + ops.exp(z_log_var / 2) * eps


@keras.saving.register_keras_serializable("aebook")
def reconstruction_loss(x, logits):
    """-log p(x|z) of each image: binary cross-entropy summed over pixels, float32 (n,), in nats.

    x, logits: of one shape, with the images along the first axis: (n, 784), (n, 28, 28, 1); or
    logits of a single image for all. For x in {0, 1} this is a likelihood. For grey x it is the
    cross-entropy that the published results report, and no normalized likelihood (Loaiza-Ganem
    and Cunningham, 2019).
    """
    x, logits = ops.cast(x, "float32"), ops.cast(logits, "float32")
    nats = ops.softplus(logits) - x * logits
    return ops.sum(nats, axis=tuple(range(1, ops.ndim(nats))))


def kl_loss(z_mean, z_log_var):
    """KL(q(z|x) || N(0, I)) of each image in closed form, summed over latents, in nats.

    z_mean, z_log_var: (n, latent_dim) to float32 (n,), or those of one image, (latent_dim,) to ().
    Kingma and Welling (2014), appendix B.
    """
    z_mean, z_log_var = ops.cast(z_mean, "float32"), ops.cast(z_log_var, "float32")
    return ops.sum(ops.square(z_mean) + ops.exp(z_log_var) - 1 - z_log_var, axis=-1) / 2


@keras.saving.register_keras_serializable("aebook")
@takes("y", "sample_weight")
class VAE(keras.Model):
    """A functional model that trains on minus the ELBO: reconstruction + KL, mean over images.

    Make one with `build_vae`. `fit(x)` and `evaluate(x)` report `loss`, `reconstruction` and `kl`,
    where the loss is the sum of the two. A target y is pixels to reconstruct instead of x; with
    sample weights all three are means of weight * nats. `predict(x)` gives the dict of arrays
    z_mean, z_log_var, logits. To train on another loss, override `terms`.
    """

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.trackers = [keras.metrics.Mean(name) for name in ("reconstruction", "kl")]

    def terms(self, x, out):
        reconstruction = reconstruction_loss(x, out["logits"])
        return reconstruction, kl_loss(out["z_mean"], out["z_log_var"])

    def compute_loss(self, x, y=None, y_pred=None, sample_weight=None, training=True):
        weight = 1.0 if sample_weight is None else sample_weight
        terms = [weight * term for term in self.terms(x if y is None else y, y_pred)]
        for tracker, term in zip(self.trackers, terms, strict=True):
            tracker.update_state(term)
        return ops.mean(sum(terms))


def build_vae(encoder, decoder):
    """x -> (z_mean, z_log_var) -> z -> logits as one trainable model.

    encoder: as from `build_vae_encoder`, x of any shape to two outputs (n, latent_dim); decoder: z
    to logits of the shape of x.
    """
    if [len(z.shape) for z in encoder.outputs] != [2, 2]:
        raise ValueError("expected an encoder to z_mean and z_log_var, each (n, latents)")
    x = keras.Input(encoder.input_shape[1:], name="x")
    z_mean, z_log_var = encoder(x)
    z = Sampling(name="sampling")(z_mean, z_log_var)
    outputs = {"z_mean": z_mean, "z_log_var": z_log_var, "logits": decoder(z)}
    return VAE(x, outputs, name="vae")


def run(net, rows):
    """What a net of one input makes of rows of the right shape, in one batch: float32 tensors.

    Raises ValueError where Keras would print all the numbers that it was given.
    """
    rows, shape = np.asarray(rows, "float32"), net.input_shape
    fits = [size in (found, None) for size, found in zip(shape, rows.shape, strict=False)]
    if rows.ndim != len(shape) or not all(fits):
        found = f"found {rows.shape}; a single row x is given as x[None]"
        raise ValueError(f"expected rows for the {net.name}, shape {shape}, {found}")
    return [ops.cast(out, "float32") for out in keras.tree.flatten(net(rows))]


def encode(model, x):
    """The code of each image under a model with an `encoder`, in one batch.

    x: (n, input_dim), or what the encoder takes. Returns NumPy float32: z of shape
    (n, latent_dim) for an autoencoder, the pair (z_mean, z_log_var) for a VAE.
    """
    code = [ops.convert_to_numpy(part) for part in run(model.get_layer("encoder"), x)]
    return code[0] if len(code) == 1 else tuple(code)


def decode(model, z):
    """x_hat = sigmoid(logits) at each z, in one batch.

    z: (n, latent_dim). Returns NumPy float32 (n, output_dim), in [0, 1]: the mean of p(x|z).
    """
    (logits,) = run(model.get_layer("decoder"), z)
    return ops.convert_to_numpy(ops.sigmoid(logits))
