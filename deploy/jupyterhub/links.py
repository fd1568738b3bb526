"""Links that open a chapter or an assignment on a hub: a student clicks, and works.

    python deploy/jupyterhub/links.py https://hub.example.edu

Each link has nbgitpuller fetch the book's repository (its address is in _config.yml) into the
student's home, or bring the copy there up to date without touching what the student changed, and
opens the notebook in JupyterLab. Prints a Markdown list, to be pasted where the class looks.
"""

import sys
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = ROOT / "_config.yml"
FOLDERS = {"Chapters": "notebooks", "Exercises": "book/exercises"}


def link(hub, notebook, repository, branch):
    """The address that fetches `repository` on `hub` and opens `notebook`, a path inside it."""
    folder = repository.rstrip("/").rsplit("/", 1)[-1]
    urlpath = f"lab/tree/{folder}/{quote(notebook)}"
    query = urlencode({"repo": repository, "branch": branch, "urlpath": urlpath})
    return f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{query}"


def main(arguments):
    if len(arguments) != 1 or urlsplit(arguments[0]).scheme not in ("http", "https"):
        sys.exit("links: name the hub's address: python deploy/jupyterhub/links.py https://...")
    where = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["repository"]
    if urlsplit(where["url"]).hostname.endswith(".invalid"):
        sys.exit(
            "links: the book has no address yet: run make repository URL=https://github.com/..."
        )
    for title, folder in FOLDERS.items():
        print(f"**{title}**\n")
        for path in sorted((ROOT / folder).glob("*.ipynb")):
            address = link(arguments[0], f"{folder}/{path.name}", where["url"], where["branch"])
            print(f"- [{path.stem}]({address})")
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
