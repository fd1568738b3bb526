"""Run a notebook's kernel in a box, where it sees what it needs and nothing else.

    python tools/box.py CONNECTION_FILE      what Jupyter starts in place of an ordinary kernel

A submission is a program by a stranger. Its kernel runs in bubblewrap or in a container of Podman
or Docker (KINDS): Python, the environment and the helper package to read, an empty home that is
forgotten, no network, nobody else's processes, nothing of the class. What grades stays outside and
talks to it through sockets in a private folder; all that a submission leaves is what it answered
there. Bounds are set for each process here (data, size of a file, processor time) and for all of
them together by `Keeper`, from outside; those of a container, which is no child of ours, by its
engine. What escapes all counting (memory that no process maps, files without a name) is met by a
last bound: no box goes on when the machine itself runs short.
"""

import contextlib
import json
import os
import resource
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

KERNEL = "boxed"
KINDS = ("bwrap", "podman", "docker")
MIB = 2**20
# A right answer to any exercise needs at most 1.5 GiB, 60 threads in 10 processes, and a minute.
EACH = {"RLIMIT_DATA": 6144 * MIB, "RLIMIT_FSIZE": 256 * MIB, "RLIMIT_CPU": 600, "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": 4096, "RLIMIT_NOFILE": 4096}  # fmt: skip
# /tmp, /home and /dev/shm of a box each, all three in memory; and what it leaves among its sockets.
DISK = 256 * MIB
MEMORY, PROCESSES, SECONDS = 6144 * MIB, 128, 900
LEAST = 2**30  # bytes of memory and of disk that a machine keeps, whatever its boxes do
SHORT = "ended when this machine ran short of"
THREADS = 512  # of a container, whose engine counts threads
# What a container runs everything under: should all of us be killed, it ends by itself.
ENDS = ("/usr/bin/timeout", "--signal=KILL", str(SECONDS))
IMAGE = "aebook-box"  # an empty one: all that is in a container is mounted
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
ADVICE = "install bubblewrap (Debian, Ubuntu: apt install bubblewrap), or see the exercises page"
LET_IT = "let bubblewrap make one (Ubuntu: load its profile, as the exercises page says)"


def choose():
    """The kind of box that can be made here, and, where none can, why, in one line.

    AEBOOK_BOX names one of KINDS that has to be it.
    """
    if not sys.platform.startswith("linux"):
        return None, f"no sandbox on {sys.platform}: grade in a Linux machine (see exercises page)"
    reasons = []
    for kind in KINDS:
        if not shutil.which(kind) or (os.environ.get("AEBOOK_BOX") or kind) != kind:
            continue
        if kind != "bwrap":
            ready_image(kind)
        command = [*around(kind), sys.executable, "-c", ""]
        tried = subprocess.run(command, capture_output=True, text=True)
        if not tried.returncode:
            return kind, None
        why = (tried.stderr.strip().splitlines() or [f"exit status {tried.returncode}"])[0]
        reasons.append(f"{kind} says {why!r}")
    advice = LET_IT if any(why.startswith("bwrap says") for why in reasons) else ADVICE
    return None, f"no sandbox: {'; '.join([*reasons, advice])}"


def ready_image(engine):
    """Have the engine keep an empty image."""
    if subprocess.run([engine, "image", "inspect", IMAGE], capture_output=True).returncode:
        nothing = bytes(10_240)  # an archive without files
        subprocess.run([engine, "import", "-", IMAGE], input=nothing, capture_output=True)


def missing():
    """Why no box can be made on this machine, in one line; None where one can."""
    return choose()[1]


def around(kind, shared=None):
    """The command that puts what follows it into a box; `shared`: a folder of sockets to write."""
    return walls(shared) if kind == "bwrap" else crate(kind, shared)


def helper():
    return Path(__import__("aebook").__file__).parent


def environment():
    """The variables in a box."""
    inside = {"HOME": "/home/student", "PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
              "PYTHONPATH": os.pathsep.join([str(helper().parent), *packages()]),
              "AEBOOK_MNIST": "sample", "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", ""),
              "NBGRADER_EXECUTION": "autograde"}  # fmt: skip
    return {name: value for name, value in inside.items() if value}


def python():
    """The folders of Python, the environment and the helper package."""
    return list(dict.fromkeys((sys.base_prefix, sys.prefix, *packages(), str(helper()))))


def crate(engine, shared=None):
    """A container: an empty image with this machine's own system and Python mounted to be read."""
    command = [engine, "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL"]
    command += ["--security-opt", "no-new-privileges", "--security-opt", "label=disable"]
    command += ["--user", f"{os.getuid()}:{os.getgid()}", "--workdir", "/home/student"]
    if engine == "podman":  # no folders to write beside ours
        command += ["--read-only-tmpfs=false"]
    if engine == "podman" and os.getuid():
        command += ["--userns", "keep-id"]  # so that the sockets are ours
    command += ["--memory", str(MEMORY), "--memory-swap", str(MEMORY), "--shm-size", str(DISK)]
    command += ["--pids-limit", str(THREADS)]
    for name in ("data", "fsize", "cpu", "core", "nproc", "nofile"):
        command += ["--ulimit", f"{name}={EACH[f'RLIMIT_{name.upper()}']}"]
    for place in ("/tmp", "/home/student"):
        command += ["--tmpfs", f"{place}:rw,mode=1777,size={DISK}"]
    for path in dict.fromkeys([*filter(os.path.exists, SYSTEM), *python()]):
        command += ["--volume", f"{path}:{path}:ro"]
    if shared:
        command += ["--name", name_of(Path(shared).parent), "--volume", f"{shared}:{shared}:rw"]
    for name, value in environment().items():
        command += ["--env", f"{name}={value}"]
    return [*command, IMAGE, *ENDS]


def name_of(folder):
    """What the container is called whose sockets lie in this folder."""
    return f"{IMAGE}-{Path(folder).name}"


def walls(shared=None):
    """Bubblewrap's command."""
    command = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"]
    command += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv"]
    for path in SYSTEM:
        command += ["--ro-bind-try", path, path]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for place in ("/tmp", "/home", "/dev/shm"):
        command += ["--size", str(DISK), "--tmpfs", place]
    command += ["--dir", "/home/student", "--chdir", "/home/student"]
    # After /tmp and /home, in which they may lie.
    for path in python():
        command += ["--ro-bind", path, path]
    if shared:
        command += ["--bind", shared, shared]
    for name, value in environment().items():
        command += ["--setenv", name, value]
    # What bwrap lays all this on is in memory, too, and without a size.
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/"]


def packages():
    """Folders of packages outside of this environment, such as those of pip install --user."""
    found = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return [p for p in found if not p.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep))]


def install(folder, kind):
    """Make below `folder` what a grading run needs; the environment that tells it so.

    kind: of box, or None for a run in the open.
    """
    sockets = Path(folder, "sockets")
    sockets.mkdir(mode=0o700)
    variables = {"AEBOOK_SOCKETS": str(sockets)}
    if not kind:
        return variables | {"AEBOOK_BOX": ""}
    kernel = Path(folder, "kernels", KERNEL, "kernel.json")
    kernel.parent.mkdir(parents=True)
    spec = {
        "argv": [sys.executable, str(Path(__file__).resolve()), "{connection_file}"],
        "display_name": KERNEL,
        "language": "python",
        "interrupt_mode": "message",
    }
    kernel.write_text(json.dumps(spec))
    return variables | {"JUPYTER_PATH": str(folder), "AEBOOK_BOX": kind}


def clear(folder, kind):
    """Remove the container of a grading run, should it have outlived the run."""
    if kind in KINDS[1:]:
        subprocess.run([kind, "rm", "--force", name_of(folder)], capture_output=True)


class Keeper(threading.Thread):
    """Watches over a process and all its children; ends them all above a bound.

    process: a subprocess.Popen. folder: what it may write, beside its own memory. kind: of box, or
    None. When this thread has been joined, `why` is None, or the bound that was passed, in words.
    """

    def __init__(
        self, process, folder, kind=None, memory=MEMORY, processes=PROCESSES, seconds=SECONDS
    ):
        super().__init__(daemon=True)
        self.process, self.folder, self.kind, self.why = process, folder, kind, None
        self.bounds = memory, processes, seconds
        self.least = {what: min(LEAST, now // 2) for what, now in left(folder).items()}

    def run(self):
        started = time.monotonic()
        while self.why is None:
            try:
                self.process.wait(0.3)
            except subprocess.TimeoutExpired:
                self.why = self.passed(time.monotonic() - started)
            else:
                return
        end(self.process)

    def passed(self, seconds):
        """The bound that is passed now, or None."""
        memory, processes, longest = self.bounds
        family = whole_family(self.process)
        if seconds > longest:
            return f"ended after {longest / 60:g} minutes"
        if len(family) > processes:
            return f"ended with more than {processes} processes"
        if sum(map(resident, family)) > memory:
            return f"ended with more than {memory / 2**30:g} GiB of memory"
        holders = family if self.kind not in KINDS[1:] else [*family, *guests(self.folder)]
        if written(self.folder) + nameless(holders) > DISK:
            return f"ended with more than {DISK / MIB:g} MiB of files"
        short = [what for what, now in left(self.folder).items() if now < self.least[what]]
        return f"{SHORT} {' and '.join(short)}" if short else None


def left(folder):
    """Bytes that this machine has left: of memory, and of the disk on which a folder lies."""
    import psutil

    memory, disk = psutil.virtual_memory().available, shutil.disk_usage(folder).free
    return {"memory": memory, "disk": disk}


def whole_family(process):
    """A process and all that descend from it, as psutil.Process; none once it is gone."""
    import psutil

    try:
        first = psutil.Process(process.pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


def guests(folder):
    """The processes of a container whose sockets lie in a folder; they are no children of ours."""
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        first, *rest = process.info["cmdline"] or [""]
        if first == ENDS[0] and any(str(folder) in part for part in rest):
            return whole_family(process)
    return []


def written(folder):
    """Bytes of the files below a folder."""
    sizes = []
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                sizes.append(os.lstat(os.path.join(place, name)).st_size)
    return sum(sizes)


def nameless(family):
    """Bytes of the files that these processes hold open and no folder lists any more."""
    sizes = {}
    for process in family:
        place = f"/proc/{process.pid}/fd"
        with contextlib.suppress(OSError):
            for name in os.listdir(place):
                with contextlib.suppress(OSError):
                    about = os.stat(f"{place}/{name}")
                    if stat.S_ISREG(about.st_mode) and not about.st_nlink:
                        sizes[about.st_dev, about.st_ino] = 512 * about.st_blocks
    return sum(sizes.values())


def resident(process):
    """Bytes of memory of a psutil.Process, 0 once it is gone."""
    import psutil

    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def end(process):
    """Kill a process and its children. All of a box dies with its first process."""
    import psutil

    for one in whole_family(process):
        with contextlib.suppress(psutil.Error):
            one.kill()
    process.wait()


def main(connection):
    kind, sockets = os.environ["AEBOOK_BOX"], os.environ["AEBOOK_SOCKETS"]
    # It lies in /tmp, of which the box has one of its own.
    inside = Path(sockets, "connection.json")
    inside.write_bytes(Path(connection).read_bytes())
    command = [*around(kind, sockets), sys.executable, "-m", "ipykernel_launcher", "-f"]
    command += [str(inside), "--HistoryManager.enabled=False"]
    if kind != "bwrap":  # whose bounds are in the command
        os.execvp(command[0], command)
    for name, bound in EACH.items():
        limit = getattr(resource, name)
        hard = resource.getrlimit(limit)[1]
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(limit, (bound, bound))
    # The first process of a box keeps the environment that bwrap was started with, for all to read.
    os.execvpe(command[0], command, {"PATH": os.environ["PATH"]})


if __name__ == "__main__":
    main(sys.argv[1])
