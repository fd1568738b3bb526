"""Give out, collect and grade the exercises of a class, with nbgrader.

    python tools/course.py release 03 --due "2026-12-01 18:00"   enter chapter 03 in the gradebook
    python tools/course.py collect 03 FOLDER                     sort in what students handed in
    python tools/course.py grade 03                              run every new submission
    python tools/course.py read                                  the written answers, in a browser
    python tools/course.py feedback 03                           a page for each student
    python tools/course.py marks [--platform moodle]             the table, also as CSV files

Everything about the class lies in course/. A time is that of this machine, unless it ends in an
offset such as +01:00.
"""

import argparse
import contextlib
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
from datetime import UTC, datetime
from pathlib import Path

import box
import grades
import handed
import nbformat
import roster
import sheets

ROOT = Path(__file__).resolve().parent.parent
LOG = Path("course", "nbgrader.log")
ROSTER = Path("course", "roster.csv")
COLUMNS = ("assignment", "student", "score", "of", "to_read", "hours_late", "notes")
STAMP = "graded.sha256"  # beside a graded notebook: what was handed in when it was graded
ERROR = re.compile(r"(?m)^\s*[\w.]*?(\w+(?:Error|Exception|Entry)\b.*)$")
REFUSAL = re.compile(r"(?m)\| (?:ERROR|CRITICAL)\] (.*)$")
LARGEST = 32 * 2**20  # bytes of a notebook; an answered sheet has 40,000, with pictures 1,000,000
RUNNING = set()  # the processes that grade


def gradebook():
    from nbgrader.api import Gradebook

    (ROOT / "course").mkdir(exist_ok=True)
    return Gradebook(f"sqlite:///{ROOT}/course/gradebook.db")


def assignment_of(word):
    """The exercises whose folder starts with `word`: 03 is enough."""
    place = sheets.folder(ROOT)
    found = [p.name for p in sorted(place.glob(f"{word}*")) if p.is_dir()]
    if len(found) != 1:
        where = os.path.relpath(place, ROOT)
        sys.exit(f"course: {word!r} names {len(found)} folders of {where}/, expected one")
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


def collect(assignment, folder):
    """Copy notebooks into course/submitted, with the time of handing in where it is known."""
    place = Path(folder).expanduser()
    if folder and place.suffix.lower() == ".zip" and place.is_file():
        with tempfile.TemporaryDirectory() as unpacked:
            handed.unpack(place, unpacked)
            return sort_in(assignment, Path(unpacked), folder)
    if not folder or not place.is_dir():
        sys.exit(f"course: no folder {folder!r}; name the one, or the zip, with what students "
                 "handed in: make collect CHAPTER=03 FROM=folder")  # fmt: skip
    return sort_in(assignment, place, folder)


def sort_in(assignment, place, folder):
    """Collect what lies below `place`, which the teacher calls `folder`."""
    people = roster.read(ROOT / ROSTER)
    found, left_out = handed.sort(place, assignment, cells_of(assignment), people)
    for path, reason in sorted(left_out.items()):
        print(f"left out: {str(path.relative_to(place))!r} ({reason})")
    if not found and people and left_out:
        sys.exit(f"course: nothing in {folder} is a notebook of somebody on the roster")
    if not found:
        sys.exit(f"course: no notebook (.ipynb) in {folder}; unpack archives first")
    downloaded = all_at_once(found.values())
    for student, one in found.items():
        target = ROOT / "course" / "submitted" / student / assignment
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(one.path, target / f"{assignment}.ipynb")
        for name in ("timestamp.txt", "late.txt"):
            (target / name).unlink(missing_ok=True)
        if one.time and not downloaded:
            changed = one.time.astimezone(UTC)
            (target / "timestamp.txt").write_text(f"{changed:%Y-%m-%d %H:%M:%S} UTC")
        if one.late:
            platform, *_ = one.platform.split(",")
            (target / "late.txt").write_text(f"late, says {platform}")
    if downloaded or any(one.time is None for one in found.values()):
        print("The files carry the time of your download: hours late are not known for these.")
    missing = [one.student for one in people if one.student not in found]
    for note in log_of(assignment, "any").parent.glob("*.left"):
        note.unlink()
    for student, why in handed.owners(place, assignment, left_out, people).items():
        note = log_of(assignment, student).with_suffix(".left")
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(why, encoding="utf-8")
    if missing:
        print(f"nothing in this folder from {len(missing)}: {', '.join(missing)}")
    print(f"{assignment}: {len(found)} submissions collected")


def all_at_once(found):
    """Whether the times of many files lie so close that they must be those of the download."""
    dated = [one for one in found if one.time and one.platform in (None, "Google Classroom")]
    times = [one.time.timestamp() for one in dated]
    return len(times) >= 5 and max(times) - min(times) < 60


def cells_of(assignment):
    """The names of a sheet's cells."""
    path = sheets.folder(ROOT) / assignment / f"{assignment}.ipynb"
    if not path.is_file():
        return frozenset()
    cells = nbformat.read(path, as_version=4).cells
    return frozenset(c.metadata.nbgrader.grade_id for c in cells if "nbgrader" in c.metadata)


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
    kind, why_not = box.choose()
    if why_not and not os.environ.get("UNSAFE"):
        sys.exit(f"course: {why_not}; UNSAFE=1 runs what was handed in as you, on your files")
    if why_not:
        print(
            f"course: UNSAFE: {why_not}; students' code runs as you, on your files", file=sys.stderr
        )
    with alone():
        due = [name for name in submitters(assignment) if is_due(assignment, name)]
        run_all(assignment, due, kind)
    rows = [row for row in marks() if row["assignment"] == assignment]
    table(rows)
    if without := [row["student"] for row in rows if row["score"] == ""]:
        sys.exit(f"course: {len(without)} without a result: {', '.join(map(printable, without))}")


@contextlib.contextmanager
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


def run_all(assignment, students, kind, at_once=None):
    """Grade these, as many at once as there are processors, and say how it goes.

    Where the machine ran short, it was one of those that ran then: each of them once more, alone.
    """
    started, short = time.monotonic(), []
    with ThreadPoolExecutor(at_once or os.cpu_count()) as pool:
        runs = {pool.submit(run_one, assignment, name, kind): name for name in students}
        try:
            for count, run in enumerate(as_completed(runs), 1):
                left = (time.monotonic() - started) / count * (len(runs) - count) / 60
                told = f", about {left:.0f} min left" if left > 1 else ""
                said = run.result() or "done"
                short += [runs[run]] if box.SHORT in said else []
                print(f"{count} of {len(runs)}: {printable(runs[run])} {said}{told}", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in RUNNING.copy():
                box.end(process)
            sys.exit("course: interrupted; make grade goes on where it was")
    if short and at_once != 1:
        print(f"{len(short)} once more, one at a time", flush=True)
        run_all(assignment, sorted(short), kind, at_once=1)


def run_one(assignment, student, kind):
    """Grade one submission in a process of its own; what went wrong, or None.

    Its stamp, the fingerprint of what was graded, is written last: what was ended before has none.
    """
    place = ROOT / "course" / "autograded" / student / assignment
    submitted = ROOT / "course" / "submitted" / student / assignment / f"{assignment}.ipynb"
    handed = fingerprint(submitted)
    (place / STAMP).unlink(missing_ok=True)
    log = log_of(assignment, student)
    log.parent.mkdir(parents=True, exist_ok=True)
    if handed and submitted.stat().st_size > LARGEST:
        why = f"larger than {LARGEST / 2**20:g} MiB"
    else:
        why = watched(assignment, student, kind, log)
    if why:
        shutil.rmtree(place, ignore_errors=True)
        log.with_suffix(".why").write_text(why, encoding="utf-8")
        return f"could not be run: {why}"
    log.with_suffix(".why").unlink(missing_ok=True)
    (place / STAMP).write_text(handed)
    return None


def watched(assignment, student, kind, log):
    """Have nbgrader run one submission, within bounds; what went wrong, or None."""
    # Its stdin ends with this process, and it with its stdin (examine.end_with_stdin).
    with tempfile.TemporaryDirectory(prefix="aebook-") as folder, open(log, "w") as said:
        variables = box.install(folder, kind)
        process = subprocess.Popen(
            command("autograde", assignment, f"--student={student}", "--force"),
            cwd=ROOT / "solutions", env=os.environ | variables, stdin=subprocess.PIPE,
            stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
        RUNNING.add(process)
        keeper = box.Keeper(process, folder, kind)
        keeper.start()
        keeper.join()
        box.clear(folder, kind)
        RUNNING.discard(process)
    return keeper.why or (last_error(log) if process.returncode else None)


def log_of(assignment, student):
    """What was said while a submission was graded; beside it, .why: why it has no result."""
    return ROOT / "course" / "logs" / assignment / f"{student}.log"


def last_error(log):
    """The last error that a log tells of, in a line that may be shown."""
    text = log.read_text(encoding="utf-8", errors="replace")[-100_000:]
    found = ERROR.findall(text) or REFUSAL.findall(text)[:1] or ["ended without a word"]
    return printable(found[-1].strip()[:120])


def read(options):
    """Become a Jupyter server on this machine that opens with nbgrader's page for reading."""
    os.chdir(ROOT / "solutions")  # it looks for its configuration in the folder that it serves
    command = [sys.executable, "-m", "jupyterlab", "--LabApp.default_url=/formgrader"]
    command += ["--LabApp.news_url=None"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", *options]
    os.execv(sys.executable, command)


def feedback(assignment):
    """Write a page for each student: points, comments, and what their tests said."""
    place = ROOT / "course" / "feedback"
    failed = nbgrader("generate_feedback", assignment, "--force")
    pages = sorted(place.glob(f"*/{assignment}/{assignment}.html"))
    print(f"{len(pages)} pages: course/feedback/NAME/{assignment}/{assignment}.html")
    if failed:
        sys.exit(f"course: not everybody has a page; {LOG} says why")


def marks():
    """A row for every student and assignment, as dicts with the keys COLUMNS."""
    people = {one.student for one in roster.read(ROOT / ROSTER)}
    with gradebook() as book:
        known = {student.id for student in book.students} | people
        for assignment in book.assignments:
            for student in sorted(known | set(submitters(assignment.name))):
                row = {"assignment": assignment.name, "student": student}
                row |= {"of": assignment.max_score} | judged(book, assignment.name, student)
                if people and student not in people:
                    row["notes"] = "; ".join(filter(None, ["not on the roster", row["notes"]]))
                yield dict.fromkeys(COLUMNS, "") | row


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
            return {"notes": ungraded(assignment, student, submitted)}
        with contextlib.suppress(OSError):
            left_out = log_of(assignment, student).with_suffix(".left").read_text("utf-8")
            return {"score": 0, "notes": f"{grades.NOTHING}, but left out: {left_out}"}
        return {"score": 0, "notes": grades.NOTHING}
    row, notes = {}, []
    with contextlib.suppress(OSError):
        notes.append(submitted.with_name("late.txt").read_text("utf-8"))
    if submission.total_seconds_late > 0:
        row["hours_late"] = round(submission.total_seconds_late / 3600, 1)
    # False also where its folder is closed. Without a stamp its grading did not end.
    if not (os.path.isfile(graded) and os.path.isfile(graded.with_name(STAMP))):
        notes.append(ungraded(assignment, student, submitted))
    else:
        cells = [grade for notebook in submission.notebooks for grade in notebook.grades]
        row["score"] = submission.score
        row["to_read"] = sum(g.max_score for g in cells if g.needs_manual_grade) or ""
        notes += remarks(submitted, graded)
        if any(note.startswith("tests not run") for note in notes):
            del row["score"]
    return row | {"notes": "; ".join(notes)}


def ungraded(assignment, student, submitted):
    """What to say of a submission without a result."""
    try:
        why = log_of(assignment, student).with_suffix(".why").read_text("utf-8")
    except OSError:
        return f"not graded yet: {submitted.relative_to(ROOT)}"
    return f"could not be run: look at {submitted.relative_to(ROOT)}; {why}"


def remarks(submitted, graded):
    """What a teacher should know of a graded submission besides its score."""
    released = ROOT / "course" / "release" / graded.parent.name / graded.name
    paths = (released, submitted, graded)
    read = [digest(path) for path in paths]
    if None in read:
        lost = [path for path, what in zip(paths, read, strict=True) if what is None]
        return [f"no notebook any more: {path.relative_to(ROOT)}" for path in lost]
    (given, points, *_), (found, claimed, copies, *_), (*_, errors, seen) = read
    counts = {
        "tests not run": seen.get("not_run"),
        "tests changed, and restored": sum(given[k] != found[k] for k in given.keys() & found),
        "tests deleted, and restored": len(given.keys() - found),
        "points changed, and restored": sum(
            points[k] != claimed[k] for k in points.keys() & claimed
        ),
        "copies of cells, not graded": copies,
        "cells ended by the time limit": errors.count("CellTimeoutError"),
    }
    open_ = [] if seen.get("boxed", True) else ["ran in the open, outside of any box"]
    return open_ + [f"{what}: {count}" for what, count in counts.items() if count]


def digest(path):
    """Of a notebook the tests (source by id), points by id, how many cells are copies, its errors'
    names, and what was noted while it was graded.

    None if it cannot be read. What students hand in, and what their code leaves, may be anything,
    so whatever goes wrong here is theirs alone. Of a test and its copies the last counts.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        cells = notebook.cells
        flags = [(cell.metadata.get("nbgrader", {}), cell.source) for cell in cells]
        flags = [(f, source) for f, source in flags if "grade_id" in f]
        tests = {f["grade_id"]: source for f, source in flags if f.get("locked")}
        points = {f["grade_id"]: f.get("points") for f, _ in flags}
        copies = len(flags) - len({f["grade_id"] for f, _ in flags})
        errors = [out.get("ename") for cell in cells for out in cell.get("outputs", [])]
        seen = notebook.metadata.get("aebook", {})
        lines = {name: "\n".join(source.splitlines()) for name, source in tests.items()}
        return lines, points, copies, errors, dict(seen)
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


def write_marks(platform, word=None, heading=None):
    """Print the table of marks; write it to course/marks.csv, and the file a platform imports."""
    word = word and assignment_of(word)
    if heading and not word:
        sys.exit("course: a heading is that of one exercise: name its chapter, too")
    rows = list(marks())
    table(rows)
    place = ROOT / "course"
    grades.write(place / "marks.csv", [COLUMNS, *([row[c] for c in COLUMNS] for row in rows)])
    print(f"{len(rows)} rows in course/marks.csv")
    if platform:
        people = roster.read(ROOT / ROSTER)
        chosen = [row for row in rows if word in (None, row["assignment"])]
        lines, said = grades.FOR[platform](people, chosen, heading)
        grades.write(place / f"marks-{platform}.csv", lines)
        print("\n".join([*said, f"course/marks-{platform}.csv is for {platform}"]))


def main(arguments):
    parser = argparse.ArgumentParser(prog="course", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("release", "collect", "grade", "feedback"):
        commands.add_parser(name).add_argument("chapter", help="such as 03")
    commands.choices["release"].add_argument("--due", help="such as '2026-12-01 18:00'")
    commands.choices["collect"].add_argument("folder", help="with what students handed in")
    commands.add_parser("read")  # and options of the server's
    table_of = commands.add_parser("marks")
    table_of.add_argument("chapter", nargs="?", help="of one chapter only, in the platform's file")
    table_of.add_argument("--platform", choices=grades.FOR, help="write the file that it imports")
    table_of.add_argument("--heading", help="what the platform calls the exercise")
    given, options = parser.parse_known_args(arguments)
    if options and given.command != "read":
        parser.error(f"unrecognized arguments: {' '.join(options)}")
    # nbgrader calls the program alembic, which lies beside this interpreter.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if given.command == "marks":
        return write_marks(given.platform, given.chapter, given.heading)
    if given.command == "read":
        return read(options)
    assignment = assignment_of(given.chapter)
    if given.command == "release":
        return release(assignment, given.due)
    if given.command == "collect":
        return collect(assignment, given.folder)
    return {"grade": grade, "feedback": feedback}[given.command](assignment)


if __name__ == "__main__":
    main(sys.argv[1:])
