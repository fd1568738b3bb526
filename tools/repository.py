"""Write the book's address and its version into all that names them.

    python tools/repository.py                            stamp what is written in the two places
    python tools/repository.py https://github.com/me/it   change the address first

_config.yml is the one place that holds the address, aebook/__init__.py the one that holds the
version; tests hold all the rest equal to them. Any Python runs this, without a package.
"""

import json
import os
import re
import sys
from pathlib import Path

import sheets

ROOT = Path(__file__).resolve().parent.parent
# The address of a book that nobody has adopted. Names under .invalid are never given away (RFC
# 6761); an account that GitHub's rules forbid today could be somebody's tomorrow.
NOWHERE = "https://not-adopted.invalid/aebook"
NOTEBOOKS = ("notebooks/*.ipynb", "book/exercises/*.ipynb")  # and the sheets
SETUP_CELL = """\
from glob import glob
from importlib.util import find_spec

for source in {sources}:
    if not find_spec("aebook"):  # the book's helper package: in Colab, say, install it
        %pip install --quiet --no-deps {{source}}
assert find_spec("aebook"), (
    "aebook is missing: put its wheel (make wheel) beside this notebook and try again, "
    "work in a clone (make lab), or give the book an address (make repository URL=...)"
)
import aebook

aebook.setup()"""
DOORS = """\
**[Read it online]({pages}) · \
[Open chapter 0 in Colab]({colab}/blob/main/notebooks/00-introduction.ipynb) · \
[Start it on Binder](https://mybinder.org/v2/gh/{name}/main?urlpath=lab/tree/notebooks)**"""
NO_DOORS = """\
This copy of the book has no address yet. [Pushed to GitHub](CONTRIBUTING.md#adopting-the-book) it
takes that of its repository there, and links to Colab and Binder stand here."""
IN_CONFIG = re.compile(r"(?m)(?<=^  url: )\S+$")
IN_PACKAGE = re.compile(r'(?m)(?<=^__version__ = ")[^"]+')


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def write(name, text):
    """Write a file, with the same line ends on every system, if that changes it."""
    if text != read(name):
        (ROOT / name).write_text(text, encoding="utf-8", newline="\n")
        print(f"{name}: stamped")


def address():
    """The repository's address, from _config.yml: NOWHERE until somebody adopts the book."""
    return IN_CONFIG.search(read("_config.yml")).group()


def version():
    """The version of the book and its helper package, from aebook/__init__.py."""
    return IN_PACKAGE.search(read("aebook/__init__.py")).group()


def setup_cell(url, version):
    """The first code cell of every notebook: a wheel beside it comes first, then the address."""
    wheels, tagged = 'glob("aebook-*.whl")', f'"git+{url}@v{version}"'
    return SETUP_CELL.format(sources=wheels if url == NOWHERE else f"[*{wheels}, {tagged}]")


def doors(url):
    """What README says of the address: its links, or how the book comes by one."""
    if url == NOWHERE:
        return NO_DOORS
    owner, repository = url.split("/")[-2:]
    pages = f"https://{owner.lower()}.github.io/"
    if repository.lower() != f"{owner}.github.io".lower():
        pages += f"{repository}/"
    colab = url.replace("https://github.com", "https://colab.research.google.com/github")
    return DOORS.format(pages=pages, colab=colab, name=f"{owner}/{repository}")


def stamp(url, version):
    """Write address and version into notebooks, README, pyproject.toml and CITATION.cff."""
    for name, pattern, new in (
        ("README.md", r"(?s)(?<=<!-- address -->\n\n).*?(?=\n\n<!-- end -->)", doors(url)),
        ("pyproject.toml", r"(?m)^Repository = .*$", f'Repository = "{url}"'),
        ("CITATION.cff", r"(?m)^repository-code: .*$", f'repository-code: "{url}"'),
        ("CITATION.cff", r"(?m)^version: .*$", f'version: "{version}"'),
    ):
        write(name, re.sub(pattern, lambda _, new=new: new, read(name)))
    found = [path for pattern in NOTEBOOKS for path in sorted(ROOT.glob(pattern))]
    for path in [*found, *sorted(sheets.folder(ROOT).glob("*/*.ipynb"))]:
        name = Path(os.path.relpath(path, ROOT)).as_posix()
        notebook = json.loads(read(name))
        first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
        first["source"] = setup_cell(url, version).splitlines(keepends=True)
        write(name, written(notebook))


def written(notebook):
    """A notebook as nbformat writes it."""
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main(arguments):
    url = arguments[0].removesuffix("/") if arguments else address()
    if url != NOWHERE and not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", url):
        sys.exit(f"repository: expected https://github.com/OWNER/NAME, found {url}")
    write("_config.yml", IN_CONFIG.sub(url, read("_config.yml")))
    stamp(url, version())


if __name__ == "__main__":
    main(sys.argv[1:])
