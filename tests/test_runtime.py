"""What `setup` prepares, and what it says where it cannot; in processes of their own."""

import base64
import importlib.util
import io
import os
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient
from PIL import Image

from aebook import runtime

pytestmark = pytest.mark.slow  # each starts a process

ABSENT = """
import sys
class Absent:
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent)
import importlib.util
there = importlib.util.find_spec
def find_spec(name, package=None):
    return None if name in {absent} else there(name, package)
importlib.util.find_spec = find_spec
"""
HERE = next(name for name in runtime.BACKENDS if importlib.util.find_spec(name))  # the default
SETUP = "import aebook\naebook.setup()\nimport keras\nprint(keras.config.backend())"


def run(code, absent=(), **variables):
    """(status, output, errors) of Python code, in which some packages are not installed."""
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    environment |= {"PYTHONPATH": str(ROOT), **variables}
    code = (ABSENT.format(absent=set(absent)) if absent else "") + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          cwd=ROOT, env=environment)  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def refused(*given, **variables):
    """The last line of the error, all of what it says."""
    status, _, err = run(*given, **variables)
    assert status == 1
    return err.splitlines()[-1]


def test_a_run_is_repeatable():
    """Python, NumPy and the backend: the same numbers for a seed, and others for another."""
    code = """
import aebook
for seed in (0, 0, 1):
    aebook.setup(seed)
    import random, keras, numpy as np
    draw = keras.ops.convert_to_numpy(keras.random.normal((1,)))
    print(random.random(), np.random.random(), draw[0])
"""
    first, second, other = run(code)[1].splitlines()[-3:]
    assert first == second
    assert not set(first.split()) & set(other.split())


def test_threads_are_limited():
    """Those of the backend by its variables, and NumPy's even if it was imported before."""
    code = """
import numpy, os, threadpoolctl, aebook
threadpoolctl.threadpool_limits(1)
aebook.setup()
print({pool["num_threads"] for pool in threadpoolctl.threadpool_info()})
print([os.environ[name] for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")])
"""
    more = {"OPENBLAS_NUM_THREADS": "3"}
    assert run(code, **more)[1].splitlines()[-2:] == ["{2}", "['2', '2']"]
    assert run(code, **more, OMP_NUM_THREADS="1")[1].splitlines()[-1] == "['1', '2']"


def test_numbers_are_float32_whatever_the_readers_keras_json_says(tmp_path):
    (tmp_path / "keras.json").write_text('{"floatx": "float16", "backend": "torch"}')
    code = SETUP + "\nprint(keras.config.floatx(), keras.config.dtype_policy().name)"
    _, out, _ = run(code, KERAS_HOME=str(tmp_path))
    assert out.split()[-3:] == [HERE, "float32", "float32"]


def test_figures_have_the_books_style():
    code = """
import aebook
aebook.setup()
import matplotlib as mpl
style = mpl.rc_params_from_file("aebook/book.mplstyle", use_default_template=False)
print(len(style) > 0, all(mpl.rcParams[key] == style[key] for key in style))
"""
    assert run(code)[1].splitlines()[-1] == "True True"


def test_the_named_backend_is_taken_and_nothing_is_said():
    assert run(SETUP, KERAS_BACKEND=HERE)[:2] == (0, f"{HERE}\n")
    if HERE == "tensorflow":
        assert run(SETUP)[:2] == (0, "tensorflow\n")
    pytest.importorskip("jax")
    assert run(SETUP, KERAS_BACKEND="jax") == (0, "jax\n", "")


def test_without_tensorflow_jax_is_taken_and_this_is_said():
    pytest.importorskip("jax")
    said = "TensorFlow is not installed here: Keras computes with JAX."
    status, out, err = run(SETUP + "\naebook.setup()", ["tensorflow"])
    assert (status, out) == (0, f"{said}\njax\n"), err


def test_a_backend_that_is_not_there_is_one_line_that_says_what_to_install():
    none = ["tensorflow", "jax", "torch"]
    assert "nothing to compute with here; pip install tensorflow" in refused(SETUP, none)
    said = (
        "ImportError: KERAS_BACKEND is jax, which is not installed here; pip install jax, or unset"
    )
    assert refused(SETUP, ["jax"], KERAS_BACKEND="jax").startswith(said)
    said = "KERAS_BACKEND is 'tensorflwo'; expected one of tensorflow, jax, torch"
    assert said in refused(SETUP, KERAS_BACKEND="tensorflwo")


def test_keras_that_already_runs_on_another_backend_is_one_line():
    pytest.importorskip("jax")
    pytest.importorskip("tensorflow")
    late = "import keras, os\nos.environ['KERAS_BACKEND'] = 'jax'\n" + SETUP
    said = (
        "RuntimeError: KERAS_BACKEND is jax, but Keras was imported before and runs on tensorflow"
    )
    assert refused(late, KERAS_BACKEND="tensorflow").startswith(said)
    assert run("import keras\n" + SETUP, KERAS_BACKEND="jax")[:2] == (0, "jax\n")


@pytest.mark.parametrize("end", ["os.abort()", "raise ImportError", "pass"])
def test_last_words_are_told_when_a_library_fails_and_only_then(end):
    code = f"""
import os
from aebook import runtime
with runtime._quiet_stderr():
    os.write(2, b"this processor has no AVX")
    {end}
"""
    status, _, err = run(code)
    assert ("no AVX" in err) == (status != 0) == (end != "pass")


def test_jax_keeps_to_instructions_that_its_releases_agree_on(monkeypatch):
    """Where the compiler is the one that errs: no other is given a flag that it may not know."""

    def flags(jaxlib, given="", machine="x86_64"):
        monkeypatch.setattr(runtime.metadata, "version", lambda name: jaxlib)
        monkeypatch.setattr(runtime.platform, "machine", lambda: machine)
        monkeypatch.setenv("XLA_FLAGS", given)
        return runtime.xla_flags()

    bound = "--xla_cpu_max_isa=AVX512"
    for jaxlib in ("0.7.2", "0.8.0", "0.8.1"):
        assert flags(jaxlib) == bound
    for jaxlib in ("0.8.2", "0.10.2", "0.12.0.1", "1.0"):
        assert flags(jaxlib) == ""
    assert flags("0.7.2", "--xla_dump_to=here") == f"--xla_dump_to=here {bound}"
    assert flags("0.7.2", "--xla_cpu_max_isa=AVX2") == "--xla_cpu_max_isa=AVX2"
    assert flags("0.7.2", machine="arm64") == ""


DRAW = """
import aebook.runtime, matplotlib.pyplot as plt
plt.style.use("aebook.book")
aebook.runtime._figures_of_their_own_width()
plt.plot([1, 2])
plt.show()
"""


@pytest.mark.parametrize(("chosen", "kind"), [((), "image/png"), (("svg",), "image/svg+xml")])
def test_in_a_notebook_a_figure_is_as_wide_as_it_says_with_two_dots_a_pixel(chosen, kind):
    """Margins stay, and so does the format that somebody has chosen."""
    cell = nbformat.v4.new_code_cell(DRAW)
    arguments = [f"--InlineBackend.figure_formats={name}" for name in chosen]
    NotebookClient(nbformat.v4.new_notebook(cells=[cell]), extra_arguments=arguments).execute()
    (out,) = cell.outputs
    assert kind in out.data
    if kind == "image/png":
        assert out.metadata[kind]["width"] == 688
        assert Image.open(io.BytesIO(base64.b64decode(out.data[kind]))).width == 2 * 688
