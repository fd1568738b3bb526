"""Data larger than memory: pictures that stay on disk, and batches of them for `fit`.

`Pictures` looks like an array of rows and reads a row when it is asked for; `Batches` asks for one
batch at a time, in an order that depends on nothing but a seed and the epoch, and can hand each of
several processes its share. Both work on every backend, and `Batches` takes any array as well.
"""

import contextlib
import itertools
import operator
import os
import stat
import time
import traceback
from collections import Counter
from pathlib import Path

import keras
import numpy as np

from aebook.data import DataError, one_line, printable

SUFFIXES = (".jpg", ".jpeg", ".png")
NAMED = 5  # unreadable pictures named one by one; the others are counted


class Pictures:
    """The pictures (JPEG, PNG) of a folder, in the order of their names, as rows left on disk.

    pictures[rows] reads the rows that an array would give, for integers, a slice or a mask: float32
    (n, side * side), for one integer (side * side,); 0 is paper and 1 is ink. IndexError beyond the
    last. In memory are only the names, less than 100 bytes a picture; one that begins with a dot is
    no picture's. Each picture is turned as its EXIF data say, becomes grey, on white paper where it
    is transparent, loses its rim so that a square of `keep` times the shorter side is left in the
    middle, and is resized.

    A picture that cannot be read is named once (unless quiet), kept in `skipped` with the reason,
    and replaced by one that can, drawn from its row alone, so that a batch has its size and every
    run sees the same. Raises `DataError` when the folder is missing or holds nothing to read.
    """

    def __init__(self, folder, side=32, keep=0.75, quiet=False):
        try:
            self.side = operator.index(side)
        except TypeError:
            raise ValueError(f"expected an integer side, got {side!r}") from None
        if side < 1 or not 0 < keep <= 1:
            raise ValueError(
                f"expected side of at least 1 and keep in (0, 1], got side={side}, keep={keep}"
            )
        self.keep, self.quiet, self.skipped = keep, quiet, {}
        try:
            self.folder = Path(folder).expanduser()
            names = os.listdir(self.folder)
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(
                f"{folder}: expected a folder of JPEG or PNG pictures, found: {one_line(error)}"
            ) from None
        self.names = sorted(
            name for name in names if name.lower().endswith(SUFFIXES) and name[0] != "."
        )
        # A folder without one good picture is refused here, not in the middle of an epoch.
        if all(self.read(row) is None for row in range(len(self))):
            raise self._none_readable()

    def __len__(self):
        return len(self.names)

    @property
    def shape(self):
        return len(self), self.side**2

    def __getitem__(self, rows):
        rows = np.arange(len(self))[rows]
        x = np.empty((rows.size, self.side**2), "float32")
        for k, row in enumerate(rows.flat):
            x[k] = self._row_or_another(int(row))
        return x.reshape(*rows.shape, self.side**2)

    def read(self, row):
        """One picture, float32 (side * side,), or None if it cannot be read."""
        from PIL import Image, ImageOps

        name = self.names[row]
        if name in self.skipped:
            return None
        try:
            if not stat.S_ISREG((self.folder / name).stat().st_mode):  # a pipe would be waited for
                raise ValueError("a folder, a pipe or a device")
            with Image.open(self.folder / name) as picture:
                picture.draft("L", None)  # from a JPEG take the grey channel only: less to decode
                picture.load()
                with contextlib.suppress(Exception):  # data that are damaged turn nothing
                    ImageOps.exif_transpose(picture, in_place=True)
                grey = _grey(picture)
        except Exception as error:  # decoders meet a broken file with errors of many kinds
            self._skip(name, error)
            return None
        half = self.keep * min(grey.size) / 2
        across, down = grey.width / 2, grey.height / 2
        box = (across - half, down - half, across + half, down + half)
        grey = grey.resize((self.side, self.side), Image.Resampling.BOX, box)
        return 1 - np.asarray(grey, "float32").ravel() / 255

    def _row_or_another(self, row):
        """The picture of this row, or the first readable of a hundred drawn, or of all."""
        if (x := self.read(row)) is not None:
            return x
        drawn = np.random.default_rng(row).integers(len(self), size=100)
        for other in itertools.chain(drawn, range(len(self))):
            if (x := self.read(other)) is not None:
                return x
        raise self._none_readable()  # they were, when we began

    def _none_readable(self):
        """The `DataError` that says why, or what else is there."""
        if self.names:
            name, why = next(iter(self.skipped.items()))
            found = f"{len(self):,} files named so and none readable ({name}: {why})"
        else:
            there = sorted(self.folder.iterdir())
            folders = [f"the folder {path.name}" for path in there if path.is_dir()]
            kinds = Counter(path.suffix or path.name for path in there if not path.is_dir())
            others = [*folders[:NAMED], *(f"{n:,} {kind}" for kind, n in kinds.most_common(NAMED))]
            found = f"none, but {', '.join(others)}" if others else "an empty folder"
        return DataError(f"{self.folder}: expected JPEG or PNG pictures, found {found}")

    def _skip(self, name, error):
        self.skipped[name] = one_line(error)
        if self.quiet:
            return
        if len(self.skipped) <= NAMED:
            print(f"Pictures: skipped as unreadable: {printable(name)}", flush=True)
        elif len(self.skipped) == NAMED + 1:
            print("Pictures: more are unreadable; `skipped` has their names", flush=True)
        if len(self.skipped) == len(self) // 2 + 1:
            print(f"Pictures: most of {len(self):,} are unreadable and replaced by the others")


def _grey(picture):
    """A Pillow picture of any mode in 256 greys, laid on white paper."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits a pixel; convert("L") would cut them off at 255
        deep = np.asarray(picture)
        deep = np.where(deep == picture.info.get("transparency", -1), 65535, deep)
        return Image.fromarray(np.rint(deep / 257).astype("uint8"))
    if picture.has_transparency_data:
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture.convert("RGBA"))
    return picture.convert("L")


class Batches(keras.utils.PyDataset):
    """Batches of a source's rows for `fit`; of each batch, the share of one process among several.

    source: anything with len() and source[rows], the rows with these numbers: an array, a
    memory-mapped one, `Pictures`. ValueError for what is empty or gives anything else, and, when
    they are read, for integers above 1, which are greys from 0 to 255.
    batch_size: rows in a batch, summed over all processes. steps: batches in an epoch; by default
    as many as fit. With more, rows are repeated, as `one_epoch` does.
    rank, ranks: this process and how many there are. The batches of the ranks, one after the other,
    are the batch of a single process.

    The order is drawn anew for each epoch from (seed, epoch) alone, so that every rank and every
    resumed run has the same. `fit` must then be told shuffle=False, and `begin(epoch)` called
    before an epoch that is not the next: from 0, those of `fit` count, not what `evaluate` reads.
    workers=2 reads ahead in two threads.
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
        try:  # of a table, numbers may name columns; of a list they name nothing
            found = np.shape(source[np.zeros(1, int)]) if len(source) else (0,)
        except (KeyError, TypeError):
            found = ()
        if found[:1] != (1,):
            raise ValueError(
                f"expected rows that are chosen by their numbers, found {type(source).__name__} of "
                f"length {len(source)}; give numpy.asarray(...) of what is not empty"
            )
        self.source, self.batch_size, self.seed = source, batch_size, seed
        self.rank, self.ranks = rank, ranks
        self.steps = steps or max(1, len(source) // batch_size)
        self.within_epoch = False
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
        x = np.asarray(self.source[self.rows(step)])
        if x.dtype.kind in "iu" and x.max() > 1:
            raise ValueError(
                f"expected pixels from 0 to 1, found {x.max()} ({x.dtype}); divide by 255"
            )
        return x.astype("float32", copy=False)

    def on_epoch_begin(self):
        self.within_epoch = True

    def on_epoch_end(self):
        """Keras calls this before the first epoch, too, and from `evaluate`."""
        if self.within_epoch and _caller() == "fit":
            self.begin(self.epoch + 1)
        self.within_epoch = False


def _caller():
    """Which of Keras's loops goes through the data; it tells a data set nothing of that."""
    calls = (frame.f_code.co_name for frame, _ in traceback.walk_stack(None))
    return next((name for name in calls if name in ("fit", "evaluate", "predict")), "fit")


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
