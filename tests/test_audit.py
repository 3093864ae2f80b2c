"""The audit of a commune: who answered, what it means, and the exit code of each outcome."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit import audit as audits
from toolkit import catalogue, escrow
from toolkit.audit import Progress, Request, exit_code
from toolkit.cli import run as command_line
from toolkit.errors import BadInputError, ExitCode, NothingEvaluatedError, UnreachableError
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Finding, Severity, Verdict
from toolkit.fleet import load, load_config
from toolkit.fleet_facts import FACTS, facts_of
from toolkit.inventory import generate
from toolkit.store import open_store
from toolkit.transport.base import HostKeyChangedError, NotEnrolledError, Result, Route
from toolkit.workspace import Workspace

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def finding(verdict: Verdict, severity: Severity = Severity.HIGH, **more: bool) -> Finding:
    return Finding("poste", "ssh-keys-only", severity, verdict, "compared", **more)


def endpoint(*findings: Finding, status: EndpointStatus = EndpointStatus.COLLECTED) -> EndpointAudit:
    return EndpointAudit("poste", "laptop", status, findings=findings)


def commune(*endpoints: EndpointAudit) -> Audit:
    return Audit("essai", "nomade", NOW, NOW, "digest", endpoints)


GOOD = finding(Verdict.PASS)
BAD = finding(Verdict.FAIL)
WORD = replace(GOOD, reason="declared")
SILENT = endpoint(status=EndpointStatus.UNREACHABLE)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([commune(endpoint(GOOD))], ExitCode.OK),
        ([commune(endpoint(GOOD, BAD))], ExitCode.NOT_COMPLIANT),
        ([commune(endpoint(GOOD, finding(Verdict.ERROR)))], ExitCode.NOT_COMPLIANT),
        ([commune(endpoint(GOOD, finding(Verdict.ERROR, Severity.LOW)))], ExitCode.NOT_COMPLIANT),
        ([commune(endpoint(GOOD, finding(Verdict.FAIL, waived=True)))], ExitCode.OK),
        ([commune(endpoint(GOOD), SILENT)], ExitCode.UNREACHABLE),
        ([commune(endpoint(GOOD), endpoint(status=EndpointStatus.NOT_ENROLLED))], ExitCode.UNREACHABLE),
        ([commune(endpoint(GOOD), endpoint(status=EndpointStatus.KEY_CHANGED))], ExitCode.UNREACHABLE),
        ([commune(endpoint(BAD), SILENT)], ExitCode.NOT_COMPLIANT),
        ([commune(SILENT, SILENT)], ExitCode.NOTHING_EVALUATED),
        ([commune(endpoint(WORD))], ExitCode.NOTHING_EVALUATED),
        ([commune(endpoint(GOOD, WORD))], ExitCode.OK),
        ([commune(endpoint(finding(Verdict.ERROR)))], ExitCode.NOTHING_EVALUATED),
        ([commune(endpoint(finding(Verdict.MANUAL), finding(Verdict.NOT_APPLICABLE)))], ExitCode.NOTHING_EVALUATED),
        ([commune()], ExitCode.NOTHING_EVALUATED),
        ([], ExitCode.NOTHING_EVALUATED),
        ([commune(endpoint(GOOD)), commune(endpoint(BAD))], ExitCode.NOT_COMPLIANT),
        ([commune(endpoint(BAD)), commune(SILENT)], ExitCode.NOTHING_EVALUATED),
    ],
)
def test_f063_exit_code(found: list[Audit], code: ExitCode) -> None:
    assert exit_code(found) is code


def test_fail_on_leaves_lesser_failures_out_but_never_errors() -> None:
    found = [commune(endpoint(GOOD, finding(Verdict.FAIL, Severity.MEDIUM)))]
    assert exit_code(found, Severity.MEDIUM) is ExitCode.NOT_COMPLIANT
    assert exit_code(found, Severity.HIGH) is ExitCode.OK
    assert exit_code([commune(endpoint(GOOD, finding(Verdict.ERROR)))], Severity.CRITICAL) is ExitCode.NOT_COMPLIANT


class Replay:
    """Answers the collector’s script with prepared outputs; an exception stands for an endpoint that is not asked."""

    def __init__(self, answers: Mapping[str, dict[str, str] | Exception]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def run(self, route: Route, script: str, *, timeout: float, limit: int) -> Result:
        self.asked.append(route.alias)
        answer = self._answers.get(route.alias, {})
        if isinstance(answer, Exception):
            raise answer
        nonce = re.search(r"([0-9a-f]{32}) begin", script)
        assert nonce
        border, output = nonce[1], ""
        for name in re.findall(r"^careful (\w+) ", script, flags=re.M):
            if name in answer:
                output += f"\n{border} begin {name}\n{answer[name]}\n{border} exit 0\n\n{border} end {name}\n"
        return Result(0, output.encode(), b"")


GOOD_SSHD = {"sshd": "permitrootlogin no\npasswordauthentication no\n"}
EVERYONE = ["essai-passerelle", "essai-portable-1", "essai-portable-2", "essai-bureau-1", "essai-bureau-2"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = sample.workspace(tmp_path / "ws", essai=sample.FLEET)
    generate(made, "essai")
    return made


def audited(workspace: Workspace, transport: Replay, request: Request = Request()) -> Audit:  # noqa: B008 — frozen
    config, fleet = load_config(workspace), load(workspace, "essai")
    return audits.audit(workspace, config, fleet, catalogue.load(), request, transport)


def test_an_endpoint_that_cannot_be_asked_does_not_stop_the_others(workspace: Workspace) -> None:
    transport = Replay(
        {
            "essai-passerelle": GOOD_SSHD,
            "essai-portable-1": UnreachableError("no answer"),
            "essai-portable-2": NotEnrolledError("no pinned key"),
            "essai-bureau-1": HostKeyChangedError("another key"),
            "essai-bureau-2": GOOD_SSHD,
        }
    )
    found = audited(workspace, transport)
    assert [part.endpoint for part in found.endpoints] == EVERYONE
    assert [part.status.value for part in found.endpoints] == [
        "collected", "unreachable", "not_enrolled", "key_changed", "collected",
    ]  # fmt: skip
    for part in found.endpoints[1:4]:
        assert (part.evidence, part.findings) == (None, ())
        assert part.detail
    judged = {item.control: item for item in found.endpoints[0].findings}
    assert judged["ssh-root-login-refused"].verdict is Verdict.PASS
    assert judged["firewall-input-dropped"].reason == "missing"
    assert found.catalogue_digest == catalogue.load().digest


def test_limit_asks_those_endpoints_only(workspace: Workspace) -> None:
    transport = Replay({"essai-bureau-1": GOOD_SSHD})
    found = audited(workspace, transport, Request(limit="essai-bureau-1"))
    assert transport.asked == ["essai-bureau-1"]
    assert [part.endpoint for part in found.endpoints] == ["essai-bureau-1"]


def test_controls_of_a_pair_do_not_apply_to_a_machine_alone(workspace: Workspace) -> None:
    found = audited(workspace, Replay(dict.fromkeys(EVERYONE, GOOD_SSHD)))
    judged = {part.endpoint: {item.control: item for item in part.findings} for part in found.endpoints}
    assert judged["essai-bureau-1"]["rdp-encrypted"].verdict is Verdict.ERROR  # applies; the answer is missing
    assert judged["essai-bureau-2"]["rdp-encrypted"].verdict is Verdict.NOT_APPLICABLE
    assert judged["essai-portable-2"]["rdp-client-pinned"].verdict is Verdict.NOT_APPLICABLE


def test_commune_settings_change_the_judgement(workspace: Workspace) -> None:
    answer = GOOD_SSHD["sshd"] + "maxauthtries 6\nlogingracetime 60\n"
    transport = Replay({name: {"sshd": answer} for name in EVERYONE})

    def verdict() -> Verdict:
        found = audited(workspace, transport, Request(limit="essai-bureau-1"))
        return next(item.verdict for item in found.endpoints[0].findings if item.control == "ssh-attempts-limited")

    assert verdict() is Verdict.FAIL
    path = workspace.commune("essai").fleet
    path.write_text(path.read_text(encoding="utf-8") + "settings: {office_pc: {ssh_max_auth_tries: 6}}\n", "utf-8")
    assert verdict() is Verdict.PASS


def test_every_fleet_fact_exists_on_some_endpoint(workspace: Workspace) -> None:
    path = workspace.commune("essai").fleet
    path.write_text(path.read_text(encoding="utf-8") + "backup: {store: {port: 8022}}\n", "utf-8")
    config, fleet = load_config(workspace), load(workspace, "essai")
    tunnel = {"essai-portable-1": "10.77.9.2", "essai-portable-2": "10.77.9.3"}
    kept = escrow.facts(workspace.commune("essai"), (item.name for item in fleet.endpoints))
    found = {item.name: {**facts_of(config, fleet, item, tunnel), **kept[item.name]} for item in fleet.endpoints}
    assert set().union(*found.values()) == FACTS
    assert found["essai-passerelle"]["peer_networks"] == ["10.77.9.2/32", "10.77.9.3/32"]
    assert found["essai-bureau-1"]["laptop_address"] == "10.77.9.2"
    assert "laptop_address" not in found["essai-bureau-2"]


def test_result_is_kept_and_progress_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Progress] = []
    found = audits.run(workspace, ["essai"], Request(parallel=2), told.append)  # nothing is enrolled: nothing contacted
    assert [item.done for item in told] == [1, 2, 3, 4, 5]
    assert {item.status for item in told} == {EndpointStatus.NOT_ENROLLED}
    store = open_store(workspace.store_url)
    kept = store.latest("essai")
    store.close()
    assert kept is not None
    assert [part.status for part in kept.endpoints] == [part.status for part in found[0].endpoints]


def test_limit_that_matches_nothing_is_refused(workspace: Workspace) -> None:
    with pytest.raises(NothingEvaluatedError):
        audits.run(workspace, ["essai"], Request(limit="nobody-*"))


def test_unknown_profile_is_refused_before_anything_is_asked(workspace: Workspace) -> None:
    with pytest.raises(BadInputError):
        audits.run(workspace, ["essai"], Request(profile="assurance-formule-9"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], ExitCode.NOTHING_EVALUATED),  # nothing is enrolled
        (["-f", "json"], ExitCode.NOTHING_EVALUATED),
        (["-l", "nobody-*"], ExitCode.NOTHING_EVALUATED),
        (["--profile", "nothing"], ExitCode.BAD_INPUT),
        (["-c", "elsewhere"], ExitCode.BAD_INPUT),
        (["--fail-on", "terrible"], ExitCode.USAGE),
    ],
)
def test_command_line_exit_codes(workspace: Workspace, arguments: list[str], code: ExitCode) -> None:
    assert command_line(["audit", "-w", str(workspace.root), *arguments]) == code


def test_command_line_refuses_a_bad_fleet_file(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    path = workspace.commune("essai").fleet
    path.write_text(path.read_text(encoding="utf-8").replace("serial: S1", "seriel: S1"), "utf-8")
    assert command_line(["audit", "-w", str(workspace.root)]) == ExitCode.BAD_INPUT
    assert "fleet.yml" in capsys.readouterr().err


def test_command_line_refuses_an_empty_workspace(tmp_path: Path) -> None:
    (tmp_path / "nomade.yml").write_text(sample.CONFIG, encoding="utf-8")
    assert command_line(["audit", "-w", str(tmp_path)]) == ExitCode.BAD_INPUT


def test_output_goes_to_a_file_and_nothing_to_standard_output(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "result.csv"
    command_line(["audit", "-w", str(workspace.root), "-f", "csv", "-o", str(target)])
    assert capsys.readouterr().out == ""
    assert target.read_bytes().startswith(b"\xef\xbb\xbf")
    assert target.stat().st_mode & 0o007 == 0


def test_data_on_standard_output_progress_on_the_other(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    command_line(["audit", "-w", str(workspace.root), "-f", "json"])
    said = capsys.readouterr()
    assert {part["endpoint"] for part in json.loads(said.out)["reports"][0]["endpoints"]} == set(EVERYONE)
    assert "[5/5]" in said.err


def test_page_is_written_by_the_profile_of_the_audit(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    profile = "anssi-bp028-minimal"
    command_line(["audit", "-w", str(workspace.root), "-c", "essai", "--profile", profile, "-f", "json", "--page"])
    page, said = workspace.root / "reports" / "essai.html", capsys.readouterr()
    assert catalogue.load().profile(profile).title["fr"] in page.read_text(encoding="utf-8")
    assert str(page) in said.err
    assert json.loads(said.out)  # the audit's own document, and nothing else


def test_choices_of_the_command_are_those_of_the_library() -> None:
    from toolkit.cli.audit import FORMATS, SEVERITIES
    from toolkit.report import renderers

    assert tuple(item.value for item in Severity) == SEVERITIES
    assert set(FORMATS) <= set(renderers())


def test_digest_of_same_evidence_is_the_same(workspace: Workspace) -> None:
    first, second = (audited(workspace, Replay(dict.fromkeys(EVERYONE, GOOD_SSHD))) for _ in range(2))
    for one, other in zip(first.endpoints, second.endpoints, strict=True):
        assert one.evidence
        assert other.evidence
        assert one.evidence.digest == other.evidence.digest
        assert one.findings == other.findings
        assert replace(one.evidence, endpoint="x").digest != one.evidence.digest
