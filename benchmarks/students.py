"""What a student costs: memory and processor time of each chapter, written to book/students.yml.

    python benchmarks/students.py            every chapter, on the data load_mnist() finds
    python benchmarks/students.py 03 05      only these; the other chapters keep their figures

Each chapter runs in a kernel of its own, as on a hub. Memory is the kernel's PSS (a page shared by
k processes counts 1/k), sampled five times a second; its highest value counts. Processor time is
user and system time of the kernel, so that a busy machine does not spoil the figure. The tables
in book/server.md are made from the file.
"""

import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
import tables
import yaml
from nbclient import NotebookClient

import aebook

ROOT = Path(__file__).resolve().parent.parent
MIB = 2**20
HEAD = "# Written by benchmarks/students.py: memory in MiB, processor time in seconds.\n"


def pss(process):
    """Memory of a process and all below it, in MiB."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / MIB


def watch(process, stop, peak):
    while not stop.wait(0.2):
        peak[0] = max(peak[0], pss(process))


def chapter(path):
    """(highest memory in MiB, processor seconds) of running one chapter from top to bottom."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as empty:
        client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": empty}})
        with client.setup_kernel():
            kernel = psutil.Process(client.km.provisioner.pid)
            stop, peak = threading.Event(), [0.0]
            watcher = threading.Thread(target=watch, args=(kernel, stop, peak))
            watcher.start()
            try:
                for index, cell in enumerate(notebook.cells):
                    client.execute_cell(cell, index)
                used = kernel.cpu_times()
            finally:
                stop.set()
                watcher.join()
    return round(peak[0]), round(sum(used[:4]))


def server():
    """Memory in MiB of JupyterLab's server with nobody in it."""
    with tempfile.TemporaryDirectory() as empty:
        running = psutil.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"],
            cwd=empty,
            env={**os.environ, "JUPYTER_RUNTIME_DIR": empty},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not list(Path(empty).glob("jpserver-*.json")):
                if running.poll() is not None:
                    sys.exit("students: JupyterLab did not start; is it installed?")
                time.sleep(0.5)
            time.sleep(3)
            return round(pss(running))
        finally:
            running.terminate()
            running.wait(timeout=30)


def main(wanted):
    if sys.platform != "linux":
        sys.exit("students: only Linux tells the memory that processes share; run it there")
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    names = {path.stem for path in paths}
    old = tables.read(tables.STUDENTS) if tables.STUDENTS.exists() else {}
    chapters = {k: v for k, v in old.get("chapters", {}).items() if k in names}
    table = {
        "measured": f"Python {platform.python_version()}, {platform.machine()}, "
                    f"{len(aebook.load_mnist(quiet=True).x_train)} training digits",
        "server": server(),
    }  # fmt: skip
    for path in paths:
        if wanted and not any(word in path.name for word in wanted):
            continue
        memory, seconds = chapter(path)
        chapters[path.stem] = {"memory": memory, "seconds": seconds}
        print(f"{path.stem}: {memory} MiB, {seconds} s of processor time", flush=True)
        table["chapters"] = dict(sorted(chapters.items()))
        text = yaml.safe_dump(table, sort_keys=False)
        tables.STUDENTS.write_text(HEAD + text, encoding="utf-8")
        tables.stamp(tables.STUDENTS)


if __name__ == "__main__":
    main(sys.argv[1:])
