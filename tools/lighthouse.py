"""Measure every chapter page with Lighthouse and print the table; exit 1 below the bounds.

    python tools/lighthouse.py [PART OF A NAME]     only pages whose name holds it

The book is served on this machine, compressed as a static host does. Times depend on what else the
machine does: run it on an idle one.
"""

import gzip
import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

from browsing import CHAPTERS, HTML, NODE_MODULES, Handler, chromium, served

LIGHTHOUSE = NODE_MODULES / ".bin" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
BOUNDS = {"desktop": (95, 100, 100, 100), "mobile": (85, 100, 100, 100)}


class Compressed(Handler):
    """A static host that compresses text and lets browsers keep what they have."""

    def send_head(self):
        path = Path(self.translate_path(self.path))
        if path.suffix not in (".html", ".css", ".js", ".svg") or not path.is_file():
            return super().send_head()
        data = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        return BytesIO(data)


def measure(address, form):
    """The four scores of a page, from 0 to 100, and the audits that cost most."""
    out = NODE_MODULES.parent / "lighthouse.json"  # a pipe loses the end of a long report
    command = [LIGHTHOUSE, address, "--quiet", "--output=json", f"--output-path={out}"]
    command += ["--chrome-flags=--headless=new --no-sandbox --disable-dev-shm-usage"]
    command += ["--preset=desktop"] if form == "desktop" else []
    environment = {**os.environ, "CHROME_PATH": chromium()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"lighthouse: {address} failed: {done.stderr.strip().splitlines()[-1]}")
    report = json.loads(out.read_text(encoding="utf-8"))
    scores = tuple(round(100 * (report["categories"][c]["score"] or 0)) for c in CATEGORIES)
    costly = [key for key, audit in report["audits"].items() if audit.get("score") == 0]
    return scores, costly


def main(arguments):
    if not LIGHTHOUSE.exists() or chromium() is None:
        sys.exit("lighthouse: Lighthouse or Chromium is missing: run make browser-tools")
    missed = 0
    print(f"{'page':36}{'form':9}" + "".join(f"{c:>16}" for c in CATEGORIES))
    with served(HTML, Compressed) as base:
        for name in CHAPTERS:
            if arguments and arguments[0] not in name:
                continue
            live = "data-live" in (HTML / name).read_text(encoding="utf-8")
            for form, bounds in BOUNDS.items():
                scores, costly = measure(base + name, form)
                least = (0, *bounds[1:]) if live and form == "mobile" else bounds
                short = any(score < bound for score, bound in zip(scores, least, strict=True))
                missed += short
                line = f"{Path(name).stem:36}{form:9}" + "".join(f"{s:16}" for s in scores)
                print(line, ("below the bound: " + ", ".join(costly)) if short else "", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
