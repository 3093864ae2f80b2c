"""The section `backup` of a fleet file, and what inventory and controls get from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fleet import sample
from tests.fleet.hosts import variables
from toolkit import backup_facts, fleet, inventory
from toolkit.errors import BadInputError
from toolkit.fleet_facts import facts_of

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43
GATEWAY = "backup:\n  store: {port: 8022}\n"
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
        ("backup:\n  store: {address: 198.51.100.60}\n", "needs both address and host_key"),
        (f"backup:\n  store: {{host_key: {KEY}}}\n", "needs both address and host_key"),
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
