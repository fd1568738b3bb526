"""What this book adds to Sphinx, one module a matter; `_ext` is the extension that brings them all.

Sphinx rewrites a page when its text changes, not when the code behind it does. So a fingerprint of
that code, style sheets and scripts included, is a setting of the book, and a new one makes every
page anew.
"""

import hashlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = (
    "formulas", "figures", "links", "ledger", "classroom", "helper", "pages", "live", "address",
    "search", "front", "gallery", "sharing",
)  # fmt: skip
CODE = (
    HERE,
    HERE.parent / "_templates",
    HERE.parent / "assets",
    HERE.parent.parent / "aebook" / "live",
)


def fingerprint(folders=CODE):
    """SHA-256 of all code in these folders, of the names too."""
    digest = hashlib.sha256()
    for path in sorted(p for folder in folders for p in folder.rglob("*") if p.is_file()):
        if path.suffix != ".pyc":
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def setup(app):
    for name in MODULES:
        app.setup_extension(f"_ext.{name}")
    app.add_config_value("code_of_the_book", fingerprint(), "env")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
