"""Drawn faces: repeatable, aligned, described by traits. Folders: read, or refused clearly."""

import numpy as np
import pytest
from conftest import NOTEBOOKS
from PIL import Image

from aebook import DataError
from aebook.faces import TRAITS, draw_faces, load_faces, read_faces, sharpness

HALF = np.full((1, len(TRAITS)), 0.5)


def save_pictures(folder, n, suffix=".jpg", size=(178, 218)):
    """Pictures of CelebA's form: n greys, the i-th with brightness 20 + 10 i."""
    folder.mkdir(exist_ok=True)
    for i in range(n):
        Image.new("RGB", size, (20 + 10 * i,) * 3).save(folder / f"{i:06d}{suffix}")
    return folder


def test_drawing_gives_float32_rows_between_paper_and_ink():
    x, face = draw_faces(50, side=24)
    assert x.dtype == np.float32
    assert x.shape == face.shape == (50, 24 * 24)
    assert face.dtype == bool
    assert 0 <= x.min() < 0.05
    assert 0.95 < x.max() <= 1


def test_one_seed_one_set_of_pictures_whatever_their_number():
    few, many = draw_faces(10, seed=4)[0], draw_faces(1100, seed=4)[0]
    np.testing.assert_array_equal(few, many[:10])
    np.testing.assert_array_equal(many, draw_faces(1100, seed=4)[0])
    assert abs(few - draw_faces(10, seed=5)[0]).mean() > 0.1


def test_the_same_scene_at_two_sizes():
    """A picture drawn at 64 and averaged down to 32 is the picture drawn at 32, but for rims."""
    small, large = draw_faces(100, side=32)[0], draw_faces(100, side=64)[0]
    averaged = large.reshape(100, 32, 2, 32, 2).mean(axis=(2, 4)).reshape(100, -1)
    assert abs(averaged - small).mean() < 0.02
    assert abs(averaged - small[::-1]).mean() > 0.15


def test_traits_alone_decide_what_is_inside_the_mask():
    """One face before 60 backgrounds: no variance where the face is, plenty where it is not."""
    x, face = draw_faces(60, traits=np.repeat(HALF, 60, axis=0))
    assert (face == face[0]).all()
    deep = face[0] & np.roll(face[0], (1, -1, 32, -32), axis=(0, 0, 0, 0))
    assert x[:, ~face[0]].std(axis=0).min() > 0.05
    assert np.median(x[:, deep].std(axis=0)) < 1e-6


def test_mask_is_where_ink_differs_from_white_paper():
    """With dark skin and hair on paper, the mask is the ink (eyes apart), and in the middle."""
    traits = HALF.copy()
    traits[0, :2] = 1
    x, face = draw_faces(1, traits=traits, background=False)
    assert (x[0] == 0)[~face[0]].mean() > 0.9
    assert (x[0] > 0.2)[face[0]].mean() > 0.95
    rows, columns = np.nonzero(face[0].reshape(32, 32))
    assert abs(columns.mean() - 15.5) < 0.1
    assert abs(rows.mean() - 15.5) < 2
    assert face[0].reshape(32, 32)[16, 16]


@pytest.mark.parametrize("trait", TRAITS)
def test_each_trait_shows_and_changes_smoothly(trait):
    t = np.repeat(HALF, 11, axis=0)
    t[:, TRAITS.index(trait)] = np.linspace(0, 1, 11)
    x, _ = draw_faces(11, traits=t, background=False)
    whole, steps = np.linalg.norm(x[-1] - x[0]), np.linalg.norm(np.diff(x, axis=0), axis=1)
    assert whole > 0.3
    assert steps.max() < 0.6 * whole


def test_a_background_owes_the_face_nothing():
    """Best linear guess of the far corner's ink from the traits: no better than chance."""
    traits = np.random.default_rng(8).uniform(size=(3000, len(TRAITS)))
    x, _ = draw_faces(3000, traits=traits, side=16)
    design = np.column_stack([np.ones(3000), traits])
    residual = x[:, 0] - design @ np.linalg.lstsq(design, x[:, 0], rcond=None)[0]
    assert 1 - residual.var() / x[:, 0].var() < 0.02


@pytest.mark.parametrize(
    "bad", [{"n": 0}, {"n": 2, "side": 4}, {"n": 2, "traits": np.zeros((2, 3))}]
)
def test_what_cannot_be_drawn_is_refused(bad):
    with pytest.raises(ValueError, match="must"):
        draw_faces(**bad)


def test_sharpness_of_a_ramp_is_its_squared_slope():
    """Ink rising by 0.01 a column: half of the pairs lie across it and differ, half do not."""
    side = 20
    ramp = np.tile(0.01 * np.arange(side), (side, 1)).ravel()
    everywhere = np.ones(side * side, bool)
    assert sharpness(ramp, everywhere).shape == (1,)
    assert sharpness(ramp, everywhere)[0] == pytest.approx(0.01**2 / 2)


def test_sharpness_of_noise_is_twice_its_variance():
    noise = np.random.default_rng(0).normal(0.5, 0.3, size=(200, 1024))
    assert sharpness(noise, np.ones(1024, bool)).mean() == pytest.approx(2 * 0.3**2, rel=0.02)


def test_sharpness_looks_only_into_its_region():
    region = np.zeros((32, 32), bool)
    region[4:12, 4:12] = True
    x = np.random.default_rng(0).uniform(size=(1, 32, 32))
    x[:, 4:12, 4:12] = 0.7
    assert sharpness(x.reshape(1, -1), region.ravel())[0] == 0
    assert sharpness(x.reshape(1, -1), ~region.ravel())[0] > 0.1


def test_sharpness_falls_when_a_picture_is_blurred():
    from scipy.ndimage import gaussian_filter

    x, face = draw_faces(40)
    inside = face.all(axis=0)
    values = [sharpness(x, inside).mean()]
    for width in (0.5, 1.0, 2.0):
        blurred = gaussian_filter(x.reshape(-1, 32, 32), (0, width, width)).reshape(40, -1)
        values.append(sharpness(blurred, inside).mean())
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0] / 4


def test_without_a_folder_faces_are_drawn(monkeypatch, capsys):
    monkeypatch.delenv("AEBOOK_FACES", raising=False)
    faces = load_faces(300, side=16)
    assert "drawn" in capsys.readouterr().out
    np.testing.assert_array_equal(faces.x, draw_faces(300, side=16)[0])
    assert not (faces.inside & faces.outside).any()
    assert faces.inside.reshape(16, 16)[8, 8]
    assert faces.outside.reshape(16, 16)[[0, 0, -1, -1], [0, -1, 0, -1]].all()


@pytest.mark.parametrize("written", ['"{}"', "{}\n", "$WHERE/celeba", "~/celeba", "celeba"])
def test_the_variable_may_be_written_as_people_write_it(tmp_path, monkeypatch, written):
    folder = save_pictures(tmp_path / "celeba", 2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHERE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AEBOOK_FACES", written.format(folder))
    assert len(load_faces(5, side=16, quiet=True).x) == 2


@pytest.mark.parametrize("suffix", [".jpg", ".PNG", ".jpeg"])
def test_a_folder_is_read_in_the_order_of_its_names(tmp_path, monkeypatch, capsys, suffix):
    monkeypatch.setenv("AEBOOK_FACES", str(save_pictures(tmp_path / "celeba", 7, suffix)))
    (tmp_path / "celeba" / "list.txt").write_text("not a picture")
    faces = load_faces(5, side=16)
    assert faces.x.dtype == np.float32
    assert faces.x.shape == (5, 256)
    np.testing.assert_allclose(faces.x.mean(axis=1), 1 - (20 + 10 * np.arange(5)) / 255, atol=0.01)
    assert "5 pictures of 16 x 16 pixels, from the folder" in capsys.readouterr().out


def test_the_middle_square_is_kept(tmp_path):
    """Black but for a white middle square of 0.75 times the shorter side: all white."""
    picture = Image.new("L", (160, 240), 0)
    picture.paste(255, (20, 60, 140, 180))
    picture.save(tmp_path / "a.png")
    assert read_faces(tmp_path, side=20).x.max() == 0
    assert read_faces(tmp_path, side=20, keep=1.0).x.max() == 1


def test_unreadable_pictures_are_skipped_and_named(tmp_path, capsys):
    save_pictures(tmp_path, 3)
    whole = (tmp_path / "000001.jpg").read_bytes()
    (tmp_path / "000001.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "zero.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder.jpg").mkdir()
    faces = read_faces(tmp_path, side=16)
    said = capsys.readouterr().out
    assert len(faces.x) == 2
    assert said.count("\n") == 1
    assert all(name in said for name in ("000001.jpg", "zero.png", "text.png", "folder.jpg"))


def make_nothing(path):
    pass


def make_file(path):
    path.write_text("x")


def make_empty(path):
    path.mkdir()


def make_unreadable(path):
    path.mkdir()
    (path / "a.jpg").write_bytes(b"\xff\xd8 broken")


@pytest.mark.parametrize("make", [make_nothing, make_file, make_empty, make_unreadable])
def test_a_folder_that_cannot_be_used_is_one_clear_line(tmp_path, monkeypatch, make):
    path = tmp_path / "celeba"
    make(path)
    monkeypatch.setenv("AEBOOK_FACES", str(path))
    with pytest.raises(DataError) as error:
        load_faces(5)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    assert "expected" in message
    assert "found" in message
    assert "AEBOOK_FACES" in message


def test_the_stored_chapter_was_made_with_drawn_faces():
    path = next(path for path in NOTEBOOKS if path.name.startswith("09"))
    assert "32 x 32 pixels, drawn by code" in path.read_text(encoding="utf-8")
