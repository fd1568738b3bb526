"""How long a class takes to grade: so many submissions of a chapter, from release to marks.

    python benchmarks/grading.py 03 200      chapter 3, 200 submissions (24 unless you say)

Two in three are right, one in three has not got to the last exercise. Everything happens in a
folder of its own; nothing of it reaches course/. Processor time is that of all processes, boxes
included.
"""

import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import box  # noqa: E402
import sheets  # noqa: E402

SOLUTION = re.compile(r"(?ms)^([ ]*)### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION\n?")


def submission(name, number):
    """A student's notebook with the solutions in it, but every third without the last of them."""
    ours = nbformat.read(sheets.folder() / name / f"{name}.ipynb", as_version=4)
    theirs = nbformat.read(ROOT / "book" / "exercises" / f"{name}.ipynb", as_version=4)
    answers = [n for n, cell in enumerate(ours.cells) if cell.cell_type == "code"
               and cell.metadata.get("nbgrader", {}).get("solution")]  # fmt: skip
    for n in answers[: -1 if number % 3 == 2 else None]:
        theirs.cells[n].source = SOLUTION.sub(r"\2", ours.cells[n].source)
    theirs.cells.append(nbformat.v4.new_markdown_cell(f"Submission {number}", id="whose"))
    return nbformat.writes(theirs)


def measure(chapter, count):
    """Wall-clock and processor seconds of grading, and what the table says of whom."""
    (name,) = (path.name for path in sheets.folder().glob(f"{chapter}*"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "class")
        for part in ("solutions", "tools"):
            shutil.copytree(ROOT / part, root / part, dirs_exist_ok=True)
        shutil.copytree(sheets.folder(), root / "solutions", dirs_exist_ok=True)
        (root / "handed-in").mkdir()
        for number in range(count):
            path = root / "handed-in" / f"s{number:04}_{name}.ipynb"
            path.write_text(submission(name, number), encoding="utf-8")
        course = [sys.executable, str(root / "tools" / "course.py")]
        for what in (["release", chapter], ["collect", chapter, str(root / "handed-in")]):
            subprocess.run([*course, *what], check=True, stdout=subprocess.DEVNULL)
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run([*course, "grade", chapter], check=True)
        wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return name, wall, spent


def main(arguments):
    chapter, count = (arguments + ["03", "24"][len(arguments) :])[:2]
    if why := box.missing():
        sys.exit(f"grading: {why}")
    name, wall, spent = measure(chapter, int(count))
    each = spent / int(count)
    print(f"{count} submissions of {name}: {wall / 60:.1f} min, {each:.1f} s of processor each")
    print(f"200 on two processors that do nothing else: at least {200 * each / 2 / 60:.0f} minutes")


if __name__ == "__main__":
    main(sys.argv[1:])
