"""The section `backup` of a fleet file, and what inventory and controls get from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fleet import sample
from tests.fleet.hosts import variables
from toolkit import backup_facts, backup_inventory, fleet, inventory
from toolkit.errors import BadInputError
from toolkit.fleet_facts import facts_of
from toolkit.paths import roles_dir

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43
MACHINES = ("portable-1", "portable-2", "bureau-1", "bureau-2")
GATEWAY = "backup:\n  store: {port: 8022}\n"
CIG = "backup:\n  store: {address: 198.51.100.60}\n"
ELSEWHERE = f"backup:\n  store: {{address: 198.51.100.60, port: 2022, host_key: {KEY}}}\n"


def _hosts(folder: Path, section: str) -> dict[str, dict[str, Any]]:
    workspace = sample.workspace(folder, essai=sample.FLEET + section)
    inventory.generate(workspace, "essai")
    return variables(workspace.commune("essai").hosts)


def test_without_a_store_nothing_is_said_of_one(tmp_path: Path) -> None:
    assert "nomade_backup" not in str(_hosts(tmp_path, ""))


def test_a_gateway_that_keeps_backups_knows_who_sends_them_and_from_where(tmp_path: Path) -> None:
    hosts = _hosts(tmp_path, GATEWAY)
    assert hosts["essai-bureau-2"]["nomade_backup_store"] == {"port": 8022, "account": "nomade-store"}
    assert hosts["essai-passerelle"]["nomade_backup_clients"] == [
        {"name": "essai-portable-1", "address": "10.77.9.2"},
        {"name": "essai-portable-2", "address": "10.77.9.3"},
        {"name": "essai-bureau-1", "address": "198.51.100.20"},
        {"name": "essai-bureau-2", "address": "198.51.100.21"},
    ]


def test_another_store_is_a_service_that_every_laptop_reaches(tmp_path: Path) -> None:
    hosts = _hosts(tmp_path, ELSEWHERE)
    service = {"id": "backup", "address": "198.51.100.60", "port": 2022, "protocol": "tcp"}
    assert hosts["essai-bureau-2"]["nomade_backup_store"]["host_key"] == KEY
    assert "nomade_backup_clients" not in hosts["essai-passerelle"]
    assert service in hosts["essai-portable-2"]["nomade_services"]
    peers = hosts["essai-passerelle"]["nomade_peers"]
    assert all(service in peer["services"] for peer in peers)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (f"backup:\n  store: {{host_key: {KEY}}}\n", "needs its address"),
        ("backup:\n  store: {port: 8022, host: x}\n", "host"),
        ("backup:\n  store: {address: 198.51.100.60, host_key: ssh-rsa AAAA}\n", "host_key"),
        ("backup: {}\n", "store"),
    ],
)
def test_f015_a_section_that_is_wrong_is_refused_at_its_line(tmp_path: Path, section: str, said: str) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET + section)
    with pytest.raises(BadInputError) as caught:
        fleet.load(workspace, "essai")
    lines = sample.FLEET.count("\n")
    assert said in str(caught.value)
    assert any(f"fleet.yml:{line}:" in str(caught.value) for line in (lines + 1, lines + 2)), caught.value


def test_controls_know_whether_the_gateway_keeps_backups(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET + GATEWAY)
    one, config = fleet.load(workspace, "essai"), fleet.load_config(workspace)
    facts = facts_of(config, one, one.gateway, {})
    assert backup_facts.on_gateway(one)
    assert facts["listening_ports"] == [22, 8022]
    assert facts["backup_clients"] == ["essai-portable-1", "essai-portable-2", "essai-bureau-1", "essai-bureau-2"]
    assert "backup_store" not in facts_of(config, one, one.laptops[0], {})


def test_a_store_of_the_cig_knows_the_endpoints_of_every_commune_that_names_it(tmp_path: Path) -> None:
    third = sample.other("tiers", 2) + ELSEWHERE.replace(".60", ".61")  # somebody else's store: nothing to prepare
    workspace = sample.workspace(tmp_path, essai=sample.FLEET + CIG, autre=sample.other("autre", 1) + CIG, tiers=third)
    hosts = yaml.safe_load(backup_inventory.render(workspace))["backup_stores"]["hosts"]
    assert list(hosts) == ["store-198-51-100-60"]
    store = hosts["store-198-51-100-60"]
    assert store["ansible_host"] == "198.51.100.60"
    assert store["nomade_backup_store"] == {"address": "198.51.100.60", "port": 8022, "account": "nomade-store"}
    names = [f"{commune}-{machine}" for commune in ("autre", "essai") for machine in MACHINES]
    assert [client["name"] for client in store["nomade_backup_clients"]] == names
    last = store["nomade_backup_clients"][-1]
    assert last == {"name": names[-1], "address": "203.0.113.21", "public": str(workspace.commune("essai").public)}


def test_a_commune_reads_the_keys_of_the_cig_s_store_by_its_name(tmp_path: Path) -> None:
    hosts = _hosts(tmp_path, CIG)
    assert hosts["essai-bureau-1"]["nomade_backup_store"]["name"] == "store-198-51-100-60"
    assert "nomade_backup_clients" not in hosts["essai-passerelle"]


def test_communes_that_describe_one_store_differently_are_told_so(tmp_path: Path) -> None:
    other = sample.other("autre", 1) + CIG.replace("60}", "60, port: 2022}")
    workspace = sample.workspace(tmp_path, essai=sample.FLEET + CIG, autre=other)
    with pytest.raises(BadInputError, match=r"198\.51\.100\.60"):
        backup_inventory.render(workspace)


def test_without_a_store_of_the_cig_there_is_nothing_to_prepare(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET + GATEWAY)
    with pytest.raises(BadInputError):
        backup_inventory.render(workspace)


def test_each_key_opens_one_endpoint_s_folder_from_behind_its_gateway(tmp_path: Path) -> None:
    """The role's own templates, rendered with what the inventory says, and with a gateway on IPv6 beside it."""
    six = sample.other("autre", 1).replace("203.0.113.21", "2001:db8::21")
    workspace = sample.workspace(tmp_path / "w", essai=sample.FLEET + CIG, autre=six + CIG)
    for number, name in enumerate(("essai-portable-1", "autre-bureau-2")):
        public = workspace.commune(name.partition("-")[0]).public
        public.mkdir()
        (public / f"{name}.backup.pub").write_text(f"{KEY[:-1]}{number}\n")
    rendered = _render(tmp_path, backup_inventory.render(workspace))
    assert rendered["authorized_keys"].splitlines()[1:] == [
        f'restrict,command="/usr/local/libexec/nomade-backup-store autre-bureau-2" {KEY[:-1]}1',
        'restrict,from="203.0.113.21",command="/usr/local/libexec/nomade-backup-store essai-portable-1" '
        + KEY[:-1]
        + "0",
    ]
    assert "ListenStream=198.51.100.60:8022" in rendered["nomade-backup-store.socket"]
    assert "IPAddressAllow=any" in rendered["nomade-backup-store@.service"]


def _render(folder: Path, stores: str) -> dict[str, str]:
    """Return template → its text on the store, by Ansible itself on this machine."""
    (folder / "stores.yml").write_text(stores, encoding="utf-8")
    names = ("authorized_keys", "nomade-backup-store.socket", "nomade-backup-store@.service")
    role = roles_dir() / "backup_store"
    task = "{ansible.builtin.template: {src: '%s/templates/{{ item }}.j2', dest: '%s/{{ item }}'}, loop: %s}"
    lines = ["- hosts: backup_stores", "  connection: local", "  gather_facts: false"]
    lines += [f"  vars: {{ansible_python_interpreter: {sys.executable}}}"]
    lines += [f"  vars_files: [{role}/defaults/main.yml, {role}/vars/main.yml]", "  tasks:"]
    lines += ["    - " + task % (role, folder, list(names))]
    (folder / "play.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "stores.yml", "play.yml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}
