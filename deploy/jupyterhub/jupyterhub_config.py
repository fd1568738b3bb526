"""JupyterHub for a class on one machine: a container for each student, from the image beside this.

Who may come in stands in `roster.txt` (a name a line; `!` before a name makes a teacher, who may
open the students' servers). The names are accounts of the machine (PAM): a student has a password
of their own, and hands in under their own name. The book's page on servers (book/server.md) says
how to start it, and how to swap the log-in for the university's.

    AEBOOK_ROSTER           path of the roster, default roster.txt beside this file
    AEBOOK_STATE            folder of the hub's secret and database, default state beside this file
    AEBOOK_MEMORY           what a student may use at most, default 3G
    AEBOOK_SERVERS          how many servers may run at once, default as many as students come
    AEBOOK_MNIST            path of the full mnist.npz, for a class without a network
    AEBOOK_SUBDOMAIN_HOST   address of the hub, such as https://hub.example.edu, to give each
                            student's server a subdomain of it
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
    teachers = {name.lstrip("! ") for name in names if name.startswith("!")}
    return {name.lstrip("! ") for name in names}, teachers


everyone, teachers = read_roster(Path(os.environ.get("AEBOOK_ROSTER", HERE / "roster.txt")))

# Who comes in. PAM asks the machine itself; a student who is not on the roster stays outside. The
# lists of the roles are exact: a name or a mark struck from the roster loses its rights at the next
# start, those of cookies and tokens included. Nobody is the hub's admin.
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allowed_users = everyone
c.Authenticator.allow_existing_users = False
c.JupyterHub.load_roles = [
    {"name": "user", "users": sorted(everyone)},
    {"name": "admin", "users": []},
    {
        "name": "teacher",
        "users": sorted(teachers),
        "scopes": ["admin-ui", "list:users", "admin:servers", "access:servers"],
    },
    {
        "name": "culler",
        "services": ["culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    },
]

# What the hub keeps: whoever reads its secret is anybody.
state = Path(os.environ.get("AEBOOK_STATE", HERE / "state")).resolve()
state.mkdir(parents=True, exist_ok=True)
state.chmod(0o700)  # also one that was there
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")
c.JupyterHub.db_url = f"sqlite:///{state}/jupyterhub.sqlite"
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")

# Behind a web server that speaks HTTPS; the hub itself listens on this machine only.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.hub_bind_url = "http://172.17.0.1:8081"  # Docker's bridge: containers reach the hub
c.JupyterHub.subdomain_host = os.environ.get("AEBOOK_SUBDOMAIN_HOST", "")

# What each gets: a container that sees no files and processes but its own, and a home that stays.
# Nothing in it gains a right, and a fork bomb ends at the limit.
memory = os.environ.get("AEBOOK_MEMORY", "3G")
c.JupyterHub.spawner_class = "docker"
c.DockerSpawner.image = os.environ.get("AEBOOK_IMAGE", "aebook")
c.DockerSpawner.remove = True
c.DockerSpawner.use_internal_ip = True
c.DockerSpawner.notebook_dir = "/home/jovyan"
c.DockerSpawner.volumes = {"aebook-{username}": "/home/jovyan"}
c.DockerSpawner.extra_host_config = {
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "pids_limit": 1024,  # processes and threads; a training kernel has 30 on two cores
    "memswap_limit": memory,  # memory and swap together: no swap
}
c.Spawner.mem_limit = memory
c.Spawner.cpu_limit = 2  # a chapter uses two threads; more would only be taken from the others
c.JupyterHub.active_server_limit = int(os.environ.get("AEBOOK_SERVERS", "0"))  # 0: no limit
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = 120
if mnist := os.environ.get("AEBOOK_MNIST"):
    if not Path(mnist).is_file():  # Docker would make a folder of that name
        sys.exit(f"jupyterhub_config: no file {mnist}; put the path of mnist.npz into AEBOOK_MNIST")
    c.DockerSpawner.read_only_volumes = {str(Path(mnist).resolve()): "/srv/mnist.npz"}
    c.Spawner.environment = {"AEBOOK_MNIST": "/srv/mnist.npz"}

# A kernel that has trained keeps its memory: an hour without a keystroke, and the server stops.
c.JupyterHub.services = [
    {
        "name": "culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600"],
    }
]
