"""How nbgrader sees this repository. It reads this file when run in this folder.

Everything about a class (submissions, marks) lies in course/, which git ignores and
`make clean` leaves alone.
"""

import sys
from pathlib import Path

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    GetGrades,
    IgnorePattern,
    LimitOutput,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

c = get_config()  # noqa: F821, nbgrader puts it here

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import examine  # noqa: E402
import sheets  # noqa: E402

# nbgrader wants a folder of the machine's to hand out sheets in, and warns without one.
# Here they come and go by a learning platform.
(ROOT / "course" / "exchange").mkdir(parents=True, exist_ok=True)
c.Exchange.root = str(ROOT / "course" / "exchange")
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = str(sheets.folder())
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
c.Execute.startup_timeout = 120
c.LimitOutput.max_lines = 200
c.IgnorePattern.enabled = True  # a warning or a progress bar, said on stderr, is no mistake
c.IgnorePattern.pattern = r"(?s).*"
c.Inert.enabled = True
c.OverwriteCells.add_missing_cells = True  # a deleted test comes back before it is run

c.Autograde.sanitize_preprocessors = [
    ClearOutput,
    examine.SetCopiesAside,
    examine.PlainCells,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    examine.Examine,
    IgnorePattern,
    LimitOutput,
    SaveAutoGrades,
    examine.Inert,
    AssignLatePenalties,
    CheckCellMetadata,
]
c.GenerateFeedback.preprocessors = [
    GetGrades,
    examine.HideTests,
    examine.Inert,
    CSSHTMLHeaderPreprocessor,
]
