"""Networks and machines of the demo fleet, and what is refused before anything is started."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from toolkit import paths
from toolkit.errors import BadInputError
from toolkit.lab import topology
from toolkit.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    shutil.copytree(paths.demo_dir(), tmp_path / "demo")
    return Workspace(tmp_path / "demo")


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_each_commune_has_its_own_office_network(workspace: Workspace) -> None:
    plan = topology.load(workspace)
    assert set(plan.networks) == {"bench", "internet", "office-pontlierre", "office-valsorbe"}
    on_office = {m.name for m in plan.machines for a in m.attachments if a.network == "office-valsorbe"}
    assert on_office == {"valsorbe-passerelle", "valsorbe-bureau-1"}


def test_both_releases_and_all_kinds_are_there(workspace: Workspace) -> None:
    machines = topology.load(workspace).machines
    assert {machine.release for machine in machines} == {"bookworm", "trixie"}
    assert {machine.kind for machine in machines} == {"gateway", "laptop", "office_pc"}


def test_routes_out_are_what_each_place_offers(workspace: Workspace) -> None:
    plan = topology.load(workspace)
    internet = topology.first_address(plan.networks["internet"])
    assert plan.machine("valsorbe-passerelle").router == internet
    assert plan.machine("valsorbe-portable-1").router == internet
    assert plan.machine("valsorbe-bureau-1").router == "198.18.10.2"


def test_laptops_are_guests_with_different_addresses(workspace: Workspace) -> None:
    laptops = [machine for machine in topology.load(workspace).machines if machine.kind == "laptop"]
    addresses = [laptop.attachments[1].address for laptop in laptops]
    assert addresses == ["198.18.1.101", "198.18.1.102"]


def name_a_store(workspace: Workspace, commune: str, address: str) -> None:
    change(workspace.commune(commune).fleet, "store: {port: 8022}", f"store: {{address: {address}}}")


def test_a_store_of_the_cig_is_one_machine_on_the_internet_whoever_names_it(workspace: Workspace) -> None:
    for commune in ("valsorbe", "pontlierre"):
        name_a_store(workspace, commune, "198.18.1.60")
    plan = topology.load(workspace)
    (store,) = [machine for machine in plan.machines if machine.kind == topology.STORE]
    assert (store.name, store.release, store.commune) == ("store-198-18-1-60", "trixie", "")
    assert {item.network: item.address for item in store.attachments} == {
        "bench": "198.18.0.60",
        "internet": "198.18.1.60",
    }
    assert store.router == topology.first_address(plan.networks["internet"])


@pytest.mark.parametrize("address", ["203.0.113.60", "198.18.1.60, host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"])
def test_a_store_that_is_elsewhere_or_somebody_else_s_has_no_stand_in(workspace: Workspace, address: str) -> None:
    name_a_store(workspace, "valsorbe", address + "A" * 43 * ("host_key" in address))
    assert "store" not in {machine.kind for machine in topology.load(workspace).machines}


def test_a_store_cannot_have_the_address_of_a_gateway(workspace: Workspace) -> None:
    name_a_store(workspace, "valsorbe", "198.18.1.21")
    with pytest.raises(BadInputError, match=r"store-198-18-1-21 .*pontlierre-passerelle"):
        topology.load(workspace)


def test_a_desktop_is_given_to_the_machines_that_ask_for_one(workspace: Workspace) -> None:
    change(workspace.root / "lab.yml", "depot:", "desktops: [valsorbe-portable-1]\ndepot:")
    assert [machine.name for machine in topology.load(workspace).machines if machine.desktop] == ["valsorbe-portable-1"]


def test_a_desktop_for_a_machine_that_is_not_there_is_refused(workspace: Workspace) -> None:
    change(workspace.root / "lab.yml", "depot:", "desktops: [valsorbe-portable-9]\ndepot:")
    with pytest.raises(BadInputError, match="valsorbe-portable-9"):
        topology.load(workspace)


def test_an_address_outside_its_network_is_refused(workspace: Workspace) -> None:
    change(workspace.commune("valsorbe").fleet, "198.18.0.12", "198.18.7.12")
    with pytest.raises(BadInputError, match=r"valsorbe-portable-1.*198\.18\.7\.12"):
        topology.load(workspace)


def test_the_address_of_this_machine_is_refused(workspace: Workspace) -> None:
    change(workspace.commune("valsorbe").fleet, "198.18.0.12", "198.18.0.1")
    with pytest.raises(BadInputError, match="valsorbe-portable-1"):
        topology.load(workspace)


def test_two_communes_cannot_share_an_address(workspace: Workspace) -> None:
    change(workspace.commune("valsorbe").fleet, "198.18.0.12", "198.18.0.22")
    with pytest.raises(BadInputError, match=r"198\.18\.0\.22"):
        topology.load(workspace)


def test_a_wrong_key_in_the_lab_file_has_its_place(workspace: Workspace) -> None:
    change(workspace.root / "lab.yml", "depot:", "dépot:")
    with pytest.raises(BadInputError, match=r"lab\.yml:[0-9]+:[0-9]+: "):
        topology.load(workspace)


def test_a_workspace_without_a_lab_file_says_so(workspace: Workspace) -> None:
    (workspace.root / "lab.yml").unlink()
    with pytest.raises(BadInputError, match=r"lab\.yml"):
        topology.load(workspace)


def test_a_system_without_an_image_is_refused(workspace: Workspace) -> None:
    change(workspace.commune("valsorbe").fleet, "debian-13", "ubuntu-24.04")
    with pytest.raises(BadInputError, match="ubuntu"):
        topology.load(workspace)


def test_unknown_machines_are_named(workspace: Workspace) -> None:
    with pytest.raises(BadInputError, match="valsorbe-portable-9"):
        topology.load(workspace).machine("valsorbe-portable-9")
