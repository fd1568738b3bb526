"""What sharing costs on one machine, and what streaming a folder of pictures costs.

The VAE of chapter 3, 300 steps of 100 images an epoch, three epochs, of which the first compiles
and is not counted: in one process, on two virtual devices, in two processes. Then 2,000 pictures
of CelebA's form, written to a temporary folder, are read as they are for `fit`. `measure.py` calls
this and keeps the figures.
"""

import statistics
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
from PIL import Image

from aebook import load_mnist
from aebook.distributed.launch import launch
from aebook.streaming import Batches, Pictures

WAYS = {
    "one process": {"virtual": 1},
    "two virtual devices": {"virtual": 2},
    "two processes": {"virtual": 1, "processes": 2},
}


def training(folder):
    """Seconds an epoch, and the last loss, of each way."""
    np.save(folder / "x.npy", load_mnist(quiet=True).x_train)
    results = {}
    for name, way in WAYS.items():
        run = folder / name.replace(" ", "-")
        options = ["--data", str(folder / "x.npy"), "--folder", str(run), "--steps", "300",
                   "--batch-size", "100"]  # fmt: skip
        begin = time.perf_counter()
        losses = launch(options, **way, say=lambda line: None)
        whole = time.perf_counter() - begin
        with np.load(sorted(run.glob("epoch-*.npz"))[-1]) as checkpoint:
            seconds = statistics.median(checkpoint["seconds"][1:])
        results[name] = {"epoch": seconds, "whole": whole, "loss": losses[-1]}
    return results


def streaming(folder, n=2000, side=64):
    """Milliseconds a picture, and the peak of the memory that Python and NumPy ask for."""
    rng = np.random.default_rng(0)
    for k in range(n):
        pixels = rng.integers(0, 256, (12, 10, 3), dtype="uint8")
        picture = Image.fromarray(pixels).resize((178, 218), Image.Resampling.BICUBIC)
        picture.save(folder / f"{k:06d}.jpg", quality=90)

    def epoch(rows):
        batches = Batches(Pictures(folder, side), steps=rows // 100)
        return [batches[step].shape for step in range(len(batches))]

    begin = time.perf_counter()
    epoch(n)
    per_picture = 1e3 * (time.perf_counter() - begin) / n
    peaks = {}
    for rows in (n // 4, n):
        tracemalloc.start()
        epoch(rows)
        peaks[rows] = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
    return {
        "milliseconds": per_picture,
        "sizes": list(peaks),
        "peaks": list(peaks.values()),
        "at_once": n * side**2 * 4 / 2**20,
    }


def measure():
    """Both, each in a temporary folder of its own."""
    with tempfile.TemporaryDirectory() as runs, tempfile.TemporaryDirectory() as pictures:
        return {"sharing": training(Path(runs)), "streaming": streaming(Path(pictures))}
