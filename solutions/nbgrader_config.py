"""How nbgrader sees this repository. It reads this file when run in this folder.

Everything about a class (submissions, marks) lies in course/, which git ignores and
`make clean` leaves alone.
"""

from pathlib import Path

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
