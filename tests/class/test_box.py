"""The box itself: its bounds, where none can be made, and what a page shows to a teacher."""

import ast
import itertools
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from classroom import NAMELESS, ROOT, SHEETS, cell, graded, hand_in, run, school, solved, table

sys.path.insert(0, str(ROOT / "tools"))
import apart
import box
import examine

HOGS = {
    "minutes": ("while True: pass", {"seconds": 1}),
    "processes": ("import subprocess, time\n"
                  "for _ in range(9): subprocess.Popen(['sleep', '60'])\ntime.sleep(60)",
                  {"processes": 5}),
    "memory": ("import time; x = bytearray(b'1') * (200 * 2**20); time.sleep(60)",
               {"memory": 100 * 2**20}),
    "files": ("import time; f = open('fill', 'wb')\n"
              "for _ in range(300): f.write(bytes(2**20))\nf.flush(); time.sleep(60)", {}),
    "MiB of files": ("import os, time; f = open('fill', 'wb'); os.remove('fill')\n"
                     "for _ in range(300): f.write(bytes(2**20))\nf.flush(); time.sleep(60)", {}),
    "more than 256 MiB of files": ("import os, time; f = os.memfd_create('fill')\n"
                                   "os.posix_fallocate(f, 0, 300 * 2**20); time.sleep(60)", {}),
}  # fmt: skip


@pytest.mark.parametrize("what", HOGS)
def test_the_keeper_ends_what_passes_a_bound_and_says_which(tmp_path, what):
    program, bounds = HOGS[what]
    hog = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    keeper = box.Keeper(hog, str(tmp_path), **bounds)
    keeper.start()
    keeper.join(50)
    assert not keeper.is_alive()
    assert what in keeper.why
    assert hog.poll() is not None
    assert box.whole_family(hog) == []


def test_what_keeps_to_its_bounds_is_left_alone(tmp_path):
    fine = subprocess.Popen([sys.executable, "-c", "print(1)"], stdout=subprocess.DEVNULL)
    keeper = box.Keeper(fine, str(tmp_path))
    keeper.start()
    keeper.join(50)
    assert (keeper.why, fine.returncode) == (None, 0)


@pytest.mark.parametrize("what", ["memory", "disk"])
def test_no_box_goes_on_when_the_machine_runs_short(tmp_path, monkeypatch, what):
    """The last bound, for what nothing counts; it is what grading goes by, one at a time."""
    left = {"memory": 8 * 2**30, "disk": 8 * 2**30}
    monkeypatch.setattr(box, "left", lambda folder: dict(left))
    sleeper = subprocess.Popen(["sleep", "60"])
    keeper = box.Keeper(sleeper, str(tmp_path))
    keeper.start()
    keeper.join(1)
    assert keeper.is_alive()
    left[what] = box.LEAST - 1
    keeper.join(20)
    assert keeper.why == f"{box.SHORT} {what}"
    assert sleeper.poll() is not None


def test_a_machine_that_has_little_from_the_start_is_no_reason_to_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(box, "left", lambda folder: {"memory": 2**29, "disk": 2**29})
    fine = subprocess.Popen([sys.executable, "-c", "print(1)"], stdout=subprocess.DEVNULL)
    keeper = box.Keeper(fine, str(tmp_path))
    keeper.start()
    keeper.join(50)
    assert (keeper.why, fine.returncode) == (None, 0)


# Writes as much as it can at every place at which it can, and says how much that was where.
FILL = """
import os
total = {}
for place, folders, _ in os.walk("/"):
    folders[:] = [name for name in folders if (place, name) not in (("/", "proc"), ("/", "usr"))]
    for n in range(3):
        try:
            with open(os.path.join(place, f"fill-{n}"), "wb", buffering=0) as file:
                for _ in range(200):
                    total[place] = total.get(place, 0) + file.write(bytes(2**20))
        except OSError:
            pass
print(total)
"""


@pytest.mark.parametrize("kind", box.KINDS)
def test_what_can_be_written_in_a_box_is_bounded_wherever_it_is(tmp_path, monkeypatch, kind):
    """All of it lies in memory: an unbounded place would be a way around the bound on that."""
    monkeypatch.setenv("AEBOOK_BOX", kind)
    if box.missing():
        pytest.skip(f"no {kind} that works here: {box.missing()}")
    command = [*box.around(kind), sys.executable, "-c", FILL]
    told = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert told.returncode == 0, told.stderr
    filled = {place: size / box.MIB for place, size in ast.literal_eval(told.stdout).items()}
    named = {name: sum(size for place, size in filled.items() if f"{place}/".startswith(name))
             for name in ("/tmp/", "/home/", "/dev/shm/")}  # fmt: skip
    assert all(200 < size <= 257 for size in named.values()), filled
    # An engine's /dev is 64 MiB, and root's; ours and all the rest is to be read.
    assert sum(filled.values()) - sum(named.values()) <= (64 if kind != "bwrap" else 0), filled


@pytest.fixture
def no_bwrap(tmp_path):
    """A PATH on which there is no bwrap."""
    place = tmp_path / "bin"
    place.mkdir()
    return str(place)


def test_a_system_that_forbids_bubblewrap_is_told_how_to_let_it(tmp_path, no_bwrap, monkeypatch):
    said = "bwrap: setting up uid map: Permission denied"  # by Ubuntu, without a profile
    Path(no_bwrap, "bwrap").write_text(f"#!/bin/sh\necho '{said}' >&2; exit 1\n")
    Path(no_bwrap, "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", no_bwrap)
    assert box.missing() == f"no sandbox: bwrap says '{said}'; {box.LET_IT}"


def test_without_a_box_grading_says_so_and_stops_unless_told(tmp_path, no_bwrap):
    root = school(tmp_path / "class")
    assert run(root, "release", "01").returncode == 0
    hand_in(root, "ann", solved())
    assert run(root, "collect", "01", str(root / "handed-in")).returncode == 0
    told = run(root, "grade", "01", PATH=no_bwrap)
    assert told.returncode == 1
    (line,) = told.stderr.splitlines()
    assert "no sandbox: install bubblewrap" in line
    assert "UNSAFE=1 runs what was handed in as you" in line
    assert not (root / "course" / "autograded").exists()

    told = run(root, "grade", "01", PATH=no_bwrap, UNSAFE="1")
    assert told.returncode == 0, told.stderr
    assert "students' code runs as you" in told.stderr
    assert run(root, "marks").returncode == 0
    row = table(root)["ann"]
    assert (row["score"], row["notes"]) == ("12.0", "ran in the open, outside of any box")


def test_nbgrader_by_itself_runs_nobody(tmp_path):
    """Only make grade makes the box."""
    root = school(tmp_path / "class")
    assert run(root, "release", "01").returncode == 0
    hand_in(root, "ann", solved())
    assert run(root, "collect", "01", str(root / "handed-in")).returncode == 0
    command = [sys.executable, "-m", "nbgrader", "autograde", "01-compression"]
    environment = {k: v for k, v in os.environ.items() if k != "AEBOOK_SOCKETS"}
    told = subprocess.run(command, cwd=root / "solutions", env=environment, capture_output=True)
    assert told.returncode != 0
    assert b"grade with make grade" in told.stderr


def test_what_is_graded_once_more_is_what_has_changed(tmp_path):
    """Not what is newer: an older file may be another."""
    root = school(tmp_path / "class")
    assert run(root, "release", "01").returncode == 0
    path = hand_in(root, "ann", solved())
    for _ in range(2):
        assert run(root, "collect", "01", str(root / "handed-in")).returncode == 0
        told = run(root, "grade", "01")
    assert "ann done" not in told.stdout
    wrong = solved()
    cell(wrong, "rate").source = "def rate(z, step):\n    return 0.0"
    path.write_text(nbformat.writes(wrong))
    os.utime(path, (time.time() - 10**6,) * 2)
    assert run(root, "collect", "01", str(root / "handed-in")).returncode == 0
    assert "ann done" in run(root, "grade", "01").stdout
    assert any(out.output_type == "error" for out in cell(graded(root, "ann"), "test-rate").outputs)


def options(command):
    """Of a container's command the options that may be given several times, and what it runs."""
    several = {}
    for name, value in itertools.pairwise(command[: command.index(box.IMAGE)]):
        if name.startswith("--"):
            several.setdefault(name, []).append(value)
    return several, command[command.index(box.IMAGE) + 1 :]


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_a_container_is_given_what_a_box_is_and_nothing_else(engine, tmp_path):
    shared = tmp_path / "sockets"
    given, runs = options(box.around(engine, str(shared)))
    assert {"--rm", "--read-only"} <= set(given)
    assert "--privileged" not in given
    for name, value in {"--network": "none", "--cap-drop": "ALL", "--pids-limit": "512",
                        "--memory": str(6 * 2**30), "--memory-swap": str(6 * 2**30),
                        "--user": f"{os.getuid()}:{os.getgid()}"}.items():  # fmt: skip
        assert given[name] == [value]
    assert "no-new-privileges" in given["--security-opt"]
    writable = [v for v in given["--volume"] if not v.endswith(":ro")]
    assert writable == [f"{shared}:{shared}:rw"]
    allowed = (*box.SYSTEM, sys.prefix, sys.base_prefix, *box.packages(), str(box.helper()))
    assert {v.split(":")[0] for v in given["--volume"]} - {str(shared)} <= set(allowed)
    assert len(given["--volume"]) == len({v.split(":")[1] for v in given["--volume"]})
    for secret in (ROOT, ROOT / "solutions", ROOT / "course", Path.home()):
        assert not any(str(secret).startswith(v.split(":")[0]) for v in given["--volume"])
    names = {value.partition("=")[0] for value in given["--env"]}
    assert names <= {"HOME", "PATH", "LANG", "PYTHONPATH", "AEBOOK_MNIST", "KERAS_BACKEND",
                     "NBGRADER_EXECUTION"}  # fmt: skip
    assert runs == ["/usr/bin/timeout", "--signal=KILL", str(box.SECONDS)]


# An engine that keeps to what it is told, with bubblewrap's means: there is no daemon at hand here.
# Like Docker's, its container is no child of whoever starts it, and ends only when it is removed.
ENGINE = """#!{python}
import os, subprocess, sys
from pathlib import Path
what, *rest = sys.argv[1:]
state = Path({state!r})
with open(state / "said", "a") as log:
    print(what, *rest, file=log)
if what == "import":
    sys.exit(len(sys.stdin.buffer.read()) != 10240)
if what == "rm":
    pid = state / rest[-1]
    if pid.exists():
        os.killpg(int(pid.read_text()), 9)
    sys.exit(0)
cut = rest.index("aebook-box")
given = list(zip(rest[:cut], rest[1:cut]))
walls = ["bwrap", "--unshare-all", "--clearenv", "--proc", "/proc", "--dev", "/dev"]
for name, value in given:
    if name == "--tmpfs":
        walls += ["--tmpfs", value.partition(":")[0]]
for name, value in given:
    if name == "--volume":
        there, here, how = value.split(":")
        walls += ["--bind" if how == "rw" else "--ro-bind", there, here]
    if name == "--env":
        walls += ["--setenv", *value.split("=", 1)]
    if name == "--workdir":
        walls += ["--chdir", value]
running = subprocess.Popen([*walls, *rest[cut + 1 :]], start_new_session=True)
for name, value in given:
    if name == "--name":
        (state / value).write_text(str(running.pid))
sys.exit(running.wait())
"""


@pytest.fixture
def engine(tmp_path):
    """A PATH with a docker on it and no bwrap but for that docker; and what it is told."""
    place = tmp_path / "bin"
    place.mkdir()
    (tmp_path / "state").mkdir()
    text = ENGINE.format(python=sys.executable, state=str(tmp_path / "state"))
    (place / "docker").write_text(text.replace('"bwrap"', repr(shutil.which("bwrap"))))
    (place / "docker").chmod(0o755)
    return f"{place}{os.pathsep}/none", tmp_path / "state" / "said"


def test_where_there_is_no_bubblewrap_a_container_is_the_box(tmp_path, engine):
    """A right answer scores, an attack reads nothing, and what is left behind is removed."""
    path, said = engine
    root = school(tmp_path / "class")
    attack = solved()
    attack.cells.insert(0, nbformat.v4.new_code_cell(
        f"print(open({str(root / 'solutions' / 'nbgrader_config.py')!r}).read())"
    ))  # fmt: skip
    assert run(root, "release", "01").returncode == 0
    for student, notebook in (("ann", solved()), ("eve", attack)):
        notebook.cells = [c for c in notebook.cells if c.id != "setup"]
        hand_in(root, student, notebook)
    assert run(root, "collect", "01", str(root / "handed-in")).returncode == 0
    told = run(root, "grade", "01", PATH=path)
    assert told.returncode == 0, told.stderr
    assert run(root, "marks").returncode == 0
    assert {row["score"] for row in table(root).values()} == {"12.0"}
    assert {row["notes"] for row in table(root).values()} == {""}
    assert "FileNotFoundError" in str(graded(root, "eve").cells[0].outputs)
    lines = said.read_text().splitlines()
    started = {line.split("--name ")[1].split()[0] for line in lines if "--name" in line}
    removed = {line.split()[-1] for line in lines if line.startswith("rm ")}
    assert len(started) == 2
    assert started == removed


@pytest.mark.parametrize("engine", box.KINDS[1:])
def test_a_real_engine_where_there_is_one(tmp_path, engine, monkeypatch):
    """The same with Podman, or Docker with its daemon; `AEBOOK_BOX` has the hostile class do so."""
    monkeypatch.setenv("AEBOOK_BOX", engine)
    if box.missing():
        pytest.skip(f"no {engine} that works here: {box.missing()}")
    root = school(tmp_path / "class")
    attack, hog, full = solved(), solved(), solved()
    for notebook, source in (
        (attack, f"print(open({str(root / 'solutions' / 'nbgrader_config.py')!r}).read())"),
        (hog, "import numpy as np\nnp.ones(7 * 2**30 // 8)"),
        (full, NAMELESS),
    ):
        notebook.cells = [nbformat.v4.new_code_cell(source), *notebook.cells]
    assert run(root, "release", "01").returncode == 0
    students = {"ann": solved(), "eve": attack, "full": full, "hog": hog}
    for student, notebook in students.items():
        notebook.cells = [c for c in notebook.cells if c.id != "setup"]
        hand_in(root, student, notebook)
    assert run(root, "collect", "01", str(root / "handed-in")).returncode == 0
    told = run(root, "grade", "01")
    assert "1 without a result: full" in told.stderr
    assert run(root, "marks").returncode == 0
    rows = table(root)
    assert {s: row["score"] for s, row in rows.items()} == dict.fromkeys(rows, "12.0") | {
        "full": ""
    }
    assert "more than 256 MiB of files" in rows["full"]["notes"]
    assert "FileNotFoundError" in str(graded(root, "eve").cells[0].outputs)
    assert "MemoryError" in str(graded(root, "hog").cells[0].outputs)
    listed = subprocess.run([engine, "ps", "--all"], capture_output=True, text=True).stdout
    assert box.IMAGE not in listed


def test_a_container_that_was_left_is_removed(tmp_path, engine, monkeypatch):
    monkeypatch.setenv("PATH", engine[0])
    (tmp_path / "run" / "sockets").mkdir(parents=True)
    command = box.around("docker", str(tmp_path / "run" / "sockets"))
    left = subprocess.Popen([*command, "/usr/bin/sleep", "60"])
    while not list((tmp_path / "state").glob("aebook-box-run")):
        time.sleep(0.1)
    assert left.poll() is None
    box.clear(tmp_path / "run", "docker")
    assert left.wait(20) != 0


def test_an_engine_that_cannot_is_quoted(tmp_path, engine):
    place = Path(engine[0].split(os.pathsep)[0])
    (place / "docker").write_text("#!/bin/sh\necho 'no daemon here' >&2; exit 1\n")
    root = school(tmp_path / "class")
    assert run(root, "release", "01").returncode == 0
    told = run(root, "grade", "01", PATH=engine[0])
    assert told.returncode == 1
    assert "no sandbox: docker says 'no daemon here'; install bubblewrap" in told.stderr


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))",
     "[a](\njavascript:alert(1))", "[a]( <javascript:alert(1)>)", "[a](java&#115;cript:alert(1))",
     "[a](JavaScript:alert(1))", "[a](data:text/html,x)", "[a](/api/shutdown)",
     "[a][b]\n\n[b]: javascript:alert(1)", "- [b]: javascript:alert(1)\n- [b]",
     "<javascript:alert(1)>", "![gone](attachment:gone.png)"],
)  # fmt: skip
def test_no_text_becomes_a_link_that_does_something(text):
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    one = nbformat.v4.new_markdown_cell(text)
    one, _ = examine.Inert(enabled=True).preprocess_cell(one, {}, 0)
    page = markdown2html_mistune(one.source)
    assert "<a " not in page
    assert "<img" not in page
    assert "<script" not in page


def test_an_honest_text_is_shown_as_it_was_meant():
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    one = nbformat.v4.new_markdown_cell("**Yes**, $a < b$: [see](https://a.org), `x[0](y)`.")
    one, _ = examine.Inert(enabled=True).preprocess_cell(one, {}, 0)
    page = markdown2html_mistune(one.source)
    assert "<strong>Yes</strong>" in page
    assert r"$a \lt  b$" in page
    assert '<a href="https://a.org">see</a>' in page


def test_pictures_are_kept_only_if_they_are_pictures():
    good = "iVBORw0KGgo="
    assert examine.inert("image/png", good)
    assert not examine.inert("image/png", 'x"><script>alert(1)</script>')
    assert not examine.inert("image/svg+xml", "<svg onload=alert(1)>")
    assert not examine.inert("text/html", "<b>x</b>")
    assert examine.inert("text/plain", "<b>x</b>")  # escaped where it is shown


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(x):\n    y = 1\n", ["f"]),
        ("a, b = 1, 2\nc = d = {}\nc['x'] = 1", ["a", "b", "c", "d"]),
        ("class A:\n    k = 1\n\n\ndef g(): pass", ["A", "g"]),
        ("import os\nprint(1)", []),
    ],
)
def test_the_names_that_an_answer_is_to_define(source, names):
    assert apart.defined(source) == names


def test_every_sheet_says_what_its_answers_define():
    for path in sorted(SHEETS.glob("[0-9]*")):
        for one in examine.solutions(path.name):
            if examine.is_solution(one):
                assert apart.defined(examine.SOLUTION.sub("", one.source)), one.id
