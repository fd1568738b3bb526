"""The linear autoencoder and what is needed to hold it against PCA (chapter 2)."""

import keras
import numpy as np
from keras import layers, ops

from aebook.training import BATCH_SIZE, STEPS_PER_EPOCH, fast, one_epoch


def build_linear(input_dim=784, latent_dim=2, activation=None):
    """x -> z -> x_hat with one weight matrix each way and no biases.

    x: float32 (n, input_dim), centred; x_hat has the same shape. `get_weights()` gives the two
    matrices, (input_dim, latent_dim) and (latent_dim, input_dim). activation: applied to z, for
    seeing what a non-linear code changes.
    """
    x = keras.Input((input_dim,), name="x")
    z = layers.Dense(latent_dim, activation, use_bias=False, name="z")(x)
    x_hat = layers.Dense(input_dim, use_bias=False, name="x_hat")(z)
    return keras.Model(x, x_hat, name="linear_autoencoder")


def squared_error(x, x_hat):
    """The squared distance of each row, summed over its entries: (n, d), (n, d) to (n,)."""
    return ops.sum(ops.square(x - x_hat), axis=-1)


def fit_linear(x, latent_dim=2, activation=None, loss=squared_error, epochs=2, seed=0):
    """Train a `build_linear` model on the rows of x with Adam, the rate falling to zero.

    The falling rate matters: at a constant one the weights keep trembling around the optimum.
    x: float32 (n, d). Sets Keras's seed. Returns the trained model.
    """
    keras.utils.set_random_seed(seed)
    model = build_linear(x.shape[1], latent_dim, activation)
    rate = keras.optimizers.schedules.CosineDecay(0.01, epochs * STEPS_PER_EPOCH)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss=loss, **fast())
    data = ops.convert_to_tensor(one_epoch(x))
    model.fit(data, data, epochs=epochs, batch_size=BATCH_SIZE, verbose=0)
    return model


def principal_angles(a, b):
    """Angles in degrees between the subspaces spanned by the rows of a and of b, smallest first.

    a: (k, d), b: (m, d), rows linearly independent; the bases need be neither orthonormal nor
    alike. Returns float64 (min(k, m),). All are 0 if one subspace holds the other. After Björck
    and Golub (1973); through the cosines, so angles below about 1e-6 degrees read as 0.
    """
    q_a, _ = np.linalg.qr(np.asarray(a, "float64").T)
    q_b, _ = np.linalg.qr(np.asarray(b, "float64").T)
    cosines = np.linalg.svd(q_a.T @ q_b, compute_uv=False)
    return np.degrees(np.arccos(np.clip(cosines, 0, 1)))
