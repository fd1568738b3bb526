"""What nbgrader does with a submission: run it apart from its tests, leave nothing alive in it.

nbgrader's configuration (solutions/nbgrader_config.py) puts these in place of its own steps.
"""

import asyncio
import base64
import binascii
import os
import re
import tempfile
import threading
from pathlib import Path

import apart
import nbformat
import sheets
from jupyter_core.utils import run_sync
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat.v4 import new_code_cell, new_output
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import compute_checksum, is_grade, is_solution
from traitlets.config import Config

APART = (Path(__file__).resolve().parent / "apart.py").read_text(encoding="utf-8")
SOLUTION = re.compile(r"(?ms)^ *### (BEGIN|END) SOLUTION\n?")
HIDDEN = re.compile(r"(?ms)^ *### BEGIN HIDDEN TESTS\n.*?^ *### END HIDDEN TESTS\n?")
SHOWN = {"text/plain", "image/png", "image/jpeg"}
LONGEST_OUTPUT = 2**20  # characters of a cell's output; a figure has 70,000
# Leaves no name behind, and needs none that a student may have used otherwise.
LINE = "__line__"  # tools/apart.py among the tests, under a name that no test gives to its own
SERVE = (
    "(lambda apart: (exec({apart!r}, apart), apart['serve']({door!r}, globals())) and None)({{}})"
)


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


class PlainCells(NbGraderPreprocessor):
    """Of a cell's metadata keep nbgrader's: a tag may keep a test from being run."""

    def preprocess_cell(self, cell, resources, index):
        cell.metadata = nbformat.from_dict(
            {k: v for k, v in cell.metadata.items() if k == "nbgrader"}
        )
        return cell, resources


class Kernel(Execute):
    """nbclient's, but for a bound on what a cell says."""

    said = 0

    async def step(self, cell):
        """Run a cell; what it says appears in it."""
        self.said = 0
        self.nb.cells.append(cell)
        await self.async_execute_cell(cell, len(self.nb.cells) - 1)

    def output(self, outs, msg, display_id, cell_index):
        self.said += len(repr(msg["content"]))
        if self.said < LONGEST_OUTPUT:
            return super().output(outs, msg, display_id, cell_index)
        if self.said - len(repr(msg["content"])) < LONGEST_OUTPUT:
            outs.append(new_output("stream", name="stdout", text="\n... truncated\n"))
        return None


class Examine(NbGraderPreprocessor):
    """Run a submission: its own cells in the box, each test beside it in a kernel of its own.

    In the tests' kernel run the cells that were handed out and the tests, from our solutions and
    our gradebook; what an answer defines stands there for the answer (tools/apart.py).
    """

    def preprocess(self, nb, resources):
        sockets = os.environ.get("AEBOOK_SOCKETS")
        if not sockets:
            raise RuntimeError("grade with make grade: it makes the box in which answers run")
        threading.Thread(target=end_with_stdin, daemon=True).start()
        given = solutions(resources["nbgrader"]["assignment"])
        run_sync(self.run)(nb, given, sockets)
        tests = [cell for cell in nb.cells if is_test(cell)]
        nb.metadata["aebook"] = {
            "boxed": bool(os.environ.get("AEBOOK_BOX")),
            "not_run": sum(cell.execution_count is None for cell in tests),
        }
        return nb, resources

    async def run(self, nb, given, sockets):
        with tempfile.TemporaryDirectory(prefix="aebook-") as own:
            boxed = bool(os.environ.get("AEBOOK_BOX"))
            answers = self.kernel("boxed" if boxed else "python3", sockets, own)
            tests = self.kernel("python3", own, own)
            async with answers.async_setup_kernel(), tests.async_setup_kernel():
                await tests.step(new_code_cell(f"exec({APART!r}, {LINE} := {{}})"))
                for cell in nb.cells:
                    if cell.cell_type != "code":
                        continue
                    if is_test(cell):
                        await self.examine(answers, tests, cell, given, sockets)
                    else:
                        await answers.step(cell)

    def kernel(self, name, folder, home):
        """A kernel of nbclient's, with its sockets in a folder and not on the network."""
        client = Kernel(parent=self)
        client.config = Config(client.config)
        client.config.KernelManager.transport = "ipc"
        client.config.KernelManager.ip = str(Path(folder, "kernel"))
        client.nb = nbformat.v4.new_notebook()
        client.kernel_name = name
        client.resources = {"metadata": {"path": home}}
        client.store_widget_state = client.record_timing = False
        client.reset_execution_trackers()
        return client

    async def examine(self, answers, tests, cell, given, sockets):
        """Run a test in its kernel while the answers' kernel is there to be asked."""
        name = cell.metadata.nbgrader.grade_id
        names = []
        for part in given:
            if part.id == name:
                break
            if is_solution(part):
                names += apart.defined(SOLUTION.sub("", part.source))
            elif not is_grade(part) and "ran" not in part.metadata:
                part.metadata["ran"] = True
                await tests.step(new_code_cell(part.source))
        door = str(Path(sockets, f"test-{len(tests.nb.cells)}"))
        await tests.step(new_code_cell(f"{LINE}['listen']({door!r})"))
        asked = new_code_cell(SERVE.format(apart=APART, door=door))
        serving = asyncio.ensure_future(answers.step(asked))
        await tests.step(new_code_cell(f"{LINE}['meet']({names!r}, globals())"))
        await tests.step(cell)
        await tests.step(new_code_cell(f"{LINE}['part']()"))
        await self.settle(answers, serving)
        said = [out for out in asked.get("outputs", []) if out.output_type == "stream"]
        for out in said:
            out.name = "stdout"  # what an answer prints while it is tested
        cell.outputs = said + cell.outputs

    async def settle(self, answers, serving):
        """See that the answers' kernel has come back from a test; interrupt what still runs."""
        for _ in range(2):
            done, _ = await asyncio.wait({serving}, timeout=5)
            if done:
                return serving.result()
            await answers.km.interrupt_kernel()
        return await serving  # ends by the time limit of a cell


def end_with_stdin():
    """End when whoever grades has ended: a run that nobody waits for would only be in the way."""
    os.read(0, 1)  # not sys.stdin.read, whose lock would outlive the interpreter
    os._exit(1)


def is_test(cell):
    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def solutions(assignment):
    """The cells of our own notebook that are code, without a set-up that none of them needs."""
    path = sheets.folder() / assignment / f"{assignment}.ipynb"
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    if not any(re.search(r"\b(keras|models)\b", cell.source) for cell in cells[1:]):
        del cells[0]  # the set-up cell, which loads Keras: half of what a small sheet costs
    return cells


class Inert(SanitizeHTML):
    """Leave nothing in a notebook that does something in the browser of whoever reads it."""

    def preprocess(self, nb, resources):
        kept = {k: v for k, v in nb.metadata.items() if k in ("kernelspec", "aebook")}
        nb.metadata = nbformat.from_dict(kept)
        return super().preprocess(nb, resources)

    def preprocess_cell(self, cell, resources, index):
        cell, resources = super().preprocess_cell(cell, resources, index)
        for out in cell.get("outputs", []):
            if "data" in out:
                out.data = nbformat.from_dict({k: v for k, v in out.data.items() if inert(k, v)})
                out.metadata = nbformat.from_dict({})
        for name, kinds in list(cell.get("attachments", {}).items()):
            if not all(inert(kind, data) for kind, data in kinds.items()):
                del cell.attachments[name]
        if cell.cell_type == "markdown":
            cell.source = only_pages(cell.source, cell.get("attachments", {}))
        return cell, resources


def only_pages(text, attachments):
    """Markdown whose links lead to pages of the web and pictures that came along, nowhere else.

    A link to javascript: would run where the teacher clicks; a picture that did not come along
    would keep the whole page from being made.
    """

    def link(match):
        place = match.group(1)
        if place.startswith("attachment:"):
            good = place.removeprefix("attachment:") in attachments
        else:
            good = place.startswith(("https://", "http://", "#"))
        return match.group() if good else "] (" + place

    def formula(match):
        return match.group().replace("&lt;", r"\lt ").replace("&gt;", r"\gt ").replace("&amp;", "&")

    text = re.sub(r"\]\(\s*([^)\s]*)", link, text.replace("]:", "] :"))
    return re.sub(r"\$[^$]+\$", formula, text)  # MathJax knows no &lt;


def inert(kind, data):
    """Whether data of a MIME type are text, or a picture and really one: they land in a page."""
    if kind not in SHOWN or not isinstance(data, str):
        return False
    try:
        return kind == "text/plain" or bool(base64.b64decode(data.replace("\n", ""), validate=True))
    except binascii.Error:
        return False


class HideTests(NbGraderPreprocessor):
    """In a page for a student leave out what only the teacher's copy of a test holds."""

    def preprocess_cell(self, cell, resources, index):
        if is_test(cell):
            cell.source = HIDDEN.sub("", cell.source)
            for out in cell.outputs:
                if out.output_type == "error":  # a traceback quotes the lines of the test
                    out.traceback = [f"{out.ename}: {out.evalue}"]
        return cell, resources
