"""The codes of chapters 1 and 13: counts against Shannon's, bytes that come back, files, hulls."""

import numpy as np
import pytest

from aebook import compression as c


@pytest.fixture
def z():
    """Five hundred latents of three widths, the last one always zero."""
    return np.random.default_rng(0).normal(size=(500, 4)) * [8, 2, 0.3, 0]


def test_rmse_is_the_root_of_the_mean():
    x, x_hat = np.array([3.0, 0.0]), np.array([0.0, 4.0])
    assert c.rmse(x, x_hat) == np.sqrt(12.5)
    assert c.pooled_psnr(x, x) == np.inf
    assert c.pooled_psnr(np.zeros(9), np.full(9, 0.01)) == pytest.approx(40)


def test_psnr_takes_the_mean_before_the_logarithm():
    x = np.zeros((2, 784))
    x_hat = np.stack([np.full(784, 0.1), np.full(784, 0.3)])
    assert c.pooled_psnr(x, x_hat) == pytest.approx(-10 * np.log10((0.01 + 0.09) / 2))


def test_tables_sum_to_the_total_and_leave_no_symbol_out(z):
    coder = c.fit_coder(z, 0.5)
    assert (coder.tables.sum(axis=1) == c.TOTAL).all()
    assert coder.tables.min() >= 1
    symbols = c.quantize(z, coder)
    shares = np.mean(symbols[:, 0, None] == np.arange(coder.tables.shape[1]), axis=0)
    assert np.abs(coder.tables[0] / c.TOTAL - shares).max() < 0.01


@pytest.mark.parametrize("step", [0.25, 1.0, 3.0])
def test_quantizing_is_off_by_half_a_step_at_most(z, step):
    coder = c.fit_coder(z, step)
    back = c.dequantize(c.quantize(z, coder), coder)
    assert np.abs(back - z).max() <= step / 2 + 1e-12


def test_fine_steps_make_an_error_of_a_twelfth_of_their_square():
    z = np.random.default_rng(1).normal(size=(100_000, 1))
    coder = c.fit_coder(z, 0.1)
    error = np.mean((c.dequantize(c.quantize(z, coder), coder) - z) ** 2)
    assert error == pytest.approx(0.1**2 / 12, rel=0.02)


def test_latents_beyond_the_tables_go_to_their_end(z):
    coder = c.fit_coder(z, 1.0)
    far = c.dequantize(c.quantize(np.array([[1e3] * 4, [-1e3] * 4]), coder), coder)
    assert far[0, 0] == np.rint(z).max()
    assert far[1, 0] == np.rint(z).min()


def test_ideal_bytes_are_the_entropy_where_it_is_known():
    tables = np.array([[c.TOTAL // 2, c.TOTAL // 4, c.TOTAL // 8, c.TOTAL // 8]])
    symbols = np.array([[0], [1], [2], [3]])
    assert c.ideal_bytes(symbols, tables) == (1 + 2 + 3 + 3) / 8


@pytest.mark.parametrize("n", [1, 7, 500])
def test_symbols_come_back_within_a_word_or_two_of_the_ideal(z, n):
    coder = c.fit_coder(z, 0.5)
    symbols = c.quantize(z[:n], coder)
    code = c.ans_encode(symbols, coder.tables)
    np.testing.assert_array_equal(c.ans_decode(code, coder.tables, n), symbols)
    ideal = c.ideal_bytes(symbols, coder.tables)
    assert ideal <= len(code) <= ideal + 12


def test_symbols_never_seen_come_back():
    tables = c.frequency_tables(np.zeros((50, 2), int), levels=300)
    symbols = np.random.default_rng(2).integers(0, 300, (40, 2))
    code = c.ans_encode(symbols, tables)
    np.testing.assert_array_equal(c.ans_decode(code, tables, 40), symbols)


def test_the_coder_meets_the_entropy_of_a_biased_coin():
    """Far below one bit a symbol, where a Huffman code of single symbols cannot go."""
    p = 0.02
    coin = (np.random.default_rng(3).random((20_000, 1)) < p).astype(int)
    code = c.ans_encode(coin, c.frequency_tables(coin, 2))
    share = coin.mean()
    entropy = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    assert 8 * len(code) / len(coin) == pytest.approx(entropy, rel=0.03)


def test_damage_and_other_tables_are_noticed(z):
    coder = c.fit_coder(z, 0.5)
    code = c.ans_encode(c.quantize(z, coder), coder.tables)
    flipped = bytes([code[0] ^ 1]) + code[1:]
    for bad in (flipped, code[4:], b"\0\0\0\0" + code, b"", code[:4], code[:8]):
        with pytest.raises(ValueError, match="damaged bytes"):
            c.ans_decode(bad, coder.tables, len(z))
    with pytest.raises(ValueError, match="other tables"):
        c.ans_decode(code, coder.tables[[1, 0, 2, 3]], len(z))


def test_a_sheet_lays_pictures_out_in_reading_order():
    pictures = np.arange(6 * 4, dtype="uint8").reshape(6, 2, 2)
    page = c.sheet(pictures, columns=3)
    assert page.shape == (4, 6)
    np.testing.assert_array_equal(page[:2, 2:4], pictures[1])
    np.testing.assert_array_equal(page[2:, :2], pictures[3])
    np.testing.assert_array_equal(c.cut_sheet(page, columns=3), pictures)


@pytest.fixture
def pages():
    """Eighty pictures, black squares on white paper, each somewhere else."""
    x = np.zeros((80, 28, 28), "float32")
    for picture, (i, j) in zip(x, np.random.default_rng(4).integers(2, 16, (80, 2)), strict=True):
        picture[i : i + 10, j : j + 10] = 1
    return x.reshape(80, 784)


def test_png_with_all_greys_loses_nothing():
    x = np.random.default_rng(5).integers(0, 256, (40, 784)) / 255
    np.testing.assert_allclose(c.read_file(c.png_file(x)), x, atol=1e-7)


def test_png_with_fewer_greys_rounds_to_the_nearest():
    x = np.random.default_rng(6).integers(0, 256, (40, 784)) / 255
    for greys in (2, 4, 16):
        x_hat = c.read_file(c.png_file(x, greys=greys))
        assert np.abs(x_hat - np.rint(x * (greys - 1)) / (greys - 1)).max() < 1 / 255
        assert len(np.unique(x_hat)) == greys
    assert len(c.png_file(x, greys=2)) < len(c.png_file(x, greys=16)) < len(c.png_file(x))


def test_smaller_pictures_and_lower_quality_make_smaller_files(pages):
    noise = np.random.default_rng(8).random((40, 784))
    assert len(c.png_file(noise, side=14)) < 0.5 * len(c.png_file(noise))
    assert len(c.jpeg_file(pages, quality=10)) < len(c.jpeg_file(pages, quality=75))
    assert c.pooled_psnr(pages, c.read_file(c.jpeg_file(pages, quality=90))) > 30
    assert c.pooled_psnr(pages, c.read_file(c.png_file(pages, side=14))) > 15


def test_the_hull_is_what_nothing_and_no_mixture_beats():
    points = [(1, 10, "a"), (2, 8, "above the line a-c"), (3, 2, "c"), (4, 3, "worse"),
              (5, 1, "e"), (5, 2, "same bytes")]  # fmt: skip
    assert [name for *_, name in c.lower_hull(points)] == ["a", "c", "e"]
    rng = np.random.default_rng(7)
    cloud = [tuple(row) for row in rng.random((200, 2))]
    x, y = np.transpose(c.lower_hull(cloud))
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) < 0).all()
    assert (np.diff(np.diff(y) / np.diff(x)) > 0).all()
    inside = [p for p in cloud if x[0] <= p[0] <= x[-1]]
    assert all(p[1] >= np.interp(p[0], x, y) - 1e-12 for p in inside)
