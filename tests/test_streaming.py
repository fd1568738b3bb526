"""Pictures left on disk: the same rows as read at once, in bounded memory, whatever the order."""

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


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
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


def test_an_unreadable_picture_is_named_once_and_replaced_by_the_next(broken, capsys):
    pictures = Pictures(broken, side=8)
    for _ in range(3):
        x = pictures[:]
    said = capsys.readouterr().out
    assert len(x) == 6
    np.testing.assert_array_equal(x[1], x[2])
    np.testing.assert_array_equal(x[5], x[0])
    assert said.count("000001.jpg") == said.count("000005.jpg") == 1
    assert said.count("\n") == 2
    assert list(pictures.skipped) == ["000001.jpg", "000005.jpg"]


def test_many_unreadable_pictures_do_not_fill_the_screen(tmp_path, capsys):
    save_pictures(tmp_path, 1)
    for i in range(40):
        (tmp_path / f"x{i:02d}.png").write_bytes(b"broken")
    pictures = Pictures(tmp_path, side=8)
    pictures[:]
    assert capsys.readouterr().out.count("\n") == NAMED + 1
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


@pytest.mark.parametrize("name", ["~no-such-user/faces", "x" * 300, "nul\0"])
def test_a_folder_that_no_system_can_name_is_one_clear_line(name):
    with pytest.raises(DataError, match=r"expected a folder.*found") as error:
        Pictures(name)
    assert "\n" not in str(error.value)


def test_a_closed_folder_is_one_clear_line(tmp_path, monkeypatch):
    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", closed)
    with pytest.raises(DataError, match="found: Permission denied"):
        Pictures(tmp_path)


def test_an_epoch_has_every_row_once_and_the_next_another_order():
    batches = Batches(np.arange(60.0)[:, None], batch_size=10, seed=3)
    first = np.concatenate([batches[step] for step in range(len(batches))]).ravel()
    batches.on_epoch_end()
    second = np.concatenate([batches[step] for step in range(len(batches))]).ravel()
    assert sorted(first) == sorted(second) == list(range(60))
    assert (first != second).any()
    batches.begin(0)
    np.testing.assert_array_equal(batches[2].ravel(), first[20:30])


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_shares_make_up_the_batch_of_one_process(ranks):
    """Each row goes to one rank and no other: whole arrays everywhere would train on doubles."""
    whole = Batches(np.arange(80), batch_size=20, seed=1)
    shares = [Batches(np.arange(80), 20, seed=1, rank=r, ranks=ranks) for r in range(ranks)]
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


@pytest.mark.parametrize("workers", [1, 2])
def test_fit_trains_on_a_folder_as_it_trains_on_the_array(tmp_path, workers):
    """Same seeds, same order: the loss is the array's, whether read ahead in threads or not."""
    pictures = Pictures(save_pictures(tmp_path, 40), side=8)
    losses = []
    for source, extra in [(pictures[:], {}), (pictures, {"workers": workers})]:
        keras.utils.set_random_seed(0)
        parts = models.build_vae_encoder(64, 16, 2), models.build_decoder(2, 16, 64)
        vae = models.build_vae(*parts)
        vae.compile("adam", **training.fast())
        history = vae.fit(Batches(source, 10, **extra), epochs=3, shuffle=False, verbose=0)
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
