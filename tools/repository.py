"""Write the repository's address into the first cell of every notebook.

    python tools/repository.py                            stamp the address in _config.yml
    python tools/repository.py https://github.com/me/it   change it there first

_config.yml is the one place that holds the address; a test holds the notebooks equal to it.
"""

import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
SETUP_CELL = """\
try:
    import aebook  # the book's helper package
except ModuleNotFoundError:  # in Colab, say: fetch it, and only it
    %pip install --quiet --no-deps git+{url}
    import aebook

aebook.setup()"""
LINE = re.compile(r"(?m)^(  url: )(\S+)$")


def address():
    """The repository's address, from _config.yml."""
    return LINE.search((ROOT / "_config.yml").read_text(encoding="utf-8")).group(2)


def stamp(url):
    """Make the first code cell of every notebook the set-up cell for this address."""
    patterns = ("notebooks/*.ipynb", "solutions/*/*.ipynb", "book/exercises/*.ipynb")
    for path in (path for pattern in patterns for path in sorted(ROOT.glob(pattern))):
        notebook = nbformat.read(path, as_version=4)
        first = next(cell for cell in notebook.cells if cell.cell_type == "code")
        if first.source != SETUP_CELL.format(url=url):
            first.source = SETUP_CELL.format(url=url)
            nbformat.write(notebook, path)
            print(f"{path.relative_to(ROOT)}: set-up cell now names {url}")


def main(arguments):
    if arguments:
        url = arguments[0].removesuffix("/")
        if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", url):
            sys.exit(f"repository: expected https://github.com/OWNER/NAME, found {url}")
        config = ROOT / "_config.yml"
        text = config.read_text(encoding="utf-8")
        config.write_text(LINE.sub(rf"\g<1>{url}", text, count=1), encoding="utf-8")
    stamp(address())


if __name__ == "__main__":
    main(sys.argv[1:])
