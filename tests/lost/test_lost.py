"""A laptop is lost while nothing answers: what is written, twice as once, interrupted anywhere; and found again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit import cli, inventory
from toolkit.enroll import records
from toolkit.errors import BadInputError, ExitCode, NomadeError
from toolkit.finding import (
    Audit,
    EndpointAudit,
    EndpointStatus,
    Evidence,
    Finding,
    Section,
    SectionStatus,
    Severity,
    Verdict,
)
from toolkit.fleet import load
from toolkit.i18n import set_language
from toolkit.lost import incident, journal, remote, steps
from toolkit.reach import enrolment
from toolkit.report import pdf_page
from toolkit.store import open_store
from toolkit.transport.base import Result, Route
from toolkit.transport.known_hosts import HostKey, pins
from toolkit.workspace import Workspace

LAPTOP, COMMUNE = "essai-portable-1", "essai"
KEY = "SN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw="
NOTICED = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
HOST_KEY = HostKey(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    set_language("en")
    yield
    set_language(None)


@pytest.fixture(autouse=True)
def _nothing_printed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    # A second each, and one test looks at it: the others need a file to be there.
    if "verdict" not in request.fixturenames:
        monkeypatch.setattr(pdf_page, "printed", lambda page: page.encode())


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The laptop has made its key and is enrolled; neither gateway nor office PC ever answers."""
    made = sample.workspace(tmp_path, essai=sample.FLEET)
    inventory.generate(made, COMMUNE)
    (made.commune(COMMUNE).public / f"{LAPTOP}.wg.pub").write_text(KEY + "\n", encoding="utf-8")
    records.pin(made, COMMUNE, LAPTOP, HOST_KEY)
    records.record(made, COMMUNE, LAPTOP, HOST_KEY, "bench")
    return made


class Nobody:
    """A network on which nothing answers."""

    def run(self, route: Route, script: str, *, timeout: float, limit: int) -> Result:
        from toolkit.errors import UnreachableError

        raise UnreachableError(f"{route.alias}: off")


def lose(workspace: Workspace) -> ExitCode:
    said: list[str] = []
    code, file = steps.lost(
        workspace, [COMMUNE], LAPTOP, reason="volé", noticed=NOTICED, transport=Nobody(), say=said.append
    )
    assert file.is_file()
    return code


def written(workspace: Workspace) -> dict[str, bytes]:
    """Return what lies in the workspace, but for locks."""
    files = [path for path in workspace.root.rglob("*") if path.is_file() and "locks" not in path.parts]
    return {str(path.relative_to(workspace.root)): path.read_bytes() for path in files}


def test_everything_that_needs_no_machine_is_done_while_all_are_off(workspace: Workspace) -> None:
    assert lose(workspace) is ExitCode.UNREACHABLE
    fleet = load(workspace, COMMUNE)
    assert (fleet.shut_out[LAPTOP].lost, fleet.shut_out[LAPTOP].reason) == (True, "volé")
    assert LAPTOP not in enrolment(workspace, COMMUNE)
    assert LAPTOP not in pins(workspace.commune(COMMUNE).known_hosts)
    assert not (workspace.commune(COMMUNE).public / f"{LAPTOP}.wg.pub").exists()
    known = journal.load(workspace, LAPTOP)
    assert known is not None
    assert known.done == ("written", "trust")
    assert any("next contact" in event.said for event in known.events)


def test_twice_is_as_once(workspace: Workspace) -> None:
    lose(workspace)
    once = written(workspace)
    assert lose(workspace) is ExitCode.UNREACHABLE
    assert written(workspace) == once


@pytest.mark.parametrize("step", ["_written", "_laptop", "_gateway", "_office_pc", "_trust"])
@pytest.mark.parametrize("after", [False, True])
def test_a_power_cut_at_any_step_ends_in_the_same_state(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    class PowerCut(BaseException):
        pass

    real = getattr(steps._Run, step)

    def cut(self: object) -> ExitCode:
        if after:
            real(self)
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(steps._Run, step, cut)
        with pytest.raises(PowerCut):
            lose(workspace)
    assert lose(workspace) is ExitCode.UNREACHABLE
    fleet = load(workspace, COMMUNE)
    assert len(fleet.revoked) == 1
    assert LAPTOP not in enrolment(workspace, COMMUNE)
    known = journal.load(workspace, LAPTOP)
    assert known is not None
    assert (known.done, bool(known.pin)) == (("written", "trust"), True)
    assert known.noticed == NOTICED


def test_found_again_it_is_a_peer_with_another_key_and_trusted_on_the_bench(workspace: Workspace) -> None:
    lose(workspace)
    said: list[str] = []
    assert steps.found(workspace, [COMMUNE], LAPTOP, Nobody(), said.append) is ExitCode.OK
    assert LAPTOP in {laptop.name for laptop in load(workspace, COMMUNE).peers}
    assert enrolment(workspace, COMMUNE)[LAPTOP].path == "bench"
    assert pins(workspace.commune(COMMUNE).known_hosts)[LAPTOP] == HOST_KEY
    assert KEY in (workspace.commune(COMMUNE).public / "revoked" / f"{LAPTOP}.wg.pub").read_text(encoding="utf-8")
    assert any("another key" in line for line in said)
    assert journal.open_losses(workspace) == []
    assert cli.run(["lost", LAPTOP, "--found", "-w", str(workspace.root)]) == ExitCode.NOTHING_EVALUATED


def test_a_wiped_laptop_needs_to_be_reached_to_be_given_back(workspace: Workspace) -> None:
    lose(workspace)
    known = journal.load(workspace, LAPTOP)
    assert known is not None
    journal.save(workspace, replace(known, done=(*known.done, "laptop")))
    for _again in range(2):
        assert steps.found(workspace, [COMMUNE], LAPTOP, Nobody(), lambda _line: None) is ExitCode.UNREACHABLE


def test_a_second_loss_keeps_the_journal_of_the_first(workspace: Workspace) -> None:
    lose(workspace)
    steps.found(workspace, [COMMUNE], LAPTOP, Nobody(), lambda _line: None)
    later = NOTICED + timedelta(days=90)
    steps.lost(workspace, [COMMUNE], LAPTOP, reason="oublié", noticed=later, transport=Nobody(), say=lambda _line: None)
    folder = workspace.state / "lost"
    assert len(list(folder.glob("*.old"))) == 1
    assert [item.found is None for item in load(workspace, COMMUNE).revoked] == [False, True]


def test_who_is_no_laptop_is_not_lost_and_nothing_is_written(workspace: Workspace) -> None:
    before = written(workspace)
    assert cli.run(["lost", "essai-bureau-1", "-w", str(workspace.root)]) == ExitCode.BAD_INPUT
    assert cli.run(["lost", "nobody", "-w", str(workspace.root)]) == ExitCode.NOTHING_EVALUATED
    assert written(workspace) == before


def test_a_damaged_journal_is_named(workspace: Workspace) -> None:
    lose(workspace)
    (workspace.state / "lost" / f"{LAPTOP}.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadInputError, match=f"{LAPTOP}.json"):
        journal.load(workspace, LAPTOP)


class Answering:
    """An endpoint that answers every script with one text."""

    def __init__(self, text: str) -> None:
        self.text, self.scripts = text, [""]

    def run(self, route: Route, script: str, *, timeout: float, limit: int) -> Result:
        self.scripts.append(script)
        return Result(0, self.text.encode(), b"")


def test_a_laptop_that_answers_is_wiped_in_its_teleworkers_name(workspace: Workspace) -> None:
    fleet = load(workspace, COMMUNE)
    pin = remote.pin_of(workspace, fleet, LAPTOP)
    there = Answering("wiped\n")
    remote.wipe(workspace, fleet, LAPTOP, pin, frozenset({KEY}), there)
    assert there.scripts[-1].startswith("login=anna\n")
    with pytest.raises(NomadeError, match="not wiped"):
        remote.wipe(workspace, fleet, LAPTOP, pin, frozenset({KEY}), Answering(""))


def audited(workspace: Workspace, verdict: Verdict) -> None:
    at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    text = "sda crypt <b>nvme0n1</b>\n"
    evidence = Evidence(LAPTOP, at, {"block_devices": Section("block_devices", SectionStatus.OK, 0, text)})
    found = (
        Finding(LAPTOP, "disk-encrypted", Severity.CRITICAL, verdict, "compared", (), "block_devices"),
        Finding(LAPTOP, "ssh-root-login-refused", Severity.HIGH, Verdict.FAIL, "compared", (), "sshd"),
    )
    part = EndpointAudit(LAPTOP, "laptop", EndpointStatus.COLLECTED, evidence=evidence, findings=found)
    store = open_store(workspace.store_url)
    store.save(Audit(COMMUNE, "nomade", at, at, "0" * 64, (part,)))
    store.close()


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        (Verdict.PASS, "Ses disques étaient chiffrés"),
        (Verdict.FAIL, "Rien ne prouve"),
        (Verdict.ERROR, "Rien ne prouve"),
    ],
)
def test_the_incident_file_proves_what_was_proven_and_no_more(
    workspace: Workspace, verdict: Verdict, sentence: str
) -> None:
    audited(workspace, verdict)
    lose(workspace)
    page = next((workspace.root / "reports" / "incidents").glob("*.html")).read_text(encoding="utf-8")
    assert sentence in page.replace("\u00a0", " ")
    assert "27 novembre 2026, 8\u00a0h\u00a030" in page  # 72 hours, in Paris
    assert "20 novembre 2026, 10\u00a0h\u00a000" in page
    assert "&lt;b&gt;nvme0n1" in page
    assert "Anna Petit" in page
    assert "ssh-root-login-refused" in page
    (pdf,) = (workspace.root / "reports" / "incidents").glob("*.pdf")
    assert pdf.read_bytes().startswith(b"%PDF")
    assert pdf.stat().st_mode & 0o777 == 0o640


def test_without_any_audit_the_file_says_that_nothing_is_known(workspace: Workspace) -> None:
    lose(workspace)
    known = journal.load(workspace, LAPTOP)
    assert known is not None
    found = incident.gather(workspace, load(workspace, COMMUNE), known)
    assert (found.encrypted, found.proof, found.last) == (False, None, None)
    assert json.loads((workspace.state / "lost" / f"{LAPTOP}.json").read_text(encoding="utf-8"))["reason"] == "volé"


@pytest.mark.parametrize(("host", "section"), [("essai-passerelle", "Passerelle"), ("essai-bureau-1", "PC de bureau")])
def test_f065_a_gateway_or_an_office_pc_is_not_lost_by_this_command_which_says_what_to_do(
    workspace: Workspace, host: str, section: str
) -> None:
    before = written(workspace)
    with pytest.raises(BadInputError, match=f"{section}.*docs/guide-perte-vol.md"):
        steps.lost(workspace, [COMMUNE], host, reason="volé", noticed=NOTICED, transport=Nobody(), say=print)
    assert written(workspace) == before
    guide = (Path(__file__).parents[2] / "docs" / "guide-perte-vol.md").read_text(encoding="utf-8")
    assert f"## {section} volé" in guide
