"""The Ansible inventory as plain Ansible, ssh and nothing of this toolkit read it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import _plain_hosts
from tests.fleet import sample
from tests.test_inventory import generated
from toolkit import host_facts, inventory, paths
from toolkit.errors import BadInputError
from toolkit.fleet import load_all
from toolkit.fleet.addresses import load as load_addresses
from toolkit.workspace import Workspace

ANSIBLE = Path(sys.executable).parent


def ansible(folder: Path, program: str, *arguments: str) -> str:
    """Run one of Ansible's programs with no configuration and without this toolkit on its path."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    environment |= {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_CALLBACK_FORMAT_PRETTY": "false"}
    done = subprocess.run(
        [str(ANSIBLE / program), *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def members(listed: dict[str, Any], group: str) -> list[str]:
    """Return the hosts of a group and of those below it, as `ansible-inventory --list` has them."""
    below = listed[group].get("children", [])
    return [*listed[group].get("hosts", []), *(host for child in below for host in members(listed, child))]


def test_plain_ansible_reads_two_communes_without_mixing_them(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path / "w", essai=sample.FLEET, voisin=sample.other("voisin", 1))
    inventory.generate_all(workspace, ["essai", "voisin"])
    files = [f"-i{workspace.commune(commune).hosts}" for commune in ("essai", "voisin")]
    graph = ansible(tmp_path, "ansible-inventory", *files, "--graph")
    for group in ("@commune_essai:", "@commune_voisin:", "@laptops:", "@office_pcs:", "@gateways:"):
        assert group in graph
    listed = json.loads(ansible(tmp_path, "ansible-inventory", *files, "--list"))
    assert len(members(listed, "laptops")) == 4
    assert len(members(listed, "commune_essai")) == 5
    variables = listed["_meta"]["hostvars"]
    assert variables["essai-portable-1"]["nomade_gateway"] == "essai-passerelle"
    assert variables["voisin-portable-1"]["nomade_gateway"] == "voisin-passerelle"


def test_communes_with_the_same_office_network_share_no_connection(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET, voisin=sample.other("voisin", 1))
    away = 'bureau-1: {enrolled: "2026-03-01T10:00:00+00:00", host_key: SHA256:AAAA, path: gateway}\n'
    for commune in ("essai", "voisin"):
        workspace.commune(commune).enrolment.write_text(f"{commune}-{away}", encoding="utf-8")
        inventory.generate(workspace, commune)
    said = played(tmp_path, workspace, "essai", "voisin")
    places = [said[f"{commune}-bureau-1"] for commune in ("essai", "voisin")]
    assert places[0]["address"] == places[1]["address"]
    connections = {host["connection"] for host in said.values()}
    assert len(connections) == len(said) > 8
    assert all(re.fullmatch(r"%\(directory\)s/[0-9a-f]{12}", connection) for connection in connections)


def test_the_connection_of_a_machine_that_moved_is_another_one(tmp_path: Path) -> None:
    workspace, _hosts = generated(tmp_path)
    before = played(tmp_path, workspace)["essai-bureau-1"]["connection"]
    away = 'essai-bureau-1: {enrolled: "2026-03-01T10:00:00+00:00", host_key: SHA256:AAAA, path: gateway}\n'
    workspace.commune("essai").enrolment.write_text(away, encoding="utf-8")
    inventory.generate(workspace, "essai")
    assert played(tmp_path, workspace)["essai-bureau-1"]["connection"] != before


PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: >-
          {{ {"host": inventory_hostname, "args": ansible_ssh_common_args, "public": nomade_public_dir,
              "key": ansible_ssh_private_key_file, "address": ansible_host, "connection": ansible_control_path,
               "name": (nomade_teleworker | default({})).get("name")} | to_json }}
"""


def played(folder: Path, workspace: Workspace, *communes: str) -> dict[str, dict[str, str]]:
    """Run a playbook that prints what roles would receive, and return it by host."""
    (folder / "play.yml").write_text(PLAY)
    files = [f"-i{workspace.commune(commune).hosts}" for commune in communes or ("essai",)]
    output = ansible(folder, "ansible-playbook", *files, "play.yml")
    said = {}
    for host, result in re.findall(r"^ok: \[(.+)\] => (\{.*\})$", output, re.MULTILINE):
        message = json.loads(result)["msg"]
        said[host] = json.loads(message) if isinstance(message, str) else message
    return said


def test_plain_ansible_playbook_connects_as_the_routes_say(tmp_path: Path) -> None:
    folder = tmp_path / "un dossier"
    folder.mkdir()
    workspace = sample.workspace(folder, essai=sample.changed("Anna Petit", "'Anna \"$(id)\" {Petit}'"))
    away = '  enrolled: "2026-03-01T10:00:00+00:00"\n  host_key: SHA256:AAAA\n  path: gateway\n'
    workspace.commune("essai").enrolment.write_text(f"essai-portable-1:\n{away}", encoding="utf-8")
    inventory.generate(workspace, "essai")
    said = played(tmp_path, workspace)
    root = workspace.commune("essai").root
    assert said["essai-portable-1"]["public"] == f"{root}/public"
    assert Path(said["essai-portable-1"]["key"]).resolve() == workspace.management_key.resolve()
    assert said["essai-portable-1"]["name"] == 'Anna "$(id)" {Petit}'
    pinned = ["-o", f'UserKnownHostsFile="{root}/known_hosts"', "-o", "GlobalKnownHostsFile=/dev/null"]
    pinned += ["-o", "StrictHostKeyChecking=yes", "-o"]
    assert shlex.split(said["essai-portable-2"]["args"]) == [*pinned, "HostKeyAlias=essai-portable-2"]
    arguments = shlex.split(said["essai-portable-1"]["args"])
    assert arguments[:-2] == [*pinned, "HostKeyAlias=essai-portable-1"]
    jump = shlex.split(arguments[-1].removeprefix("ProxyCommand="))
    assert jump[0] == "ssh"
    assert [part for part in jump if part.startswith(("HostKeyAlias", "StrictHost", "UserKnown"))] == [
        f'UserKnownHostsFile="{root}/known_hosts"',
        "StrictHostKeyChecking=yes",
        "HostKeyAlias=essai-passerelle",
    ]
    assert jump[-5:] == ["-p", "22", "-W", "%h:%p", "nomade@192.0.2.21"]


def test_ssh_itself_understands_the_options(tmp_path: Path) -> None:
    folder = tmp_path / "un dossier"
    folder.mkdir()
    workspace = sample.workspace(folder, essai=sample.FLEET)
    inventory.generate(workspace, "essai")
    arguments = shlex.split(played(tmp_path, workspace)["essai-portable-1"]["args"])
    shown = subprocess.run(["ssh", "-G", *arguments, "192.0.2.31"], capture_output=True, text=True, check=True).stdout
    assert f"userknownhostsfile {workspace.commune('essai').known_hosts}" in shown.replace('"', "")
    assert "stricthostkeychecking true" in shown
    assert "hostkeyalias essai-portable-1" in shown


@pytest.mark.parametrize("name", ["a'b", 'a"b', "a$b", "a`b", "a{{b}}", "a%b", "a\\b"])
def test_a_path_that_ssh_cannot_be_given_is_refused(tmp_path: Path, name: str) -> None:
    workspace = sample.workspace(tmp_path / name, essai=sample.FLEET)
    with pytest.raises(BadInputError):
        inventory.generate(workspace, "essai")


def test_plain_ansible_gives_each_host_of_the_demonstration_what_stands_inline_in_a_plain_inventory(
    tmp_path: Path,
) -> None:
    shutil.copytree(paths.demo_dir(), tmp_path / "demo", ignore=shutil.ignore_patterns(".nomade"))
    workspace = Workspace(tmp_path / "demo")
    config, fleets = load_all(workspace, workspace.communes())
    files = [f"-i{workspace.commune(fleet.commune.id).hosts}" for fleet in fleets]
    listed = json.loads(ansible(tmp_path, "ansible-inventory", *files, "--list"))["_meta"]["hostvars"]
    expected = {}
    for fleet in fleets:
        addresses = load_addresses(workspace.commune(fleet.commune.id).addresses, fleet)
        common = host_facts.of_commune(workspace, config, fleet)
        for name, own in _plain_hosts.by_host(workspace, config, fleet, addresses).items():
            expected[name] = common | own
    for name, told in listed.items():
        arguments = told.pop("ansible_ssh_common_args").replace("{{ inventory_hostname }}", name)
        assert arguments == expected[name].pop("ansible_ssh_common_args")
        assert "inventory_hostname" in told.pop("ansible_control_path")
    assert listed == expected
    assert len(listed) == 6
    one = ansible(tmp_path, "ansible-inventory", *files, "--host", "valsorbe-portable-1")
    assert json.loads(one)["nomade_office_pc"] == expected["valsorbe-portable-1"]["nomade_office_pc"]
    graph = ansible(tmp_path, "ansible-inventory", *files, "--graph", "laptops")
    assert "valsorbe-portable-1" in graph
    assert "pontlierre-portable-1" in graph
    assert "bureau" not in graph
