"""Put the whole book on its own front page: the site as a zip, the print as a PDF.

    python tools/downloads.py      after `make book pdf`, on what is to be published

Writes downloads/ into the built site, and the links to it where index.md left the mark, which a
browser does not show. A book that was only built has no such links: nothing would lie behind them.
"""

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

BUILD = Path(__file__).resolve().parent.parent / "_build"
MARK = "<!-- downloads -->"
LINKS = """\
<p class="downloads">To keep: <a href="downloads/aebook-site.zip" download>this site as a zip</a>
({zip:.0f} MB; unpack it, also onto a stick, and open <code>aebook/index.html</code>), or
<a href="downloads/aebook.pdf">the whole book as a PDF</a> ({pdf:.0f} MB).</p>"""


def pack(site, out):
    """Zip the folder `site` as a folder `aebook`; the same site gives the same bytes."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in site.rglob("*") if path.is_file()):
            info = zipfile.ZipInfo(f"aebook/{path.relative_to(site).as_posix()}")
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)


def main(build=BUILD):
    site, pdf = build / "html", build / "book.pdf"
    front, folder = site / "index.html", site / "downloads"
    for path, target in ((front, "book"), (pdf, "pdf")):
        if not path.is_file():
            sys.exit(f"downloads: {path.name} is missing: run make {target} first")
    page = front.read_text(encoding="utf-8")
    if page.count(MARK) != 1:
        sys.exit(f"downloads: expected {MARK} once in {front.name}, found {page.count(MARK)}: "
                 "it stands in index.md; build the book anew")  # fmt: skip
    archive = folder / "aebook-site.zip"
    with tempfile.TemporaryDirectory() as elsewhere:  # the zip does not hold itself
        pack(site, Path(elsewhere, archive.name))
        folder.mkdir()
        shutil.move(Path(elsewhere, archive.name), archive)
    shutil.copy(pdf, folder / "aebook.pdf")
    size = {"zip": archive.stat().st_size / 1e6, "pdf": pdf.stat().st_size / 1e6}
    front.write_text(page.replace(MARK, LINKS.format(**size)), encoding="utf-8")


if __name__ == "__main__":
    main()
