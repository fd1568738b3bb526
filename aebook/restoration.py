"""Noise, the filters against it, colour spaces and patches, and how to measure a repair."""

import numpy as np
from scipy import ndimage


def add_noise(x, kind, level, seed):
    """A noisy copy of pictures x, float32 (n, 784) in [0, 1].

    kind: "gaussian" adds normal noise of standard deviation `level` (the result is not clipped,
    for a sensor's noise knows no white and black); "salt and pepper" sets a share `level` of the
    pixels to 0 or 1 at random. seed: integer. Raises ValueError for any other kind.
    """
    rng = np.random.default_rng(seed)
    if kind == "gaussian":
        return x + level * rng.standard_normal(x.shape, dtype="float32")
    if kind == "salt and pepper":
        struck = rng.random(x.shape, dtype="float32") < level
        return np.where(struck, rng.integers(0, 2, x.shape, dtype="int8"), x).astype("float32")
    raise ValueError(f"kind must be gaussian or salt and pepper, got {kind!r}")


def psnr(x, x_hat):
    """Peak signal-to-noise ratio of each picture in decibels, shape (n,), for values in [0, 1].

    10 log10(1 / MSE): 20 dB is a root mean squared error of 0.1, each 6 dB more halves it.
    """
    return -10 * np.log10(np.mean((x - x_hat) ** 2, axis=-1))


def ssim(x, x_hat, window=7):
    """Mean structural similarity of each picture, shape (n,), for values in [0, 1].

    x, x_hat: (n, 784). 1 for equal pictures. Wang, Bovik, Sheikh and Simoncelli (2004), with a
    uniform window of `window` pixels a side and their constants 0.01 and 0.03.
    """
    x, x_hat = (np.reshape(a, (-1, 28, 28)).astype("float64") for a in (x, x_hat))

    def local_mean(a):
        return ndimage.uniform_filter(a, (0, window, window))

    mean_x, mean_y = local_mean(x), local_mean(x_hat)
    var_x = local_mean(x * x) - mean_x**2
    var_y = local_mean(x_hat * x_hat) - mean_y**2
    covariance = local_mean(x * x_hat) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    half = window // 2
    return (luminance * structure)[:, half:-half, half:-half].mean(axis=(1, 2))


def median_filter(x, size):
    """Each pixel's median over a square of `size` pixels a side; x: (n, 784)."""
    return ndimage.median_filter(x.reshape(-1, 28, 28), (1, size, size)).reshape(x.shape)


def gaussian_filter(x, width):
    """Blur by a normal kernel of standard deviation `width` pixels; x: (n, 784)."""
    return ndimage.gaussian_filter(x.reshape(-1, 28, 28), (0, width, width)).reshape(x.shape)


# Luma and two chroma axes of a JPEG file (ITU-R BT.601), centred at zero.
RGB_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)


def to_luma_chroma(rgb):
    """(..., 3) RGB in [0, 1] to luma (...) in [0, 1] and chroma (..., 2) in [-0.5, 0.5]."""
    ycc = rgb @ RGB_TO_YCC.T
    return ycc[..., 0], ycc[..., 1:]


def to_rgb(luma, chroma):
    """The inverse of `to_luma_chroma`, clipped to [0, 1]."""
    ycc = np.concatenate([luma[..., None], chroma], axis=-1)
    return np.clip(ycc @ np.linalg.inv(RGB_TO_YCC).T, 0, 1)


def patches(picture, side, stride):
    """All patches of `side` pixels a side whose corners lie `stride` apart, row by row.

    picture: (h, w) or (h, w, c). Returns (n, side, side[, c]).
    """
    windows = np.lib.stride_tricks.sliding_window_view(picture, (side, side), axis=(0, 1))
    windows = windows[::stride, ::stride]
    if picture.ndim == 3:  # the view puts the channel before the window
        windows = np.moveaxis(windows, 2, -1)
    return windows.reshape(-1, *windows.shape[2:])


def assemble(parts, shape, stride):
    """Lay patches back where `patches` took them from and average where they overlap.

    parts: (n, side, side, c); shape: (h, w) of the picture. Returns (h, w, c).
    """
    side, channels = parts.shape[1], parts.shape[-1]
    total, count = np.zeros((*shape, channels)), np.zeros((*shape, 1))
    tops = range(0, shape[0] - side + 1, stride)
    lefts = range(0, shape[1] - side + 1, stride)
    corners = [(top, left) for top in tops for left in lefts]
    for part, (top, left) in zip(parts, corners, strict=True):
        total[top : top + side, left : left + side] += part
        count[top : top + side, left : left + side] += 1
    return total / np.maximum(count, 1)
