"""Curves of a rate-distortion plot: codes come back, and settings are chosen where they should."""

import keras
import numpy as np
import pytest

from aebook import curves
from aebook.models import build_autoencoder, build_decoder, build_encoder, decode, encode

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(300, 784))


def test_all_components_in_fine_steps_give_the_picture_back():
    code = curves.pca_codes(X, (20, 784))[784]
    size, x_hat = curves.measure(X[:50], code, 0.001)
    assert np.abs(x_hat - X[:50]).max() < 0.02
    coarse, worse = curves.measure(X[:50], code, 0.5)
    assert coarse < size / 2
    assert np.abs(worse - X[:50]).max() > 0.1


def test_fewer_components_are_the_leading_ones():
    two = curves.pca_codes(X, (20, 30))
    np.testing.assert_allclose(two[20][1](X), two[30][1](X)[:, :20])


def test_turned_latents_are_uncorrelated_and_go_back():
    keras.utils.set_random_seed(0)
    network = build_autoencoder(build_encoder(latent_dim=5), build_decoder(5))
    z_fit, to_z, to_x = curves.latent_code(network, X)
    covariance = np.cov(z_fit.T)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-4 * covariance.max()
    np.testing.assert_allclose(to_x(to_z(X)), decode(network, encode(network, X)), atol=1e-4)


@pytest.fixture
def three(monkeypatch):
    """Three settings; on the pictures of ones the middle one is beaten, on the others it wins."""

    def measure(x, code, step):
        error = {1: 0.0, 2: 0.9, 4: 1.0}[step] if x[0, 0] else {1: 0.1, 2: 0.2, 4: 1.0}[step]
        return 8 / step, x + error

    monkeypatch.setattr(curves, "measure", measure)
    return {"a": None}, (1, 2, 4)


def test_settings_are_chosen_on_one_set_and_measured_on_another(three):
    ones, zeros = np.ones((2, 784)), np.zeros((2, 784))
    sizes, errors = curves.chosen_curve(*three, x_valid=ones, x_test=zeros)
    np.testing.assert_allclose(sizes, [2, 8])  # the middle lies above the line of its neighbours
    np.testing.assert_allclose(errors, [1.0, 0.01])
    sizes, errors = curves.chosen_curve(*three, x_valid=zeros, x_test=ones)
    np.testing.assert_allclose(sizes, [2, 4, 8])
    np.testing.assert_allclose(errors, [1.0, 0.81, 0.0])
