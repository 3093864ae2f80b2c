"""Where each value of an endpoint comes from: its file and line, and the layers it stands over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import sample
from tests.fleet.hosts import variables
from toolkit import inventory
from toolkit.cli import run
from toolkit.errors import ExitCode, NothingEvaluatedError
from toolkit.explain import explain
from toolkit.fleet import Fleet, load
from toolkit.i18n import set_language
from toolkit.settings import history
from toolkit.workspace import Workspace

LAYERS = """\
settings:
  commune: {base_timezone: Europe/Brest}
  laptop: {base_timezone: Europe/Lille}
  endpoints:
    essai-portable-1: {base_timezone: Europe/Nantes}
"""


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    set_language("en")
    yield
    set_language(None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return sample.workspace(tmp_path, essai=sample.FLEET + LAYERS)


def line_of(workspace: Workspace, beginning: str) -> int:
    lines = workspace.commune("essai").fleet.read_text(encoding="utf-8").splitlines()
    return next(index for index, line in enumerate(lines, start=1) if line.strip().startswith(beginning))


def said(workspace: Workspace, host: str, name: str, *, everything: bool = False) -> str:
    (line,) = [
        line for line in explain(workspace, ["essai"], host, everything=everything) if line.startswith(f"{name}: ")
    ]
    return line


def test_a_fact_says_the_line_of_the_file_it_stands_in(workspace: Workspace) -> None:
    inventory.generate(workspace, "essai")
    teleworker = said(workspace, "essai-portable-1", "nomade_teleworker")
    places = [line_of(workspace, "- {teleworker: anna"), line_of(workspace, "- {login: anna")]
    assert [int(number) for number in re.findall(r"fleet\.yml:(\d+)", teleworker)] == places
    office_pc = said(workspace, "essai-portable-1", "nomade_office_pc")
    assert f"fleet.yml:{line_of(workspace, '- {name: essai-bureau-1')}" in office_pc
    assert "nomade.yml:4" in said(workspace, "essai-portable-1", "nomade_setup_networks")
    assert "default of nomade.yml" in said(workspace, "essai-portable-1", "ansible_user").replace(
        str(workspace.config_file), "nomade.yml"
    )
    address = said(workspace, "essai-portable-1", "nomade_tunnel_address")
    number = int(re.findall(r"addresses\.yml:(\d+)", address)[0])
    given = workspace.commune("essai").addresses.read_text().splitlines()[number - 1]
    assert given.strip() == '"essai-portable-1": "10.77.9.2"'


def test_what_roles_are_told_is_all_there(workspace: Workspace) -> None:
    inventory.generate(workspace, "essai")
    for host, told in variables(workspace.commune("essai").hosts).items():
        explained = {line.partition(":")[0] for line in explain(workspace, ["essai"], host, everything=False)}
        assert {name for name in told if not name.startswith("ansible_")} <= explained


def test_a_machine_that_is_away_is_found_by_its_tunnel_address(workspace: Workspace) -> None:
    inventory.generate(workspace, "essai")
    assert "fleet.yml:" in said(workspace, "essai-portable-1", "ansible_host")
    workspace.commune("essai").enrolment.write_text(
        'essai-portable-1: {enrolled: "2026-03-01T10:00:00+00:00", host_key: SHA256:AAAA, path: gateway}\n'
    )
    away = said(workspace, "essai-portable-1", "ansible_host")
    assert '"10.77.9.2"' in away
    assert "addresses.yml:" in away


def test_before_addresses_are_allocated_that_is_said(workspace: Workspace) -> None:
    assert "not allocated yet" in said(workspace, "essai-portable-1", "nomade_tunnel_address")


def test_a_setting_says_what_it_stands_over(workspace: Workspace) -> None:
    line = said(workspace, "essai-portable-1", "base_timezone")
    assert line.startswith('base_timezone: "Europe/Nantes"  # this endpoint (')
    assert f"fleet.yml:{line_of(workspace, 'essai-portable-1: {base')})" in line
    kind, commune, default = line.partition(", over ")[2].split(", ")
    assert (kind, commune) == ('kind of endpoint "Europe/Lille"', 'commune "Europe/Brest"')
    assert default.startswith("role default")
    assert "commune (" in said(workspace, "essai-bureau-1", "base_timezone")


def test_defaults_are_only_shown_when_asked_for(workspace: Workspace) -> None:
    names = [line.partition(":")[0] for line in explain(workspace, ["essai"], "essai-bureau-1", everything=False)]
    assert "base_locale" not in names
    assert "role default (base)" in said(workspace, "essai-bureau-1", "base_locale", everything=True)


def test_history_ends_with_what_is_in_force(workspace: Workspace) -> None:
    fleet: Fleet = load(workspace, "essai")
    layers = history(fleet, "essai-portable-2", {"base_timezone": "UTC"})["base_timezone"]
    assert [layer.source for layer in layers] == ["default", "profile", "commune", "kind"]
    assert layers[-1].value == "Europe/Lille"


def test_an_unknown_host_is_suggested(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NothingEvaluatedError, match="“essai-portable-1”"):
        explain(workspace, ["essai"], "essai-portable-11", everything=False)
    monkeypatch.chdir(workspace.root)
    assert run(["inventory", "show", "nobody"]) == ExitCode.NOTHING_EVALUATED
