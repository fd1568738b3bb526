"""What the teachers' pages compute: sections, costs, machines; and what a class's server reads."""

import re
import sys

import pytest
import yaml
from conftest import NOTEBOOKS, ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
sys.path.insert(0, str(ROOT / "deploy" / "jupyterhub"))
import classroom
import links

DATA = yaml.safe_load(classroom.STUDENTS.read_text(encoding="utf-8"))
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
    assert classroom.machine(10, data) == (12, 2)  # 2 + 10 x 1,024 MiB; 600 s in 5 minutes
    assert classroom.machine(100, data) == (102, 20)
    assert classroom.machine(30, data, 1 / 3) == (14, 2)  # 2 + (3,000 + 9,240) / 1,024
    assert classroom.machine(400, data) > classroom.machine(100, data, 1 / 3)


def test_the_index_names_every_section(notebook_path):
    text = "\n".join(classroom.index())
    for _, title in classroom.headings(notebook_path):
        assert title in text
    assert classroom.opening(notebook_path).startswith("Runs in ")


def test_a_link_opens_what_is_there(capsys):
    links.main(["https://hub.example.edu/"])
    printed = capsys.readouterr().out
    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    assert links.quote(url, safe="") in printed
    opened = re.findall(r"urlpath=lab%2Ftree%2F\w+%2F(.*?)\)", printed)
    assert len(opened) >= len(NOTEBOOKS)
    for path in opened:
        assert (ROOT / path.replace("%2F", "/")).is_file(), path


@pytest.mark.parametrize("arguments", [[], ["hub.example.edu"]])
def test_no_address_no_links(arguments):
    with pytest.raises(SystemExit, match="name the hub's address"):
        links.main(arguments)


def test_what_the_image_copies_is_there():
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    sent = re.findall(r"(?m)^!(\S+)$", ignore)
    assert sorted(copied) == sorted(sent)
    assert all((ROOT / name).exists() for name in copied)


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


def test_kubernetes_gives_what_the_one_machine_gives():
    values = yaml.safe_load((DEPLOY / "values.yaml").read_text(encoding="utf-8"))["singleuser"]
    config = (DEPLOY / "jupyterhub_config.py").read_text(encoding="utf-8")
    assert f'"AEBOOK_MEMORY", "{values["memory"]["limit"]}"' in config
    assert f"cpu_limit = {values['cpu']['limit']} " in config
    assert f'default_url = "{values["defaultUrl"]}"' in config
