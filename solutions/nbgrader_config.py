"""How nbgrader sees this repository. It reads this file when run in this folder.

Everything about a class (submissions, marks) lies in course/, which git ignores and
`make clean` leaves alone.
"""

from pathlib import Path

from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
)
from nbgrader.utils import compute_checksum

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


def written(cell):
    """Whether a cell is no longer what was handed out."""
    return compute_checksum(cell) != cell.metadata.nbgrader.get("checksum")


def say_who(notebooks, **_):
    """Print whose turn it is: course/submitted/alice/03-.../03-....ipynb is Alice's."""
    print(f"running {Path(notebooks[0]).parts[-3]}", flush=True)


c.Autograde.sanitize_preprocessors = [
    ClearOutput,
    SetCopiesAside,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
c.Autograde.pre_convert_hook = say_who
