"""Measure how fast the book trains, and write what was found to book/benchmarks.yml.

    python benchmarks/measure.py                    everything (about 25 minutes)
    python benchmarks/measure.py epochs growth      only these parts; the others keep their figures

Parts: epochs (Keras on each installed backend against loops written by hand), growth (with images,
latents, width, batch, threads), likelihood (exact log p(x) of the test digits), figures (from a
cold start, on each backend), sharing (on one machine; and streaming a folder), live (the figures in
the page, in Chromium), training (in the page), chapters. The page book/benchmarks.md and the table
in README.md are made from the file; `readme` only stamps that table. On the full MNIST.

Contenders are timed in turn, the second of two epochs each, so that a drift of the
machine hits all of them; each lives in a process of its own, and another one begins each round.
What counts is the median, and for a ratio the median of the ratios within a round.
"""

import contextlib
import functools
import importlib.metadata
import importlib.util
import io
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np
import tables
import yaml
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, BATCH_SIZE, LARGE_BATCH, TEST_EPOCHS = 7, 100, 1000, 5
FIGURES = {"03": "generated", "04": "decoded-grid"}
GROWTH = {
    "images": (7_500, 15_000, 30_000, 60_000),
    "latent_dim": (2, 8, 32, 128),
    "hidden": (128, 256, 512, 1024),
    "batch_size": (50, 100, 200, 400),
}


def backends():
    return [name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name)]


def seconds(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def training_images():
    """Chapter 3's: 55,000 of the 60,000, filled up to 600 batches of 100; and the test images."""
    import aebook

    with contextlib.redirect_stdout(io.StringIO()):
        mnist = aebook.load_mnist(quiet=True)
    if len(mnist.x_train) != 60_000:
        sys.exit("bench: needs the full MNIST; put its path into AEBOOK_MNIST")
    (x, _), _ = aebook.split(mnist.x_train, mnist.y_train, len(mnist.x_train) // 12)
    return x[np.arange(60_000) % len(x)], mnist.x_test  # as one_epoch(x), without importing Keras


# ------------------------------------------------------------------ one process, told what to do


def keras_epochs(x, x_test=None, hidden=256, latent_dim=2, batch_size=BATCH_SIZE):
    """Chapter 3's model, compiled as the chapters compile it: train some epochs; test loss."""
    import keras

    from aebook import models, training

    keras.utils.set_random_seed(0)
    encoder = models.build_vae_encoder(784, hidden, latent_dim)
    vae = models.build_vae(encoder, models.build_decoder(latent_dim, hidden))
    options = training.fast()
    if "steps_per_execution" in options:
        options["steps_per_execution"] = len(x) // batch_size
    vae.compile("rmsprop", **options)
    return timed(functools.partial(vae.fit, x, batch_size=batch_size)), tested(vae, x_test)


def compiled_epochs(x, x_test, batch_size=BATCH_SIZE):
    """The same model, its noise drawn by the input pipeline, every step compiled."""
    import given_noise
    import keras

    from aebook import models

    keras.utils.set_random_seed(0)
    encoder, decoder = models.build_vae_encoder(), models.build_decoder()
    vae = given_noise.build_vae(encoder, decoder)
    vae.compile("rmsprop", jit_compile=True)
    fit = functools.partial(vae.fit, given_noise.Batches(x, batch_size))
    own_noise = models.build_vae(encoder, decoder)
    own_noise.compile("rmsprop")
    return timed(fit), tested(own_noise, x_test)


def timed(fit):
    """A function epochs -> seconds of each, from within one `fit`, as the chapters call it.

    What a call costs once, the copy of the images first of all, is in its first epoch.
    """
    import keras

    def train(epochs):
        clock = [time.perf_counter()]
        mark = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: clock.append(time.perf_counter())
        )
        fit(epochs=epochs, verbose=0, callbacks=[mark])
        return np.diff(clock).tolist()

    return train


def tested(vae, x_test):
    return lambda: vae.evaluate(x_test, batch_size=1000, verbose=0, return_dict=True)["loss"]


def by_hand(epoch):
    """Train some epochs with a loop that knows one, as `keras_epochs` does."""
    return lambda epochs: [seconds(epoch)[0] for _ in range(epochs)], None


def scan_epochs(x, x_test, batch_size=BATCH_SIZE):
    import jax
    import jax_vae

    epoch, state, key = (
        jax_vae.make_epoch(x, batch_size),
        jax_vae.initial_state(),
        jax.random.key(1),
    )

    def one_epoch():
        nonlocal state, key
        key, use = jax.random.split(key)
        state, loss = epoch(state, use)
        float(loss)

    return by_hand(one_epoch)


def loop_epochs(module, x, x_test, batch_size=BATCH_SIZE):
    """An epoch of numpy_vae or torch_vae, from the parameters that the scan starts from."""
    rng, sizes = np.random.default_rng(0), {
        "encoding": (784, 256), "z_mean": (256, 2), "z_log_var": (256, 2),
        "decoding": (2, 256), "logits": (256, 784),
    }  # fmt: skip
    parameters = {
        name: (rng.uniform(-1, 1, size).astype("f4") * np.sqrt(6 / sum(size)).astype("f4"),
               np.zeros(size[1], "f4"))
        for name, size in sizes.items()
    }  # fmt: skip
    return by_hand(importlib.import_module(module).make_epoch(parameters, x, batch_size))


CONTENDERS = {
    "compiled": compiled_epochs,
    "scan": scan_epochs,
    "eager": functools.partial(loop_epochs, "torch_vae"),
    "numpy": functools.partial(loop_epochs, "numpy_vae"),
}


def contender(name, pipe):
    """The life of one process: tell what starting cost, then train or be tested whenever asked."""

    def start():
        if name in tables.BACKENDS:
            import aebook

            os.environ["KERAS_BACKEND"] = tables.BACKENDS[name]
            os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # compile as the first time
            aebook.setup()
        else:
            module = {"scan": "jax", "eager": "torch", "numpy": "numpy"}[name]
            importlib.import_module(module)

    costs = {"import": seconds(start)[0]}
    costs["data"], (x, x_test) = seconds(training_images)
    build = CONTENDERS.get(name, keras_epochs)
    t_build, (train, loss) = seconds(build, x, x_test)
    costs["first"] = t_build + seconds(train, 1)[0]
    pipe.send(costs)
    while (wish := pipe.recv()) != "stop":
        if wish == "train":
            _, second = train(2)  # the first fetches back what the system put away meanwhile
            pipe.send(second)
        elif wish == "memory":
            pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        elif wish == "large":
            pipe.send(min(build(x, x_test, batch_size=LARGE_BATCH)[0](4)[1:]))
        else:
            pipe.send(loss())


def growth(threads, pipe):
    """Seconds an epoch of Keras on TensorFlow at every size in GROWTH, twice each, the smaller.

    With `threads` given, only of the usual size. The sizes of one row are measured in turn.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if threads:
        from aebook import runtime

        runtime.THREADS = threads
    import aebook

    aebook.setup()
    x, _ = training_images()
    found = {}
    for what, sizes in {} if threads else GROWTH.items():
        epochs = []
        for size in sizes:
            options = {} if what == "images" else {what: size}
            epochs.append(keras_epochs(x[:size] if what == "images" else x, **options)[0])
        for train in epochs:
            train(1)
        times = [[train(2)[1] for train in epochs] for _ in range(2)]
        found[what] = {
            "sizes": list(sizes),
            "seconds": [min(column) for column in zip(*times, strict=True)],
        }
    if threads:
        train, _ = keras_epochs(x)
        found = min(train(4)[1:])
    pipe.send(found)


def exact(_, pipe):
    """Seconds for log p(x) of 10,000 test digits on 241 x 241 points, after a short training."""
    import aebook

    aebook.setup()
    import keras

    from aebook import likelihood, models, training

    x, x_test = training_images()
    keras.utils.set_random_seed(0)
    vae = models.build_vae(models.build_vae_encoder(), models.build_decoder())
    vae.compile("adam", **training.fast())
    vae.fit(x, batch_size=BATCH_SIZE, verbose=0)
    decoder, black = vae.get_layer("decoder"), likelihood.binarize(x_test)
    pipe.send(seconds(likelihood.log_p_quadrature, decoder, black, 241)[0])


def answer(pipe, what):
    try:
        return pipe.recv()
    except EOFError:
        sys.exit(f"bench: the process that measures {what} ended; what it said stands above")


def in_a_process(function, argument=None):
    """What `function` sends from a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=function, args=(argument, there), daemon=True)
    process.start()
    there.close()
    return answer(here, f"{function.__name__} {argument or ''}")


# ------------------------------------------------------------------ the parts


def measure_epochs():
    context = multiprocessing.get_context("spawn")
    names = [*backends(), "numpy"] + ["scan"] * ("jax" in backends())
    if "torch" in backends():
        names += ["eager", "compiled"] if shutil.which("g++") else ["eager"]
        if "compiled" not in names:
            print("epochs: without g++ PyTorch compiles nothing, so that is left out", flush=True)
    pipes, found, times = {}, {}, {name: [] for name in names}
    for name in names:
        pipes[name], there = context.Pipe()
        context.Process(target=contender, args=(name, there), daemon=True).start()
        there.close()
        found[name] = answer(pipes[name], name)
    for done in range(1, 1 + ROUNDS):
        for name in names[done % len(names) :] + names[: done % len(names)]:
            pipes[name].send("train")
            times[name].append(pipes[name].recv())
        if 1 + 2 * done == TEST_EPOCHS:  # one epoch at the start, two in each round
            for name in set(names) & set(tables.BACKENDS):
                pipes[name].send("test")
                found[name]["loss"] = pipes[name].recv()
    for name, pipe in pipes.items():
        for wish in ("memory", "large"):  # in this order: the larger step is no part of the peak
            pipe.send(wish)
            found[name][wish] = pipe.recv()
        pipe.send("stop")
        low, high = min(times[name]), max(times[name])
        found[name] |= {"seconds": statistics.median(times[name]), "low": low, "high": high}
    ratios = {
        name: statistics.median(a / b for a, b in zip(times[name], times[rival], strict=True))
        for name, (rival, _) in tables.GOALS.items()
        if name in times and rival in times
    }
    return {"epochs": found, "ratios": ratios}


def measure_growth():
    found = in_a_process(growth)
    threads = [n for n in (1, 2, 4, 8) if n <= (os.cpu_count() or 1)]
    found["threads"] = {"sizes": threads, "seconds": [in_a_process(growth, n) for n in threads]}
    return {"growth": found, "rate": matrix_rate()}


def matrix_rate():
    """Billions of multiplications and additions a second, at best, of 1,024 x 1,024 matrices."""
    from threadpoolctl import threadpool_limits

    a, out = np.ones((1024, 1024), "f4"), np.empty((1024, 1024), "f4")
    with threadpool_limits(2):
        fastest = min(seconds(np.matmul, a, a, out)[0] for _ in range(200))
    return 2 * 1024**3 / fastest / 1e9


def measure_likelihood():
    return {"likelihood": in_a_process(exact)}


def run_chapter(path, backend, until=None):
    """Seconds from starting the kernel to the end of the cell `until`, or of the chapter."""
    notebook = nbformat.read(path, as_version=4)
    os.environ["KERAS_BACKEND"] = backend
    with tempfile.TemporaryDirectory() as empty:
        client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": empty}},
                                extra_arguments=["--log-level=ERROR"])  # fmt: skip
        start = time.perf_counter()
        with client.setup_kernel():
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
                if cell.id == until:
                    break
        return time.perf_counter() - start


def measure_figures():
    paths = {number: next((ROOT / "notebooks").glob(f"{number}-*")) for number in FIGURES}
    found = {
        backend: {n: run_chapter(paths[n], backend, FIGURES[n]) for n in FIGURES}
        for backend in backends()
    }
    return {"figures": found}


def measure_chapters():
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return {"chapters": {path.stem: run_chapter(path, "tensorflow") for path in paths}}


def machine():
    packages = ("keras", *backends(), "numpy")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "system": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
                  f"Python {platform.python_version()}",
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }  # fmt: skip


def rounded(value):
    """Four significant digits of every number, so that a reader can read the file."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def measure_sharing():
    import distributed

    return distributed.measure()


def measure_live():
    import live_figures

    if (found := live_figures.measure()) is None:
        print("live: not measured, for it needs Chromium and make browser-tools", flush=True)
        return {}
    return {"live": found}


def measure_training():
    import live_figures

    if (found := live_figures.measure_training()) is None:
        print("training: not measured, for it needs Chromium and make browser-tools", flush=True)
        return {}
    return {"training": found}


PARTS = {
    "epochs": measure_epochs,
    "growth": measure_growth,
    "likelihood": measure_likelihood,
    "figures": measure_figures,
    "sharing": measure_sharing,
    "live": measure_live,
    "training": measure_training,
    "chapters": measure_chapters,
}


def main(wanted):
    if unknown := set(wanted) - {*PARTS, "pages"}:
        sys.exit(f"bench: no part {', '.join(unknown)}; there are {', '.join([*PARTS, 'pages'])}")
    from aebook.data import resolve_named  # here, for a contender's import is timed

    resolve_named()
    os.environ.setdefault("OMP_NUM_THREADS", "2")  # what aebook.setup() gives the chapters
    data = tables.read() if tables.DATA.exists() else {}
    for part in wanted or PARTS:
        if part == "pages":
            continue
        taken, found = seconds(PARTS[part])
        data |= {"machine": machine(), **found}
        data["load"] = {**data.get("load", {}), part: os.getloadavg()[1]}
        tables.DATA.write_text(tables.HEAD + yaml.safe_dump(rounded(data), sort_keys=False))
        print(f"{part}: measured in {taken:.0f} s", flush=True)
    tables.stamp(tables.DATA)


if __name__ == "__main__":
    main(sys.argv[1:])
