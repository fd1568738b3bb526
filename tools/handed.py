"""Whose is what was handed in: the downloads of learning platforms, sorted by student.

A name says whose a file is: that of the file itself, or of the first folder it lies in. Platforms
write more into it, by conventions of their own (PLATFORMS); elsewhere it counts up to the first
underscore: alice.ipynb, alice_03.ipynb, alice_77_file/03.ipynb. With a roster (tools/roster.py) a
file is whose line it fits. Every file ends up as somebody's or as left out, with the reason.
"""

import json
import os
import re
import sys
import unicodedata
import zipfile
from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple

import roster

NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)  # browsers add the second
LARGEST = 4 * 2**30  # bytes of a download; 200 sheets with pictures have 200 MB
ARCHIVES = {".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst"}
# What computers leave beside a notebook without being asked.
JUNK = re.compile(r"\._.*|\.DS_Store|\.ipynb_checkpoints|\.git|__MACOSX|Thumbs\.db|desktop\.ini")
COPY = re.compile(r"^(copy|kopie) (of|von) | ?\(\d+\)$", re.IGNORECASE)  # Colab's; a browser's
PLATFORMS = {
    "Moodle": r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_.*",
    "Canvas, anonymous": r"(?P<late>LATE_)?(?P<name>anon)_(?P<number>\w+?)_(?P<attempt>\d+)_.+",
    "Canvas": r"(?P<name>.+?)(?P<late>_LATE)?_(?P<number>\d+)_(?P<attempt>\d+)_.+",
    "Blackboard": r"(?P<name>.+?_[^_]+)_attempt_(?P<time>\d{4}(-\d\d){5}).*",
    "Brightspace": r"(?P<number>\d+)-\d+ - (?P<name>.+?) - (?P<time>[^-]*\b\d{4}\b[^-]*?)( - .+)?",
    "Google Classroom": r"(?P<name>[^_]+?) - .*{assignment}.*",
}
TIMES = ("%Y-%m-%d-%H-%M-%S", "%b %d, %Y %I%M %p", "%B %d, %Y %I%M %p", "%d %B, %Y %I%M %p",
         "%b %d, %Y %I:%M %p", "%B %d, %Y %I:%M %p")  # fmt: skip
# Their downloads carry the time at which the teacher downloaded them.
TIMELESS = {"Moodle", "Canvas", "Canvas, anonymous", "GitHub Classroom"}


class Found(NamedTuple):
    """A notebook that was handed in."""

    path: object
    student: str
    number: str  # what the platform calls the student, or ""
    platform: str | None
    when: tuple  # sorts the attempts of one student
    time: datetime | None  # of handing in, where it is known
    late: bool  # by the platform's own mark


def sort(folder, assignment, ids=frozenset(), people=()):
    """Sort what lies below a folder: {student: Found}, {path left out: reason}.

    ids: the names of the sheet's cells; of several notebooks of one student that with most of
    them counts, then the newest. people: the roster, if there is one. Exits with one message if
    names are not clear.
    """
    folder = unwrapped(folder, assignment)
    found, left_out = [], {}
    strip = shared_beginnings(folder)
    files = [
        read(path, path.relative_to(folder).parts, assignment, strip)
        for path in sorted(folder.rglob("*"))
        if not any(map(JUNK.fullmatch, path.relative_to(folder).parts))
        if path.is_symlink() or not path.is_dir()
    ]
    people = roster.numbered(people, {one.number for one in files})
    for one in files:
        path, parts = one.path, one.path.relative_to(folder).parts
        if people and not (reason := unfit(path, parts)):
            student, reason = on_roster(one, parts, people)
            one = one._replace(student=student, number="")
        elif not people:
            reason = unfit(path, parts) or unclear(one.student, assignment)
        if reason:
            left_out[path] = reason
        else:
            found.append((parts[0], one))
    return chosen(by_student(found), ids, left_out), left_out


def owners(folder, assignment, left_out, people):
    """Of files left out the reasons by student, where it is clear whose they are: {name: text}."""
    folder = unwrapped(folder, assignment)
    strip = shared_beginnings(folder)
    files = [read(p, p.relative_to(folder).parts, assignment, strip) for p in sorted(left_out)]
    people = roster.numbered(people, {one.number for one in files})
    theirs = {}
    for one in files:
        student, _ = on_roster(one, one.path.relative_to(folder).parts, people)
        if student:
            theirs.setdefault(student, []).append(f"{one.path.name!r} ({left_out[one.path]})")
    return {student: "; ".join(reasons) for student, reasons in theirs.items()}


def unpack(archive, folder):
    """Unpack a platform's zip into a folder, with its times. Exits if that cannot be, in a line."""
    try:
        file = zipfile.ZipFile(archive, metadata_encoding="utf-8")
    except UnicodeDecodeError:  # of an old Windows
        file = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as problem:
        sys.exit(f"course: {archive} cannot be unpacked: {problem}")
    with file:
        entries = [entry for entry in file.infolist() if not entry.is_dir()]
        twice = [name for name, n in Counter(e.filename for e in entries).items() if n > 1]
        if twice:
            sys.exit(f"course: {archive} has two files called {twice[0]!r}: unpack it yourself")
        if sum(entry.file_size for entry in entries) > LARGEST:
            sys.exit(
                f"course: {archive} holds more than {LARGEST / 2**30:g} GiB: unpack it yourself"
            )
        for entry in entries:
            try:
                path = file.extract(entry, folder)  # never outside of it, and never as a link
                moment = datetime(*entry.date_time).timestamp()
                os.utime(path, (moment, moment))
            except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as problem:
                sys.exit(f"course: {archive}: {entry.filename!r} cannot be unpacked: {problem}")


def read(path, parts, assignment, strip):
    """What the name of a file, or of its first folder, says."""
    top = NOTEBOOK.sub("", parts[0]) if len(parts) == 1 else parts[0]
    changed = path.lstat().st_mtime
    if strip.get("GitHub Classroom") and len(parts) > 1:
        student = top.removeprefix(strip["GitHub Classroom"])
        return Found(path, clean(student), "", "GitHub Classroom", (0, changed), None, False)
    for platform, pattern in PLATFORMS.items():
        pattern = pattern.replace("{assignment}", re.escape(assignment))
        if match := re.fullmatch(pattern, top, re.DOTALL):
            said = match.groupdict()
            time = moment(said.get("time"))
            if "time" not in said and platform not in TIMELESS:
                time = datetime.fromtimestamp(changed, UTC)
            when = (int(said.get("attempt") or 0), time.timestamp() if time else changed)
            number = said.get("number") or ""
            name = said["name"]
            if platform == "Blackboard":  # before the user stands what the exercise is called
                shared = strip.get(platform) or name[: name.rindex("_") + 1]
                name = name.removeprefix(shared)
            return Found(path, clean(name), number, platform, when, time, bool(said.get("late")))
    time = datetime.fromtimestamp(changed, UTC)
    student = clean(COPY.sub("", top.split("_")[0]))
    return Found(path, student, "", None, (0, changed), time, False)


def clean(name):
    return unicodedata.normalize("NFC", name).strip()


def moment(text):
    """A time as a platform writes it, in this machine's zone; None if it is none."""
    for form in TIMES:
        try:
            return datetime.strptime(text or "", form).astimezone()
        except ValueError:
            continue
    return None


def unwrapped(folder, assignment):
    """The folder itself, or the one below it that a platform's zip wraps everything in."""
    inside = [p for p in folder.iterdir() if not JUNK.fullmatch(p.name)]
    if len(inside) != 1 or not inside[0].is_dir() or inside[0].is_symlink():
        return folder
    (only,) = inside
    below = [p for p in only.iterdir() if not JUNK.fullmatch(p.name)]
    folders = [p for p in below if p.is_dir() and any(p.rglob("*.ipynb"))]
    named = [p for p in below if read(p, (p.name,), assignment, {}).platform]
    if read(only, (only.name, ""), assignment, {}).platform or not (len(folders) > 1 or named):
        return folder
    return unwrapped(only, assignment)


def shared_beginnings(folder):
    """What the names that a platform gives begin with, all of one exercise, by platform.

    Up to a dash for a folder of clones, up to an underscore for Blackboard; "" if there are none.
    """
    names = sorted(path.name for path in folder.iterdir())
    attempts = [re.split(r"_attempt_\d{4}-", name)[0] for name in names if "_attempt_" in name]
    clones = [name for name in names if (folder / name / ".git").exists()]
    kinds = (("GitHub Classroom", clones, "-"), ("Blackboard", attempts, "_"))
    return {
        platform: os.path.commonprefix(those).rpartition(mark)[0] + mark  # noqa: RUF071, by letters
        for platform, those, mark in kinds
        if len(set(those)) > 1 and mark in os.path.commonprefix(those)  # noqa: RUF071
    }


def unfit(path, parts):
    """Why a file that was handed in is no notebook to collect, or None."""
    if path.is_symlink() or not path.is_file():
        return "a link or a device, not a file"
    if path.suffix.lower() in ARCHIVES:
        return "an archive: unpack it first"
    if not NOTEBOOK.search(path.name):
        return "no notebook: its name does not end in .ipynb"
    if any(part.startswith(".") for part in parts):
        return "hidden: its name starts with a dot"
    return None


def unclear(student, assignment):
    """Why a name is nobody's, or None."""
    if not student:
        return "nobody's: no name before the first underscore"
    if student == assignment:
        return "nobody's: its name is that of the sheet"
    if not student.isprintable() or set(student) & set("*?["):  # nbgrader would not find it
        return "its name has a character that cannot be used: rename it"
    return None


def on_roster(one, parts, people):
    """The student of the roster whose file this is, and why it is nobody's: one of them is None."""
    names = [one.student]
    if one.platform == "GitHub Classroom":  # sheet-3-octo-cat is octo-cat's
        words = parts[0].split("-")
        names = ["-".join(words[n:]) for n in range(len(words))]
    elif one.platform == "Blackboard":  # Exercise_3_j_smith is j_smith's
        words = re.split(r"_attempt_\d{4}-", parts[0])[0].split("_")
        names = ["_".join(words[n:]) for n in range(len(words))]
    elif one.platform is None:  # li_na_03 is Li Na's, if she is on the roster
        words = COPY.sub("", NOTEBOOK.sub("", parts[0])).split("_")
        names = ["_".join(words[:n]) for n in range(len(words), 0, -1)]
    found = roster.whose(people, names, one.number)
    if len(found) == 1:
        return found[0].student, None
    number = f", number {one.number}" if one.number else ""
    if not found:
        return None, f"nobody on the roster is {names[-1]!r}{number}"
    them = " and ".join(repr(person.student) for person in found)
    return None, f"may be {them}{number}: write that number into the roster, or rename it"


def by_student(found):
    """The notebooks of each student: who shares a name is told apart by number, or refused."""
    names, unclear = {}, []
    for top, one in found:
        names.setdefault(one.student, []).append((top, one))
    students = {}
    for name, theirs in names.items():
        numbers = {one.number for _, one in theirs}
        tops = sorted({top for top, one in theirs if one.platform in (None, "GitHub Classroom")})
        tops = sorted({COPY.sub("", NOTEBOOK.sub("", top)): top for top in tops}.values())
        if len(tops) > 1:
            unclear.append(f"{' and '.join(map(shown, tops))} both belong to {name!r}")
        for _, one in theirs:
            key = f"{name} {one.number}" if len(numbers) > 1 and one.number else name
            students.setdefault(key, []).append(one)
    alike = {}
    for name in students:
        alike.setdefault(name.casefold(), []).append(name)
    unclear += [f"{' and '.join(map(shown, two))} differ in capitals only"
                for two in alike.values() if len(two) > 1]  # fmt: skip
    if unclear:
        sys.exit(f"course: {'; '.join(unclear)}: a student is the name up to the first "
                 "underscore; rename one, or remove the older")  # fmt: skip
    return students


def shown(name):
    return name if name.isprintable() else repr(name)


def chosen(students, ids, left_out):
    """Of each student's notebooks the one that counts; the others are left out, with the reason."""
    result = {}
    for student, theirs in students.items():
        theirs.sort(key=lambda one: (sheet_cells(one.path, ids), one.when))
        *others, result[student] = theirs
        for other in others:
            fewer = sheet_cells(other.path, ids) < sheet_cells(result[student].path, ids)
            reason = "has one with more of this sheet's cells" if fewer else "has a newer one"
            left_out[other.path] = f"{student} {reason}"
    return result


def sheet_cells(path, ids):
    """How many of the sheet's cells a notebook has."""
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        return len(ids & {cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in cells})
    except Exception:  # a file of a student's: it may hold anything
        return 0
