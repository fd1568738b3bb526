"""Pictures left on disk: the same rows as read at once, in bounded memory, whatever the order."""

import os
import threading
import tracemalloc

import keras
import numpy as np
import pytest
from PIL import Image

from aebook import DataError, models, training
from aebook.faces import read_faces
from aebook.streaming import NAMED, Batches, Pictures, progress


def save_pictures(folder, n, size=(24, 32)):
    """n pictures in colour, no two alike."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(n):
        pixels = rng.integers(0, 256, (4, 4, 3), dtype="uint8")
        Image.fromarray(pixels).resize(size).save(folder / f"{i:06d}.jpg", quality=95)
    return folder


def test_rows_are_those_that_reading_at_once_gives(tmp_path):
    pictures = Pictures(save_pictures(tmp_path, 12), side=8)
    x = read_faces(tmp_path, side=8, quiet=True).x
    assert pictures.shape == x.shape
    np.testing.assert_array_equal(pictures[:], x)
    np.testing.assert_array_equal(pictures[[7, 0, 7]], x[[7, 0, 7]])
    np.testing.assert_array_equal(pictures[3:5], x[3:5])
    assert pictures[:1].dtype == np.float32


@pytest.mark.parametrize(
    "rows",
    [
        np.array([False, True, False, True, False, True]),
        [],
        slice(4, 1, -2),
        [-1, 2],
        2,
        np.int64(5),
        -6,
        [[0, 1], [2, 3]],
    ],
)
def test_rows_are_chosen_as_an_array_chooses_them(tmp_path, rows):
    pictures = Pictures(save_pictures(tmp_path, 6), side=8)
    x = pictures[:][rows]
    assert pictures[rows].shape == x.shape
    assert pictures[rows].dtype == np.float32
    np.testing.assert_array_equal(pictures[rows], x)


@pytest.mark.parametrize("rows", [1000, -7, [0, 6], np.ones(5, bool)])
def test_rows_that_are_not_there_are_refused(tmp_path, rows):
    pictures = Pictures(save_pictures(tmp_path, 6), side=8)
    with pytest.raises(IndexError, match="6"):
        pictures[rows]


def test_sixteen_bits_a_pixel_are_the_same_greys(tmp_path):
    greys = np.linspace(0, 255, 64).round().astype("uint16").reshape(8, 8)
    Image.fromarray(257 * greys).save(tmp_path / "a.png")
    Image.fromarray(greys.astype("uint8")).save(tmp_path / "b.png")
    deep, plain = Pictures(tmp_path, side=8, keep=1.0)[:]
    np.testing.assert_array_equal(deep, plain)
    np.testing.assert_allclose(plain, 1 - greys.ravel() / 255, atol=1e-6)


def test_of_sixteen_bits_too_what_is_transparent_is_paper(tmp_path):
    greys = np.tile(np.array([0, 0, 0, 0, 1, 1, 1, 1], "uint16"), (8, 1))
    Image.fromarray(greys).save(tmp_path / "a.png", transparency=1)
    np.testing.assert_array_equal(Pictures(tmp_path, side=8, keep=1.0)[0], greys.ravel() == 0)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "L", "RGB"])
def test_what_is_transparent_is_paper(tmp_path, mode):
    """The left half is ink; the right half too, or nearly, but declared to be transparent."""
    if mode in ("RGBA", "LA"):
        picture = Image.new("RGBA", (8, 8), (0, 0, 0, 255))
        picture.paste((0, 0, 0, 0), (4, 0, 8, 8))
        picture.convert(mode).save(tmp_path / "a.png")
    else:
        colour = (1, 1, 1) if mode == "RGB" else 1
        picture = Image.new(mode, (8, 8), 0)
        picture.paste(colour, (4, 0, 8, 8))
        if mode == "P":
            picture.putpalette([0, 0, 0, 1, 1, 1])
        picture.save(tmp_path / "a.png", transparency=colour)
    half = np.tile([1, 1, 1, 1, 0, 0, 0, 0], 8)
    np.testing.assert_array_equal(Pictures(tmp_path, side=8, keep=1.0)[:], [half])


def test_half_transparent_ink_is_half_ink(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 51)).save(tmp_path / "a.png")
    np.testing.assert_allclose(Pictures(tmp_path, side=8)[:], 51 / 255, atol=1e-6)


UPRIGHT = np.random.default_rng(0).integers(0, 256, (8, 12), dtype="uint8")
STORED = {  # by what EXIF calls the orientation: where the first row and the first column lie
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT),
    7: UPRIGHT[::-1, ::-1].T,
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_a_picture_that_was_stored_lying_is_read_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(STORED[orientation].copy()).save(tmp_path / "a.png", exif=exif)
    upright = 1 - UPRIGHT[:, 2:10].ravel() / 255
    np.testing.assert_allclose(Pictures(tmp_path, side=8, keep=1.0)[0], upright, atol=1e-6)
    x = read_faces(tmp_path, side=8, keep=1.0, quiet=True).x
    np.testing.assert_allclose(x[0], upright, atol=1e-6)


def test_exif_data_that_are_damaged_turn_nothing(tmp_path):
    greys = np.arange(64, dtype="uint8").reshape(8, 8)
    Image.fromarray(greys).save(tmp_path / "a.png", exif=b"Exif\0\0no TIFF header")
    pictures = Pictures(tmp_path, side=8, keep=1.0)
    np.testing.assert_allclose(pictures[0], 1 - greys.ravel() / 255, atol=1e-6)


def test_a_picture_that_has_no_greys_is_skipped(tmp_path):
    """Colours that Pillow does not convert, under the name of a JPEG."""
    save_pictures(tmp_path, 1)
    Image.new("LAB", (8, 8)).save(tmp_path / "lab.jpg", "TIFF")
    pictures = Pictures(tmp_path, side=8, quiet=True)
    assert len(pictures[:]) == 2
    assert "LAB" in pictures.skipped["lab.jpg"]


def test_reading_the_grey_channel_alone_changes_next_to_nothing(tmp_path):
    """`draft` leaves out a JPEG's colours; converting them all to grey must give the same."""
    pictures = Pictures(save_pictures(tmp_path, 20), side=8, keep=1.0)
    for row, name in enumerate(pictures.names):
        with Image.open(tmp_path / name) as whole:
            box = (0, 4, 24, 28)
            grey = whole.convert("RGB").convert("L").resize((8, 8), Image.Resampling.BOX, box)
        assert abs(pictures.read(row) - (1 - np.asarray(grey).ravel() / 255)).max() < 0.02


def test_memory_does_not_grow_with_the_folder(tmp_path):
    """Four times the pictures, the same peak: a batch, and a hundred bytes for each name."""

    def peak(n):
        folder = save_pictures(tmp_path / str(n), n)
        tracemalloc.start()
        batches = Batches(Pictures(folder, side=64), batch_size=50)
        for step in range(len(batches)):
            batches[step]
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(50)  # what Pillow loads once is not counted
    few, many = peak(150), peak(600)
    rows = 64 * 64 * 4
    assert few > 50 * rows, "a batch is in memory, so the measurement sees it"
    assert many - few < 450 * 150 < 450 * rows / 100


@pytest.fixture
def broken(tmp_path):
    """Six pictures, two of them unreadable, and files that are none of ours."""
    save_pictures(tmp_path, 6)
    whole = (tmp_path / "000001.jpg").read_bytes()
    (tmp_path / "000001.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "000005.jpg").write_bytes(b"")
    (tmp_path / "list.txt").write_text("not a picture")
    return tmp_path


def test_an_unreadable_picture_is_named_once_and_replaced_by_another(broken, capsys):
    pictures = Pictures(broken, side=8)
    for _ in range(3):
        x = pictures[:]
    said = capsys.readouterr().out
    assert len(x) == 6
    assert all((x[row] == x[[0, 2, 3, 4]]).all(axis=1).any() for row in (1, 5))
    np.testing.assert_array_equal(Pictures(broken, side=8, quiet=True)[[5, 1]], x[[5, 1]])
    assert said.count("000001.jpg") == said.count("000005.jpg") == 1
    assert said.count("\n") == 2
    assert list(pictures.skipped) == ["000001.jpg", "000005.jpg"]
    assert all(pictures.skipped.values())


def test_what_stands_in_for_neighbours_is_not_one_picture(tmp_path):
    save_pictures(tmp_path, 40)
    for i in range(40):
        (tmp_path / f"a{i}.jpg").write_bytes(b"broken")
    x = Pictures(tmp_path, side=8, quiet=True)[40:]
    assert np.unique(x, axis=0, return_counts=True)[1].max() < 6


def test_one_picture_among_many_broken_ones_is_found(tmp_path):
    """Also where a hundred draws miss it."""
    save_pictures(tmp_path, 1)
    for i in range(2000):
        (tmp_path / f"a{i}.jpg").touch()
    x = Pictures(tmp_path, side=8, quiet=True)[1000:1100]
    assert (x == x[0]).all()


def test_names_that_begin_with_a_dot_are_no_pictures(tmp_path):
    """A Mac lays ._000000.jpg beside 000000.jpg on a stick."""
    save_pictures(tmp_path, 5)
    for i in range(5):
        (tmp_path / f"._{i:06d}.jpg").write_bytes(b"\0\5\x16\7" + bytes(300))
    assert Pictures(tmp_path, side=8).names == [f"{i:06d}.jpg" for i in range(5)]


def test_a_name_that_is_not_utf8_is_told_with_escapes(tmp_path, capsys):
    save_pictures(tmp_path, 1)
    try:
        (tmp_path / os.fsdecode(b"\xff.jpg")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert len(Pictures(tmp_path, side=8)[:]) == 2
    read_faces(tmp_path, side=8)
    said = capsys.readouterr().out.encode().decode()
    assert said.count(r"\udcff.jpg") == 2


def test_a_pipe_is_not_waited_for(tmp_path):
    save_pictures(tmp_path, 1)
    os.mkfifo(path := tmp_path / "x.jpg")
    hangs_up = threading.Timer(10, path.write_bytes, (b"",))
    hangs_up.start()  # else a fault here would wait for ever
    pictures = Pictures(tmp_path, side=8, quiet=True)
    assert len(pictures[:]) == 2
    hangs_up.cancel()
    assert pictures.skipped == {"x.jpg": "a folder, a pipe or a device"}


def test_a_mistake_of_ours_is_no_broken_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(Image.Image, "resize", lambda picture, *_: picture.no_such_method())
    with pytest.raises(AttributeError, match="no_such_method"):
        Pictures(save_pictures(tmp_path, 2), side=8)


def test_many_unreadable_pictures_do_not_fill_the_screen(tmp_path, capsys):
    save_pictures(tmp_path, 1)
    for i in range(40):
        (tmp_path / f"x{i:02d}.png").write_bytes(b"broken")
    pictures = Pictures(tmp_path, side=8)
    pictures[:]
    said = capsys.readouterr().out
    assert said.count("\n") == NAMED + 2
    assert "most of 41 are unreadable" in said
    assert len(pictures.skipped) == 40


@pytest.mark.parametrize("content", [None, {}, {"a.jpg": b"\xff\xd8 broken"}, {"a.txt": b"text"}])
def test_a_folder_that_cannot_be_used_is_one_clear_line(tmp_path, content, capsys):
    folder = tmp_path / "pictures"
    if content is not None:
        folder.mkdir()
        for name, data in content.items():
            (folder / name).write_bytes(data)
    with pytest.raises(DataError, match=r"expected.*found") as error:
        Pictures(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("b/1.jpg", "found none, but the folder b"),
        ("1.webp", r"found none, but 1 \.webp"),
        ("1.jpg", r"1 files named so and none readable \(1.jpg: cannot identify image"),
    ],
)
def test_why_there_is_nothing_to_read(tmp_path, content, why):
    (tmp_path / content).parent.mkdir(exist_ok=True)
    (tmp_path / content).touch()
    with pytest.raises(DataError, match=why):
        Pictures(tmp_path, quiet=True)


def test_pictures_without_rights_are_told_as_such(tmp_path, monkeypatch):
    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("PIL.Image.open", closed)
    with pytest.raises(DataError, match=r"none readable \(000000.jpg: Permission denied\)"):
        Pictures(save_pictures(tmp_path, 2), quiet=True)


@pytest.mark.parametrize("bad", [{"side": 8.0}, {"side": 0}, {"keep": 0}])
def test_a_form_that_cannot_be_is_refused(tmp_path, bad):
    with pytest.raises(ValueError, match=r"^expected .*side"):
        Pictures(save_pictures(tmp_path, 1), **bad)


@pytest.mark.parametrize("name", ["~no-such-user/faces", "x" * 300, "nul\0", "line\nbreak"])
def test_a_folder_that_no_system_can_name_is_one_clear_line(name):
    with pytest.raises(DataError, match=r"expected a folder.*found") as error:
        Pictures(name)
    assert "\n" not in str(error.value)


def test_a_closed_folder_is_one_clear_line(tmp_path, monkeypatch):
    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.listdir", closed)
    with pytest.raises(DataError, match="found: Permission denied"):
        Pictures(tmp_path)


def test_an_epoch_has_every_row_once_and_the_next_another_order():
    batches = Batches(np.arange(60.0)[:, None], batch_size=10, seed=3)
    first = np.concatenate([batches[step] for step in range(len(batches))]).ravel()
    batches.begin(1)
    second = np.concatenate([batches[step] for step in range(len(batches))]).ravel()
    assert sorted(first) == sorted(second) == list(range(60))
    assert (first != second).any()
    batches.begin(0)
    np.testing.assert_array_equal(batches[2].ravel(), first[20:30])


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_shares_make_up_the_batch_of_one_process(ranks):
    """Each row goes to one rank and no other: whole arrays everywhere would train on doubles."""
    rows = np.arange(80.0)
    whole = Batches(rows, batch_size=20, seed=1)
    shares = [Batches(rows, 20, seed=1, rank=r, ranks=ranks) for r in range(ranks)]
    for step in range(len(whole)):
        together = np.concatenate([share[step] for share in shares])
        np.testing.assert_array_equal(together, whole[step])
        assert len(set(together)) == 20


@pytest.mark.parametrize(
    "bad", [{"rank": 2, "ranks": 2}, {"ranks": 3}, {"batch_size": 0}, {"rank": -1}]
)
def test_shares_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError, match=r"^(expected|a batch of).*[\d]"):
        Batches(np.zeros(90), **{"batch_size": 10, **bad})


def a_table(x, **columns):
    return pytest.importorskip("pandas").DataFrame(x, **columns)


@pytest.mark.parametrize(
    "wrong",
    [
        a_table,
        lambda x: a_table(x, columns=list("abcd")),
        lambda x: x.tolist(),
        lambda x: dict(enumerate(x)),
        lambda x: x[:0],
    ],
)
def test_what_gives_no_rows_by_their_numbers_is_refused(wrong):
    x = np.eye(4, dtype="float32")
    np.testing.assert_array_equal(np.sort(Batches(x, 4)[0], axis=0), np.sort(x, axis=0))
    with pytest.raises(ValueError, match=r"^expected rows .*found \w+ of length [04]; give"):
        Batches(wrong(x), 4)


def test_greys_that_nobody_divided_are_refused():
    ink = np.ones((20, 4), "uint8")
    assert Batches(ink, 10)[0].dtype == np.float32
    with pytest.raises(ValueError, match=r"^expected pixels from 0 to 1, found 255 \(uint8\)"):
        Batches(255 * ink, 10)[0]


def tiny_vae(**how):
    parts = models.build_vae_encoder(64, 16, 2), models.build_decoder(2, 16, 64)
    vae = models.build_vae(*parts)
    vae.compile("adam", **how)
    return vae


class Noted(np.ndarray):
    """An array that keeps in `log` which rows were asked for."""

    def __getitem__(self, rows):
        self.log.append(tuple(rows))
        return np.asarray(self)[rows]


@pytest.mark.slow
def test_fit_begins_with_epoch_0_and_only_its_own_epochs_count():
    """Over several calls; `evaluate`, also for validation, and `predict` read and move nothing."""
    source = np.random.default_rng(0).random((60, 64), "float32").view(Noted)
    source.log = []
    batches, vae, trained = Batches(source, 10, seed=3), tiny_vae(), []

    def note(step, logs):
        if step == 5:  # the last of an epoch; what `evaluate` reads comes after it
            orders = [np.random.default_rng((3, epoch)).permutation(60) for epoch in range(9)]
            trained.append([tuple(order[-10:]) for order in orders].index(source.log[-1]))

    watch = keras.callbacks.LambdaCallback(on_train_batch_end=note)
    fit = {"shuffle": False, "verbose": 0, "callbacks": [watch]}
    vae.fit(batches, epochs=2, validation_data=batches, **fit)
    vae.evaluate(batches, verbose=0)
    vae.predict(batches, verbose=0)
    vae.fit(batches, **fit)
    assert trained == [0, 1, 2]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.slow
def test_fit_trains_on_a_folder_as_it_trains_on_the_array(tmp_path, workers):
    """Same seeds, same order: the loss is the array's, whether read ahead in threads or not."""
    pictures = Pictures(save_pictures(tmp_path, 40), side=8)
    losses = []
    for source, extra in [(pictures[:], {}), (pictures, {"workers": workers})]:
        keras.utils.set_random_seed(0)
        history = tiny_vae(**training.fast()).fit(
            Batches(source, 10, **extra), epochs=3, shuffle=False, verbose=0
        )
        losses.append(history.history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    assert losses[0][-1] < losses[0][0]


def test_progress_is_shown_and_leaves_nothing_behind(capsys):
    assert list(progress(range(300), 300, "Faces", every=0)) == list(range(300))
    said = capsys.readouterr().out
    assert "[###############...............] 150 of 300" in said
    assert "\n" not in said
    assert said.split("\r")[-2].strip() == said.split("\r")[-1] == ""
    assert list(progress(range(300), 300, "Faces", every=60)) == list(range(300))
    assert capsys.readouterr().out == ""
