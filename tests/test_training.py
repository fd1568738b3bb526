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


def test_progress_prints_each_number_under_its_name(capsys):
    progress = training.Progress()
    progress.set_params({"epochs": 3})
    logs = {"kl": 1.24, "loss": 11.26, "reconstruction": 10.02, "val_kl": 3.3, "val_loss": 25.66}
    progress.on_epoch_end(0, logs | {"learning_rate": 0.1})
    progress.on_epoch_end(1, {"loss": 2.0})
    assert capsys.readouterr().out.splitlines() == [
        "epoch 1 of 3: loss 11.3 (reconstruction 10.0, kl 1.2), validation 25.7, learning rate 0.1",
        "epoch 2 of 3: loss 2.0",
    ]


def test_progress_prints_what_fit_reports(capsys):
    """Of data on which training and validation differ."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.0), loss="mse")
    x = np.ones((4, 1), "float32")
    model.fit(x, 2 * x, validation_data=(x, 5 * x), verbose=0, callbacks=[training.Progress()])
    assert capsys.readouterr().out == "epoch 1 of 1: loss 4.0, validation 25.0\n"


def test_fast_compiles_a_whole_epoch():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", loss="mse", **training.fast())
    seen = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: seen.append(batch)
    )
    x = np.ones((2 * training.STEPS_PER_EPOCH, 1), "float32")
    model.fit(x, x, batch_size=1, verbose=0, callbacks=[count])
    if keras.config.backend() == "torch":  # eager: each step is a call of its own
        assert (model.jit_compile, len(seen)) == (False, 2 * training.STEPS_PER_EPOCH)
    else:
        assert (model.jit_compile, len(seen)) == (True, 2)


def test_a_model_goes_back_to_where_it_was_its_optimizer_included():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), loss="mse")
    go_back = training.remember(model)
    x, losses = np.ones((8, 1), "float32"), []
    for _ in range(2):
        go_back()
        losses.append(model.fit(x, 3 * x, epochs=3, verbose=0).history["loss"])
    assert losses[0][0] > losses[0][-1]
    np.testing.assert_array_equal(*losses)
