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

import box
import docker
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
    roster: the lines of the roster. more: what the configuration says besides.
    """

    def __init__(self, folder, roster, more=""):
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
            + more.replace("HUB_PORT", str(ports[1]))
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
        for _ in range(600):
            if self.get(api, timeout=30).json()["servers"].get("", {}).get("ready"):
                return
            time.sleep(0.5)
        raise AssertionError(f"the server of {self.name} did not start in five minutes")

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
def started(folder, roster, more=""):
    running = Hub(folder, roster, more)
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


# The book's own configuration but for the image, which takes gigabytes to build: an empty one, and
# this machine's environment in it to be read, as for grading.
CONTAINERS = """
c.JupyterHub.spawner_class = "docker"
c.JupyterHub.hub_bind_url = "http://0.0.0.0:HUB_PORT"
c.JupyterHub.hub_connect_url = "http://{gateway}:HUB_PORT"
c.DockerSpawner.network_name = {network!r}
c.DockerSpawner.image = {image!r}
c.DockerSpawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.DockerSpawner.args = ["--ip=0.0.0.0", "--allow-root"]
c.DockerSpawner.read_only_volumes = {mounts!r}
c.Spawner.environment = {environment!r}
"""
LOOK = """
import os
status = open("/proc/self/status").read()
assert "CapEff:\\t0000000000000000" in status, status
assert "NoNewPrivs:\\t1" in status, status
assert not os.path.exists({deploy!r})
assert os.getcwd() == "/home/jovyan" and not os.path.exists("mine")
open("mine", "w").close()
try:
    open("/usr/aebook", "w")
except OSError:
    pass
else:
    raise AssertionError("the system can be written")
"""


NETWORK = "aebook-class-test"


@pytest.fixture
def containers():
    """Docker, or what answers like it: Podman's service, named in DOCKER_HOST."""
    try:
        client = docker.from_env(timeout=60)  # asks the daemon for its version
    except docker.errors.DockerException as problem:
        pytest.skip(f"no Docker and no service of Podman's: {problem}")
    client.api.import_image_from_data(bytes(10_240), repository=box.IMAGE)
    with suppress(docker.errors.APIError):  # of a run that was killed
        client.networks.get(NETWORK).remove()
    network = client.networks.create(NETWORK, driver="bridge")  # what theirs is called differs
    system = {p: {"bind": p, "mode": "ro"} for p in filter(os.path.exists, box.SYSTEM)}
    first = client.containers.create(  # Podman's bridge is there while somebody is on it
        box.IMAGE, ["/usr/bin/sleep", "900"], network=NETWORK, volumes=system
    )
    try:
        first.start()
        yield client
    finally:
        first.remove(force=True)
        for name in ("noether", "turing"):
            with suppress(docker.errors.APIError):
                client.volumes.get(f"aebook-{name}").remove()
        network.remove()


def test_each_student_is_in_a_container_with_the_limits_of_the_configuration(tmp_path, containers):
    gateway = containers.networks.get(NETWORK).attrs["IPAM"]["Config"][0]["Gateway"]
    share = Path(sys.prefix, "share").resolve()
    paths = [*filter(os.path.exists, box.SYSTEM), *box.python(), str(share)]
    environment = {name: value for name, value in box.environment().items() if name != "HOME"}
    more = CONTAINERS.format(
        gateway=gateway, network=NETWORK, image=box.IMAGE, python=sys.executable,
        mounts={p: p for p in paths}, environment=environment | {"HOME": "/home/jovyan"},
    )  # fmt: skip
    cell = nbformat.v4.new_code_cell(LOOK.format(deploy=str(DEPLOY)))
    notebook = {"type": "notebook", "content": nbformat.v4.new_notebook(cells=[cell])}
    with started(tmp_path, ["noether", "turing"], more) as hub:
        for name in ("noether", "turing"):  # the second does not see what the first has written
            student = Student(hub, name)
            assert student.log_in()
            student.start()
            place = f"{student.server}/api/contents/look.ipynb"
            student.put(place, json=notebook, timeout=60).raise_for_status()
            assert student.run("look.ipynb") == 1
            limits = containers.containers.get(f"jupyter-{name}").attrs["HostConfig"]
            assert limits["Memory"] == 3 * 2**30
            assert limits["PidsLimit"] == 1024
            assert limits["NanoCpus"] == 2 * 10**9 or limits["CpuQuota"] == 200_000
    left = containers.containers.list(all=True, filters={"name": "jupyter-"})
    assert left == []


# What has to be said of a machine, and nothing else: the image is the book's, as it was built.
OURS = """
c.JupyterHub.spawner_class = "docker"
c.JupyterHub.hub_bind_url = "http://0.0.0.0:HUB_PORT"
c.JupyterHub.hub_connect_url = "http://{gateway}:HUB_PORT"
c.DockerSpawner.network_name = {network!r}
c.Spawner.args = []
c.Spawner.environment = {{"AEBOOK_MNIST": "sample"}}
"""
IMAGE = os.environ.get("AEBOOK_IMAGE", "aebook")


def test_the_image_of_the_hub_runs_a_chapter(tmp_path, containers):
    """Where it has been built: docker build --file deploy/jupyterhub/Dockerfile --tag aebook ."""
    try:
        containers.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        pytest.skip(f"no image {IMAGE} was built here")
    gateway = containers.networks.get(NETWORK).attrs["IPAM"]["Config"][0]["Gateway"]
    chapter = nbformat.read(ROOT / "notebooks" / "00-introduction.ipynb", as_version=4)
    who = nbformat.v4.new_code_cell(
        "import os, aebook\nassert os.getuid() == 1000 and os.getcwd() == '/home/jovyan'\n"
        "assert 'packages' in aebook.__file__ and not os.access(aebook.__file__, os.W_OK)"
    )
    chapter.cells.append(who)
    with started(tmp_path, ["noether"], OURS.format(gateway=gateway, network=NETWORK)) as hub:
        student = Student(hub, "noether")
        assert student.log_in()
        student.start()
        place = f"{student.server}/api/contents/chapter.ipynb"
        body = {"type": "notebook", "content": chapter}
        student.put(place, json=body, timeout=60).raise_for_status()
        assert student.run("chapter.ipynb") == sum(c.cell_type == "code" for c in chapter.cells)


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
