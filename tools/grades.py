"""Marks as files: a table that any spreadsheet opens, and what learning platforms import.

Each function of FOR gives the lines of a platform's file, and what there is to say about it. Files
follow what the platforms publish of their import (Moodle: Grades, Import, CSV, or an assignment's
grading worksheet; Canvas: Gradebook, Import; Blackboard: Work Offline, Upload; Brightspace: Grades,
Import). Whoever has no mark has an empty cell, which changes nothing there.
"""

import csv
import io
import re
import sys

import roster

# What makes a formula of a cell's text, also in full width; and what ends a cell, where a
# spreadsheet takes semicolons or tabs for separators.
FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20].")
NOTHING = "nothing handed in"
SEPARATORS = str.maketrans({"\t": " ", "\r": " ", "\n": " "})
SECOND = re.compile(r";(?=[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def write(path, lines):
    """Write lines of cells as a CSV file that spreadsheets open right."""
    file = io.StringIO()
    csv.writer(file).writerows([[plain(cell) for cell in line] for line in lines])
    text = file.getvalue()
    # The mark before the first cell tells Excel of UTF-8; platforms are spared it where it can be.
    path.write_bytes(text.encode("utf-8" if text.isascii() else "utf-8-sig"))


def plain(value):
    """A cell's text as a spreadsheet shows it: none becomes a formula, none a second cell."""
    if not isinstance(value, str):
        return value
    text = SECOND.sub(",", value.translate(SEPARATORS))
    return f"'{text}" if FORMULA.match(text) else text


def for_moodle(people, rows, heading):
    """By user name, ID number or e-mail; where the roster is a grading worksheet, that, filled."""
    columns = list(people[0].row) if people else []
    names = {roster.fold(name): name for name in columns}
    if {"identifier", "grade"} <= set(names):
        assignments = sorted({row["assignment"] for row in rows})
        if len(assignments) != 1:
            sys.exit("course: a grading worksheet is that of one exercise: name its chapter")
        marks = {row["student"]: row for row in rows}
        lines = [[one.row[c] if c != names["grade"] else mark(marks.get(one.student, {}))
                  for c in columns] for one in people]  # fmt: skip
        return safe([columns, *lines], people, rows, keys=[columns.index(names["identifier"])])
    return by_keys(people, rows, heading, ("username", "id number", "email address"))


def for_canvas(people, rows, heading):
    keys = {"ID": "id", "SIS User ID": "sis user id", "SIS Login ID": "sis login id"}
    need(people, keys.values(), "Canvas's gradebook, exported")
    titles = titles_of(rows, heading)
    head = ["Student", *keys, "Section", *titles.values()]
    most = {row["assignment"]: row["of"] for row in rows}
    points = ["    Points Possible", "", "", "", "", *(f"{most[name]:g}" for name in titles)]
    lines = [
        [roster.name_of(one.row), *(roster.of(one.row, c) for c in keys.values()),
         roster.of(one.row, "section"), *scores(one, rows, titles)]
        for one in people
    ]  # fmt: skip
    return safe([head, points, *lines], people, rows, keys=[1, 2, 3], first=2)


def for_blackboard(people, rows, heading):
    return by_keys(people, rows, heading, ("username",))


def for_brightspace(people, rows, heading):
    keys = {"OrgDefinedId": "orgdefinedid", "Username": "username"}
    need(people, keys.values(), "Brightspace's grades, exported")
    titles = titles_of(rows, heading)
    head = [*keys, *(f"{title} Points Grade" for title in titles.values()), "End-of-Line Indicator"]
    lines = [
        [*(roster.text(one.row, c) for c in keys.values()), *scores(one, rows, titles), "#"]
        for one in people
    ]
    return safe([head, *lines], people, rows, keys=[0, 1])


def for_plain(people, rows, heading):
    """Everybody with all their keys, for whatever else there is."""
    return by_keys(people, rows, heading, roster.KEYS, named=True)


FOR = {"moodle": for_moodle, "canvas": for_canvas, "blackboard": for_blackboard,
       "brightspace": for_brightspace, "plain": for_plain}  # fmt: skip


def by_keys(people, rows, heading, wanted, named=False):
    """A column for each key that the roster has, and one for each exercise."""
    if not named:
        need(people, wanted, "what the platform exports")
    columns = [name for name in (people[0].row if people else ()) if roster.fold(name) in wanted]
    titles = titles_of(rows, heading)
    head = [*(["Name"] if named else []), *columns, *titles.values()]
    lines = [
        [*([one.student] if named else []), *(one.row[c].strip() for c in columns),
         *scores(one, rows, titles)] for one in people
    ]  # fmt: skip
    return safe([head, *lines], people, rows, keys=range(named, named + len(columns)))


def need(people, columns, source):
    """Exit without a roster that has one of these columns filled."""
    if not any(roster.of(one.row, column) for one in people for column in columns):
        sys.exit(f"course: this needs course/roster.csv with a column {' or '.join(columns)}; "
                 f"{source}, is one")  # fmt: skip


def titles_of(rows, heading):
    return {row["assignment"]: heading or row["assignment"] for row in rows}


def scores(person, rows, titles):
    """The cells of one person, one for each exercise."""
    theirs = {row["assignment"]: row for row in rows if row["student"] == person.student}
    return [mark(theirs.get(name, {})) for name in titles]


def mark(row):
    """Points as a platform reads them, or nothing: for a ?, and where nothing was handed in."""
    score = row.get("score", "")
    return "" if score == "" or nothing(row) else f"{score:.10g}"


def nothing(row):
    return row.get("notes", "").startswith(NOTHING)


def safe(lines, people, rows, keys, first=1):
    """Lines without those whose key would have to be changed; what was left out or is open.

    keys: columns by which the platform finds its people. first: how many lines are no people.
    """
    said, kept = [], lines[:first]
    for line, one in zip(lines[first:], people, strict=True):
        if all(plain(line[n]) == line[n] for n in keys):
            kept.append(line)
        else:
            said.append(f"left out: {one.student!r}: a key of theirs might become a formula")
    students = {one.student for one in people}
    strangers = {row["student"] for row in rows} - students
    if strangers:
        said.append(f"left out: not on the roster: {', '.join(sorted(map(repr, strangers)))}")
    known = [row for row in rows if row["student"] in students]
    for what, count in {
        "without a result: empty": sum(row["score"] == "" for row in known),
        f"{NOTHING}: empty": sum(map(nothing, known)),
        "with answers that you have still to read": sum(bool(row["to_read"]) for row in known),
    }.items():
        said += [f"{count} {what}"] if count else []
    return kept, said
