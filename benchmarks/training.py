"""Five epochs of chapter 3's VAE: Keras against a loop written by hand in JAX.

    python benchmarks/training.py [rounds]

Each contender lives in a process of its own, is started once, trains one epoch to warm up, and
then the two train five epochs in turn, A B A B, so that a drift of the machine hits both. What
counts is the ratio of the medians. Import, data, first epoch (compilation included) and peak
memory are reported beside it. On the full MNIST, at batch size 100.
"""

import contextlib
import io
import multiprocessing
import platform
import resource
import statistics
import sys
import time

EPOCHS, BATCH_SIZE, GOAL = 5, 100, 1.6


def keras_trainer(x):
    """Chapter 3's model, compiled as the chapters compile it."""
    from aebook import models, training

    vae = models.build_vae(models.build_vae_encoder(), models.build_decoder())
    vae.compile("rmsprop", **training.fast())

    def train(epochs):
        history = vae.fit(x, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)
        return history.history["loss"][-1]

    return train


def jax_trainer(x):
    """The hand-written scan of jax_vae.py."""
    import jax
    import jax_vae

    epoch = jax_vae.make_epoch(x, BATCH_SIZE)
    state, key = jax_vae.initial_state(), jax.random.key(1)

    def train(epochs):
        nonlocal state, key
        for _ in range(epochs):
            key, use = jax.random.split(key)
            state, loss = epoch(state, use)
        return float(loss)

    return train


def seconds(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def contender(name, pipe):
    """The life of one process: report the start-up costs, then train whenever told."""

    def load():
        import aebook

        return aebook.load_mnist(quiet=True).x_train

    def start():
        if name == "jax":
            import jax  # noqa: F401
        else:
            import aebook

            aebook.setup()

    t_import, _ = seconds(start)
    with contextlib.redirect_stdout(io.StringIO()):
        t_data, x = seconds(load)
    if len(x) != 60_000:
        pipe.send("this benchmark needs the full MNIST: put its path into AEBOOK_MNIST")
        return
    t_build, train = seconds({"jax": jax_trainer}.get(name, keras_trainer), x)
    t_first, _ = seconds(train, 1)
    pipe.send({"import": t_import, "data": t_data, "first epoch": t_build + t_first})
    while pipe.recv() == "train":
        pipe.send(seconds(train, EPOCHS))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main(rounds=5):
    names = {"keras": "Keras on TensorFlow", "jax": "hand-written JAX scan"}
    context = multiprocessing.get_context("spawn")
    pipes, costs, times, losses = {}, {}, {}, {}
    for name in names:
        here, there = context.Pipe()
        context.Process(target=contender, args=(name, there), daemon=True).start()
        pipes[name], costs[name], times[name] = here, here.recv(), []
        if isinstance(costs[name], str):
            sys.exit(f"bench: {costs[name]}")
    for k in range(rounds):
        for name in names:
            pipes[name].send("train")
            taken, losses[name] = pipes[name].recv()
            times[name].append(taken)
        print(f"round {k + 1} of {rounds} done", file=sys.stderr, flush=True)
    for name, pipe in pipes.items():
        pipe.send("stop")
        costs[name]["peak memory"] = pipe.recv()

    median = {name: statistics.median(times[name]) for name in names}
    ratios = [a / b for a, b in zip(times["keras"], times["jax"], strict=True)]
    print(f"{EPOCHS} epochs of the VAE, batch {BATCH_SIZE}, {rounds} rounds in turn, "
          f"Python {platform.python_version()}, {platform.machine()}\n")  # fmt: skip
    print("| | import | data | first epoch | five epochs, median (min to max) | peak memory |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, title in names.items():
        c, t = costs[name], times[name]
        print(f"| {title} | {c['import']:.1f} s | {c['data']:.1f} s | {c['first epoch']:.1f} s "
              f"| {median[name]:.2f} s ({min(t):.2f} to {max(t):.2f}) "
              f"| {c['peak memory']:.0f} MiB |")  # fmt: skip
    print(f"\nKeras / JAX: {median['keras'] / median['jax']:.2f} (ratio of medians), "
          f"{statistics.median(ratios):.2f} (median of the pairs); goal at most {GOAL}. "
          f"Loss after {1 + EPOCHS * rounds} epochs: {losses['keras']:.1f} "
          f"and {losses['jax']:.1f} nats.")  # fmt: skip


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
