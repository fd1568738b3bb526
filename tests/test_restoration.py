"""Noise, filters, scores and colour spaces: what they are by definition."""

import numpy as np
import pytest

from aebook import restoration
from aebook.restoration import add_noise, assemble, patches, psnr, ssim, to_luma_chroma, to_rgb

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(20, 784)).astype("float32")


def test_gaussian_noise_has_the_level_asked_for():
    noise = add_noise(np.zeros((200, 784), "float32"), "gaussian", 0.3, seed=0)
    assert abs(noise.mean()) < 4 * 0.3 / np.sqrt(noise.size)
    assert noise.std() == pytest.approx(0.3, rel=0.02)


def test_salt_and_pepper_strikes_the_share_asked_for_and_leaves_the_rest():
    noisy = add_noise(X, "salt and pepper", 0.4, seed=0)
    struck = noisy != X
    assert struck.mean() == pytest.approx(0.4, abs=0.02)
    assert set(np.unique(noisy[struck])) == {0, 1}
    assert noisy[struck].mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("kind", ["gaussian", "salt and pepper"])
def test_one_seed_one_noise(kind):
    noisy = add_noise(X, kind, 0.4, seed=0)
    np.testing.assert_array_equal(noisy, add_noise(X, kind, 0.4, seed=0))
    assert (noisy != add_noise(X, kind, 0.4, seed=1)).any()


def test_unknown_noise_is_named():
    with pytest.raises(ValueError, match="'gausian'"):
        add_noise(X, "gausian", 0.1, seed=0)


def test_psnr_is_twenty_decibels_for_a_tenth():
    np.testing.assert_allclose(psnr(X, X + np.float32(0.1)), 20, atol=1e-4)
    assert psnr(X, X + np.float32(0.05))[0] == pytest.approx(20 + 20 * np.log10(2), abs=1e-4)


def test_ssim_is_one_for_equals_and_the_formula_for_flat_pictures():
    np.testing.assert_allclose(ssim(X, X), 1)
    a, b = 0.3, 0.6  # no variance: only the luminance term is left
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    flat = np.ones((1, 784))
    np.testing.assert_allclose(ssim(a * flat, b * flat), expected, rtol=1e-6)
    assert ssim(X, 1 - X).max() < 0  # a negative is less alike than no picture at all


def test_ssim_equals_the_definition_window_by_window():
    a, b = RNG.uniform(size=(2, 28, 28))
    total = []
    for i in range(22):
        for j in range(22):
            u, v = a[i : i + 7, j : j + 7], b[i : i + 7, j : j + 7]
            c = ((u - u.mean()) * (v - v.mean())).mean()
            top = (2 * u.mean() * v.mean() + 1e-4) * (2 * c + 9e-4)
            bottom = (u.mean() ** 2 + v.mean() ** 2 + 1e-4) * (u.var() + v.var() + 9e-4)
            total.append(top / bottom)
    assert ssim(a.reshape(1, -1), b.reshape(1, -1))[0] == pytest.approx(np.mean(total), rel=1e-9)


def test_median_filter_removes_a_lone_pixel_and_keeps_an_edge():
    picture = np.zeros((28, 28), "float32")
    picture[:, 14:] = 1
    spoiled = picture.copy()
    spoiled[5, 5] = 1
    repaired = restoration.median_filter(spoiled.reshape(1, -1), 3)
    np.testing.assert_array_equal(repaired.reshape(28, 28), picture)


def test_gaussian_filter_keeps_the_sum_and_stays_in_its_picture():
    pictures = np.zeros((2, 784))
    pictures[0, 14 * 28 + 14] = 1
    blurred = restoration.gaussian_filter(pictures, 1.0)
    assert blurred[0].sum() == pytest.approx(1)
    assert blurred[0].max() < 0.2
    assert (blurred[1] == 0).all()


def test_colour_comes_back_and_grey_has_no_chroma():
    rgb = RNG.uniform(size=(6, 5, 3))
    luma, chroma = to_luma_chroma(rgb)
    np.testing.assert_allclose(to_rgb(luma, chroma), rgb, atol=1e-12)
    luma, chroma = to_luma_chroma(np.full((2, 2, 3), 0.7))
    np.testing.assert_allclose(luma, 0.7)
    np.testing.assert_allclose(chroma, 0, atol=1e-6)


@pytest.mark.parametrize(("side", "stride"), [(4, 4), (4, 2), (5, 3)])
def test_patches_go_back_where_they_came_from(side, stride):
    picture = RNG.uniform(size=(20, 17, 2))
    parts = patches(picture, side, stride)
    np.testing.assert_array_equal(parts[1], picture[:side, stride : stride + side])
    assert patches(picture[..., 0], side, stride).shape == parts.shape[:-1]
    back = assemble(parts, picture.shape[:2], stride)
    covered = back != 0
    np.testing.assert_allclose(back[covered], picture[covered])
    assert covered[:side, :side].all()
