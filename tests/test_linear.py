"""The linear autoencoder against algebra: singular values, rotations, invertible maps."""

import numpy as np
import pytest
from chapter import definitions
from scipy.linalg import subspace_angles

page = definitions("02")
build_linear, fit_linear = page.build_linear, page.fit_linear
principal_angles = page.principal_angles


@pytest.fixture(scope="module")
def data():
    """2,000 centred points in 12 dimensions whose variance falls from 25 to about 0."""
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    x = rng.normal(size=(2000, 12)) * (5.0 * 0.6 ** np.arange(12)) @ axes
    return (x - x.mean(axis=0)).astype("float32")


@pytest.fixture(scope="module")
def trained(data):
    return fit_linear(data, latent_dim=3, epochs=4)


def test_angles_of_a_known_rotation():
    t, s = np.radians(20), np.radians(50)
    a = np.eye(5)[:2]
    b = np.array([[np.cos(t), 0, np.sin(t), 0, 0], [0, np.cos(s), 0, np.sin(s), 0]])
    np.testing.assert_allclose(principal_angles(a, b), [20, 50], atol=1e-9)


def test_angles_agree_with_scipy_and_ignore_the_choice_of_basis():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(3, 8)), rng.normal(size=(4, 8))
    expected = np.sort(np.degrees(subspace_angles(a.T, b.T)))
    np.testing.assert_allclose(principal_angles(a, b), expected, atol=1e-6)
    mixed = rng.normal(size=(3, 3)) @ a
    np.testing.assert_allclose(principal_angles(mixed, b), expected, atol=1e-6)
    np.testing.assert_allclose(principal_angles(mixed, a), 0, atol=1e-5)


def test_the_untrained_model_is_the_product_of_its_two_matrices(data):
    model = build_linear(12, 3)
    w_in, w_out = model.get_weights()
    assert (w_in.shape, w_out.shape) == ((12, 3), (3, 12))
    np.testing.assert_allclose(model.predict(data, verbose=0), data @ w_in @ w_out, atol=1e-4)


def test_trained_it_reaches_the_best_subspace_and_the_best_error(data, trained):
    """Eckart and Young: no map of rank 3 leaves less than the sum of the other singular values."""
    _, s, axes = np.linalg.svd(data.astype("float64"), full_matrices=False)
    optimum = np.sum(s[3:] ** 2) / len(data)
    x_hat = trained.predict(data, batch_size=2000, verbose=0)
    error = np.mean(np.sum((data - x_hat) ** 2, axis=1))
    assert optimum * (1 - 1e-5) < error < optimum * 1.005
    assert principal_angles(trained.get_weights()[1], axes[:3]).max() < 2


def test_with_biases_a_relu_code_of_data_off_centre_is_as_good_as_the_best_linear_one(data):
    """Bourlard and Kamp: shift the code until the ReLU never cuts, and take the shift back."""
    off = data + 3 * np.arange(12, dtype="float32")
    mean = off.mean(axis=0)
    _, s, axes = np.linalg.svd(off - mean, full_matrices=False)
    low = ((off - mean) @ axes[:3].T).min(axis=0)
    model = build_linear(12, 3, activation="relu", bias=0)
    model.set_weights([axes[:3].T, -mean @ axes[:3].T - low, axes[:3], mean + low @ axes[:3]])
    x_hat = model.predict(off, batch_size=2000, verbose=0)
    error = np.mean(np.sum((off - x_hat) ** 2, axis=1))
    np.testing.assert_allclose(error, np.sum(s[3:] ** 2) / len(off), rtol=1e-4)


def test_a_bias_begins_where_it_is_told_and_only_the_encoders():
    w_in, b_in, w_out, b_out = build_linear(12, 3, bias=10).get_weights()
    assert (w_in.shape, w_out.shape) == ((12, 3), (3, 12))
    assert (b_in == 10).all()
    assert (b_out == 0).all()


def test_an_invertible_change_of_code_changes_nothing(data, trained):
    w_in, w_out = trained.get_weights()
    a = np.array([[1, 2, 0], [0, 1, 3], [1, 0, 1]], "float32")
    twin = build_linear(12, 3)
    twin.set_weights([w_in @ a, np.linalg.inv(a).astype("float32") @ w_out])
    ours, theirs = twin.predict(data, verbose=0), trained.predict(data, verbose=0)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
