"""Data larger than memory: pictures that stay on disk, and batches of them for `fit`.

`Pictures` looks like an array of rows and reads a row when it is asked for; `Batches` asks for one
batch at a time, in an order that depends on nothing but a seed and the epoch, and can hand each of
several processes its share. Both work on every backend, and `Batches` takes any array as well.
"""

import os
import time
from pathlib import Path

import keras
import numpy as np

from aebook.data import DataError, one_line

SUFFIXES = (".jpg", ".jpeg", ".png")
NAMED = 5  # unreadable pictures named one by one; the others are counted


class Pictures:
    """The pictures (JPEG, PNG) of a folder, in the order of their names, as rows left on disk.

    pictures[rows] reads the rows that an array would give, for integers, a slice or a mask: float32
    (n, side * side), for one integer (side * side,); 0 is paper and 1 is ink. IndexError beyond the
    last. In memory are only the names, less than 100 bytes a picture. Each picture becomes grey, on
    white paper where it is transparent, loses its rim so that a square of `keep` times the shorter
    side is left in the middle, and is resized.

    A picture that cannot be read is named once (unless quiet), kept in `skipped`, and replaced by
    the next one that can, so that a batch has its size and every run sees the same. Raises
    `DataError` when the folder is missing or holds nothing to read.
    """

    def __init__(self, folder, side=32, keep=0.75, quiet=False):
        if side < 1 or not 0 < keep <= 1:
            raise ValueError(
                f"expected side of at least 1 and keep in (0, 1], got side={side}, keep={keep}"
            )
        self.side, self.keep, self.quiet, self.skipped = side, keep, quiet, {}
        try:
            self.folder = Path(folder).expanduser()
            with os.scandir(self.folder) as entries:
                self.names = sorted(e.name for e in entries if e.name.lower().endswith(SUFFIXES))
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(
                f"{folder}: expected a folder of JPEG or PNG pictures, found: {one_line(error)}"
            ) from None
        self._at_or_after(
            0
        )  # a folder without one good picture is refused here, not in the middle of an epoch

    def __len__(self):
        return len(self.names)

    @property
    def shape(self):
        return len(self), self.side**2

    def __getitem__(self, rows):
        rows = np.arange(len(self))[rows]
        x = np.empty((rows.size, self.side**2), "float32")
        for k, row in enumerate(rows.flat):
            x[k] = self._at_or_after(int(row))
        return x.reshape(*rows.shape, self.side**2)

    def read(self, row):
        """One picture, float32 (side * side,), or None if it cannot be read."""
        from PIL import Image

        name = self.names[row]
        if name in self.skipped:
            return None
        try:
            with Image.open(self.folder / name) as picture:
                picture.draft("L", None)  # from a JPEG take the grey channel only: less to decode
                half = self.keep * min(picture.size) / 2
                across, down = picture.width / 2, picture.height / 2
                box = (across - half, down - half, across + half, down + half)
                size = (self.side, self.side)
                grey = _grey(picture).resize(size, Image.Resampling.BOX, box)
                return 1 - np.asarray(grey, "float32").ravel() / 255
        except Exception as error:  # decoders meet a broken file with errors of many kinds
            self._skip(name, error)
            return None

    def _at_or_after(self, row):
        for k in range(len(self)):
            if (x := self.read((row + k) % len(self))) is not None:
                return x
        raise DataError(
            f"{self.folder}: expected JPEG or PNG pictures, found {len(self):,} files named so "
            "and none readable"
        )

    def _skip(self, name, error):
        self.skipped[name] = type(error).__name__
        if self.quiet or len(self.skipped) > NAMED + 1:
            return
        if len(self.skipped) <= NAMED:
            print(f"Pictures: skipped as unreadable: {name}", flush=True)
        else:
            print("Pictures: more are unreadable; `skipped` has their names", flush=True)


def _grey(picture):
    """A Pillow picture of any mode in 256 greys, laid on white paper."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits a pixel; convert("L") would cut them off at 255
        return Image.fromarray(np.rint(np.asarray(picture) / 257).astype("uint8"))
    if picture.has_transparency_data:
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture.convert("RGBA"))
    return picture.convert("L")


class Batches(keras.utils.PyDataset):
    """Batches of a source's rows for `fit`; of each batch, the share of one process among several.

    source: anything with len() and source[rows]: an array, a memory-mapped one, `Pictures`.
    batch_size: rows in a batch, summed over all processes. steps: batches in an epoch; by default
    as many as fit. With more, rows are repeated, as `one_epoch` does.
    rank, ranks: this process and how many there are. The batches of the ranks, one after the other,
    are the batch of a single process.

    The order is drawn anew for each epoch from (seed, epoch) alone, so that every rank and every
    resumed run has the same. `fit` must then be told shuffle=False, and `begin(epoch)` called
    before an epoch that is not the next. workers=2 reads ahead in two threads.
    """

    def __init__(self, source, batch_size=100, steps=None, seed=0, rank=0, ranks=1, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rank < ranks:
            raise ValueError(f"expected a rank from 0 to {ranks - 1}, got {rank}")
        if batch_size < 1 or batch_size % ranks:
            raise ValueError(
                f"a batch of {batch_size} cannot be shared equally by {ranks} processes; "
                f"take a multiple of {ranks}"
            )
        self.source, self.batch_size, self.seed = source, batch_size, seed
        self.rank, self.ranks = rank, ranks
        self.steps = steps or max(1, len(source) // batch_size)
        self.begin(0)

    def begin(self, epoch):
        """Draw the order of this epoch."""
        self.epoch = epoch
        self.order = np.random.default_rng((self.seed, epoch)).permutation(len(self.source))

    def rows(self, step):
        """The numbers of the rows that this rank reads in a step of the epoch."""
        share = self.batch_size // self.ranks
        start = step * self.batch_size + self.rank * share
        return self.order[np.arange(start, start + share) % len(self.order)]

    def __len__(self):
        return self.steps

    def __getitem__(self, step):
        return np.asarray(self.source[self.rows(step)], "float32")

    def on_epoch_end(self):
        self.begin(self.epoch + 1)


def progress(items, n, what, every=0.5):
    """Yield the items, and show every so many seconds, on one line, how many of n have come.

    The line is wiped at the end, so that nothing of it stays in a stored output.
    """
    width, wiped, due = 30, 0, time.monotonic() + every
    try:
        for k, item in enumerate(items, 1):
            yield item
            if time.monotonic() >= due:
                full = min(width * k // n, width)
                line = f"{what} [{'#' * full}{'.' * (width - full)}] {k:,} of {n:,}"
                print("\r" + line, end="", flush=True)
                wiped, due = len(line), time.monotonic() + every
    finally:
        if wiped:
            print("\r" + " " * wiped + "\r", end="", flush=True)
