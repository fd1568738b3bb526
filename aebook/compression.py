"""Codes counted in real bytes: quantizing, entropy coding, picture files and how far off they are.

What stands here stands on the page in chapters 1 and 13; a test holds that page and file are the
same code. Images are float arrays (n, 784) in [0, 1], latents float arrays (n, k), symbols integer
arrays (n, k) starting at 0: one row an image, one column a latent.
"""

import io
from bisect import bisect_right
from typing import NamedTuple

import numpy as np
from PIL import Image

TOTAL = 2**16  # what the frequencies of one column sum to
LOW = 2**32  # the state of the entropy coder stays between this and its square


def rmse(x, x_hat):
    """Root of the MEAN of the squared differences, over everything given: one float."""
    return float(np.sqrt(np.mean(np.square(x - x_hat))))


def pooled_psnr(x, x_hat):
    """Peak signal-to-noise ratio in decibels for a peak of 1: one float, more is better.

    20 dB is an RMSE of 0.1, and 20 dB more is a tenth of that. Infinite when nothing differs. The
    mean is over ALL images given, before the logarithm; `aebook.restoration.psnr` gives one
    value for each image.
    """
    error = rmse(x, x_hat)
    return float(-20 * np.log10(error)) if error else np.inf


class Coder(NamedTuple):
    """What both ends of the line must share: width of a step, lowest number, frequencies.

    step: float; low: int; tables: int64 (k, levels), see `frequency_tables`.
    """

    step: float
    low: int
    tables: np.ndarray


def frequency_tables(symbols, levels):
    """How often each symbol occurs in each column, as whole numbers that sum to TOTAL.

    symbols: (n, k), from 0 to levels - 1. Returns int64 (k, levels) with no entry below 1, so
    that a symbol never seen before can still be sent, for at most 16 bits.
    """
    counts = np.stack([np.bincount(column, minlength=levels) for column in symbols.T])
    tables = 1 + counts * (TOTAL - levels) // len(symbols)
    tables[np.arange(len(tables)), tables.argmax(axis=1)] += TOTAL - tables.sum(axis=1)
    return tables


def fit_coder(z, step):
    """The `Coder` for latents distributed like z, float (n, k), in steps of one width."""
    q = np.rint(z / step).astype(int)
    low, levels = int(q.min()), int(np.ptp(q)) + 1
    return Coder(step, low, frequency_tables(q - low, levels))


def quantize(z, coder):
    """Latents, float (n, k), to symbols (n, k); beyond the tables' ends, to the end."""
    q = np.rint(z / coder.step).astype(int) - coder.low
    return np.clip(q, 0, coder.tables.shape[1] - 1)


def dequantize(symbols, coder):
    """Symbols (n, k) to the latents in the middle of their steps, float64 (n, k)."""
    return (symbols + coder.low) * coder.step


def ideal_bytes(symbols, tables):
    """Shannon's count: log2(1 / p) summed over all symbols (n, k), in bytes, p from the tables."""
    columns = np.arange(symbols.shape[1])
    return float(np.log2(TOTAL / tables[columns, symbols]).sum() / 8)


def ans_encode(symbols, tables):
    """Symbols (n, k) to bytes: `ideal_bytes` of them and about eight more.

    Asymmetric numeral systems (Duda, 2013). The last symbol goes in first, so that the first
    comes out first.
    """
    columns = np.arange(symbols.shape[1])
    widths = tables[columns, symbols].ravel()
    starts = (np.cumsum(tables, axis=1) - tables)[columns, symbols].ravel()
    state, words = LOW, []
    for start, width in zip(starts[::-1].tolist(), widths[::-1].tolist(), strict=True):
        if state >= LOW * LOW // TOTAL * width:
            words.append(state % LOW)
            state //= LOW
        state = state // width * TOTAL + start + state % width
    words += [state % LOW, state // LOW]
    return np.array(words, "<u4").tobytes()


def ans_decode(code, tables, n):
    """The symbols (n, k) of n images from what `ans_encode` made with the same tables.

    Raises ValueError when the bytes are damaged or were made with other tables.
    """
    words = np.frombuffer(code[:-8], "<u4").tolist()
    state = int.from_bytes(code[-8:], "little")
    ends, widths = np.cumsum(tables, axis=1).tolist(), tables.tolist()
    symbols = np.empty((n, len(tables)), int)
    for i, j in np.ndindex(symbols.shape):
        slot = state % TOTAL
        s = symbols[i, j] = bisect_right(ends[j], slot)
        state = state // TOTAL * widths[j][s] + slot - ends[j][s] + widths[j][s]
        if state < LOW:
            state = state * LOW + (words.pop() if words else 0)
    if state != LOW or words:
        raise ValueError("damaged bytes, or other tables than the sender's")
    return symbols


def sheet(pictures, columns=40):
    """Pictures (n, side, side) on one sheet, row by row: (n // columns * side, columns * side)."""
    n, side, _ = pictures.shape
    grid = pictures.reshape(n // columns, columns, side, side)
    return grid.transpose(0, 2, 1, 3).reshape(-1, columns * side)


def cut_sheet(page, columns=40):
    """The pictures (n, side, side) of a sheet, in the order in which `sheet` laid them out."""
    side = page.shape[1] // columns
    grid = page.reshape(-1, side, columns, side)
    return grid.transpose(0, 2, 1, 3).reshape(-1, side, side)


def resize(pictures, side):
    """uint8 (n, h, h) to uint8 (n, side, side), each picture by itself, bicubic."""
    if pictures.shape[1] == side:
        return pictures
    size = (side, side)
    return np.stack([np.asarray(Image.fromarray(p).resize(size, Image.BICUBIC)) for p in pictures])


def png_file(x, side=28, greys=256, columns=40):
    """The bytes of one PNG file with all images x, float (n, 784), made smaller and fewer greys.

    side: pixels a side; greys: 2 to 256, evenly spaced from 0 to 1; n: a multiple of columns.
    """
    pictures = resize(np.rint(x * 255).astype("uint8").reshape(-1, 28, 28), side)
    picture = Image.fromarray(sheet(np.rint(pictures / 255 * (greys - 1)).astype("uint8"), columns))
    if greys < 256:
        picture.putpalette(np.repeat(np.linspace(0, 255, greys).round(), 3).astype(int).tolist())
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def jpeg_file(x, side=28, quality=75, columns=40, progressive=True):
    """The bytes of one grey JPEG file with all images x, float (n, 784), made smaller.

    side: pixels a side; quality: 1 to 95; n: a multiple of columns. progressive: smaller for a
    sheet, larger for a single digit.
    """
    pictures = resize(np.rint(x * 255).astype("uint8").reshape(-1, 28, 28), side)
    file = io.BytesIO()
    picture = Image.fromarray(sheet(pictures, columns))
    picture.save(file, "JPEG", quality=quality, optimize=True, progressive=progressive)
    return file.getvalue()


def read_file(file, columns=40):
    """The images, float64 (n, 784) in [0, 1], of what `png_file` or `jpeg_file` made."""
    page = np.asarray(Image.open(io.BytesIO(file)).convert("L"))
    return resize(cut_sheet(page, columns), 28).reshape(-1, 784) / 255


def lower_hull(points):
    """Of (bytes, error, ...) tuples those that neither another nor a mixture beats, cheapest first.

    Sending a share of the images with one setting and the rest with another mixes bytes and mean
    squared errors in the same proportion: what lies above the line between two points is beaten.
    """
    hull = []
    for point in sorted(points, key=lambda point: point[:2]):
        if hull and point[1] >= hull[-1][1]:
            continue
        while len(hull) > 1 and slope(hull[-2], hull[-1]) >= slope(hull[-2], point):
            hull.pop()
        hull.append(point)
    return hull


def slope(a, b):
    """Error gained for each byte spent between two (bytes, error, ...) tuples; below 0 if any."""
    return (b[1] - a[1]) / (b[0] - a[0])
