"""Who is in the class: course/roster.csv, as a platform exports it, or as you write it.

A header, then a line for each student. Columns are known by the names that platforms give them
(NAME, FIRST, LAST, KEYS, NUMBERS); the others are kept for the file that goes back to the platform.
What was handed in is somebody's by a key (user name, e-mail, student number), by the name in
whatever order and punctuation, and, among people of one name, by the platform's own number.
"""

import csv
import io
import re
import sys
import unicodedata
from collections import Counter
from typing import NamedTuple

NAME = ("name", "full name", "student", "student name")
FIRST = ("first name", "firstname", "given name")
LAST = ("last name", "lastname", "surname", "family name")
# What a person is known by, the most readable first.
KEYS = ("username", "sis login id", "github_username", "email", "email address", "e-mail",
        "id number", "student id", "orgdefinedid", "sis user id", "id", "identifier")  # fmt: skip
# What the platform itself counts people by: Canvas's ID; the end of Moodle's "Participant 4711", in
# its grading worksheet; a column `number` of yours, which may hold several.
NUMBERS = ("id", "identifier", "number")
NO_ONE = ("Points Possible", "Student, Test")  # lines of Canvas's export that are no students


class Person(NamedTuple):
    """A line of the roster."""

    student: str  # the name of the folder, and in the table
    keys: frozenset
    numbers: frozenset
    spellings: frozenset  # the name, and what an e-mail begins with, squashed
    row: dict  # column -> text, as in the file


def read(path):
    """The people on a roster, in its order; none if there is no file. Exits if it is not clear."""
    if not path.is_file():
        return []
    rows = table(path)
    columns = {fold(name) for name in rows[0]} if rows else set()
    if not columns & {*NAME, *LAST, *KEYS}:
        sys.exit(f"course: {path.name} needs a header and a line below it; columns such as name, "
                 "email, username, id (of the platform)")  # fmt: skip
    people, seen, unclear = [], {}, []
    for count, row in enumerate(rows, 2):
        name = name_of(row)
        keys = [value for column in KEYS if (value := of(row, column))]
        if name.strip().startswith(NO_ONE):
            continue
        if not name and not keys:
            unclear.append(f"line {count} names nobody")
            continue
        for key in {fold(key) for key in keys}:
            if key in seen:
                unclear.append(f"lines {seen[key]} and {count} are both {key!r}")
            seen[key] = count
        people.append((name or keys[0], keys, row))
    if unclear:
        sys.exit(f"course: {path.name}: {'; '.join(unclear)}")
    return named(people)


def table(path):
    """The lines of a CSV file as dicts, whatever a platform or a spreadsheet saved it as."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # Blackboard's
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
    return [{k: v for k, v in row.items() if k} for row in rows if any(row.values())]


def text(row, column):
    """What a line says in a column of this name, in whatever capitals; "" without one."""
    for name, said in row.items():
        if fold(name) == column and isinstance(said, str):
            return said.strip()
    return ""


def of(row, column):
    """The same without the mark by which Brightspace keeps a spreadsheet from eating zeros."""
    return text(row, column).removeprefix("#")


def name_of(row):
    first, last, whole = (
        next((said for column in columns if (said := text(row, column))), "")
        for columns in (FIRST, LAST, NAME)
    )
    return f"{first} {last}".strip() or whole


def named(people):
    """Persons, each with a name of its own: of several with one name the key is added."""
    often = Counter(folder(name).casefold() for name, _, _ in people)
    found = []
    for name, keys, row in people:
        student = folder(name)
        if often[student.casefold()] > 1 and keys:
            student = folder(f"{name} {keys[0]}")
        numbers = re.findall(r"\b\d\w*", " ".join(of(row, column) for column in NUMBERS))
        spoken = [name, *(key.partition("@")[0] for key in keys if "@" in key)]
        found.append(Person(student, frozenset(map(fold, keys)), frozenset(numbers),
                            frozenset().union(*map(spellings, spoken)), row))  # fmt: skip
    twice = [name for name, n in Counter(one.student.casefold() for one in found).items() if n > 1]
    if twice:
        sys.exit(f"course: the roster cannot tell these apart, give them an e-mail or a user name: "
                 f"{', '.join(map(repr, twice))}")  # fmt: skip
    return found


def folder(name):
    """A name as that of a folder, which nbgrader finds again and a terminal may show."""
    text = unicodedata.normalize("NFC", name)
    text = "".join(c if c.isprintable() and c not in '*?[]/\\:"<>|' else " " for c in text)
    return " ".join(text.split()).strip(". ") or "nameless"


def fold(text):
    return unicodedata.normalize("NFKC", text).strip().casefold()


def squashed(text):
    """Letters and digits of a name, and the marks upon them."""
    text = unicodedata.normalize("NFC", fold(text))
    return "".join(c for c in text if c.isalnum() or unicodedata.category(c)[0] == "M")


def spellings(name):
    """A name squashed, beginning with any of its words: Ann Lee, Lee, Ann, leeann are one."""
    words = re.split(r"[\s,.]+", name.strip())
    return {squashed("".join(words[n:] + words[:n])) for n in range(len(words))} - {""}


def numbered(people, numbers):
    """The people; without numbers if none is among those of a download, whose they are not then."""
    if any(one.numbers & numbers for one in people):
        return people
    return [one._replace(numbers=frozenset()) for one in people]


def whose(people, names, number=""):
    """Whom a file can belong to. names: what may be a name or key in it, the most telling first."""
    fit = [one for one in people if not (number and one.numbers) or number in one.numbers]
    for name in names:
        known = [o for o in fit if fold(name) in o.keys] or [
            one for one in fit if squashed(name) in one.spellings
        ]
        if known:
            exact = [one for one in known if number in one.numbers]
            return exact or known
    return [one for one in fit if number in one.numbers]
