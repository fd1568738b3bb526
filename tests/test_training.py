"""Steps, not epochs: what an epoch holds, and what progress prints."""

import keras
import numpy as np
import pytest

from aebook import training


@pytest.mark.parametrize("n", [7, 60, 100])
def test_an_epoch_always_has_the_same_number_of_rows(n):
    x = np.arange(n)[:, None]
    rows = training.one_epoch(x, steps=6, batch_size=10)
    assert rows.shape == (60, 1)
    counts = np.bincount(rows[:, 0], minlength=n)
    assert counts.max() - counts.min() <= 1  # no image comes round more often than another


def test_progress_prints_one_tidy_line_an_epoch(capsys):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", loss="mse")
    x = np.ones((4, 1), "float32")
    model.fit(x, x, validation_data=(x, x), epochs=5, verbose=0, callbacks=[training.Progress(2)])
    out = capsys.readouterr().out
    assert "\r" not in out
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"epoch {k} of 5" for k in (2, 4, 5)]
    assert all("validation" in line for line in lines)
