"""Run a notebook's kernel in a box, where it sees what it needs and nothing else.

    python tools/box.py CONNECTION_FILE      what Jupyter starts in place of an ordinary kernel

A submission is a program by a stranger. Its kernel runs in bubblewrap: Python, the environment and
the helper package to read, an empty home that is forgotten, no network, nobody else's processes,
nothing of the class. What grades stays outside and talks to it through sockets in a private folder;
all that a submission leaves is what it answered there. Bounds are set for each process here (data,
size of a file, processor time) and for all of them together by `Keeper`, from outside.
"""

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from pathlib import Path

KERNEL = "boxed"
MIB = 2**20
# A right answer to any exercise needs at most 1.5 GiB, 60 threads in 10 processes, and a minute.
EACH = {"RLIMIT_DATA": 6144 * MIB, "RLIMIT_FSIZE": 256 * MIB, "RLIMIT_CPU": 600, "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": 4096}  # fmt: skip
DISK = 256 * MIB
MEMORY, PROCESSES, SECONDS = 6144 * MIB, 128, 900
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
ADVICE = "install bubblewrap (Debian, Ubuntu: apt install bubblewrap), or see the exercises page"


def missing():
    """Why no box can be made on this machine, in one line; None where one can."""
    if not sys.platform.startswith("linux"):
        return f"no sandbox on {sys.platform}: grade in a container, as the exercises page says"
    if not shutil.which("bwrap"):
        return f"no sandbox: {ADVICE}"
    tried = subprocess.run([*walls(), sys.executable, "-c", ""], capture_output=True, text=True)
    why = (tried.stderr.strip().splitlines() or [f"exit status {tried.returncode}"])[-1]
    return f"no sandbox: bubblewrap says {why!r}; {ADVICE}" if tried.returncode else None


def walls(shared=None):
    """The command that puts what follows it into a box; `shared`: a folder of sockets to write."""
    helper = Path(__import__("aebook").__file__).parent
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    for path in SYSTEM:
        command += ["--ro-bind-try", path, path]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for place in ("/tmp", "/home", "/dev/shm"):
        command += ["--size", str(DISK), "--tmpfs", place]
    command += ["--dir", "/home/student", "--chdir", "/home/student"]
    # After /tmp and /home, in which they may lie.
    for path in dict.fromkeys((sys.base_prefix, sys.prefix, str(helper))):
        command += ["--ro-bind", path, path]
    if shared:
        command += ["--bind", shared, shared]
    inside = {"HOME": "/home/student", "PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
              "PYTHONPATH": str(helper.parent), "AEBOOK_MNIST": "sample",
              "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", ""),
              "NBGRADER_EXECUTION": "autograde"}  # fmt: skip
    for name, value in inside.items():
        command += ["--setenv", name, value] if value else []
    return command


def install(folder):
    """Write the kernel that starts in a box below `folder`; the environment in which it is used."""
    kernel = Path(folder, "kernels", KERNEL, "kernel.json")
    kernel.parent.mkdir(parents=True)
    starts = [sys.executable, str(Path(__file__).resolve()), "{connection_file}"]
    spec = {
        "argv": starts,
        "display_name": KERNEL,
        "language": "python",
        "interrupt_mode": "message",
    }
    kernel.write_text(json.dumps(spec))
    sockets = Path(folder, "sockets")
    sockets.mkdir(mode=0o700)
    return {
        "JUPYTER_PATH": str(folder),
        "JUPYTER_RUNTIME_DIR": str(sockets),
        "AEBOOK_BOX": str(sockets),
    }


class Keeper(threading.Thread):
    """Watches over a process and all its children; ends them all above a bound.

    process: a subprocess.Popen that leads a session of its own. When it has been joined, `why` is
    None, or the bound that was passed, in words.
    """

    def __init__(self, process, memory=MEMORY, processes=PROCESSES, seconds=SECONDS):
        super().__init__(daemon=True)
        self.process, self.why = process, None
        self.bounds = memory, processes, seconds

    def run(self):
        import psutil

        memory, processes, seconds = self.bounds
        waited = 0
        while self.why is None:
            try:
                self.process.wait(0.5)
                return
            except subprocess.TimeoutExpired:
                waited += 0.5
            try:
                family = psutil.Process(self.process.pid).children(recursive=True)
            except psutil.NoSuchProcess:
                return
            if waited > seconds:
                self.why = f"ended after {seconds / 60:g} minutes"
            elif len(family) > processes:
                self.why = f"ended with more than {processes} processes"
            elif sum(map(resident, family)) > memory:
                self.why = f"ended with more than {memory / 2**30:g} GiB of memory"
        end(self.process)


def resident(process):
    """Bytes of memory of a psutil.Process, 0 once it is gone."""
    import psutil

    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def end(process):
    """Kill a process and its children. The box dies with whoever started it."""
    import psutil

    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    for one in [process, *family]:
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            one.kill()
    process.wait()


def main(connection):
    for name, bound in EACH.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (bound, bound))
    # It lies in /tmp, of which the box has one of its own.
    inside = Path(os.environ["AEBOOK_BOX"], "connection.json")
    inside.write_bytes(Path(connection).read_bytes())
    kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", str(inside)]
    command = [*walls(os.environ["AEBOOK_BOX"]), *kernel, "--HistoryManager.enabled=False"]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1])
