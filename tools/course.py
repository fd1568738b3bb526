"""Give out, collect and grade the exercises of a class, with nbgrader.

    python tools/course.py release 03 --due "2026-12-01 18:00"   enter chapter 03 in the gradebook
    python tools/course.py collect 03 FOLDER                     sort in what students handed in
    python tools/course.py grade 03                              run every new submission
    python tools/course.py marks                                 the table, also as a CSV file

Everything about the class lies in course/. A time is that of this machine, unless it ends in an
offset such as +01:00.
"""

import argparse
import csv
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import box
import nbformat

ROOT = Path(__file__).resolve().parent.parent
LOG = Path("course", "nbgrader.log")
COLUMNS = ("assignment", "student", "score", "of", "to_read", "hours_late", "notes")
NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)  # browsers add the second
STAMP = "graded.sha256"  # beside a graded notebook: what was handed in when it was graded
RUNNING = set()  # the processes that grade
ARCHIVES = {".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst"}
# What computers leave beside a notebook without being asked.
JUNK = re.compile(r"\._.*|\.DS_Store|\.ipynb_checkpoints|\.git|__MACOSX|Thumbs\.db|desktop\.ini")


def gradebook():
    from nbgrader.api import Gradebook

    (ROOT / "course").mkdir(exist_ok=True)
    return Gradebook(f"sqlite:///{ROOT}/course/gradebook.db")


def assignment_of(word):
    """The exercises whose folder starts with `word`: 03 is enough."""
    found = [p.name for p in sorted((ROOT / "solutions").glob(f"{word}*")) if p.is_dir()]
    if len(found) != 1:
        sys.exit(f"course: {word!r} names {len(found)} folders of solutions/, expected one")
    return found[0]


def nbgrader(*arguments):
    """Run a command of nbgrader where it finds its configuration; its exit status.

    What it says goes to course/nbgrader.log.
    """
    (ROOT / "course").mkdir(exist_ok=True)
    with open(ROOT / LOG, "w", encoding="utf-8") as log:
        return subprocess.run(command(*arguments), cwd=ROOT / "solutions", stderr=log).returncode


def command(*arguments):
    return [sys.executable, "-m", "nbgrader", *arguments]


def release(assignment, due=None):
    """Enter an assignment, its tests and its due time in the gradebook; write course/release."""
    if due:
        try:
            due = datetime.fromisoformat(due).astimezone(UTC).replace(tzinfo=None)
        except ValueError:
            sys.exit(f"course: expected a time such as 2026-12-01 18:00, found {due!r}")
    if nbgrader("generate_assignment", assignment, "--force"):
        sys.exit(f"course: nbgrader could not release {assignment}; {LOG} says why")
    if due:
        with gradebook() as book:
            book.update_or_create_assignment(assignment, duedate=due)
    print(f"{assignment}: hand out course/release/{assignment}/{assignment}.ipynb")


def handed_in(folder):
    """The newest notebook of each student, by the student's name; why other files are left out.

    A notebook belongs to the student whose name its file, or the first folder below `folder`,
    starts with, up to the first underscore: alice.ipynb, alice_03.ipynb, alice_77_file/03.ipynb.
    Every other file is in the second dictionary, path -> reason, except JUNK.
    """
    notebooks, left_out, tops = {}, {}, {}
    for path in sorted(folder.rglob("*"), key=lambda p: p.lstat().st_mtime):
        parts = path.relative_to(folder).parts
        if any(map(JUNK.fullmatch, parts)) or (path.is_dir() and not path.is_symlink()):
            continue
        student = NOTEBOOK.sub("", parts[0]).split("_")[0]
        if reason := unfit(path, parts, student):
            left_out[path] = reason
            continue
        if (other := tops.setdefault(student, parts[0])) != parts[0]:
            sys.exit(f"course: {other} and {parts[0]} both belong to {student!r}, the name up to "
                     "the first underscore; rename one, or remove the older")  # fmt: skip
        if student in notebooks:
            left_out[notebooks[student]] = f"{student} has a newer one"
        notebooks[student] = path
    return notebooks, left_out


def unfit(path, parts, student):
    """Why a file that was handed in cannot be collected as the notebook of `student`, or None."""
    if path.is_symlink() or not path.is_file():
        return "a link or a device, not a file"
    if path.suffix.lower() in ARCHIVES:
        return "an archive: unpack it first"
    if not NOTEBOOK.search(path.name):
        return "no notebook: its name does not end in .ipynb"
    if any(part.startswith(".") for part in parts):
        return "hidden: its name starts with a dot"
    if not student:
        return "nobody's: no name before the first underscore"
    if not student.isprintable() or set(student) & set("*?["):  # nbgrader would not find it
        return "its name has a character that cannot be used: rename it"
    return None


def collect(assignment, folder):
    """Copy notebooks into course/submitted, with the time at which each file was last changed."""
    place = Path(folder).expanduser()
    if not folder or not place.is_dir():
        sys.exit(f"course: no folder {folder!r}; name the one with what students handed in: "
                 "make collect CHAPTER=03 FROM=folder")  # fmt: skip
    newest, left_out = handed_in(place)
    for path, reason in sorted(left_out.items()):
        print(f"left out: {str(path.relative_to(place))!r} ({reason})")
    if not newest:
        sys.exit(f"course: no notebook (.ipynb) in {folder}; unpack archives first")
    for student, path in newest.items():
        target = ROOT / "course" / "submitted" / student / assignment
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / f"{assignment}.ipynb")
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        (target / "timestamp.txt").write_text(f"{changed:%Y-%m-%d %H:%M:%S} UTC")
    print(f"{assignment}: {len(newest)} submissions collected")


def grade(assignment):
    """Run every submission that is new or other than what was graded, several at once.

    Each has a process of its own, in a box; whatever becomes of it touches no other. Exits with 1
    if one has no result. Interrupted, it goes on where it was.
    """
    from nbgrader.api import MissingEntry

    with gradebook() as book:
        try:
            book.find_assignment(assignment)
        except MissingEntry:
            sys.exit(f"course: release {assignment} before grading it")
    why_not = box.missing()
    if why_not and not os.environ.get("UNSAFE"):
        sys.exit(f"course: {why_not}; UNSAFE=1 runs what was handed in as you, on your files")
    if why_not:
        print(
            f"course: UNSAFE: {why_not}; students' code runs as you, on your files", file=sys.stderr
        )
    with alone():
        due = [name for name in submitters(assignment) if is_due(assignment, name)]
        run_all(assignment, due, boxed=not why_not)
    rows = [row for row in marks() if row["assignment"] == assignment]
    table(rows)
    if without := [row["student"] for row in rows if row["score"] == ""]:
        sys.exit(f"course: {len(without)} without a result: {', '.join(map(printable, without))}")


@contextmanager
def alone():
    """Holds the class for itself: two runs at once would grade the same hand-ins."""
    with open(ROOT / "course" / ".grading", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("course: another make grade is running; wait for its end")
        yield


def submitters(assignment):
    """The students with a folder for this assignment in course/submitted."""
    return sorted(path.parent.name for path in (ROOT / "course/submitted").glob(f"*/{assignment}"))


def is_due(assignment, student):
    """Whether what a student handed in is not what was graded, or its grading did not end."""
    place = Path(student, assignment, f"{assignment}.ipynb")
    stamp = (ROOT / "course" / "autograded" / place).with_name(STAMP)
    return not stamp.is_file() or stamp.read_text() != fingerprint(
        ROOT / "course/submitted" / place
    )


def fingerprint(path):
    """A short name of what a file holds; of no file, none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def run_all(assignment, students, boxed):
    """Grade these, as many at once as there are processors, and say how it goes."""
    started = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {pool.submit(run_one, assignment, name, boxed): name for name in students}
        try:
            for count, run in enumerate(as_completed(runs), 1):
                left = (time.monotonic() - started) / count * (len(runs) - count) / 60
                told = f", about {left:.0f} min left" if left > 1 else ""
                said = run.result() or "done"
                print(f"{count} of {len(runs)}: {printable(runs[run])} {said}{told}", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in RUNNING.copy():
                box.end(process)
            sys.exit("course: interrupted; make grade goes on where it was")


def run_one(assignment, student, boxed):
    """Grade one submission in a process of its own; what went wrong, or None.

    Its stamp, the fingerprint of what was graded, is written last: what was ended before has none.
    """
    place = ROOT / "course" / "autograded" / student / assignment
    handed = fingerprint(
        ROOT / "course" / "submitted" / student / assignment / f"{assignment}.ipynb"
    )
    (place / STAMP).unlink(missing_ok=True)
    log = ROOT / "course" / "logs" / assignment / f"{student}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="aebook-") as folder, open(log, "w") as said:
        around = box.install(folder) if boxed else {}
        process = subprocess.Popen(
            command("autograde", assignment, "--student", student, "--force"),
            cwd=ROOT / "solutions", env=os.environ | around, stdin=subprocess.DEVNULL,
            stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
        RUNNING.add(process)
        keeper = box.Keeper(process)
        keeper.start()
        keeper.join()
        RUNNING.discard(process)
    if keeper.why or process.returncode:
        shutil.rmtree(place, ignore_errors=True)
        return keeper.why or f"could not be run: see {log.relative_to(ROOT)}"
    (place / STAMP).write_text(handed)
    return None


def marks():
    """A row for every student and assignment, as dicts with the keys COLUMNS."""
    with gradebook() as book:
        known = {student.id for student in book.students}
        for assignment in book.assignments:
            for student in sorted(known | set(submitters(assignment.name))):
                row = {"assignment": assignment.name, "student": student}
                row["of"] = assignment.max_score
                yield dict.fromkeys(COLUMNS, "") | row | judged(book, assignment.name, student)


def judged(book, assignment, student):
    """What is known of one submission: score, points the teacher has to read, lateness, notes.

    A submission that could not be run has no score: it is for the teacher to look at.
    """
    from nbgrader.api import MissingEntry

    place = Path(student, assignment, f"{assignment}.ipynb")
    graded = ROOT / "course" / "autograded" / place
    submitted = ROOT / "course" / "submitted" / place
    try:
        submission = book.find_submission(assignment, student)
    except MissingEntry:
        if submitted.is_file():
            return {"notes": "not graded yet, or could not be: " + str(submitted.relative_to(ROOT))}
        return {"score": 0, "notes": "nothing handed in"}
    row, notes = {}, []
    if submission.total_seconds_late > 0:
        row["hours_late"] = round(submission.total_seconds_late / 3600, 1)
    # False also where its folder is closed. Without a stamp its grading did not end.
    if not (os.path.isfile(graded) and os.path.isfile(graded.with_name(STAMP))):
        notes.append("could not be run: look at " + str(submitted.relative_to(ROOT)))
    else:
        grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
        row["score"] = submission.score
        row["to_read"] = sum(g.max_score for g in grades if g.needs_manual_grade) or ""
        notes += remarks(submitted, graded)
        if any(note.startswith("tests not run") for note in notes):
            del row["score"]
    return row | {"notes": "; ".join(notes)}


def remarks(submitted, graded):
    """What a teacher should know of a graded submission besides its score."""
    released = ROOT / "course" / "release" / graded.parent.name / graded.name
    paths = (released, submitted, graded)
    read = [digest(path) for path in paths]
    if None in read:
        lost = [path for path, what in zip(paths, read, strict=True) if what is None]
        return [f"no notebook any more: {path.relative_to(ROOT)}" for path in lost]
    (given, *_), (found, copies, *_), (_, _, errors, seen) = read
    counts = {
        "ran in the open": not seen.get("boxed", True),
        "tests that had to fail and did not (read it: its code meddles with tests)": seen.get(
            "silent"
        ),
        "tests not run": seen.get("not_run"),
        "tests changed, and restored": sum(given[k] != found[k] for k in given.keys() & found),
        "tests deleted, and restored": len(given.keys() - found),
        "copies of cells, not graded": copies,
        "cells ended by the time limit": errors.count("CellTimeoutError"),
    }
    return [f"{what}: {count}" for what, count in counts.items() if count]


def digest(path):
    """The tests of a notebook (source by id), how many cells are copies, its errors' names, and
    what was noted while it was graded.

    None if it cannot be read. What students hand in, and what their code leaves, may be anything,
    so whatever goes wrong here is theirs alone. Of a test and its copies the last counts.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        cells = notebook.cells
        flags = [(cell.metadata.get("nbgrader", {}), cell.source) for cell in cells]
        flags = [(f, source) for f, source in flags if "grade_id" in f]
        tests = {f["grade_id"]: source for f, source in flags if f.get("locked")}
        copies = len(flags) - len({f["grade_id"] for f, _ in flags})
        errors = [out.get("ename") for cell in cells for out in cell.get("outputs", [])]
        seen = notebook.metadata.get("aebook", {})
        lines = {name: "\n".join(source.splitlines()) for name, source in tests.items()}
        return lines, copies, errors, dict(seen)
    except Exception:
        return None


def table(rows):
    """Print rows of marks, one line each."""
    for row in rows:
        score = f"{row['score']:g}" if row["score"] != "" else "?"
        line = f"{row['assignment']}  {printable(row['student']):16} {score:>4} of {row['of']:g}"
        line += f" + {row['to_read']:g} to read" if row["to_read"] else ""
        line += f", {row['hours_late']} h late" if row["hours_late"] else ""
        print(line + (f", {row['notes']}" if row["notes"] else ""))


def printable(name):
    """A name as a terminal may show it."""
    return name if name.isprintable() else repr(name)


def plain(value):
    """A text as a spreadsheet shows it: none becomes a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value


def write_marks():
    """Print the table of marks and write it to course/marks.csv."""
    rows = list(marks())
    with open(ROOT / "course" / "marks.csv", "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({name: plain(value) for name, value in row.items()} for row in rows)
    table(rows)
    print(f"{len(rows)} rows in course/marks.csv")


def main(arguments):
    parser = argparse.ArgumentParser(prog="course", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("release", "collect", "grade"):
        commands.add_parser(name).add_argument("chapter", help="such as 03")
    commands.choices["release"].add_argument("--due", help="such as '2026-12-01 18:00'")
    commands.choices["collect"].add_argument("folder", help="with what students handed in")
    commands.add_parser("marks")
    given = parser.parse_args(arguments)
    # nbgrader calls the program alembic, which lies beside this interpreter.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if given.command == "marks":
        return write_marks()
    assignment = assignment_of(given.chapter)
    if given.command == "release":
        return release(assignment, given.due)
    return collect(assignment, given.folder) if given.command == "collect" else grade(assignment)


if __name__ == "__main__":
    main(sys.argv[1:])
