"""From the written answer to the platform's file: it is read in a browser, and the mark counts."""

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest
import requests
from classroom import NAME, ROOT, cell, hand_in, run, school, solved, table


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """One student, graded, with words to be read."""
    root = school(tmp_path_factory.mktemp("class"))
    assert run(root, "release", "01").returncode == 0
    notebook = solved()
    notebook.cells = [c for c in notebook.cells if c.id != "setup"]
    cell(notebook, "explain-answer").source = "Because the decoder is sent, too."
    hand_in(root, "ann", notebook)
    assert run(root, "collect", "01", str(root / "handed-in")).returncode == 0
    told = run(root, "grade", "01")
    assert told.returncode == 0, told.stderr
    return root


@pytest.fixture(scope="module")
def page(course):
    """The address of what `make read` starts, and a browser that is let in."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    options = ["--no-browser", f"--port={port}", "--IdentityProvider.token=test"]
    options += ["--allow-root"] if os.geteuid() == 0 else []
    command = [sys.executable, course / "tools" / "course.py", "read", *options]
    said = course / "lab.log"
    with said.open("w") as log:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(course)}
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    browser = requests.Session()
    browser.headers["Authorization"] = "token test"
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert server.poll() is None, said.read_text()
            with suppress(requests.ConnectionError):
                if browser.get(f"{address}/api", timeout=10).ok:
                    break
            time.sleep(0.5)
        yield address, browser
    finally:
        server.terminate()
        server.wait(60)
    assert "Unwritable directory" not in said.read_text()


def test_a_mark_for_words_given_in_the_browser_is_in_the_table(course, page):
    address, browser = page
    first = browser.get(address, timeout=60)
    assert first.url.startswith(f"{address}/formgrader")
    assert "nbgrader" in first.text
    api = f"{address}/formgrader/api"
    (submitted,) = browser.get(f"{api}/submitted_notebooks/{NAME}/{NAME}", timeout=60).json()
    shown = browser.get(f"{address}/formgrader/submissions/{submitted['id']}/", timeout=60)
    assert "Because the decoder is sent, too." in shown.text
    asked = {"submission_id": submitted["id"]}
    grades = browser.get(f"{api}/grades", params=asked, timeout=60).json()
    open_ = {one["name"]: one for one in grades if one["needs_manual_grade"]}
    assert set(open_) == {"explain-answer", "open-answer"}
    for name, points in (("explain-answer", 1.5), ("open-answer", 3)):
        given = open_[name] | {"manual_score": points}
        told = browser.put(f"{api}/grade/{given['id']}", json=given, timeout=60)
        assert told.ok, told.text
    assert run(course, "marks").returncode == 0
    row = table(course)["ann"]
    assert (row["score"], row["to_read"]) == ("16.5", "")


def test_a_page_for_each_student_says_what_was_marked(course):
    told = run(course, "feedback", "01")
    assert told.returncode == 0, told.stderr
    assert told.stdout == f"1 pages: course/feedback/NAME/{NAME}/{NAME}.html\n"
    text = (course / "course" / "feedback" / "ann" / NAME / f"{NAME}.html").read_text("utf-8")
    assert "Because the decoder is sent, too." in text
    assert "HIDDEN TESTS" not in text
