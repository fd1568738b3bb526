"""What the teachers' pages compute: sections, costs, machines; and what a class's server reads."""

import re

import links
import numpy as np
import pytest
import repository
import tables
import yaml
from _ext import classroom
from conftest import NOTEBOOKS, ROOT
from traitlets.config import Config

DATA = tables.read(tables.STUDENTS)
DEPLOY = ROOT / "deploy" / "jupyterhub"


def test_the_measured_chapters_are_those_of_the_book():
    """A new one may wait for the next quiet machine; the page says that it was not measured."""
    names = [path.stem for path in NOTEBOOKS]
    assert set(DATA["chapters"]) <= set(names)
    assert len(DATA["chapters"]) >= 2 / 3 * len(names)
    for name, cost in DATA["chapters"].items():
        assert 300 < cost["memory"] < 3072, f"{name}: more than the hub's limit of 3G, or nothing"
        assert cost["seconds"] > 1


def test_the_machine_for_a_class_by_hand():
    data = {"server": 100, "chapters": {"a": {"memory": 924, "seconds": 60},
                                        "b": {"memory": 500, "seconds": 30}}}  # fmt: skip
    assert tables.machine_for(10, data) == (12, 2)  # 2 + 10 x 1,024 MiB; 600 s in 5 minutes
    assert tables.machine_for(100, data) == (102, 20)
    assert tables.machine_for(30, data, 1 / 3) == (14, 2)  # 2 + (3,000 + 9,240) / 1,024
    assert tables.machine_for(400, data) > tables.machine_for(100, data, 1 / 3)


def test_memory_and_seconds_stand_under_their_headings():
    data = {"server": 100, "chapters": {NOTEBOOKS[0].stem: {"memory": 1924, "seconds": 60}}}
    header, _, first, second, *_, last = tables.costs(data)
    assert header == "| Chapter | memory at its highest (MiB) | processor time (s) |"
    assert first == f"| [0](../notebooks/{NOTEBOOKS[0].name}) | 1,924 | 60 |"
    assert second.endswith("| not measured |  |")
    assert last == "| JupyterLab alone | 100 |  |"


def test_a_class_that_starts_at_once_needs_the_larger_machine():
    data = {"server": 100, "chapters": {"a": {"memory": 924, "seconds": 60}}}
    header, _, first, *_ = tables.classes(data)
    assert header == "| Students | all run at once | a third runs at once |"
    assert (
        first == "| 20 | 22 GiB, 4 cores | 11 GiB, 2 cores |"
    )  # 2 + 20; 2 + (2,000 + 6,468) / 1,024


def test_a_chapter_says_in_three_lines_what_one_can_do_after_it(notebook_path):
    """Each tied to an exercise of its sheet."""
    listed = classroom.objectives(notebook_path)
    assert len(listed) == 3
    sheet = classroom.items(classroom.EXERCISES / notebook_path.name)
    assert {exercise for _, exercise in listed} <= {*sheet}
    assert len({exercise for _, exercise in listed}) == 3


def test_the_table_of_objectives_leads_to_each_exercise():
    rows = classroom.graded()[2:]
    assert len(rows) == sum(len(classroom.objectives(path)) for path in NOTEBOOKS)
    for row in rows:
        name, file, anchor = re.search(r"\[(\d\. [^]]+)\]\(exercises/(.*)#(.*)\) \|$", row).groups()
        titles = [title for _, title in classroom.headings(classroom.EXERCISES / file)]
        assert any(t.startswith(name) and classroom.slugify(t) == anchor for t in titles), row


def test_the_answers_of_the_self_test():
    text = (ROOT / "book" / "kit.md").read_text(encoding="utf-8")
    answers = dict(re.findall(r"(?m)^(\d+)\. (.*)$", text.partition("<summary>Answers")[2]))
    assert len(answers) == 12
    assert f"{1 / np.log(2):.2f}" in answers["2"]
    assert r"\tfrac{3}{16}" in answers["3"]
    assert 3 / 4 * 1 / 4 == 3 / 16
    slope = ((3 * (1 + 1e-6) - 2) ** 2 - (3 * (1 - 1e-6) - 2) ** 2) / 2e-6
    assert "= 6$" in answers["4"]
    assert abs(slope - 6) < 1e-6
    assert np.ones((784, 2)).dot(np.ones(2)).shape == (784,)
    assert np.ones((100, 784)).mean(axis=0).shape == (784,)
    assert answers["8"] == "5 and 36."
    assert (3 * 1 + 2, 3**2 * 4) == (5, 36)
    assert answers["9"].endswith("5.")
    assert 4 + 1**2 == 5
    assert "about 4" in answers["10"]
    assert abs(1 / np.sqrt(2 * np.pi * 0.1**2) - 4) < 0.02


def test_the_index_names_every_section(notebook_path):
    text = "\n".join(classroom.index())
    for _, title in classroom.headings(notebook_path):
        assert title in text
    assert classroom.opening(notebook_path).startswith("Runs in ")


@pytest.fixture
def config(tmp_path, monkeypatch):
    """What names the repository, for a test to change."""
    monkeypatch.setattr(links, "CONFIG", tmp_path / "_config.yml")
    text = (ROOT / "_config.yml").read_text(encoding="utf-8")
    return lambda url: links.CONFIG.write_text(text.replace(repository.address(), url))


def test_a_link_opens_what_is_there(config, capsys):
    config("https://github.com/some/book")
    links.main(["https://hub.example.edu/"])
    printed = capsys.readouterr().out
    assert links.quote("https://github.com/some/book", safe="") in printed
    opened = re.findall(r"urlpath=lab%2Ftree%2F\w+%2F(.*?)\)", printed)
    assert len(opened) >= len(NOTEBOOKS)
    for path in opened:
        assert (ROOT / path.replace("%2F", "/")).is_file(), path


def test_a_book_without_an_address_has_no_links(config):
    config(repository.NOWHERE)
    with pytest.raises(SystemExit, match="no address yet: run make repository"):
        links.main(["https://hub.example.edu/"])


@pytest.mark.parametrize("arguments", [[], ["hub.example.edu"]])
def test_no_hub_no_links(arguments):
    with pytest.raises(SystemExit, match="name the hub's address"):
        links.main(arguments)


def test_what_the_image_copies_is_there():
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    sent = re.findall(r"(?m)^!(\S+)$", ignore)
    assert sorted(copied) == sorted(sent)
    assert all((ROOT / name).exists() for name in copied)
    needs = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert set(re.findall(r"(?m)^-r (\S+)$", needs)) <= set(copied)


def test_image_and_binder_read_the_books_own_requirements():
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "--constraint constraints.txt" in image
    assert "--requirement requirements.txt" in image
    binder = (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf-8")
    named = re.findall(r"(?m)^--\w+ (\S+)$", binder)
    assert [(ROOT / ".binder" / name).resolve() for name in named] == [
        ROOT / "constraints.txt",
        ROOT / "requirements.txt",
    ]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Read the hub's configuration, with these environment variables; return what it sets."""
    monkeypatch.delenv("AEBOOK_MNIST", raising=False)

    def read(**variables):
        roster = tmp_path / "roster.txt"
        roster.write_text("! lovelace\nnoether  # a comment\n\nturing\n")
        variables = {"AEBOOK_ROSTER": roster, "AEBOOK_STATE": tmp_path / "state"} | variables
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        config, path = Config(), DEPLOY / "jupyterhub_config.py"
        source = compile(path.read_text(encoding="utf-8"), path, "exec")
        exec(source, {"get_config": lambda: config, "__file__": str(path)})
        return config

    return read


def test_the_roster_alone_says_who_may_what(hub):
    config = hub()
    roles = {role["name"]: role for role in config.JupyterHub.load_roles}
    everyone = ["lovelace", "noether", "turing"]
    assert config.Authenticator.allowed_users == set(everyone)
    assert config.Authenticator.allow_existing_users is False  # JupyterHub's own default is True
    assert "admin_users" not in config.Authenticator  # only ever grants
    assert roles["user"]["users"] == everyone
    assert roles["teacher"]["users"] == ["lovelace"]
    assert roles["admin"]["users"] == []


def test_the_culler_may_see_who_is_idle_and_stop_their_servers(hub):
    """Without delete:servers it is refused, and every server runs for ever."""
    (role,) = (r for r in hub().JupyterHub.load_roles if "culler" in r.get("services", []))
    needed = {"list:users", "read:users:activity", "read:servers", "delete:servers"}
    assert set(role["scopes"]) == needed
    (service,) = hub().JupyterHub.services
    assert service["name"] == "culler"
    assert "--timeout=3600" in service["command"]


def test_what_the_hub_keeps_is_for_nobody_else_and_not_for_git(hub, tmp_path):
    config = hub(AEBOOK_STATE=tmp_path / "new" / "state")
    for kept in (config.JupyterHub.cookie_secret_file, config.JupyterHub.db_url):
        assert str(tmp_path / "new" / "state") in kept
    assert (tmp_path / "new" / "state").stat().st_mode & 0o077 == 0
    assert "deploy/jupyterhub/state/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_a_path_that_is_no_file_is_not_left_for_docker_to_make(hub, tmp_path):
    with pytest.raises(SystemExit, match=r"no file .*typo\.npz; put the path of mnist\.npz"):
        hub(AEBOOK_MNIST=tmp_path / "typo.npz")
    (tmp_path / "mnist.npz").touch()
    config = hub(AEBOOK_MNIST=tmp_path / "mnist.npz")
    assert list(config.DockerSpawner.read_only_volumes) == [str(tmp_path / "mnist.npz")]


def test_as_it_stands_kubernetes_lets_nobody_in():
    hub = yaml.safe_load((DEPLOY / "values.yaml").read_text(encoding="utf-8"))["hub"]
    assert hub["config"]["JupyterHub"]["authenticator_class"] == "null"
    rules = hub["config"]["Authenticator"]
    assert rules == {"allowed_users": [], "allow_existing_users": False}
    assert hub["loadRoles"]["teacher"]["users"] == []


def test_kubernetes_gives_what_the_one_machine_gives(hub):
    values = yaml.safe_load((DEPLOY / "values.yaml").read_text(encoding="utf-8"))
    (teacher,) = (r for r in hub().JupyterHub.load_roles if r["name"] == "teacher")
    assert values["hub"]["loadRoles"]["teacher"]["scopes"] == teacher["scopes"]
    values = values["singleuser"]
    config = (DEPLOY / "jupyterhub_config.py").read_text(encoding="utf-8")
    assert f'"AEBOOK_MEMORY", "{values["memory"]["limit"]}"' in config
    assert f"cpu_limit = {values['cpu']['limit']} " in config
    assert f'default_url = "{values["defaultUrl"]}"' in config
