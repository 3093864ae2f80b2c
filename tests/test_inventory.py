"""The Ansible inventory: what it says, that it says it twice the same, and that plain Ansible reads it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fleet import sample
from tests.fleet.hosts import variables, variables_in
from toolkit import inventory, paths
from toolkit.cli import run
from toolkit.errors import BadInputError, ExitCode
from toolkit.fleet.roles import role_variables
from toolkit.workspace import Workspace


def generated(folder: Path, text: str = sample.FLEET) -> tuple[Workspace, dict[str, dict[str, Any]]]:
    """Generate the sample's inventory and return the workspace and each host's variables."""
    workspace = sample.workspace(folder, essai=text)
    inventory.generate(workspace, "essai")
    return workspace, variables(workspace.commune("essai").hosts)


def test_facts_of_the_contract_are_all_there(tmp_path: Path) -> None:
    workspace, _hosts = generated(tmp_path)
    content = json.loads(workspace.commune("essai").hosts.read_text(encoding="utf-8"))
    told = content["all"]["children"]["commune_essai"]["vars"]
    assert {name: told.pop(name) for name in [*told] if name.startswith(("ansible_control", "ansible_ssh_common"))}
    assert told == {
        "ansible_port": 22,
        "ansible_user": "nomade",
        "ansible_ssh_private_key_file": "{{ inventory_dir }}/../../.nomade/keys/management_ed25519",
        "nomade_commune": "essai",
        "nomade_commune_name": "Essai-le-Petit",
        "nomade_management_account": "nomade",
        "nomade_setup_networks": ["192.0.2.0/24"],
        "nomade_management_addresses": ["192.0.2.10/32"],
        "nomade_escrow_recipients": [
            "age16dhx9mk06zrd4ysa88g3r2g4n45eduwte95fjqkjgy0wt6gyjdgq3yj4ty",
            "age16gglejryulsfmxg96lp7ygu36tr787vxkdxfyk0fqw8s838uyf5qn82awv",
        ],
        "nomade_gateway": "essai-passerelle",
        "nomade_gateway_endpoint": {"address": "203.0.113.21", "port": 51820},
        "nomade_gateway_tunnel_address": "10.77.9.1",
        "nomade_gateway_office_address": "198.51.100.2",
        "nomade_tunnel_network": "10.77.9.0/29",
        "nomade_office_network": "198.51.100.0/24",
        "nomade_public_dir": "{{ inventory_dir }}/public",
        "nomade_escrow_dir": "{{ inventory_dir }}/escrow",
    }


def facts(hosts: dict[str, dict[str, Any]], host: str) -> dict[str, Any]:
    """Return what is told to one host and not to the whole commune."""
    common = hosts["essai-bureau-2"].keys() - {"nomade_kind", "nomade_office_address"}
    return {name: value for name, value in hosts[host].items() if name.startswith("nomade_") and name not in common}


def test_places_for_what_endpoints_make_are_there_and_kept_by_git(tmp_path: Path) -> None:
    workspace, _group = generated(tmp_path)
    folder = workspace.commune("essai")
    assert (folder.public / ".gitkeep").is_file()
    assert (folder.escrow / ".gitkeep").is_file()


def test_each_kind_of_endpoint_gets_its_own_facts(tmp_path: Path) -> None:
    _workspace, hosts = generated(tmp_path)
    pay = {"id": "paie", "address": "198.51.100.10", "port": 443, "protocol": "tcp"}
    depot = {"id": "depot", "address": "198.51.100.11", "port": 3142, "protocol": "tcp"}
    assert facts(hosts, "essai-portable-1") == {
        "nomade_kind": "laptop",
        "nomade_tunnel_address": "10.77.9.2",
        "nomade_teleworker": {"login": "anna", "name": "Anna Petit"},
        "nomade_office_pc": {"name": "essai-bureau-1", "address": "198.51.100.20", "port": 3389},
        "nomade_services": [pay, depot],
    }
    assert facts(hosts, "essai-bureau-1") == {
        "nomade_kind": "office_pc",
        "nomade_office_address": "198.51.100.20",
        "nomade_teleworker": {"login": "anna", "name": "Anna Petit"},
        "nomade_laptop": {"name": "essai-portable-1", "tunnel_address": "10.77.9.2"},
    }
    assert facts(hosts, "essai-bureau-2") == {"nomade_kind": "office_pc", "nomade_office_address": "198.51.100.21"}
    gateway = facts(hosts, "essai-passerelle")
    assert gateway["nomade_tunnel_address"] == "10.77.9.1"
    assert gateway["nomade_office_pcs"] == ["198.51.100.20", "198.51.100.21"], "with a laptop or without"
    assert gateway["nomade_peers"] == [
        {
            "name": "essai-portable-1",
            "tunnel_address": "10.77.9.2",
            "office_pc": {"address": "198.51.100.20", "port": 3389},
            "services": [pay, depot],
        },
        {"name": "essai-portable-2", "tunnel_address": "10.77.9.3", "services": [pay, depot]},
    ]


def test_f007_a_laptop_without_a_post_reaches_only_what_everyone_does(tmp_path: Path) -> None:
    text = sample.changed("  - {teleworker: bruno, laptop: essai-portable-2}\n", "")
    _workspace, hosts = generated(tmp_path, text)
    spare = facts(hosts, "essai-portable-2")
    assert [service["id"] for service in spare["nomade_services"]] == ["depot"]
    assert "nomade_teleworker" not in spare
    assert "nomade_office_pc" not in spare


def test_only_settings_that_differ_from_the_default_are_written(tmp_path: Path) -> None:
    same = role_variables()["base_timezone"].default
    text = sample.FLEET + f"settings:\n  commune: {{base_timezone: {same}, base_locale: C.UTF-8}}\n"
    _workspace, hosts = generated(tmp_path, text)
    assert all(host["base_locale"] == "C.UTF-8" for host in hosts.values())
    assert not any("base_timezone" in host for host in hosts.values())


def test_f062_the_same_files_give_the_same_inventory(tmp_path: Path) -> None:
    workspace, _variables = generated(tmp_path)
    hosts = workspace.commune("essai").hosts
    first, before = hosts.read_bytes(), hosts.stat()
    assert not inventory.generate(workspace, "essai")
    assert hosts.stat().st_mtime_ns == before.st_mtime_ns
    assert "Généré par « nomade inventory generate »" in first.decode().splitlines()[0]
    hosts.unlink()
    assert inventory.generate(workspace, "essai")
    assert hosts.read_bytes() == first


# These three end a line in YAML 1.1: inside quotes they are a space before anybody can look at them.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(name=TEXT.filter(bool), value=st.recursive(TEXT | st.integers(-9, 10**9) | st.booleans(), st.lists))
def test_f014_whatever_text_is_accepted_comes_out_as_it_went_in(tmp_path: Path, name: str, value: Any) -> None:
    workspace = Workspace(tmp_path)
    text = sample.changed("Anna Petit", json.dumps(name, ensure_ascii=False))
    text += "settings:\n  commune:\n    base_time_servers: " + json.dumps([value], ensure_ascii=False) + "\n"
    if not workspace.config_file.exists():
        sample.workspace(tmp_path, essai=text)
    workspace.commune("essai").fleet.write_text(text, encoding="utf-8")
    try:
        inventory.generate(workspace, "essai")
    except BadInputError:
        return
    raw = workspace.commune("essai").hosts.read_bytes()
    for content in (json.loads(raw), yaml.load(raw, Loader=yaml.SafeLoader), yaml.load(raw, Loader=yaml.CSafeLoader)):
        host = variables_in(content)["essai-portable-1"]
        assert host["nomade_teleworker"]["name"] == name
        assert host["base_time_servers"] == [value]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET)
    workspace.commune("essai").hosts.mkdir()
    with pytest.raises(BadInputError, match=r"hosts\.yml"):
        inventory.generate(workspace, "essai")


def test_nothing_is_written_when_one_of_several_communes_is_wrong(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET, voisin=sample.other("voisin", 1) + "zzz: 1\n")
    with pytest.raises(BadInputError):
        inventory.generate_all(workspace, ["essai", "voisin"])
    assert not workspace.commune("essai").hosts.exists()
    assert not workspace.commune("essai").addresses.exists()


def test_the_demonstration_inventory_is_up_to_date(tmp_path: Path) -> None:
    shutil.copytree(paths.demo_dir(), tmp_path / "demo", ignore=shutil.ignore_patterns(".nomade"))
    workspace = Workspace(tmp_path / "demo")
    assert len(workspace.communes()) == 2
    assert not any(inventory.generate(workspace, commune) for commune in workspace.communes())


def test_the_demonstration_has_each_kind_in_both_debian_releases() -> None:
    from toolkit.fleet import Kind, System, load

    workspace = Workspace(paths.demo_dir())
    fleets = [load(workspace, commune) for commune in workspace.communes()]
    assert {(item.kind, item.os) for fleet in fleets for item in fleet.endpoints} == {
        (kind, release) for kind in Kind for release in (System.DEBIAN_12, System.DEBIAN_13)
    }
    assert all(fleet.commune.insee.startswith("99") for fleet in fleets)


def test_f017_five_hundred_laptops_are_no_trouble(tmp_path: Path) -> None:
    from tests.bench.generate import fleet_of

    workspace = sample.workspace(tmp_path, grande=fleet_of(500))
    assert inventory.generate(workspace, "grande")


def test_command_line_generates_what_init_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "demo"]) == ExitCode.OK
    assert run(["inventory", "generate"]) == ExitCode.OK
    assert run(["inventory", "validate"]) == ExitCode.OK
    assert (tmp_path / "demo" / "inventories" / "exemple" / "hosts.yml").is_file()
    capsys.readouterr()
    assert run(["inventory", "graph"]) == ExitCode.OK
    assert "exemple-portable-1" in capsys.readouterr().out
    assert run(["inventory", "show", "exemple-bureau-1", "--all"]) == ExitCode.OK
    assert "base_timezone: " in capsys.readouterr().out
    assert run(["inventory", "show", "exemple-bureau-9"]) == ExitCode.NOTHING_EVALUATED
    fleet = tmp_path / "demo" / "inventories" / "exemple" / "fleet.yml"
    fleet.write_text(fleet.read_text().replace("debian-12", "debian-11"))
    assert run(["inventory", "validate"]) == ExitCode.BAD_INPUT
    assert re.search(r"demo/inventories/exemple/fleet\.yml:\d+:\d+: gateway\.os: ", capsys.readouterr().err)


def test_init_overwrites_nothing_and_spares_other_folders(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path / "w")]) == ExitCode.OK
    (tmp_path / "w" / "nomade.yml").write_text("mine\n")
    (tmp_path / "w" / ".gitignore").unlink()
    assert run(["init", str(tmp_path / "w")]) == ExitCode.OK
    assert (tmp_path / "w" / "nomade.yml").read_text() == "mine\n"
    assert ".nomade/" in (tmp_path / "w" / ".gitignore").read_text()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("x")
    assert run(["init", str(tmp_path / "other")]) == ExitCode.BAD_INPUT
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.txt"]
