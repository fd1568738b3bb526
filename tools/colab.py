"""Run the chapters as Colab would: its versions, an empty folder each, the helper not installed.

    python tools/colab.py [words in the names of the chapters]

To be run with the interpreter of an environment that holds Colab's versions (`make test-colab`
makes one). Beside each notebook lies the wheel of this checkout's helper, and the notebook's own
first cell installs it. Outputs are thrown away.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)
NUMERICAL = ("tensorflow", "keras", "numpy", "scipy", "matplotlib", "scikit-learn", "pillow")


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def versions():
    lines = (line.split("==") for line in pip("freeze").splitlines() if "==" in line)
    return {name: version for name, version in lines if name.lower() in NUMERICAL}


def wheel():
    """Pack the helper of this checkout, as it is now, as `make wheel` does; the file's path."""
    for left in ("build", "_build/wheel"):
        shutil.rmtree(ROOT / left, ignore_errors=True)
    pip("wheel", "--no-deps", "--wheel-dir", str(ROOT / "_build" / "wheel"), str(ROOT))
    (path,) = (ROOT / "_build" / "wheel").glob("aebook-*.whl")
    return path


def main(wanted):
    sys.path.insert(0, str(ROOT))  # of this process: the kernels install theirs
    from aebook.data import resolve_named

    resolve_named()
    before, packed, failed = versions(), wheel(), 0
    print(", ".join(f"{name} {version}" for name, version in before.items()), flush=True)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if wanted and not any(word in path.name for word in wanted):
            continue
        pip("uninstall", "--quiet", "--yes", "aebook")
        start, error = time.monotonic(), ""
        with tempfile.TemporaryDirectory() as empty:
            shutil.copy(packed, empty)
            notebook = nbformat.read(path, as_version=4)
            resources = {"metadata": {"path": empty}}
            try:
                NotebookClient(notebook, timeout=900, resources=resources).execute()
            except FAILURES as raised:
                error = f"\n{raised}"
        if versions() != before:
            error += f"\na cell changed the numerical packages: {versions()}"
        took = f"{time.monotonic() - start:.0f} s"
        print(f"{path.name}: {'FAILED ' if error else 'passed, '}{took}{error}", flush=True)
        failed += bool(error)
    sys.exit(f"{failed} chapters failed under Colab's versions" if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
