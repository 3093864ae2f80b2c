"""Quarantine from the store to fleet, inventory, gateway and desktop; what is not reached is tried again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import sample
from tests.quarantine.test_decision import FIRST, FLEET, GOOD, PC, SECOND, finding
from toolkit import cli, inventory
from toolkit.errors import BadInputError, ExitCode, NothingEvaluatedError
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Evidence, Finding, Verdict
from toolkit.fleet import load, load_config
from toolkit.quarantine import register, steps
from toolkit.store import open_store
from toolkit.transport.base import Result, Route
from toolkit.workspace import Workspace

NOW = datetime.now(UTC)
BROKEN = (*GOOD, finding(Verdict.FAIL))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A commune with quarantine, whose gateway was never enrolled: it cannot be told anything."""
    made = sample.workspace(tmp_path, essai=FLEET)
    inventory.generate(made, "essai")
    return made


def audited(workspace: Workspace, first: tuple[Finding, ...], at: datetime = NOW) -> None:
    """Keep an audit that reached both laptops and the office PC; the first laptop showed `first`."""
    findings = {FIRST: first, SECOND: GOOD, PC: GOOD}
    parts = tuple(
        EndpointAudit(
            name,
            "office_pc" if name == PC else "laptop",
            EndpointStatus.COLLECTED,
            "",
            Evidence(name, at, {}),
            tuple(replace(item, endpoint=name) for item in some),
        )
        for name, some in findings.items()
    )
    store = open_store(workspace.store_url)
    store.save(Audit("essai", load_config(workspace).profile, at, at, "0" * 64, parts))
    store.close()


class Desktop:
    """Answers every script; or nobody is there."""

    def __init__(self, *, there: bool = True) -> None:
        self.scripts: list[tuple[str, str]] = []
        self._there = there

    def run(self, route: Route, script: str, *, timeout: float, limit: int) -> Result:
        from toolkit.errors import UnreachableError

        if not self._there:
            raise UnreachableError(f"{route.alias}: off")
        self.scripts.append((route.alias, script))
        return Result(0, b"", b"")


def settled(workspace: Workspace, desktop: Desktop | None = None) -> tuple[ExitCode, list[str]]:
    said: list[str] = []
    return steps.settle(workspace, ["essai"], desktop or Desktop(there=False), said.append), said


def told_to_gateway(workspace: Workspace) -> list[dict[str, str]]:
    text = workspace.commune("essai").hosts.read_text(encoding="utf-8")
    commune: dict[str, Any] = json.loads(text)["all"]["children"]["commune_essai"]
    found = commune["children"]["gateways_AT_essai"]["hosts"]["essai-passerelle"]["nomade_quarantine"]
    return list(found)


def test_a_gateway_that_cannot_be_told_is_said_until_it_is(workspace: Workspace) -> None:
    audited(workspace, BROKEN)
    code, said = settled(workspace)
    assert code is ExitCode.UNREACHABLE
    assert f"{FIRST}: in quarantine: its last audit breaks critical-fail" in said
    assert any("NOT YET IN FORCE" in line for line in said)
    assert told_to_gateway(workspace) == [{"name": FIRST, "address": "10.77.9.2"}]
    kept = register.load(workspace.commune("essai"))
    assert (set(kept.held), kept.in_force) == ({FIRST}, ())
    code, said = settled(workspace)
    assert code is ExitCode.UNREACHABLE
    assert not any("in quarantine" in line for line in said), "what is known is not said again"
    assert any("NOT YET IN FORCE" in line for line in said)


def test_the_next_good_audit_lets_out(workspace: Workspace) -> None:
    audited(workspace, BROKEN, NOW - timedelta(hours=1))
    settled(workspace)
    audited(workspace, GOOD)
    code, said = settled(workspace)
    assert (code, said[0]) == (ExitCode.OK, f"{FIRST}: out of quarantine")  # the gateway never knew
    assert told_to_gateway(workspace) == []


def test_what_was_in_force_has_to_be_lifted_on_the_gateway(workspace: Workspace) -> None:
    audited(workspace, GOOD)
    register.save(workspace.commune("essai"), register.Register({}, (FIRST,)))
    code, said = settled(workspace)
    assert code is ExitCode.UNREACHABLE
    assert any("NOT YET IN FORCE" in line for line in said)
    assert cli.run(["quarantine", "list", "-w", str(workspace.root)]) == ExitCode.UNREACHABLE


def test_the_desktop_is_told_why_in_french_once_and_told_when_it_is_over(workspace: Workspace) -> None:
    audited(workspace, BROKEN, NOW - timedelta(hours=1))
    settled(workspace, Desktop(there=False))
    assert not register.load(workspace.commune("essai")).held[FIRST].told
    desktop = Desktop()
    settled(workspace, desktop)
    settled(workspace, desktop)
    ((name, script),) = desktop.scripts
    assert name == FIRST
    assert "Ordinateur en quarantaine" in script
    assert "défaut de sécurité grave" in script
    audited(workspace, GOOD)
    settled(workspace, Desktop(there=False))
    assert register.load(workspace.commune("essai")).to_clear == (FIRST,)
    settled(workspace, desktop)
    assert [script for _name, script in desktop.scripts[1:]] == ["rm -f /var/lib/nomade-notices/quarantine\n"]
    assert register.load(workspace.commune("essai")) == register.Register()


def test_a_damaged_store_changes_nothing(workspace: Workspace) -> None:
    audited(workspace, BROKEN)
    settled(workspace)
    before = workspace.commune("essai").quarantine.read_bytes()
    Path(workspace.store_url.removeprefix("sqlite:///")).write_bytes(b"not a database at all" * 500)
    assert cli.run(["quarantine", "apply", "-w", str(workspace.root)]) != 0
    assert workspace.commune("essai").quarantine.read_bytes() == before


def test_switched_off_it_lets_everybody_out(workspace: Workspace) -> None:
    audited(workspace, BROKEN)
    settled(workspace)
    path = workspace.commune("essai").fleet
    path.write_text(path.read_text(encoding="utf-8").replace("quarantine: true", "quarantine: false"), encoding="utf-8")
    assert settled(workspace)[0] is ExitCode.OK
    assert register.load(workspace.commune("essai")).held == {}


def test_a_release_is_written_with_its_reason_once(workspace: Workspace) -> None:
    audited(workspace, BROKEN)
    settled(workspace)
    today = date.today()  # noqa: DTZ011 — as the technician writes it
    for _again in range(2):
        steps.release(workspace, ["essai"], FIRST, days=3, reason="élections", today=today)
    (line,) = load(workspace, "essai").quarantine_releases
    assert (line.endpoint, line.until, line.reason) == (FIRST, (today + timedelta(days=3)).isoformat(), "élections")
    assert settled(workspace)[1][0] == f"{FIRST}: out of quarantine"


def test_nobody_unknown_and_nothing_that_is_off_is_released(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NothingEvaluatedError, match="essai-portable-1"):
        steps.release(workspace, ["essai"], "essai-portable-11", days=3, reason="r", today=NOW.date())
    off = sample.workspace(tmp_path / "off", essai=sample.FLEET)
    with pytest.raises(BadInputError, match="quarantine is off"):
        steps.release(off, ["essai"], FIRST, days=3, reason="r", today=NOW.date())


def test_what_was_never_decided_is_not_nobody(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--lang", "en", "quarantine", "list", "-w", str(workspace.root)]) == ExitCode.NOTHING_EVALUATED
    assert "never decided" in capsys.readouterr().out


def test_the_list_says_who_since_when_and_what_is_not_done(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    audited(workspace, BROKEN)
    settled(workspace)
    capsys.readouterr()
    assert cli.run(["quarantine", "list", "-w", str(workspace.root)]) == ExitCode.NOT_COMPLIANT
    said = capsys.readouterr().out
    assert FIRST in said
    assert "critical-fail" in said
    assert "NOT YET IN FORCE" in said
    assert "not told yet" in said


def test_whoever_is_shut_out_meanwhile_is_not_asked_any_more(workspace: Workspace) -> None:
    audited(workspace, BROKEN)
    settled(workspace)
    path = workspace.commune("essai").fleet
    line = f"revoked:\n  - {{endpoint: {FIRST}, date: '2026-11-20', reason: départ}}\n"
    path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")
    desktop = Desktop()
    settled(workspace, desktop)
    assert register.load(workspace.commune("essai")) == register.Register()
    assert desktop.scripts == []
