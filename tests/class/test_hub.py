"""A class on a real JupyterHub: five students log in at once, each opens a chapter and runs it all.

The hub reads deploy/jupyterhub/jupyterhub_config.py; only what a test cannot have is replaced:
the log-in (any password), the containers (plain processes), the ports. Everything stays on this
machine, and everything that was started has ended when the test has.
"""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import links
import nbformat
import psutil
import pytest
import requests
import websocket

ROOT = links.ROOT
DEPLOY = ROOT / "deploy" / "jupyterhub"
STUDENTS = {
    "noether": "00-introduction",
    "turing": "05-two-modes",
    "hopper": "00-introduction",
    "shannon": "05-two-modes",
    "curie": "00-introduction",
}
TEACHER, STRANGER = "lovelace", "mallory"
DEADLINE = 600  # seconds, for the whole class; then a chapter counts as stuck
OVERLAY = """
load_subconfig({config!r})
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r} + "/{{username}}"
c.Spawner.args = {args!r}
c.Spawner.environment = {environment!r}
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def book_repository(folder):
    """A git repository with the chapters as they are here, for nbgitpuller to fetch."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    identity = ["-c", "user.name=book", "-c", "user.email=book@localhost"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "chapters"]):
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)
    return f"file://{folder}"


class Hub:
    """A running hub: its address, and its process with all that it started.

    folder: where it keeps what it has to; a second hub on it is the first one restarted.
    roster: the lines of the roster.
    """

    def __init__(self, folder, roster):
        search = f"{ROOT / '_build/npm/node_modules/.bin'}{os.pathsep}{os.environ['PATH']}"
        proxy = shutil.which("configurable-http-proxy", path=search)
        assert proxy, "no configurable-http-proxy here: `make test-class` installs it"
        (folder / "homes").mkdir(exist_ok=True)
        (folder / "roster.txt").write_text("\n".join(roster))
        ports = free_ports(3)
        config = folder / "config.py"
        config.write_text(
            OVERLAY.format(
                config=str(DEPLOY / "jupyterhub_config.py"),
                homes=str(folder / "homes"),
                args=["--allow-root"] if os.geteuid() == 0 else [],
                environment={"AEBOOK_MNIST": "sample", "PYTHONPATH": str(ROOT)},
                proxy=proxy,
                **dict(zip(("port", "hub_port", "proxy_port"), ports, strict=True)),
            )
        )
        self.url = f"http://127.0.0.1:{ports[0]}"
        self.log = folder / "hub.log"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        variables = {"AEBOOK_ROSTER": folder / "roster.txt", "AEBOOK_STATE": folder / "state"}
        variables |= {"AEBOOK_MNIST": "", "PATH": path}
        self.process = psutil.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(config)],
            cwd=folder,
            env={**os.environ, **variables},
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.seen = {self.process}

    def wait(self, seconds=90):
        for _ in range(seconds * 2):
            assert self.process.poll() is None, f"the hub ended:\n{self.log.read_text()}"
            with suppress(requests.ConnectionError):
                if requests.get(f"{self.url}/hub/health", timeout=5).ok:
                    return
            time.sleep(0.5)
        raise AssertionError(f"the hub does not answer:\n{self.log.read_text()}")

    def look(self):
        """Remember all processes below the hub, to know later that they are gone."""
        self.seen.update(self.process.children(recursive=True))
        return self.seen

    def stop(self):
        """End the hub as an operator does; return the processes that are still there."""
        self.look()
        self.process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(self.seen, timeout=60)
        for process in alive:
            process.kill()
        return alive


class Student(requests.Session):
    """A browser of one student: logs in through the form, has a server, runs a notebook in it."""

    def __init__(self, hub, name):
        super().__init__()
        self.hub, self.name = hub.url, name
        self.server = f"{hub.url}/user/{name}"

    def log_in(self):
        """True when the hub lets the student in."""
        self.get(f"{self.hub}/hub/login", timeout=30)
        data = {"username": self.name, "password": "any", "_xsrf": self.xsrf("/hub/")}
        answer = self.post(f"{self.hub}/hub/login?next=/hub/home", data=data, timeout=60)
        return answer.ok

    def xsrf(self, path):
        return next(c.value for c in self.cookies if c.name == "_xsrf" and c.path == path)

    def take_token(self):
        """Take a token, and use it from now on."""
        headers = {"X-XSRFToken": self.xsrf("/hub/"), "Referer": f"{self.hub}/hub/home"}
        api = f"{self.hub}/hub/api/users/{self.name}/tokens"
        answer = self.post(api, headers=headers, json={"note": "test"}, timeout=30)
        answer.raise_for_status()
        self.headers["Authorization"] = f"token {answer.json()['token']}"

    def may(self, path):
        """True when the hub's API answers the student's token."""
        headers = {"Authorization": self.headers["Authorization"]}
        return requests.get(f"{self.hub}/hub/api/{path}", headers=headers, timeout=30).ok

    def start(self):
        """Start the student's server, and take a token that opens it."""
        self.take_token()
        api = f"{self.hub}/hub/api/users/{self.name}"
        self.post(f"{api}/server", timeout=120).raise_for_status()
        for _ in range(240):
            if self.get(api, timeout=30).json()["servers"].get("", {}).get("ready"):
                return
            time.sleep(0.5)
        raise AssertionError(f"the server of {self.name} did not start in two minutes")

    def pull(self, link):
        """Follow an nbgitpuller link as its page does; return the path of the notebook it opens."""
        page = self.get(link, timeout=60)
        assert page.url.startswith(f"{self.server}/git-pull"), page.url
        query = urlsplit(page.url).query
        events = self.get(f"{self.server}/git-pull/api?{query}", timeout=120).text
        assert '"phase": "finished"' in events, events
        return parse_qs(query)["urlpath"][0].removeprefix("lab/tree/")

    def run(self, path):
        """Run every cell of a notebook in the student's server; return how many ran."""
        model = self.get(f"{self.server}/api/contents/{path}", timeout=60).json()
        notebook = nbformat.from_dict(model["content"])
        body = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        session = self.post(f"{self.server}/api/sessions", json=body, timeout=120)
        session.raise_for_status()
        kernel = session.json()["kernel"]["id"]
        address = f"{self.server.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
        channel = websocket.create_connection(
            address, header=[f"Authorization: {self.headers['Authorization']}"], timeout=DEADLINE
        )
        try:
            cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
            for cell in cells:
                reply = execute(channel, cell.source)
                assert reply["status"] == "ok", f"{self.name}, {path}, {cell.id}: {reply}"
            return len(cells)
        finally:
            channel.close()


def message_in(frame):
    """What a frame says; a live figure's has buffers, is binary, and begins with the offsets."""
    if isinstance(frame, bytes):
        (count,) = struct.unpack_from("!I", frame)
        first, *rest = struct.unpack_from(f"!{count}I", frame, 4)
        frame = frame[first : rest[0] if rest else None]
    return json.loads(frame)


def execute(channel, source):
    """Send one cell through a kernel's websocket; return the content of its reply."""
    sent = uuid.uuid4().hex
    header = {"msg_id": sent, "msg_type": "execute_request", "username": "", "session": sent,
              "version": "5.3"}  # fmt: skip
    content = {"code": source, "silent": False, "allow_stdin": False}
    channel.send(
        json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content,
                    "channel": "shell"})
    )  # fmt: skip
    while True:
        message = message_in(channel.recv())
        answers = message["parent_header"].get("msg_id") == sent
        if answers and message["msg_type"] == "execute_reply":
            return message["content"]


@contextmanager
def started(folder, roster):
    running = Hub(folder, roster)
    try:
        running.wait()
        yield running
    finally:
        left = running.stop()
    assert not left, f"still running after the hub was stopped: {left}"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    roster = [f"! {TEACHER}  # may look over shoulders", *STUDENTS]
    with started(tmp_path_factory.mktemp("hub"), roster) as running:
        yield running


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return book_repository(tmp_path_factory.mktemp("git") / "aebook")


def test_who_is_not_on_the_roster_stays_outside(hub):
    assert not Student(hub, STRANGER).log_in()


def test_five_students_run_a_chapter_at_once(hub, repository):
    def attend(name):
        student = Student(hub, name)
        assert student.log_in(), name
        student.start()
        notebook = f"notebooks/{STUDENTS[name]}.ipynb"
        path = student.pull(links.link(hub.url, notebook, repository, "main"))
        assert path == f"aebook/{notebook}"
        return student.run(path)

    with ThreadPoolExecutor(len(STUDENTS)) as pool:
        waiting = [pool.submit(attend, name) for name in STUDENTS]
        ran = [future.result(timeout=DEADLINE) for future in waiting]
    kernels = [p for p in hub.look() if "ipykernel_launcher" in " ".join(p.cmdline())]
    assert len(kernels) == len(STUDENTS)
    assert min(ran) > 5


def test_a_student_does_not_enter_the_server_of_another(hub):
    intruder = Student(hub, "turing")
    assert intruder.log_in()
    assert intruder.get(f"{hub.url}/user/noether/api/contents", timeout=30).status_code in (
        403,
        404,
    )


def test_a_teacher_may_open_the_server_of_a_student(hub):
    teacher = Student(hub, TEACHER)
    assert teacher.log_in()
    teacher.take_token()
    assert teacher.get(f"{hub.url}/user/noether/api/contents", timeout=30).ok


def test_what_is_struck_from_the_roster_is_lost_at_the_next_start(tmp_path):
    """A name and a teacher's mark, also for those who are logged in and hold a token."""
    noether, hopper = "noether", "hopper"
    with started(tmp_path, [noether, f"! {hopper}"]) as before:
        student, teacher = Student(before, noether), Student(before, hopper)
        for person in (student, teacher):
            assert person.log_in(), person.name
            person.take_token()
            assert person.may(f"users/{person.name}")
        assert teacher.may("users")
        assert not student.may("users")
    with started(tmp_path, [hopper]) as after:
        student.hub = teacher.hub = after.url
        assert not student.may(f"users/{noether}")
        student.headers.pop("Authorization")  # what is left is the cookie
        assert student.get(f"{after.url}/hub/spawn", timeout=30).status_code == 403
        assert not Student(after, noether).log_in()
        assert Student(after, hopper).log_in()
        assert teacher.may(f"users/{hopper}")
        assert not teacher.may("users")


def test_the_configuration_names_only_options_that_exist(monkeypatch, tmp_path):
    """What the test replaces is at least spelt as DockerSpawner and the rest spell it."""
    from docker.types import HostConfig
    from dockerspawner import DockerSpawner
    from jupyterhub.app import JupyterHub
    from jupyterhub.auth import Authenticator
    from jupyterhub.proxy import ConfigurableHTTPProxy
    from jupyterhub.spawner import Spawner
    from traitlets.config import Config

    classes = (DockerSpawner, JupyterHub, Authenticator, ConfigurableHTTPProxy, Spawner)
    known = {c.__name__: c for c in classes}
    source = (DEPLOY / "jupyterhub_config.py").read_text(encoding="utf-8")
    config = Config()
    space = {"get_config": lambda: config, "__file__": str(DEPLOY / "jupyterhub_config.py")}
    monkeypatch.setenv("AEBOOK_ROSTER", str(DEPLOY / "roster.txt.example"))
    monkeypatch.setenv("AEBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AEBOOK_MNIST", __file__)
    exec(compile(source, "jupyterhub_config.py", "exec"), space)
    assert set(config) <= set(known)
    for name, options in config.items():
        unknown = set(options) - set(known[name].class_trait_names(config=True))
        assert not unknown, f"{name}: {unknown}"
    limits = HostConfig(version="1.44", **config.DockerSpawner.extra_host_config)
    assert limits["PidsLimit"] == 1024
    assert limits["MemorySwap"] == 3 * 2**30
    assert limits["CapDrop"] == ["ALL"]
    assert limits["SecurityOpt"] == ["no-new-privileges"]
