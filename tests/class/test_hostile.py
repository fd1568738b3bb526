"""A hostile class: every attack on a class that we know of, handed in, graded and looked at.

Each is one submission of chapter 1. None may read what it is not given, change what is not its own,
outlive its run, or get a point that it has not earned; and each has a row in the table. An honest
class in odd forms is graded beside it, and gets all its points.

The teacher's secrets are planted: a key in his home folder, a word in his environment, a server on
his machine, hidden tests, solutions, other students' answers. The word stands in all of them, so
one search tells whether anything came out.
"""

import copy
import hashlib
import http.server
import os
import re
import shutil
import sys
import threading
from pathlib import Path

import nbformat
import psutil
import pytest
from classroom import (
    NAME,
    NAMELESS,
    ROOT,
    cell,
    graded,
    hand_in,
    pasted,
    run,
    school,
    solved,
    table,
    untouched,
)

sys.path.insert(0, str(ROOT / "tools"))
import box

WORD = "hunter2-4711"  # planted wherever a submission must not look
SLEEP = "86417"  # seconds: what a process that was left behind would be found by
ANSWERS = ("bits", "rate", "bytes-at", "pays-from")
NOTHING = """
bits = dict.fromkeys(("coin", "four", "desert", "two coins"), 0)
rate = bytes_at = pays_from = lambda *a: 0
"""


def code(source):
    return nbformat.v4.new_code_cell(source)


def light(notebook):
    """Without the set-up cell, which loads Keras: chapter 1 needs none, and many runs take long."""
    notebook.cells = [c for c in notebook.cells if c.id != "setup"]
    return notebook


def first(source):
    """Nothing solved, and a program of the student's before everything."""
    notebook = light(untouched())
    notebook.cells.insert(0, code(source))
    return notebook


def cheat(source):
    """Answers that are all 0, and something that is to make the tests pass."""
    notebook = light(untouched())
    for name in ANSWERS:
        cell(notebook, name).source = "pass"
    place = notebook.cells.index(cell(notebook, "imports")) + 1
    notebook.cells[place:place] = [code(NOTHING), code(source)]
    return notebook


def with_flags(change):
    """Nothing solved, but every graded cell changed."""
    notebook = light(untouched())
    for one in notebook.cells:
        if one.metadata.get("nbgrader", {}).get("grade"):
            change(one)
    return notebook


def flag(name, value):
    return with_flags(lambda c: c.metadata["nbgrader"].__setitem__(name, value))


def tag(name):
    return with_flags(lambda c: c.metadata.__setitem__("tags", [name]))


def raw(one):
    if one.cell_type == "code":
        one.cell_type = "raw"
        one.pop("outputs"), one.pop("execution_count")


def replaced():
    """The tests pasted once more, empty, for those who take the last copy."""
    notebook = light(untouched())
    for one in [c for c in notebook.cells if c.id.startswith("test-")]:
        notebook.cells.append(pasted(one) | {"source": "pass"})
    notebook.cells = [nbformat.from_dict(c) for c in notebook.cells]
    return notebook


def words(text):
    notebook = light(untouched())
    cell(notebook, "explain-answer").source = text
    return notebook


def climb(root):
    """A program that reads all it can find, below and above where it is."""
    return first(f"""
import os
found = []
tops = {str(root)!r}, {str(ROOT / "solutions")!r}, os.path.expanduser("~"), "/root", "/home"
for top in tops:
    for place, _, names in os.walk(top):
        for name in names:
            try:
                text = open(os.path.join(place, name), errors="replace").read(10**6)
            except OSError:
                continue
            if "{WORD[:7]}" in text or "END SOLU" in text or "HIDDEN" + " TESTS" in text:
                found.append((os.path.join(place, name), text))
print(found)
""")


def database(root, query):
    """Write into the gradebook, wherever it may lie."""
    return first(f"""
import sqlite3
for path in ("../../../gradebook.db", {str(root / "course" / "gradebook.db")!r}):
    try:
        db = sqlite3.connect(path, timeout=5)
        db.execute({query!r})
        db.commit()
    except Exception as problem:
        print(problem)
""")


def write(path, text="print('PWNED')\n"):
    return first(f"""
import os
path = os.path.expanduser({str(path)!r})
os.makedirs(os.path.dirname(path), exist_ok=True)
open(path, "a").write({text!r})
""")


def attacks(root, port):
    """Name of the submission -> what is handed in. Its name says what it is worth, if not 0."""
    solutions = root / "solutions" / NAME / f"{NAME}.ipynb"
    submitted = root / "course" / "submitted"
    return {
        # reading
        "read-everything": climb(root),
        "read-solutions": first(f"print(open({str(solutions)!r}).read())"),
        "read-others": first(f"import os; print(os.listdir({str(submitted)!r}))"),
        "read-key": first(f"print(open({str(root / 'home' / '.ssh' / 'id')!r}).read())"),
        "read-environment": first("""
import os
print(dict(os.environ), open("/proc/1/environ").read())
"""),
        "read-processes": first("""
import glob
for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
    print(path, open(path, errors="replace").read())
"""),
        "read-network": first(f"""
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:{port}/", timeout=5).read())
"""),
        "read-tests": cheat("""
import sys
def rate(*a):
    f = sys._getframe()
    while f:
        print(f.f_code.co_filename, {k: str(v) for k, v in (f.f_globals | f.f_locals).items()})
        f = f.f_back
    return 0
"""),
        # writing
        "write-credit": database(root, "update grade set extra_credit = 3"),
        "write-victim": database(root, "update grade set manual_score = 0, auto_score = 0"),
        "write-lock": database(root, "begin exclusive"),
        "write-course": write(root / "tools" / "course.py"),
        "write-startup": write("~/.ipython/profile_default/startup/00-x.py"),
        "write-environment": write(Path(sys.prefix, "lib", "aebook-pwned")),
        "write-helper": write(ROOT / "aebook" / "checks.py", "# pwned\n"),
        "write-system": write("/usr/aebook-pwned"),
        "write-remount": first("""
import subprocess
attempt = "mount -o remount,rw /usr; unshare -Ur mount -o remount,rw /usr; touch /usr/aebook-pwned"
subprocess.run(attempt, shell=True)
"""),
        "delete-all": first(f"""
import shutil
shutil.rmtree({str(root / "course")!r}, ignore_errors=True)
"""),
        # processes
        "process-many": first(f"""
import subprocess, time
crowd = [subprocess.Popen(["sleep", "{SLEEP}"]) for _ in range(400)]
time.sleep(30)
"""),
        "process-left": first(f"""
import subprocess
for new in (True, False):
    subprocess.Popen(["sleep", "{SLEEP}"], start_new_session=new)
subprocess.Popen(["sh", "-c", "setsid sh -c 'sleep {SLEEP} &' &"])
"""),
        "process-parent": first("import os; os.kill(os.getppid(), 9)"),
        "process-all": first("import os; os.getpid() < 99 and os.kill(-1, 9)"),
        "process-exit": cheat("import os\ndef rate(*a): os._exit(0)"),
        "process-memory": first("import numpy as np; np.ones(7 * 2**30 // 8)"),
        "process-disk": first("""
import os
for place in ("/tmp", "/dev/shm", os.path.expanduser("~")):
    for n in range(4):
        with open(f"{place}/aebook-fill-{n}", "wb") as file:
            for _ in range(100):
                file.write(bytes(2**20))
"""),
        "process-sockets": first("""
import os, time
from ipykernel import get_connection_file
for n in range(9):
    with open(os.path.dirname(get_connection_file()) + f"/aebook-fill-{n}", "wb") as file:
        for _ in range(60):
            file.write(bytes(2**20))
time.sleep(5)
"""),
        "process-root": first("""
import os
for place in ("/", "/dev", "/etc", "/work", os.path.dirname(os.__file__)):
    for n in range(4):
        try:
            with open(f"{place}/aebook-fill-{n}", "wb") as file:
                for _ in range(200):
                    file.write(bytes(2**20))
            print("PWNED", place)
        except OSError as problem:
            print(problem)
"""),
        "process-nameless": first(NAMELESS),
        "process-memfd": first("""
import os, time
kept = [os.memfd_create("aebook-fill") for _ in range(99)]
for file in kept:
    os.posix_fallocate(file, 0, 200 * 2**20)
time.sleep(5)
"""),
        "output-line": first("print('x' * 60_000_000)"),
        "output-picture": first("""
import os
from IPython.display import Image, display
display(Image(data=b"\\x89PNG\\r\\n\\x1a\\n" + os.urandom(30_000_000), format="png"))
"""),
        # cheating in the process
        "cheat-close": cheat("def close(*a, **k): pass"),
        "cheat-checks": cheat("import aebook.checks\naebook.checks.close = lambda *a, **k: None"),
        "cheat-asserts": cheat("""
import ast
class NoTests(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
    def visit_Expr(self, node): return ast.Pass()
get_ipython().ast_transformers.append(NoTests())
"""),
        "cheat-input": cheat("""
get_ipython().input_transformers_post.append(lambda lines: ["pass\\n"])
"""),
        "cheat-events": cheat("""
def before(info): globals()["close"] = lambda *a, **k: None
get_ipython().events.register("pre_run_cell", before)
"""),
        "cheat-kernel": cheat("""
async def fake(*a, **k):
    return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
get_ipython().kernel.do_execute = fake
"""),
        "cheat-mute": cheat("""
session = get_ipython().kernel.session
send = session.send
def muted(stream, kind, content=None, *a, **k):
    if kind == "error": return None
    if isinstance(content, dict) and content.get("status") == "error":
        content = {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
    return send(stream, kind, content, *a, **k)
session.send = muted
"""),
        "cheat-traceback": cheat("get_ipython().showtraceback = lambda *a, **k: None"),
        "cheat-equal": cheat("""
class Everything(float):
    def __eq__(s, o): return True
    def __ne__(s, o): return False
    def __lt__(s, o): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __sub__(s, o): return 0.0
    __rsub__ = __add__ = __radd__ = __sub__
    __hash__ = None
    def __array__(s, dtype=None, copy=None): return np.asarray(7.0)
e = Everything(7)
bits = dict.fromkeys(("coin", "four", "desert", "two coins"), e)
rate = bytes_at = pays_from = lambda *a: e
"""),
        "cheat-frames": cheat("""
import sys
class Chameleon:
    def __array__(self, dtype=None, copy=None):
        f = sys._getframe(1)
        while f and "wanted" not in f.f_locals: f = f.f_back
        return np.array(f.f_locals["wanted"]) if f else np.array(0.0)
bits = dict.fromkeys(("coin", "four", "desert", "two coins"), Chameleon())
rate = bytes_at = pays_from = lambda *a: Chameleon()
"""),
        "cheat-numpy": cheat("""
np.all = lambda *a, **k: True
np.asarray = lambda a, *k: np.zeros(())
"""),
        "cheat-partial": cheat("def close(*a, **k): return 3"),
        "cheat-wire": cheat("""
import sys, json, struct, socket
def rate(*a):  # talk to the tests in the line's place, out of turn and out of form
    f = sys._getframe()
    while f and "line" not in f.f_locals: f = f.f_back
    line = f.f_locals["line"]
    for message in (["get", 0, "__globals__"], ["name", "close"], ["set", 0, "x", ["is", 1]],
                    ["call", 0, [], {}], ["error", "SystemExit", "", ""], ["value", ["record",
                    "aebook.checks", "close", []], []]):
        line.send(message)
    return 0
"""),
        "cheat-pickle": cheat("""
class Bomb:
    def __reduce__(self): return (exec, ("raise SystemExit",))
rate = bytes_at = pays_from = lambda *a: np.array([Bomb()], object)
"""),
        # form
        "form-skip": tag("skip-execution"),
        "form-raises": tag("raises-exception"),
        "form-points": flag("points", 100),
        "form-no-grade": flag("grade", False),
        "form-unknown": flag("grade_id", "mine"),
        "form-schema": flag("schema_version", 99),
        "form-schema-1": flag("schema_version", 1),
        "form-raw": with_flags(raw),
        "form-copies": replaced(),
        "form-kernel": first("pass") | {"metadata": {"kernelspec": {
            "name": "../../evil", "display_name": "x", "language": "python"}}},
        "form-deep": "[" * 200_000,
        "form-huge": '{"cells": [], "metadata": {"x": "' + "x" * 70_000_000 + '"}}',
        # what a teacher opens
        "page-words": words("Mine. <script>alert(1)</script><img src=x onerror=alert(1)> "
                            "<iframe srcdoc='x'></iframe> [here](javascript:alert(1)) "
                            "[there][t] <javascript:alert(1)> ![no](attachment:no.png)\n\n"
                            "[t]: javascript:alert(1)\n- [u]: javascript:alert(1)\n- [u]"),
        "page-output": first("""
from IPython.display import HTML, Javascript, display
display(HTML("<script>alert(1)</script>"), Javascript("alert(1)"))
display({"image/png": 'x"><script>alert(1)</script>', "image/svg+xml": "<svg onload=alert(1)>",
         "text/markdown": "<img src=x onerror=alert(1)>"}, raw=True,
        metadata={"image/png": {"width": '1" onload="alert(1)'}})
"""),
    }  # fmt: skip


UNREADABLE = {"form-no-grade", "form-unknown", "form-schema", "form-schema-1",
              "form-deep", "form-huge",
              "process-parent", "process-all", "process-exit", "process-many",
              "process-sockets", "process-nameless", "process-memfd", "cheat-kernel"}  # fmt: skip


def honest():
    """Right answers in odd forms."""
    notebooks = {"plain": solved()}

    def form(name):
        notebooks[name] = light(solved())
        return notebooks[name]

    noise = """    import sys
    print("so far", total, file=sys.stderr)
    np.array([1.0]) / np.array([0.0])
    return total"""
    loud = cell(form("stderr"), "rate")
    loud.source = loud.source.replace("    return total", noise)
    talk = cell(form("stdout"), "rate")
    talk.source = talk.source.replace("    return total", "    print(total)\n    return total")
    for name in ("rate", "test-rate", "explain-answer"):
        one = cell(form(f"copied-{name}"), name)
        notebook = notebooks[f"copied-{name}"]
        notebook.cells.insert(notebook.cells.index(one) + 1, pasted(one))
    one = cell(form("split"), "rate")
    notebook = notebooks["split"]
    notebook.cells.insert(notebook.cells.index(one), pasted(one) | {"source": "import math"})
    cell(form("second-try"), "rate").source = "def rate(z, step):\n    return 1 / 0"
    notebooks["second-try"].cells.insert(
        notebooks["second-try"].cells.index(cell(notebooks["second-try"], "test-rate")),
        code(cell(light(solved()), "rate").source),
    )
    for name, kernel in (("conda", "conda-env-ml-py"), ("r", "ir"), ("colab", "python3")):
        form(name).metadata["kernelspec"] = {"name": kernel, "display_name": kernel,
                                             "language": "python"}  # fmt: skip
    form("install").cells.insert(0, code("!pip install --quiet seaborn\n%pip install seaborn"))
    form("magic").cells.insert(0, code("%matplotlib inline\n%load_ext autoreload"))
    form("shell").cells.insert(0, code("!ls; !nvidia-smi\n%%timeit?"))
    form("input").cells.insert(0, code("name = input('Who are you? ')"))
    form("drive").cells.insert(0, code("from google.colab import drive"))
    form("notes").cells.insert(0, nbformat.v4.new_markdown_cell("# My notes, with $a < b$"))
    form("exit").cells.append(code("raise SystemExit"))
    form("figure").cells.insert(0, code("import matplotlib.pyplot as plt\nplt.plot([1, 2]);"))
    form("imports").cells.insert(3, code("import scipy.stats as st"))
    sleeper = "threading.Thread(target=time.sleep, args=(1,)).start()"
    form("threads").cells.insert(0, code(f"import threading, time\n{sleeper}"))
    form("overwrites").cells.insert(0, code("x = 1"))
    cell(notebooks["overwrites"], "pays-from").source += "\nz = close = min = rng = None\n"
    lost = form("no-test")
    lost.cells = [c for c in lost.cells if c.id != "test-rate"]
    form("no-imports")
    cell(notebooks["no-imports"], "imports").source = "import numpy as np"
    cell(form("lists"), "bits").source = "bits = dict(coin=1.0, four=7 / 4, desert=0)\n" \
        "bits['two coins'] = np.float32(2)"  # fmt: skip
    float_ = cell(form("arrays"), "rate")
    float_.source = float_.source.replace("return total", "return np.asarray(total)")
    cell(form("default"), "bits").source = "from collections import defaultdict\n" + cell(
        solved(), "bits").source + "\nbits = defaultdict(int, bits)\n"  # fmt: skip
    form("unicode").cells.insert(0, nbformat.v4.new_markdown_cell("Größe: 你好 \u202e مرحبا"))
    old = form("no-ids")
    old.nbformat_minor = 4
    for one in old.cells:
        one.pop("id", None)
    windows = nbformat.writes(form("crlf")).replace("\\n", "\\r\\n")
    notebooks["crlf"] = windows
    notebooks["crlf-file"] = nbformat.writes(form("crlf-file")).replace("\n", "\r\n")
    for name in ("run", "run-twice"):
        done = form(name)
        for count, one in enumerate(c for c in done.cells if c.cell_type == "code"):
            one.execution_count = count + 1
            one.outputs = [nbformat.v4.new_output("stream", name="stderr", text="old\n")]
    return notebooks


def fingerprints(*folders):
    """What lies below these folders: path -> what it holds."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
        if path.name not in ("README", "migrated")  # Jupyter's own, in a home without any
    }


@pytest.fixture(scope="module")
def server():
    """Something on this machine that answers whoever asks, with the word."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(WORD.encode())

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_port, asked
        running.shutdown()


@pytest.fixture(scope="module")
def graded_class(tmp_path_factory, server):
    """The round; its folder, what grading printed, and what lay there before and after."""
    if why := box.missing():
        pytest.fail(f"the hostile class needs the box that grades it: {why}")
    root = school(tmp_path_factory.mktemp("hostile"))
    home = root / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id").write_text(WORD)
    released = run(root, "release", "01")
    assert released.returncode == 0, released.stderr
    victim = light(solved())
    cell(victim, "explain-answer").source = WORD
    everybody = attacks(root, server[0]) | {f"honest-{k}": v for k, v in honest().items()}
    everybody |= {"a-victim": victim, "z-victim": copy.deepcopy(victim)}
    for student, notebook in everybody.items():
        hand_in(root, student, notebook)
    assert run(root, "collect", "01", str(root / "handed-in")).returncode == 0
    places = (root / "solutions", root / "tools", root / "home", root / "course" / "release",
              root / "course" / "submitted", ROOT / "aebook")  # fmt: skip
    before = fingerprints(*places)
    told = run(root, "grade", "01", HOME=str(home), TEACHERS_TOKEN=WORD)
    assert run(root, "marks").returncode == 0
    return root, told, before, fingerprints(*places)


@pytest.fixture(scope="module")
def rows(graded_class):
    return table(graded_class[0])


def test_everybody_has_a_row_and_the_exit_status_says_that_some_have_no_result(graded_class, rows):
    root, told, *_ = graded_class
    assert set(rows) == {path.name.split("_")[0] for path in (root / "handed-in").iterdir()}
    assert told.returncode == 1
    without = {student for student, row in rows.items() if row["score"] == ""}
    assert without <= UNREADABLE, told.stdout
    assert f"{len(without)} without a result" in told.stderr.splitlines()[-1]


def test_no_attack_gets_a_point(rows):
    points = {s: float(row["score"] or 0) for s, row in rows.items() if is_attack(s)}
    assert {student: score for student, score in points.items() if score} == {}


def test_every_honest_answer_gets_all_its_points(rows):
    points = {s: row["score"] for s, row in rows.items() if not is_attack(s)}
    assert {student: score for student, score in points.items() if score != "12.0"} == {}
    assert {row["of"] for row in rows.values()} == {"18.0"}


def is_attack(student):
    return not student.startswith(("honest-", "a-victim", "z-victim"))


def test_what_has_no_result_says_why(rows):
    for student, row in rows.items():
        if row["score"] == "":
            assert re.search(r"could not be run: look at .*; \S", row["notes"]), student


def test_no_bound_on_disk_is_got_around(graded_class, rows):
    """bwrap's root is in memory without a size; a file without a name is in no folder."""
    root = graded_class[0]
    (first_cell,) = (c for c in graded(root, "process-root").cells if "aebook-fill" in c.source)
    assert "PWNED" not in str(first_cell.outputs)
    assert "MiB of files" in rows["process-sockets"]["notes"]
    assert "MiB of files" in rows["process-nameless"]["notes"]


def test_nothing_that_was_planted_came_out(graded_class, server):
    root = graded_class[0]
    assert server[1] == []
    for path in (root / "course").rglob("*"):
        if not path.is_file() or "victim" in str(path) or path.suffix == ".db":
            continue
        if path.is_relative_to(root / "course" / "submitted"):
            continue
        assert WORD not in path.read_text("utf-8", errors="replace"), path
    for student in ("read-everything", "read-solutions", "read-tests"):
        shown = [
            out.get("text", "") for c in graded(root, student).cells for out in c.get("outputs", [])
        ]
        assert "SOLUTION" not in "".join(shown)
        assert "### BEGIN HIDDEN" not in "".join(shown)


def test_nothing_was_changed(graded_class):
    _, _, before, after = graded_class
    assert {path: text for path, text in after.items() if before.get(path) != text} == {}
    assert before.keys() <= after.keys()
    assert not Path("/usr/aebook-pwned").exists()
    assert not Path(sys.prefix, "lib", "aebook-pwned").exists()


def test_nothing_runs_any_more(graded_class):
    left = [
        p.info
        for p in psutil.process_iter(["pid", "cmdline"])
        if SLEEP in (p.info["cmdline"] or [])
    ]
    assert left == []


def test_what_is_kept_is_small(graded_class):
    for path in (graded_class[0] / "course" / "autograded").rglob("*.ipynb"):
        assert path.stat().st_size < 2_000_000, path


def test_what_a_teacher_opens_does_nothing(graded_class):
    root = graded_class[0]
    for student in ("page-words", "page-output"):
        for one in graded(root, student).cells:
            text = one.source if one.cell_type != "code" else str(one.outputs)
            assert not re.search(r"<(script|img|iframe|svg)|'onload|\]\(java", text), student


def test_metadata_of_a_student_are_ours_again(graded_class, rows):
    root = graded_class[0]
    for student in ("form-skip", "form-points", "form-raises"):
        for one in graded(root, student).cells:
            assert "tags" not in one.metadata
            if one.id == "test-rate":
                assert one.metadata.nbgrader.points == 3
                assert one.execution_count is not None


@pytest.fixture(scope="module")
def feedback(graded_class):
    root = graded_class[0]
    command = [sys.executable, "-m", "nbgrader", "generate_feedback", NAME]
    import subprocess

    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=root / "solutions", env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return {p.parts[-3]: p.read_text("utf-8") for p in (root / "course/feedback").rglob("*.html")}


def test_feedback_shows_no_hidden_test_and_runs_nothing(feedback):
    assert len(feedback) > 60
    plain = set(re.findall(r"<script\b[^>]*>", feedback["honest-plain"]))
    for student, page in feedback.items():
        assert "HIDDEN TESTS" not in page, student
        assert "have a closed form, and yours" not in page, student  # a line of one
        assert "alert(1)</script>" not in page, student
        assert set(re.findall(r"<script\b[^>]*>", page)) <= plain, student
        assert 'href="javascript' not in page, student


def test_a_stopped_run_goes_on_where_it_was(tmp_path):
    """Killed in the middle, as by a power cut: what was graded is kept, the rest is graded next."""
    import signal
    import subprocess
    import time

    root = school(tmp_path / "class")
    assert run(root, "release", "01").returncode == 0
    for n in range(4):
        hand_in(root, f"s{n}", light(solved()))
    assert run(root, "collect", "01", str(root / "handed-in")).returncode == 0
    for how in (signal.SIGINT, signal.SIGKILL):
        command = [sys.executable, root / "tools" / "course.py", "grade", "01"]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as going:
            assert "done" in going.stdout.readline()
            going.send_signal(how)
            going.wait(60)
        time.sleep(3)
        assert not [p for p in psutil.process_iter(["cmdline"])
                    if str(root) in " ".join(p.info["cmdline"] or [])]  # fmt: skip
        stamps = {p: p.stat().st_mtime_ns for p in (root / "course").rglob("graded.sha256")}
        assert stamps
    told = run(root, "grade", "01")
    assert told.returncode == 0, told.stderr
    assert all(path.stat().st_mtime_ns == when for path, when in stamps.items())
    assert run(root, "marks").returncode == 0
    assert {row["score"] for row in table(root).values()} == {"12.0"}
    shutil.rmtree(root)
