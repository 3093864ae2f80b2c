"""The rulesets as the role renders them, loaded into network namespaces of this machine's kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.roles.test_values import FACTS, GOOD
from toolkit.paths import roles_dir

pytestmark = pytest.mark.lab  # root and nft

KINDS = ("laptop", "office_pc", "gateway")
PLAYBOOK = """
- hosts: all
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: firewall, tasks_from: check}
    - ansible.builtin.template:
        src: "{{ item.0 }}.j2"
        dest: "{{ playbook_dir }}/{{ inventory_hostname }}.{{ item.1 }}"
        mode: "0700"
      loop:
        - ["TEMPLATES/{{ nomade_kind }}.nft", rules]
        - [TEMPLATES/fallback.nft, fallback]
        - [TEMPLATES/load-firewall.sh, load]
"""
OWN: dict[str, dict[str, Any]] = {
    "laptop": {},
    "office_pc": {"nomade_laptop": {"name": "p", "tunnel_address": "10.77.80.2"}},
    "gateway": GOOD["firewall"] | {"base_apt_proxy": "http://198.18.84.6:3142"},
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with, per kind, `<kind>.rules`, `<kind>.fallback` and `<kind>.load`."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "play.yml").write_text(
        PLAYBOOK.replace("TEMPLATES", str(roles_dir() / "firewall" / "templates")), encoding="utf-8"
    )
    hosts = {kind: OWN[kind] | {"nomade_kind": kind} for kind in KINDS}
    inventory = {"all": {"hosts": hosts, "vars": FACTS | {"ansible_python_interpreter": sys.executable}}}
    (folder / "hosts.json").write_text(json.dumps(inventory), encoding="utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.json", "play.yml"],
        cwd=folder,
        env=os.environ | {"ANSIBLE_ROLES_PATH": str(roles_dir()), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _in_namespace(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `script` where there is no network but a new, empty one."""
    command = ["unshare", "--net", "sh", "-c", script, "sh", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def _table(rules: Path, script: str = 'nft -f "$1"') -> list[dict[str, Any]]:
    done = _in_namespace(f"{script} && nft --json list table inet nomade", str(rules))
    assert done.returncode == 0, done.stderr
    objects: list[dict[str, Any]] = json.loads(done.stdout)["nftables"]
    return objects


def _policies(objects: list[dict[str, Any]]) -> dict[str, str]:
    chains = [item["chain"] for item in objects if "chain" in item]
    return {chain["hook"]: chain["policy"] for chain in chains if chain.get("type") == "filter" and chain["prio"] == 0}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["rules", "fallback"])
def test_everything_is_dropped_by_default(rendered: Path, kind: str, name: str) -> None:
    assert _policies(_table(rendered / f"{kind}.{name}")) == {"input": "drop", "forward": "drop", "output": "drop"}


@pytest.mark.parametrize("kind", KINDS)
def test_loading_twice_replaces_instead_of_adding(rendered: Path, kind: str) -> None:
    once = _table(rendered / f"{kind}.rules")
    twice = _table(rendered / f"{kind}.rules", 'nft -f "$1" && nft -f "$1"')
    assert len(once) == len(twice)


def test_tables_of_others_are_left_alone(rendered: Path) -> None:
    script = 'nft add table ip containers && nft -f "$1" && nft list tables'
    assert "table ip containers" in _in_namespace(script, str(rendered / "laptop.rules")).stdout


def test_a_laptop_reaches_its_office_pc_and_services_and_no_more(rendered: Path) -> None:
    objects = _table(rendered / "gateway.rules")
    sets = {item["set"]["name"]: item["set"].get("elem", []) for item in objects if "set" in item}
    assert [element["concat"] for element in sets["reachable_tcp"]] == [
        ["10.77.80.2", "198.18.83.20", 3389],
        ["10.77.80.2", "198.18.84.5", 3142],
    ]
    assert sets["reachable_udp"] == []


def test_the_package_proxy_is_reachable_without_being_said_twice(rendered: Path) -> None:
    assert "ip daddr 198.18.84.6 tcp dport { 3142 } accept" in (rendered / "gateway.rules").read_text(encoding="utf-8")


def _boot(rendered: Path, tmp_path: Path, spoil: Callable[[str], str]) -> subprocess.CompletedProcess[str]:
    """Do what nftables.service does at boot, with files of `tmp_path` in place of the endpoint's."""
    rules, fallback, load = (rendered / f"laptop.{name}" for name in ("rules", "fallback", "load"))
    (tmp_path / "rules").write_text(spoil(rules.read_text(encoding="utf-8")), encoding="utf-8")
    script = load.read_text(encoding="utf-8")
    for path, ours in (("/etc/nftables.conf", tmp_path / "rules"), ("/etc/nomade/firewall-fallback.nft", fallback)):
        assert path in script
        script = script.replace(f"--file {path}", f"--file {ours}")
    (tmp_path / "load").write_text(script, encoding="utf-8")
    return _in_namespace('sh "$1"; echo "code $?"; nft list table inet nomade', str(tmp_path / "load"))


def test_a_sound_file_is_loaded_at_boot(rendered: Path, tmp_path: Path) -> None:
    done = _boot(rendered, tmp_path, lambda text: text)
    assert "code 0" in done.stdout
    assert 'oifname "wg-nomade" accept' in done.stdout


@pytest.mark.parametrize(
    "spoil",
    [lambda text: text[: len(text) // 2], lambda text: text + "nonsense", lambda text: "\0" * 4096, lambda text: ""],
    ids=["cut short", "nonsense added", "zeroes after a power cut", "empty after a full disk"],
)
def test_f045_a_broken_file_leaves_the_way_in_for_administration_only(
    rendered: Path, tmp_path: Path, spoil: Callable[[str], str]
) -> None:
    done = _boot(rendered, tmp_path, spoil)
    assert "code 1" in done.stdout  # the service shows as failed
    assert done.stdout.count("policy drop") == 3
    assert "ip saddr @managers4 tcp dport 22 accept" in done.stdout
    assert 'oifname "wg-nomade" accept' not in done.stdout
