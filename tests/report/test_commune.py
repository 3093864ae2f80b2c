"""`nomade report` and `nomade status` on a workspace: right files, right modes, right exit codes, communes apart."""

from __future__ import annotations

import csv
import io
import json
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from toolkit import catalogue, paths
from toolkit.cli import run
from toolkit.errors import ExitCode
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Evidence, Finding, Section, SectionStatus, Verdict
from toolkit.fleet import load, load_config
from toolkit.store import open_store
from toolkit.workspace import Workspace

ONE, OTHER = "pontlierre", "valsorbe"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    root = tmp_path / "demo"
    shutil.copytree(paths.demo_dir(), root, ignore=shutil.ignore_patterns(".nomade", "reports"))
    monkeypatch.chdir(root)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return Workspace(root)


def keep(
    workspace: Workspace, commune: str, verdict: Verdict = Verdict.PASS, *, days: int = 0, silent: str = ""
) -> None:
    """Save an audit of a commune whose automatic controls all have one verdict."""
    profile, at = load_config(workspace).profile, datetime.now(UTC) - timedelta(days=days)
    parts = []
    for endpoint in load(workspace, commune).endpoints:
        kind = endpoint.kind.value
        if endpoint.name == silent:
            parts.append(EndpointAudit(endpoint.name, kind, EndpointStatus.UNREACHABLE, "no answer"))
            continue
        findings = tuple(
            Finding(
                endpoint.name,
                control.id,
                control.severity,
                Verdict.MANUAL if control.manual else verdict if kind in control.applies_to else Verdict.NOT_APPLICABLE,
                "compared",
            )
            for control in catalogue.load().selected(profile)
        )
        evidence = Evidence(endpoint.name, at, {"sshd": Section("sshd", SectionStatus.OK, 0, "port 22")})
        parts.append(EndpointAudit(endpoint.name, kind, EndpointStatus.COLLECTED, "", evidence, findings))
    store = open_store(workspace.store_url)
    store.save(Audit(commune, profile, at, at, catalogue.load().digest, tuple(parts)))
    store.close()


def test_the_page_of_each_commune_has_its_own_private_file(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(workspace, ONE)
    keep(workspace, OTHER, Verdict.FAIL)
    assert run(["report", "commune"]) == ExitCode.OK
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert files == [workspace.root / "reports" / f"{commune}.html" for commune in (ONE, OTHER)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o640}
    assert OTHER not in files[0].read_text()
    assert ONE not in files[1].read_text()
    assert "conforme" in files[0].read_text()
    assert (workspace.root / "reports" / ".gitignore").read_text() == "*\n"


def test_formats_and_targets(workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(workspace, ONE)
    assert run(["report", "commune", "-c", ONE, "-f", "json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["reports"][0]["state"] == "uncertain"  # declarations are missing
    assert run(["report", "commune", "-c", ONE, "-f", "csv", "-o", str(tmp_path / "a.csv")]) == ExitCode.OK
    rows = list(csv.reader(io.StringIO((tmp_path / "a.csv").read_text("utf-8-sig")), delimiter=";"))
    assert len(rows) > 100
    assert run(["report", "commune", "-f", "table", "-o", str(tmp_path)]) == ExitCode.OK
    assert {path.name for path in tmp_path.glob("*.txt")} == {f"{ONE}.txt", f"{OTHER}.txt"}


def test_communes_never_share_a_document(workspace: Workspace, tmp_path: Path) -> None:
    assert run(["report", "commune", "-f", "json"]) == ExitCode.USAGE
    assert run(["report", "commune", "-f", "json", "-o", str(tmp_path / "all.json")]) == ExitCode.BAD_INPUT
    assert not (tmp_path / "all.json").exists()


def test_a_target_that_cannot_be_written_is_one_line(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "commune", "-c", ONE, "-o", str(tmp_path / "absent" / "a.html")]) == ExitCode.BAD_INPUT
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_report_of_one_post_names_nobody_else(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = load(workspace, ONE)
    keep(workspace, ONE)
    laptop = fleet.laptops[0].name
    assert run(["report", "post", laptop, "-f", "json"]) == ExitCode.OK
    shown = json.loads(capsys.readouterr().out)["reports"][0]
    post = fleet.post_of(laptop)
    assert post is not None
    assert {item["endpoint"] for item in shown["endpoints"]} == {laptop, post.office_pc, fleet.gateway.name}
    assert run(["report", "post", laptop]) == ExitCode.OK
    assert capsys.readouterr().out.strip() == str(workspace.root / "reports" / ONE / f"{laptop}.html")


def test_the_report_of_an_unknown_host_is_nothing_evaluated(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "post", "absent"]) == ExitCode.NOTHING_EVALUATED
    assert "absent" in capsys.readouterr().err


def test_status_of_a_compliant_commune_is_0(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    keep(workspace, ONE)
    assert run(["status", "-c", ONE]) == ExitCode.OK
    assert "conforme" in capsys.readouterr().out


def test_status_never_asked_is_3_and_the_worst_commune_decides(workspace: Workspace) -> None:
    assert run(["status"]) == ExitCode.NOTHING_EVALUATED
    keep(workspace, ONE)
    assert run(["status"]) == ExitCode.NOTHING_EVALUATED
    keep(workspace, OTHER, Verdict.FAIL)
    assert run(["status"]) == ExitCode.NOT_COMPLIANT


def test_status_of_failures_and_of_errors_is_2(workspace: Workspace) -> None:
    for verdict in (Verdict.FAIL, Verdict.ERROR):
        keep(workspace, ONE, Verdict.PASS, days=1)
        keep(workspace, ONE, verdict)
        expected = ExitCode.NOTHING_EVALUATED if verdict is Verdict.ERROR else ExitCode.NOT_COMPLIANT
        assert run(["status", "-c", ONE]) == expected


def test_status_of_a_silent_laptop_or_of_old_evidence_is_4(workspace: Workspace) -> None:
    keep(workspace, ONE, days=40)
    assert run(["status", "-c", ONE]) == ExitCode.UNREACHABLE
    keep(workspace, ONE, silent=load(workspace, ONE).laptops[0].name)
    assert run(["status", "-c", ONE]) == ExitCode.UNREACHABLE


def test_status_has_no_colour_away_from_a_terminal(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    keep(workspace, ONE, Verdict.FAIL)
    run(["status", "-c", ONE])
    assert "\x1b" not in capsys.readouterr().out
