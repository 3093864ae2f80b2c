"""An office PC with Windows: its laptop reaches and wakes it; nothing else is done to it, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet import sample
from tests.fleet.hosts import variables
from toolkit import inventory
from toolkit.errors import BadInputError, NothingEvaluatedError, ProblemsError
from toolkit.fleet import load, load_config
from toolkit.fleet_facts import facts_of
from toolkit.i18n import set_language
from toolkit.report.deviations import deviations
from toolkit.report.document import roster_of
from toolkit.wake import waking

_NAME = "{name: essai-bureau-1, "
_LINE = next(line for line in sample.FLEET.splitlines() if _NAME in line)
WINDOWS = sample.FLEET.replace(
    _LINE, f'  - {_NAME}os: windows, office_address: 198.51.100.20, mac: "00:11:22:33:44:AA"}}'
)


def test_its_laptop_reaches_and_wakes_it_and_asks_for_network_level_authentication(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=WINDOWS)
    inventory.generate(workspace, "essai")
    hosts = variables(workspace.commune("essai").hosts)
    assert hosts["essai-portable-1"]["nomade_office_pc"] == {
        "name": "essai-bureau-1",
        "address": "198.51.100.20",
        "port": 3389,
        "wake_port": 9,
        "nla": True,
    }
    gateway = hosts["essai-passerelle"]
    assert gateway["nomade_peers"][0]["office_pc"] == {"address": "198.51.100.20", "port": 3389}
    assert gateway["nomade_wake"] == {
        "port": 9,
        "source": "198.51.100.2",
        "broadcast": "198.51.100.255",
        "pcs": [
            {
                "name": "essai-bureau-1",
                "mac": "00:11:22:33:44:aa",
                "address": "198.51.100.20",
                "laptop": hosts["essai-portable-1"]["nomade_tunnel_address"],
            }
        ],
    }


def test_it_is_no_endpoint_of_ours(tmp_path: Path) -> None:
    set_language("en")
    workspace = sample.workspace(tmp_path, essai=WINDOWS)
    inventory.generate(workspace, "essai")
    fleet = load(workspace, "essai")
    assert "essai-bureau-1" not in variables(workspace.commune("essai").hosts)
    assert [endpoint.name for endpoint in fleet.endpoints if endpoint.kind.value == "office_pc"] == ["essai-bureau-2"]
    with pytest.raises(NothingEvaluatedError, match="essai-bureau-1: Windows, which Nomade reaches"):
        fleet.select("essai-bureau-1")
    facts = facts_of(load_config(workspace), fleet, fleet.gateway, {"essai-portable-1": "10.77.9.2"})
    assert "198.51.100.20:22" not in facts["jump_targets"], "administration does not go there"
    assert facts["listening_ports"] == [22, 9]


def test_the_report_says_that_it_does_not_speak_of_it(tmp_path: Path) -> None:
    fleet = load(sample.workspace(tmp_path, essai=WINDOWS), "essai")
    assert roster_of(fleet).windows == 1
    assert deviations("fr", 1)[0].title == "PC de bureau sous Windows : 1"
    assert "windows-office-pcs" not in [item.id for item in deviations("fr")]


@pytest.mark.parametrize("name", ["essai-portable-2, os: debian-12", "essai-passerelle\n  os: debian-12"])
def test_nothing_else_may_run_it(tmp_path: Path, name: str) -> None:
    set_language("en")
    text = sample.FLEET.replace(name, name.replace("debian-12", "windows"))
    with pytest.raises(ProblemsError, match="only an office PC may run Windows"):
        load(sample.workspace(tmp_path, essai=text), "essai")


def test_only_an_office_pc_whose_card_is_known_can_be_woken(tmp_path: Path) -> None:
    set_language("en")
    workspace = sample.workspace(tmp_path, essai=WINDOWS)
    fleet, pc = waking.find(workspace, ["essai"], "essai-bureau-1")
    assert (fleet.commune.id, pc.mac) == ("essai", "00:11:22:33:44:AA")
    with pytest.raises(BadInputError, match=r"essai-bureau-2: the address of its network card .*fleet.yml"):
        waking.find(workspace, ["essai"], "essai-bureau-2")
    with pytest.raises(NothingEvaluatedError, match=r"essai-bureau-3.*essai-bureau-"):
        waking.find(workspace, ["essai"], "essai-bureau-3")
    with pytest.raises(NothingEvaluatedError, match="no office PC"):
        waking.find(workspace, ["essai"], "essai-portable-1")
