"""Faces over varied backgrounds: drawn by code, or read from a folder of pictures.

A drawn face is fully described by eight numbers, its traits, and stands in the same place in every
picture; what is behind it is drawn anew each time and owes the face nothing. Pictures follow the
convention of the digits: float32, one row each, 0 is paper and 1 is ink.
"""

from typing import NamedTuple

import numpy as np

from aebook.data import DataError, named, printable
from aebook.streaming import NAMED, Pictures, progress

TRAITS = ("skin", "hair", "width", "length", "gaze", "eyes", "smile", "mouth")
VARIABLE = "AEBOOK_FACES"
CHUNK = 1000  # pictures drawn at once: large enough to be fast, small enough for any memory


class Faces(NamedTuple):
    """Pictures of aligned faces and the two places in which to measure them.

    x: float32 of shape (n, side * side), 0 is paper (white) and 1 is ink (black).
    inside: bool (side * side,), pixels that belong to the face in every picture.
    outside: bool (side * side,), pixels that belong to the face in no picture. For pictures from
        a folder both are guesses: a middling ellipse, and what lies outside a large one.
    source: where the pictures came from, in words.
    """

    x: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    source: str


def load_faces(n=20_000, side=32, quiet=False):
    """Faces from the folder that AEBOOK_FACES names, else drawn by code; said in one line.

    n: how many at most; side: height and width in pixels. Returns a `Faces`. Raises `DataError`
    with a one-line message when the folder cannot be used: it is never replaced by drawings.
    """
    folder = named(VARIABLE)
    faces = read_faces(folder, n, side, quiet) if folder else _drawn(n, side)
    if not quiet:
        print(f"Faces: {len(faces.x):,} pictures of {side} x {side} pixels, {faces.source}")
    return faces


def draw_faces(n, seed=0, side=32, traits=None, background=True):
    """Draw n faces, the same place for each, over backgrounds that differ.

    traits: (n, 8) in [0, 1] in the order of TRAITS, or None for uniform draws. One seed gives the
    same scenes at every `side`, and its first pictures do not depend on n.
    background: False leaves the paper white.

    Returns x, float32 (n, side * side) in [0, 1], and face, bool (n, side * side), True where the
    face (or its hair) covers at least half of a pixel.
    """
    if n < 1 or side < 8:
        raise ValueError(f"n must be at least 1 and side at least 8, got n={n}, side={side}")
    of_face, of_background = np.random.default_rng(seed).spawn(2)
    if traits is None:
        traits = of_face.uniform(size=(n, len(TRAITS)))
    traits = np.asarray(traits, "float32")
    if traits.shape != (n, len(TRAITS)):
        raise ValueError(f"traits must have shape {(n, len(TRAITS))}, got {traits.shape}")
    scenes = of_background.uniform(size=(n, 16)).astype("float32")
    x, face = np.zeros((n, side, side), "float32"), np.zeros((n, side, side), bool)
    for start in range(0, n, CHUNK):
        rows = slice(start, start + CHUNK)
        if background:
            x[rows] = _backgrounds(scenes[rows], side)
        x[rows], face[rows] = _faces(traits[rows], x[rows])
    return x.reshape(n, -1), face.reshape(n, -1)


def read_faces(folder, n=20_000, side=32, quiet=False, keep=0.75):
    """Read the first n pictures (JPEG, PNG) of a folder, in the order of their names.

    Each is turned as its EXIF data say, becomes grey, loses its rim so that a square of `keep`
    times the shorter side is left in the middle, and is resized. keep=0.75 suits CelebA's aligned
    pictures of 178 x 218 pixels.
    Unreadable files are skipped, and named in one line unless `quiet`.

    Returns a `Faces`. Raises `DataError` when the folder is missing or holds nothing to read.
    """
    try:
        pictures = Pictures(folder, side, keep, quiet=True)
    except DataError as error:
        raise DataError(
            str(error), f"name another folder in {VARIABLE}, or leave it empty for drawn faces"
        ) from None
    x = np.empty((min(n, len(pictures)), side * side), "float32")
    count, rows = 0, range(len(pictures))
    for row in rows if quiet else progress(rows, len(x), "Faces"):
        if count == len(x):
            break
        if (picture := pictures.read(row)) is not None:
            x[count], count = picture, count + 1
    if pictures.skipped and not quiet:
        names = [printable(name) for name in pictures.skipped]
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        print(f"Faces: skipped as unreadable: {', '.join(names[:NAMED])}{more}")
    across, down = _grid(side)
    radius = np.hypot(across / 0.55, (down - 0.1) / 0.7).ravel()
    return Faces(x[:count], radius < 0.8, radius > 1.4, "from the folder you named")


def sharpness(x, region):
    """Gradient energy: mean squared difference of neighbouring pixels within a region.

    x: (n, side * side) or (side * side,); region: bool (side * side,). A pair of neighbours
    counts when both lie in the region. Returns one number per picture, shape (n,) or (1,).
    """
    side = round(np.sqrt(region.size))
    x, region = np.asarray(x).reshape(-1, side, side), region.reshape(side, side)
    across = np.diff(x, axis=2)[:, region[:, 1:] & region[:, :-1]]
    down = np.diff(x, axis=1)[:, region[1:] & region[:-1]]
    return np.mean(np.concatenate([across, down], axis=1) ** 2, axis=1)


def _drawn(n, side):
    x, face = draw_faces(n, side=side)
    return Faces(x, face.all(axis=0), ~face.any(axis=0), "drawn by code")


def _grid(side):
    """Pixel centres: across (1, side) and down (side, 1), both from -1 to 1."""
    centres = ((np.arange(side) + 0.5) * 2 / side - 1).astype("float32")
    return centres[None, :], centres[:, None]


def _cover(distance):
    """How much of each pixel a shape covers, from the signed distance to its rim (< 0 inside)."""
    return np.clip(0.5 - distance * distance.shape[-1] / 2, 0, 1)


def _ellipse(across, down, wide, high):
    """Signed distance, nearly, to an ellipse around the origin."""
    return (np.hypot(across / wide, down / high) - 1) * np.minimum(wide, high)


def _between(low, high, t):
    return low + (high - low) * t[:, None, None]


def _faces(traits, x):
    """Paint faces over the pictures x, (n, side, side); returns the pictures and who is face."""
    across, down = _grid(x.shape[-1])
    skin, hair, width, length, gaze, eyes, smile, mouth = traits.T
    wide = _between(0.44, 0.54, width)
    head = _ellipse(across, down - 0.08, wide, 0.72)
    mane = np.maximum(_ellipse(across, down + 0.02, wide + 0.13, 0.82),
                      down - _between(-0.25, 0.6, length))  # fmt: skip
    brow = np.maximum(head, -0.38 - down - 0.15 * across**2)
    eye_at = np.abs(across) - 0.5 * wide
    white = _ellipse(eye_at, down + 0.05, _between(0.12, 0.17, eyes), _between(0.06, 0.13, eyes))
    look = across - np.sign(across) * 0.5 * wide - _between(-0.06, 0.06, gaze)
    pupil = np.maximum(_ellipse(look, down + 0.05, 0.07, 0.07), white)
    bend = _between(-0.16, 0.16, smile) * (1 - 2 * (across / 0.3) ** 2)
    lips = np.maximum(np.abs(down - 0.45 - bend) - _between(0.035, 0.08, mouth),
                      np.abs(across) - _between(0.18, 0.28, mouth))  # fmt: skip
    nose = _ellipse(across, down - 0.2, 0.05, 0.1)
    tone = _between(0.08, 0.45, skin)
    for shape, ink in [(mane, _between(0.35, 1.0, hair)), (brow, tone), (nose, tone + 0.15),
                       (white, 0.0), (pupil, 0.95), (lips, 0.85)]:  # fmt: skip
        cover = _cover(shape)
        x = x + (ink - x) * cover
    return x, _cover(np.minimum(mane, brow)) >= 0.5


def _backgrounds(scenes, side):
    """Gratings, blobs and edges, a third each: (n, 16) uniform numbers to (n, side, side)."""
    across, down = _grid(side)
    x = np.empty((len(scenes), side, side), "float32")
    for kind, paint in enumerate([_gratings, _blobs, _edges]):
        rows = np.floor(scenes[:, 0] * 3) == kind
        x[rows] = paint(scenes[rows, 1:], across, down)
    return np.clip(x, 0, 1)


def _gratings(t, across, down):
    """Stripes of two to five periods a picture, any direction, phase, contrast and level."""
    angle, periods, phase = np.pi * t[:, 0], 2 + 3 * t[:, 1], 2 * np.pi * t[:, 2]
    along = np.cos(angle)[:, None, None] * across + np.sin(angle)[:, None, None] * down
    wave = np.sin(np.pi * periods[:, None, None] * along + phase[:, None, None])
    return _between(0.3, 0.7, t[:, 3]) + _between(0.2, 0.5, t[:, 4]) * wave


def _blobs(t, across, down):
    """Five round spots, darker or lighter than what they lie on, anywhere in the picture."""
    x = _between(0.2, 0.8, t[:, 0]) + 0 * (across * down)
    for u, v, depth in np.moveaxis(t[:, :15].reshape(len(t), 5, 3), 0, 2):
        u, v = (2.4 * c[:, None, None] - 1.2 for c in (u, v))
        sign = np.where(depth < 0.5, -0.7, 0.7)[:, None, None]
        width = 0.12 + 0.3 * np.abs(depth - 0.5)[:, None, None]
        x += sign * np.exp(-(((across - u) / width) ** 2)) * np.exp(-(((down - v) / width) ** 2))
    return x


def _edges(t, across, down):
    """Three half-planes of random direction, offset and shade, one laid over the other."""
    x = _between(0.0, 1.0, t[:, 0]) + 0 * (across * down)
    for angle, offset, shade in np.moveaxis(t[:, 1:10].reshape(len(t), 3, 3), 0, 2):
        angle = 2 * np.pi * angle[:, None, None]
        rim = np.cos(angle) * across + np.sin(angle) * down - _between(-0.2, 0.9, offset)
        x += (shade[:, None, None] - x) * _cover(-rim)
    return x
