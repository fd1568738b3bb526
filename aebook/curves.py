"""Curves of chapter 1's rate-distortion plot, for chapters that put another code beside them.

A code of latents is a triple: latents (n, k) to fit a `Coder` on, a function from images to
latents, and one back. Images are float arrays (n, 784) in [0, 1]. `measure` stands on the page in
chapter 1; a test holds that both are the same code.
"""

import numpy as np
from sklearn.decomposition import PCA

from aebook.compression import dequantize, fit_coder, ideal_bytes, lower_hull, quantize, rmse
from aebook.models import decode, encode


def measure(x, code, step):
    """Bytes an image, decoder not counted, and the pictures that come back, (n, 784).

    x: images; step: the width of the steps to which latents are rounded.
    """
    z_fit, to_z, to_x = code
    coder = fit_coder(z_fit, step)
    symbols = quantize(to_z(x), coder)
    return ideal_bytes(symbols, coder.tables) / len(x), to_x(dequantize(symbols, coder))


def pca_codes(x_fit, sizes):
    """{k: the code of the k leading principal components of x_fit} for each k of sizes."""
    pca = PCA(svd_solver="covariance_eigh").fit(x_fit)

    def code(k):
        parts, mean = pca.components_[:k], pca.mean_
        z_fit = (x_fit[:10_000] - mean) @ parts.T
        return z_fit, lambda x: (x - mean) @ parts.T, lambda z: np.clip(z @ parts + mean, 0, 1)

    return {k: code(k) for k in sizes}


def latent_code(network, x_fit):
    """The code of an autoencoder, its latents turned by PCA until they are uncorrelated."""
    turn = PCA().fit(encode(network, x_fit[:10_000]))

    def to_z(x):
        return turn.transform(encode(network, x))

    return to_z(x_fit[:10_000]), to_z, lambda z: decode(network, turn.inverse_transform(z))


def chosen_curve(codes, steps, x_valid, x_test):
    """Bytes an image and mean squared error on x_test of the settings that are best on x_valid.

    codes: {name: code}; steps: widths to try with each. Returns (2, n), the cheapest first.
    """

    def point(x, name, step):
        size, x_hat = measure(x, codes[name], step)
        return size, rmse(x, x_hat) ** 2

    tried = [(*point(x_valid, name, step), name, step) for name in codes for step in steps]
    return np.transpose([point(x_test, name, step) for *_, name, step in lower_hull(tried)])
