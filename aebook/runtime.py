"""One place for what makes a run repeatable and quiet: seeds, threads, log lines, style."""

import contextlib
import logging
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec

THREADS = 2
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}  # the first at hand


def setup(seed=0):
    """Prepare a notebook: fix seeds and threads, silence start-up logs, set the figure style.

    Call it before Keras is imported; every chapter's first cell does. The last bits of a
    training run depend on the number of threads and on the processor, so the first is fixed
    here and what a chapter prints is rounded to what survives the second. The backend is the
    one that KERAS_BACKEND names, or else TensorFlow, or what is installed instead of it, and this
    is said. Numbers are float32, whatever the reader's own keras.json says.

    seed: integer for Python's, NumPy's and the backend's random numbers.
    Raises ImportError when the backend is not installed, RuntimeError when Keras already runs on
    another one; each is one line.
    """
    os.environ["KERAS_BACKEND"] = _backend()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    if os.environ["KERAS_BACKEND"] == "jax":
        os.environ["XLA_FLAGS"] = xla_flags()
    for pool in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(pool, str(THREADS))
    with _quiet_stderr():
        import keras

        keras.config.set_floatx("float32")
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
    _figures_of_their_own_width()


def _figures_of_their_own_width():
    """In a notebook, show a figure as wide as it says, at two dots a pixel.

    IPython cuts away margins, so that widths differ, and takes a format for screens of long ago.
    Formats that somebody has chosen stay.
    """
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()):
        from matplotlib_inline.config import InlineBackend

        inline = InlineBackend.instance(parent=shell)
        inline.print_figure_kwargs = {"bbox_inches": None}
        if inline.figure_formats == {"png"}:
            inline.figure_formats = {"retina"}


def _backend():
    """The backend to compute with, of BACKENDS: the named one, or the first that is installed."""
    named = os.environ.get("KERAS_BACKEND")
    if "keras" in sys.modules:
        running = sys.modules["keras"].config.backend()
        if named not in (None, running):
            raise RuntimeError(
                f"KERAS_BACKEND is {named}, but Keras was imported before and runs on {running}; "
                "restart the kernel and call aebook.setup() before Keras is imported"
            )
        return running
    if named is not None and named not in BACKENDS:
        raise ImportError(f"KERAS_BACKEND is {named!r}; expected one of {', '.join(BACKENDS)}")
    installed = [name for name in BACKENDS if find_spec(name)]
    if named is not None and named not in installed:
        raise ImportError(
            f"KERAS_BACKEND is {named}, which is not installed here; "
            f"pip install {named}, or unset KERAS_BACKEND"
        )
    if not installed:
        raise ImportError("Keras has nothing to compute with here; pip install tensorflow, or jax")
    first = named or installed[0]
    if named is None and first != "tensorflow":
        print(f"TensorFlow is not installed here: Keras computes with {BACKENDS[first]}.")
    return first


def xla_flags():
    """XLA_FLAGS of this environment, with a bound on the instructions of x86 where it is needed.

    On processors with AVX512_BF16, jaxlib 0.7.2 (Colab's) to 0.8.1 trains chapter 3's VAE to
    something else: kl 67.7 instead of 7.5 after 200 steps. Up to AVX512 its numbers are those of
    0.8.2 to 0.10.2, which need no bound and get none: to an XLA that does not know a flag, it is a
    reason to abort. A bound that the environment names is left as it is.
    """
    given = os.environ.get("XLA_FLAGS", "")
    x86 = platform.machine() in ("x86_64", "AMD64")
    if x86 and _jaxlib() < (0, 8, 2) and "xla_cpu_max_isa" not in given:
        return f"{given} --xla_cpu_max_isa=AVX512".strip()
    return given


def _jaxlib():
    """The version of jaxlib as three numbers."""
    return tuple(int(number) for number in re.findall(r"\d+", metadata.version("jaxlib"))[:3])


# Passes on what it is told when the end comes; killed before, it says nothing.
TELL = "import sys; sys.stderr.buffer.write(sys.stdin.buffer.read())"


@contextlib.contextmanager
def _quiet_stderr():
    """Drop what C++ libraries write to file descriptor 2 while they load, unless the load fails.

    Another process keeps it and is killed when all went well: if a library raises, or aborts this
    process, the last words are still told, in a notebook in the terminal that Jupyter runs in.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    terminal = getattr(sys.stderr, "_original_stdstream_copy", kept)  # a kernel's 2 is a pipe to it
    keeper = subprocess.Popen([sys.executable, "-IS", "-c", TELL],
                              stdin=subprocess.PIPE, stderr=terminal)  # fmt: skip
    os.dup2(keeper.stdin.fileno(), 2)
    try:
        yield
        keeper.kill()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        keeper.stdin.close()
        keeper.wait()
