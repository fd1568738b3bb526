"""Files of other projects are those that VENDORED.md names, and fit what they are used with."""

import hashlib
import re
from pathlib import Path

from conftest import ROOT
from sphinxcontrib import katex

PAGE = (ROOT / "VENDORED.md").read_text(encoding="utf-8")
VERSIONS = dict(re.findall(r"(?m)^## (\S+) ([\d.]+)$", PAGE))
REVEAL, KATEX = ROOT / "tools" / "deck" / "reveal", ROOT / "book" / "assets" / "katex"


def test_the_files_are_those_that_the_page_names():
    named = {path: told for told, path in re.findall(r"(?m)^([0-9a-f]{64})  (\S+)$", PAGE)}
    paths = [path for folder in (REVEAL, KATEX) for path in folder.rglob("*") if path.is_file()]
    found = {path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
             for path in paths}  # fmt: skip
    assert found == named


def test_katex_has_one_version_in_its_style_sheet_its_script_and_on_the_page():
    sheet = (KATEX / "katex.min.css").read_text(encoding="utf-8")
    script = Path(katex.__file__).with_name("katex.min.js").read_text(encoding="utf-8")
    (of_sheet,) = re.findall(r'\.katex-version:after\{content:"([\d.]+)"', sheet)
    (of_script,) = re.findall(r'\{version:"([\d.]+)",render:', script)
    assert of_sheet == of_script, "renew KaTeX's style sheet and fonts as VENDORED.md says"
    assert of_sheet == VERSIONS["KaTeX"]
    assert f"KaTeX {of_sheet}" in (ROOT / "LICENSE-TEXT.md").read_text(encoding="utf-8")


def test_reveal_is_of_the_version_on_the_page():
    script = (REVEAL / "reveal.js").read_text(encoding="utf-8")
    assert f'"{VERSIONS["reveal.js"]}"' in script
