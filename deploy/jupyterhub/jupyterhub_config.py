"""JupyterHub for a class on one machine: a container for each student, from the image beside this.

Who may come in stands in `roster.txt` (a name a line; `!` before a name makes a teacher, who may
open the students' servers). The names are accounts of the machine (PAM): a student has a password
of their own, and hands in under their own name. The book's page on servers (book/server.md) says
how to start it, and how to swap the log-in for the university's.

    AEBOOK_ROSTER   path of the roster, default roster.txt beside this file
    AEBOOK_MEMORY   what a student may use at most, default 3G
    AEBOOK_MNIST    path of the full mnist.npz on this machine, for a class without a network
"""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821 (JupyterHub gives it)
HERE = Path(__file__).resolve().parent


def read_roster(path):
    """(all names, the teachers' names) from a roster; `#` begins a comment."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        sys.exit(f"jupyterhub_config: no roster at {path}; write one name a line, or name another "
                 "file in AEBOOK_ROSTER")  # fmt: skip
    names = [name for line in lines if (name := line.split("#")[0].strip())]
    teachers = {name[1:].strip() for name in names if name.startswith("!")}
    return {name.lstrip("! ") for name in names}, teachers


everyone, teachers = read_roster(Path(os.environ.get("AEBOOK_ROSTER", HERE / "roster.txt")))

# Who comes in. PAM asks the machine itself; a student who is not on the roster stays outside.
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allowed_users = everyone
c.Authenticator.admin_users = teachers
c.JupyterHub.load_roles = [
    {"name": "teacher", "users": sorted(teachers), "scopes": ["admin:servers", "access:servers"]},
    {
        "name": "culler",
        "services": ["culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    },
]

# Behind a web server that speaks HTTPS; the hub itself listens on this machine only.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.hub_bind_url = "http://172.17.0.1:8081"  # Docker's bridge: containers reach the hub

# What each gets: a container that sees neither the machine nor the others, and a home that stays.
c.JupyterHub.spawner_class = "docker"
c.DockerSpawner.image = os.environ.get("AEBOOK_IMAGE", "aebook")
c.DockerSpawner.remove = True
c.DockerSpawner.use_internal_ip = True
c.DockerSpawner.notebook_dir = "/home/jovyan"
c.DockerSpawner.volumes = {"aebook-{username}": "/home/jovyan"}
c.Spawner.mem_limit = os.environ.get("AEBOOK_MEMORY", "3G")
c.Spawner.cpu_limit = 2  # a chapter uses two threads; more would only be taken from the others
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = 120
if mnist := os.environ.get("AEBOOK_MNIST"):
    c.DockerSpawner.read_only_volumes = {str(Path(mnist).resolve()): "/srv/mnist.npz"}
    c.Spawner.environment = {"AEBOOK_MNIST": "/srv/mnist.npz"}

# A kernel that has trained keeps its memory: an hour without a keystroke, and the server stops.
c.JupyterHub.services = [
    {
        "name": "culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600"],
    }
]
