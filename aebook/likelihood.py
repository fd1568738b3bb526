"""How likely a digit is: bounds on log p(x), log p(x) itself, and closed forms to test them on.

Pixels are black or white here (`binarize`), so that the cross-entropy is a likelihood. Everything
is in nats, one number an image unless a docstring says otherwise. The functions and classes below
stand on the page in the chapter that teaches them; a test holds that both are the same code.
"""

import keras
import numpy as np
from keras import layers, ops
from scipy.stats import norm

from aebook.decorators import restorable, takes
from aebook.models import Sampling, encode, kl_loss, reconstruction_loss


def binarize(x, seed=0):
    """Toss one coin a pixel: ink with the grey value as its probability.

    x: (n, d) in [0, 1]. Returns float32 of the same shape, 0 or 1, the same for the same seed.
    """
    rng = np.random.default_rng(seed)
    return (rng.random(x.shape, dtype="float32") < x).astype("float32")


def log_normal(z, mean=0.0, log_var=0.0):
    """Log density of independent normals, summed over the last axis; N(0, I) by default.

    z: (..., d); mean and log_var broadcast against it. Returns (...).
    """
    squares = (z - mean) ** 2 / np.exp(log_var)
    return -0.5 * (squares + log_var + np.log(2 * np.pi)).sum(axis=-1)


def log_sum_exp(a):
    """log(sum(exp(a))) over the last axis, safe from overflow: (..., k) to (...)."""
    top = a.max(axis=-1, keepdims=True)
    return top[..., 0] + np.log(np.exp(a - top).sum(axis=-1))


def plane_grid(n_points=201, box=6.0):
    """The points of the trapezoid rule on [-box, box]^2, and the log prior mass of each one's cell.

    Returns z of shape (n_points**2, 2), float64, and log_weight (n_points**2,), which is
    log N(z; 0, I) + 2 log step. (The rule's halves at the rim are left out: for box=6 the
    prior's density there is below 3e-9.)
    """
    axis, step = np.linspace(-box, box, n_points, retstep=True)
    z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return z, log_normal(z) + 2 * np.log(step)


def log_blank(logits):
    """Log probability of a blank page at each row of logits: (K, d) to (K,)."""
    return -ops.convert_to_numpy(ops.sum(ops.softplus(logits), axis=-1))


def log_mixture(x, logits, log_weight, block=200):
    """log sum_k w_k p(x|logits_k): each image under a mixture of K tables of pixel probabilities.

    x: (n, d) of 0 and 1; logits: (K, d); log_weight: (K,). Works through `block` images at a
    time, in the dtype of x. Returns (n,).
    """
    offset = (log_weight + log_blank(logits)).astype(x.dtype)
    blocks = [x[start : start + block] for start in range(0, len(x), block)]
    return np.concatenate([log_sum_exp(x @ logits.T + offset) for x in blocks])


def log_posterior(x, logits, log_weight):
    """Bayes' rule: log probability of each component, given each image. Returns (n, K).

    Arguments as for `log_mixture`. On a grid: log p(z|x) + 2 log step.
    """
    joint = x @ logits.T + (log_weight + log_blank(logits)).astype(x.dtype)
    return joint - log_sum_exp(joint)[:, None]


def log_p_quadrature(decoder, x, n_points=201, box=6.0):
    """log p(x) of a VAE with two latents: the prior's integral by the trapezoid rule, (n,).

    decoder: float32 (K, 2) to logits (K, d); x: float32 (n, d) of 0 and 1. The step must not be
    much above the standard deviation of the posteriors p(z|x).
    """
    z, log_weight = plane_grid(n_points, box)
    return log_mixture(x, ops.convert_to_numpy(decoder(z.astype("float32"))), log_weight)


def aggregate_density(grid, z_mean, z_log_var):
    """The density of the aggregate posterior q(z) on a square grid in the plane.

    grid: (k,), the points of one axis; z_mean, z_log_var: (n, 2), one q(z|x) a row. Returns
    (k, k), row i at z_2 = grid[i].
    """
    sigma = np.exp(z_log_var / 2)
    across, up = (norm.pdf(grid, z_mean[:, [k]], sigma[:, [k]]) for k in (0, 1))
    return up.T @ across / len(z_mean)


def aggregate_draws(z_mean, z_log_var, n, seed=0):
    """n draws from the aggregate posterior: choose an image, then draw from its q(z|x).

    z_mean, z_log_var: (n_images, latent_dim). Returns float64 (n, latent_dim).
    """
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(z_mean), size=n)
    eps = rng.normal(size=(n, z_mean.shape[1]))
    return z_mean[chosen] + np.exp(z_log_var[chosen] / 2) * eps


def kl_to_posterior(log_q, log_post):
    """KL(q || posterior) of each image from two (n, K) tables of log masses on one grid: (n,)."""
    return (np.exp(log_q) * (log_q - log_post)).sum(axis=-1)


def log_weights(vae, x, n_draws, seed=0):
    """log p(x, z) - log q(z|x) at draws z from q(z|x).

    vae: as from `build_vae`, any latent size; x: (n, d) of 0 and 1. Returns float64 (n, n_draws);
    the average of a row estimates the ELBO of its image.
    """
    rng = np.random.default_rng(seed)
    z_mean, z_log_var = encode(vae, x)
    decoder, x = vae.get_layer("decoder"), ops.convert_to_tensor(x)
    log_w = np.empty((len(x), n_draws))
    for k in range(n_draws):
        eps = rng.standard_normal(z_mean.shape, dtype="float32")
        z = z_mean + np.exp(z_log_var / 2) * eps
        log_likelihood = -ops.convert_to_numpy(reconstruction_loss(x, decoder(z)))
        log_w[:, k] = log_likelihood + log_normal(z) - log_normal(z, z_mean, z_log_var)
    return log_w


def importance_bound(log_w, k):
    """The bound with k draws, log of the mean of k weights, averaged over groups: (n, m) to (n,).

    k must divide m. k = 1 is the ELBO. Burda, Grosse and Salakhutdinov (2016).
    """
    groups = log_w.reshape(len(log_w), -1, k)
    return (log_sum_exp(groups) - np.log(k)).mean(axis=1)


def normal_loss(x, x_hat, log_var):
    """-log N(x; x_hat, exp(log_var) I) of each image, float32 (n,).

    x, x_hat: (n, d); log_var: one number, or one for each pixel.
    """
    x, x_hat, log_var = (ops.cast(a, "float32") for a in (x, x_hat, log_var))
    squares = ops.square(x - x_hat) / ops.exp(log_var)
    return ops.sum(squares + log_var + float(np.log(2 * np.pi)), axis=-1) / 2


@restorable
@takes()
class LinearVAE(keras.Model):
    """A VAE without a bend: linear encoder and decoder, normal pixels with one learned noise.

    Called on x (n, d) it returns minus the ELBO of each image, from one draw of z each, and
    `fit(x)` minimizes the mean. The variance of q(z|x) is the same for all images, as the true
    posterior's. `to_pixels` is the decoder, `noise_log_var` the log of the noise's variance.
    """

    def __init__(self, input_dim, latent_dim):
        super().__init__()
        self.to_mean, self.to_pixels = layers.Dense(latent_dim), layers.Dense(input_dim)
        self.z_log_var = self.add_weight(shape=(latent_dim,), initializer="zeros")
        self.noise_log_var = self.add_weight(shape=(), initializer="zeros")
        self.sampling = Sampling()

    def call(self, x):
        z_mean = self.to_mean(x)
        z_log_var = self.z_log_var + ops.zeros_like(z_mean)
        x_hat = self.to_pixels(self.sampling(z_mean, z_log_var))
        return normal_loss(x, x_hat, self.noise_log_var) + kl_loss(z_mean, z_log_var)

    def compute_loss(self, x, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(y_pred)


def ppca(x, latent_dim):
    """Probabilistic PCA in closed form: the maximum-likelihood mean, W and noise variance.

    x: float64 (n, d). Returns mean (d,), w (d, latent_dim), whose columns are orthogonal and
    sorted, and noise, the mean of the eigenvalues left out. Tipping and Bishop (1999).
    """
    eigenvalues, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    noise = eigenvalues[latent_dim:].mean()
    w = vectors[:, :latent_dim] * np.sqrt(eigenvalues[:latent_dim] - noise)
    return x.mean(axis=0), w, noise


def linear_log_p(x, mean, w, noise):
    """log p(x) when z is N(0, I) and x is N(mean + w z, noise I): normal with w w^T + noise I.

    x: (n, d); mean: (d,); w: (d, latent_dim); noise: variance. Returns (n,).
    """
    covariance = w @ w.T + noise * np.eye(len(mean))
    _, log_det = np.linalg.slogdet(2 * np.pi * covariance)
    distances = ((x - mean) * np.linalg.solve(covariance, (x - mean).T).T).sum(axis=1)
    return -(log_det + distances) / 2


def fit_mixture(x, n_components, n_steps=5, seed=0):
    """A mixture of tables of pixel probabilities by EM: (logits, log_weight) for `log_mixture`.

    Starts halfway between random training images and their average, and counts that average as
    one more image in each component, so that no pixel is ever impossible.
    x: float32 (n, d) of 0 and 1. Returns (n_components, d) and (n_components,).
    """
    rng = np.random.default_rng(seed)
    average = x.mean(axis=0).clip(0.001, 0.999)
    ink = (x[rng.choice(len(x), n_components, replace=False)] + average) / 2
    log_weight = np.full(n_components, -np.log(n_components))
    for _ in range(n_steps):
        shares = np.exp(log_posterior(x, np.log(ink) - np.log1p(-ink), log_weight))
        count = shares.sum(axis=0) + 1
        ink = (shares.T @ x + average) / count[:, None]
        log_weight = np.log(count / count.sum())
    return np.log(ink) - np.log1p(-ink), log_weight
