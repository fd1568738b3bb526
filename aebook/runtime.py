"""One place for what makes a run repeatable and quiet: seeds, threads, log lines, style."""

import contextlib
import logging
import os
import platform
import sys

THREADS = 2


def setup(seed=0):
    """Prepare a notebook: fix seeds and threads, silence start-up logs, set the figure style.

    Call it before Keras is imported; every chapter's first cell does. The last bits of a
    training run depend on the number of threads and on the processor, so the first is fixed
    here and what a chapter prints is rounded to what survives the second. The backend is the
    one that KERAS_BACKEND names, TensorFlow if none.

    seed: integer for Python's, NumPy's and the backend's random numbers.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    if os.environ["KERAS_BACKEND"] == "jax":
        os.environ["XLA_FLAGS"] = xla_flags()
    for pool in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(pool, str(THREADS))
    with _quiet_stderr():
        import keras

        keras.utils.set_random_seed(seed)  # loads TensorFlow too, where it is installed
    if keras.config.backend() == "torch":
        import torch

        # As TensorFlow and JAX do: RMSprop's running squares of pixels that are seldom inked sink
        # below 1e-38, where processors are slow and the numbers no longer matter.
        torch.set_flush_denormal(True)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings name memory addresses

    import matplotlib.pyplot as plt
    from threadpoolctl import threadpool_limits

    threadpool_limits(THREADS)  # NumPy's threads, when NumPy was imported before us
    plt.style.use("aebook.book")


def xla_flags():
    """XLA_FLAGS of this environment, with a bound on the instructions of x86 if it names none.

    On processors with AVX512_BF16, jaxlib 0.7.2 (Colab's) trains chapter 3's VAE to something else:
    kl 67.7 instead of 7.5 after 200 steps. Up to AVX512 its numbers are those of later releases.
    """
    given = os.environ.get("XLA_FLAGS", "")
    if platform.machine() in ("x86_64", "AMD64") and "xla_cpu_max_isa" not in given:
        return f"{given} --xla_cpu_max_isa=AVX512".strip()
    return given


@contextlib.contextmanager
def _quiet_stderr():
    """Drop what C++ libraries write to file descriptor 2 while they load."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
