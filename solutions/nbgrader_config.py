"""How nbgrader sees this repository. It reads this file when run in this folder.

Everything about a class (submissions, marks) lies in course/, which git ignores and
`make clean` leaves alone.
"""

import os
import secrets
from pathlib import Path

from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat.v4 import new_code_cell
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    Execute,
    IgnorePattern,
    LimitOutput,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)
from nbgrader.utils import compute_checksum, is_grade

c = get_config()  # noqa: F821, nbgrader puts it here

ROOT = Path(__file__).resolve().parent.parent
(ROOT / "course").mkdir(exist_ok=True)
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "course/release"
c.CourseDirectory.submitted_directory = "course/submitted"
c.CourseDirectory.autograded_directory = "course/autograded"
c.CourseDirectory.feedback_directory = "course/feedback"
c.CourseDirectory.db_url = f"sqlite:///{ROOT}/course/gradebook.db"

c.ClearSolutions.code_stub = {
    "python": "# YOUR CODE HERE\n"
    'raise NotImplementedError("no answer yet: write yours in place of these two lines")'
}

# A cell may take a minute, whatever it does; then it is interrupted, counts as failed, and
# the next one runs. An answer needs a few seconds at most. A kernel slow to say that it has
# finished (a busy machine, a loop that ignores interrupts) spoils no more than that.
c.Execute.timeout = 60
c.Execute.raise_on_iopub_timeout = False
c.LimitOutput.max_lines = 200
c.IgnorePattern.enabled = (
    True  # a warning, a progress bar: what is said on stderr is no mistake
)
c.IgnorePattern.pattern = r"(?s).*"
c.SanitizeHTML.enabled = (
    True  # what a student's code shows runs in no browser of a teacher's
)

# tools/course.py grades in a box (tools/box.py), with its sockets in the folder named here.
if os.environ.get("AEBOOK_BOX"):
    c.Execute.kernel_name = "boxed"
    c.KernelManager.transport = "ipc"
    c.KernelManager.ip = os.environ["AEBOOK_BOX"] + "/kernel"
c.OverwriteCells.add_missing_cells = True  # a deleted test comes back before it is run


class SetCopiesAside(NbGraderPreprocessor):
    """Of a cell and its copies, which bring its id along, leave one to nbgrader.

    Of an answer the first in which something was written, of a test the last: it runs after
    its answer wherever the copies lie. The others stay, as cells like any other. nbgrader's
    own DeduplicateIds leaves them empty metadata, over which add_missing_cells falls.
    """

    def preprocess(self, nb, resources):
        copies = {}
        for cell in nb.cells:
            if "grade_id" in (flags := cell.metadata.get("nbgrader", {})):
                copies.setdefault(flags.grade_id, []).append(cell)
        for cells in copies.values():
            kept = cells[-1]
            if kept.metadata.nbgrader.get("solution"):
                kept = next(filter(written, cells), cells[0])
            for cell in cells:
                if cell is not kept:
                    del cell.metadata["nbgrader"]
        return nb, resources


class PlainCells(NbGraderPreprocessor):
    """Of a cell's metadata keep nbgrader's: a tag may keep a test from being run."""

    def preprocess_cell(self, cell, resources, index):
        cell.metadata = {k: v for k, v in cell.metadata.items() if k == "nbgrader"}
        return cell, resources


# Each has to fail, and to say so in its own words; {} is a word nobody knows before.
ALARMS = (
    "assert 0, '{}'",
    "from aebook import checks\n\nchecks.close(0, 1, '{}')",
    "raise ValueError('{}')",
)


class SetAlarms(NbGraderPreprocessor):
    """Add cells that have to fail: code that lets every test pass lets these pass, too."""

    def preprocess(self, nb, resources):
        resources["alarms"] = [secrets.token_hex(8) for _ in ALARMS]
        for source, word in zip(ALARMS, resources["alarms"], strict=True):
            nb.cells.append(new_code_cell(source.format(word)))
        return nb, resources


class ReadAlarms(NbGraderPreprocessor):
    """Take them away again; note how many did not fail, and how many tests did not run."""

    def preprocess(self, nb, resources):
        words = resources["alarms"]
        alarms, nb.cells = nb.cells[-len(words) :], nb.cells[: -len(words)]
        tests = [cell for cell in nb.cells if cell.cell_type == "code" and is_grade(cell)]
        nb.metadata["aebook"] = {
            "silent": sum(
                not any(word in out.get("evalue", "") for out in cell.outputs)
                for cell, word in zip(alarms, words, strict=True)
            ),
            "not_run": sum(cell.execution_count is None for cell in tests),
            "boxed": bool(os.environ.get("AEBOOK_BOX")),
        }
        return nb, resources


def written(cell):
    """Whether a cell is no longer what was handed out."""
    return compute_checksum(cell) != cell.metadata.nbgrader.get("checksum")


c.Autograde.sanitize_preprocessors = [
    ClearOutput,
    SetCopiesAside,
    PlainCells,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    SetAlarms,
    Execute,
    ReadAlarms,
    IgnorePattern,
    ClearMetadataPreprocessor,
    LimitOutput,
    SaveAutoGrades,
    SanitizeHTML,
    AssignLatePenalties,
    CheckCellMetadata,
]
