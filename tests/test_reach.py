"""One route per endpoint, the same for everybody who asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit import inventory, reach
from toolkit.errors import BadInputError, NothingEvaluatedError, ProblemsError
from toolkit.fleet import load
from toolkit.workspace import Workspace

AWAY = '  enrolled: "2026-03-01T10:00:00+00:00"\n  host_key: SHA256:AAAA\n  path: gateway\n'


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = sample.workspace(tmp_path, essai=sample.FLEET.replace("192.0.2.31}", "192.0.2.31, port: 2222}"))
    inventory.generate(made, "essai")
    return made


def enrol(workspace: Workspace, text: str) -> None:
    workspace.commune("essai").enrolment.write_text(text, encoding="utf-8")


def test_before_enrolment_everything_is_on_the_bench(workspace: Workspace) -> None:
    routes = reach.routes(workspace, load(workspace, "essai"))
    assert {way.address for way in routes.values()} == {
        "192.0.2.21",
        "192.0.2.31",
        "192.0.2.32",
        "192.0.2.41",
        "192.0.2.42",
    }
    assert all(way.jump is None and way.alias == name and way.user == "nomade" for name, way in routes.items())
    assert routes["essai-portable-1"].port == 2222
    assert routes["essai-portable-1"].known_hosts == workspace.commune("essai").known_hosts
    assert routes["essai-portable-1"].identity == workspace.management_key


def test_away_the_way_leads_through_the_gateway(workspace: Workspace) -> None:
    enrol(workspace, f"essai-portable-1:\n{AWAY}essai-bureau-1:\n{AWAY}")
    fleet = load(workspace, "essai")
    laptop = reach.route(workspace, fleet, "essai-portable-1")
    assert (laptop.address, laptop.port) == ("10.77.9.2", 2222)
    assert laptop.jump == reach.route(workspace, fleet, "essai-passerelle")
    assert reach.route(workspace, fleet, "essai-bureau-1").address == "198.51.100.20"
    assert reach.route(workspace, fleet, "essai-bureau-2").jump is None


def test_a_gateway_is_never_reached_through_itself(workspace: Workspace) -> None:
    enrol(workspace, f"essai-passerelle:\n{AWAY}")
    assert reach.route(workspace, load(workspace, "essai"), "essai-passerelle").jump is None


def test_a_laptop_away_without_an_address_is_an_error(workspace: Workspace) -> None:
    enrol(workspace, f"essai-portable-1:\n{AWAY}")
    workspace.commune("essai").addresses.unlink()
    with pytest.raises(BadInputError, match="essai-portable-1"):
        reach.route(workspace, load(workspace, "essai"), "essai-portable-1")


@pytest.mark.parametrize("text", ["x", "a: {}", "a: {enrolled: x, host_key: y, path: moon}", "../x:\n" + AWAY])
def test_a_damaged_enrolment_file_is_an_error(workspace: Workspace, text: str) -> None:
    enrol(workspace, text)
    with pytest.raises(ProblemsError):
        reach.enrolment(workspace, "essai")


def test_an_unknown_endpoint_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(NothingEvaluatedError):
        reach.route(workspace, load(workspace, "essai"), "nobody")
