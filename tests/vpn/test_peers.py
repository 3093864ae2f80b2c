"""What each peer of a gateway is called, and what that means for the exit code."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit import cli, inventory
from toolkit.errors import ExitCode
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Evidence, Section, SectionStatus
from toolkit.fleet import load
from toolkit.i18n import set_language
from toolkit.probes.tunnel_keys import read
from toolkit.report import Look
from toolkit.store import open_store
from toolkit.vpn import keys, peers, peers_text
from toolkit.vpn.peers import Gateway, State
from toolkit.workspace import Workspace

NOW = 1764000100
ONE, TWO, OLD, STRANGER, NEXT = (f"{letter}N7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw=" for letter in "STUVW")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Both laptops have made their key; an earlier one of the first was revoked."""
    made = sample.workspace(tmp_path, essai=sample.FLEET)
    inventory.generate(made, "essai")
    folder = made.commune("essai")
    for number, key in ((1, ONE), (2, TWO)):
        (folder.public / f"essai-portable-{number}.wg.pub").write_text(key + "\n", encoding="utf-8")
    keys.put_away(folder, "essai-portable-1.rotated", OLD + "\n")
    return made


def said(*peers_: str, known: str = "") -> str:
    lines = [f"now {NOW} key {NOW - 86400}", *(f"known {key}" for key in known.split()), *peers_, "end"]
    return "\n".join(lines) + "\n"


def refused(key: str, received: int = 0, source: str = "(none)") -> str:
    return f"known {key}\nrefused {key}\npeer {key} {source} (none) 0 {received} 0"


def states(workspace: Workspace, text: str, *, shut_out: str = "") -> dict[str, State]:
    path = workspace.commune("essai").fleet
    if shut_out:
        line = f'revoked:\n  - {{endpoint: {shut_out}, date: "2026-03-02", reason: x}}\n'
        path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")
    found = read(text)
    assert found is not None
    tunnel = {"essai-portable-1": "10.77.9.2", "essai-portable-2": "10.77.9.3"}
    rows = peers.rows(load(workspace, "essai"), tunnel, keys.known(workspace.commune("essai")), found)
    return {row.key: row.state for row in rows}


def accepted(key: str, address: str, age: int = 10) -> str:
    return f"known {key}\npeer {key} - {address}/32 {NOW - age if age >= 0 else 0} 500 600"


def test_who_shook_hands_lately_is_active_and_the_others_are_silent(workspace: Workspace) -> None:
    found = states(workspace, said(accepted(ONE, "10.77.9.2", 180), accepted(TWO, "10.77.9.3", 181)))
    assert found == {ONE: State.ACTIVE, TWO: State.SILENT}
    assert states(workspace, said(accepted(ONE, "10.77.9.2", -1), accepted(TWO, "10.77.9.3")))[ONE] is State.SILENT


def test_declared_and_not_there(workspace: Workspace) -> None:
    (workspace.commune("essai").public / "essai-portable-2.wg.pub").unlink()
    assert states(workspace, said()) == {ONE: State.MISSING, "": State.WAITING}


def test_a_stranger_is_an_orphan_or_has_somebodys_address(workspace: Workspace) -> None:
    assert states(workspace, said(accepted(STRANGER, "10.77.9.6")))[STRANGER] is State.ORPHAN
    assert states(workspace, said(accepted(STRANGER, "10.77.9.3")))[STRANGER] is State.UNKNOWN_KEY
    assert states(workspace, said(accepted(ONE, "10.77.9.3")))[ONE] is State.ORPHAN  # her key, another's address
    assert states(workspace, said(accepted(ONE, "10.77.9.0")))[ONE] is State.ORPHAN


def test_a_revoked_key_is_refused_tries_or_is_still_accepted(workspace: Workspace) -> None:
    assert states(workspace, said(refused(OLD)))[OLD] is State.REVOKED
    assert states(workspace, said(refused(OLD, 148, "203.0.113.9:5")))[OLD] is State.TRYING
    assert states(workspace, said(accepted(OLD, "10.77.9.2")))[OLD] is State.NOT_REFUSED


def test_a_laptop_shut_out_whose_key_is_still_accepted_is_not_refused(workspace: Workspace) -> None:
    assert states(workspace, said(accepted(ONE, "10.77.9.2")), shut_out="essai-portable-1")[ONE] is State.NOT_REFUSED


def test_while_a_key_changes_both_are_one_peer(workspace: Workspace) -> None:
    keys.expect_next(workspace.commune("essai"), "essai-portable-1", NEXT)
    waiting = f"known {NEXT}\npeer {NEXT} - (none) 0 0 0"
    found = states(workspace, said(accepted(ONE, "10.77.9.2"), waiting, accepted(TWO, "10.77.9.3")))
    assert found == {ONE: State.ACTIVE, TWO: State.ACTIVE}
    found = states(workspace, said(accepted(NEXT, "10.77.9.2"), accepted(TWO, "10.77.9.3")))
    assert found == {NEXT: State.ACTIVE, TWO: State.ACTIVE}


def test_a_next_key_that_came_becomes_the_key_and_the_former_is_refused(workspace: Workspace) -> None:
    folder = workspace.commune("essai")
    keys.expect_next(folder, "essai-portable-1", NEXT)
    keys.promote_next(folder, "essai-portable-1")
    keys.promote_next(folder, "essai-portable-1")
    known = keys.known(folder)
    assert (known.current["essai-portable-1"], known.next) == (NEXT, {})
    assert known.revoked == {OLD: "essai-portable-1", ONE: "essai-portable-1"}


def store(workspace: Workspace, text: str, at: datetime) -> None:
    section = Section("tunnel_keys", SectionStatus.OK, 0, text)
    evidence = Evidence("essai-passerelle", at, {"tunnel_keys": section})
    part = EndpointAudit("essai-passerelle", "gateway", EndpointStatus.COLLECTED, evidence=evidence)
    kept = open_store(workspace.store_url)
    kept.save(Audit("essai", "nomade", at, at, "0" * 64, (part,)))
    kept.close()


def run(workspace: Workspace, *arguments: str) -> int:
    return cli.run(["vpn", "peers", "-w", str(workspace.root), "--stored", *arguments])


def test_what_the_last_audit_saw(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(workspace) == ExitCode.NOTHING_EVALUATED
    good = said(accepted(ONE, "10.77.9.2"), accepted(TWO, "10.77.9.3"), refused(OLD))
    store(workspace, good, datetime.now(UTC))
    assert run(workspace) == ExitCode.OK
    assert "refused" in capsys.readouterr().out
    store(workspace, good.replace("(none) 0 0", "(none) 0 148"), datetime.now(UTC))
    assert run(workspace, "--format", "json") == ExitCode.NOT_COMPLIANT
    (gateway,) = json.loads(capsys.readouterr().out)["gateways"]
    assert [row["state"] for row in gateway["peers"]] == ["active", "trying", "active"]


def test_what_is_old_is_shown_and_relied_on_by_nobody(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    store(workspace, said(accepted(ONE, "10.77.9.2"), accepted(TWO, "10.77.9.3")), datetime(2026, 1, 1, tzinfo=UTC))
    assert run(workspace) == ExitCode.UNREACHABLE
    captured = capsys.readouterr()
    assert "essai-portable-1" in captured.out
    assert "too old" in captured.err


@pytest.mark.parametrize("text", ["absent\n", "down\n", "", "now 1 key 1\n"])
def test_no_readable_tunnel_is_nothing_evaluated(workspace: Workspace, text: str) -> None:
    store(workspace, text, datetime.now(UTC))
    assert run(workspace) == ExitCode.NOTHING_EVALUATED


def test_a_gateway_that_is_not_enrolled_is_unreachable(workspace: Workspace) -> None:
    from toolkit.transport.ssh import SshTransport

    with SshTransport() as transport:
        (gateway,) = peers.live(workspace, ["essai"], transport)
    assert peers.exit_code([gateway]) is ExitCode.UNREACHABLE
    assert "enroll" in gateway.problem


def test_sizes_and_words_are_the_readers(workspace: Workspace) -> None:
    set_language("fr")
    found = read(said(f"known {ONE}\npeer {ONE} - 10.77.9.2/32 {NOW} 1572864 600"))
    assert found
    tunnel = {"essai-portable-1": "10.77.9.2", "essai-portable-2": "10.77.9.3"}
    rows = peers.rows(load(workspace, "essai"), tunnel, keys.known(workspace.commune("essai")), found)
    shown = peers_text.table([Gateway("essai", "g", datetime(2026, 3, 2, tzinfo=UTC), rows)], "fr", Look(width=140))
    assert "1,5 Mio / 600 o" in shown
    assert "INCONNU DE LA PASSERELLE" in shown
