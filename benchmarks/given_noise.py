"""Chapter 3's VAE with its noise drawn by the input pipeline, so that PyTorch compiles its steps.

Where `keras.random` draws on PyTorch, it makes a generator, and PyTorch's compiler does not look
into those (https://github.com/pytorch/pytorch/issues/88576). In the middle of a model, as in the
layer `Sampling`, that leaves all layers around it to Python. Noise that comes with the images
leaves nothing to draw. Same sizes, same loss; public Keras and NumPy only, on every backend.
"""

import keras
import numpy as np
from keras import ops

from aebook import models


class Batches(keras.utils.PyDataset):
    """An epoch of shuffled images x, (n, pixels), each with new noise eps, (n, latent_dim)."""

    def __init__(self, x, batch_size=100, latent_dim=2, seed=1):
        super().__init__()
        self.x, self.batch_size, self.latent_dim = x, batch_size, latent_dim
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return len(self.x) // self.batch_size

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        eps = self.rng.standard_normal((self.batch_size, self.latent_dim), dtype="float32")
        return ((self.x[rows], eps),)

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))


class GivenNoise(models.VAE):
    """A VAE of the two inputs x and eps."""

    def terms(self, x, out):
        return super().terms(x[0], out)


def build_vae(encoder, decoder, kind=GivenNoise):
    """(x, eps) -> z_mean, z_log_var, logits, with z = z_mean + exp(z_log_var / 2) * eps."""
    x = keras.Input(encoder.input_shape[1:], name="x")
    eps = keras.Input(decoder.input_shape[1:], name="eps")
    z_mean, z_log_var = encoder(x)
    logits = decoder(z_mean + ops.exp(z_log_var / 2) * eps)
    return kind([x, eps], {"z_mean": z_mean, "z_log_var": z_log_var, "logits": logits})
