"""The past of a commune: what changed since a day, how it was on a day, and its trend."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit import catalogue
from toolkit.cli import run as command_line
from toolkit.errors import ExitCode
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Evidence, Finding, Section, SectionStatus, Verdict
from toolkit.history import trend
from toolkit.history_view import differences
from toolkit.report.commune import reports
from toolkit.report.model import State, TrendPoint
from toolkit.store import Store, open_store
from toolkit.waivers import Waiver
from toolkit.workspace import Workspace

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
CONTROL = "ssh-keys-only"
LAPTOP, OTHER, GATEWAY = "essai-portable-1", "essai-portable-2", "essai-passerelle"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return sample.workspace(tmp_path / "ws", essai=sample.FLEET)


def result(endpoint: str, at: datetime, verdict: Verdict, **others: Verdict) -> EndpointAudit:
    """Return a result whose controls are all met, but for `CONTROL` and `others`."""
    kind = "gateway" if endpoint == GATEWAY else "laptop"
    verdicts = {CONTROL: verdict, **{name.replace("_", "-"): each for name, each in others.items()}}
    findings = tuple(
        Finding(endpoint, control.id, control.severity, verdicts.get(control.id, Verdict.PASS), "compared")
        for control in catalogue.load().selected("nomade")
        if kind in control.applies_to
    )
    evidence = Evidence(endpoint, at, {"sshd": Section("sshd", SectionStatus.OK, 0, f"{at}")})
    return EndpointAudit(endpoint, kind, EndpointStatus.COLLECTED, evidence=evidence, findings=findings)


def silent(endpoint: str) -> EndpointAudit:
    return EndpointAudit(endpoint, "laptop", EndpointStatus.UNREACHABLE, "no answer")


def save(store: Store, days: float, *parts: EndpointAudit) -> None:
    at = NOW - timedelta(days=days)
    store.save(Audit("essai", "nomade", at, at, "0" * 64, parts))


def at(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return open_store(workspace.store_url)


def test_what_changed_since_a_day(workspace: Workspace, store: Store) -> None:
    save(
        store,
        10,
        result(LAPTOP, at(10), Verdict.PASS, ssh_root_login_refused=Verdict.FAIL, updates_automatic=Verdict.PASS),
        result("essai-ancien", at(10), Verdict.PASS),
    )
    save(
        store,
        2,
        result(LAPTOP, at(2), Verdict.FAIL, ssh_root_login_refused=Verdict.PASS, updates_automatic=Verdict.ERROR),
        result(OTHER, at(2), Verdict.FAIL),
    )
    (found,) = differences(workspace, ["essai"], date(2026, 11, 20), "en", NOW)
    assert [(item.endpoint, item.control) for item in found.regressed] == [(LAPTOP, CONTROL)]
    assert [(item.endpoint, item.control) for item in found.new] == [(OTHER, CONTROL)]
    assert [(item.endpoint, item.control) for item in found.fixed] == [(LAPTOP, "ssh-root-login-refused")]
    assert [(item.endpoint, item.control) for item in found.unproven] == [(LAPTOP, "updates-automatic")]
    assert (found.appeared, found.gone) == ((OTHER,), ("essai-ancien",))
    (none,) = differences(workspace, ["essai"], date(2026, 11, 23), "en", NOW)
    assert (none.regressed, none.new, none.fixed, none.unproven, none.appeared) == ((),) * 5


def test_evidence_that_became_too_old_is_not_proven_any_more(workspace: Workspace, store: Store) -> None:
    save(store, 32, result(LAPTOP, at(32), Verdict.FAIL))
    (found,) = differences(workspace, ["essai"], date(2026, 10, 30), "en", NOW)
    assert found.fixed == found.new == found.regressed == ()
    assert {item.before for item in found.unproven} == {Verdict.PASS}
    assert CONTROL not in {item.control for item in found.unproven}  # old evidence still accuses


def test_the_state_as_of_a_past_day_is_what_was_known_then(workspace: Workspace, store: Store) -> None:
    save(store, 40, result(LAPTOP, at(40), Verdict.PASS), silent(OTHER))
    save(store, 1, result(LAPTOP, at(1), Verdict.FAIL), result(OTHER, at(1), Verdict.PASS))
    (then,) = reports(workspace, ["essai"], "en", NOW, as_of=date(2026, 10, 16))
    states = {machine.name: machine.state for machine in then.machines}
    assert (states[LAPTOP], states[OTHER]) == (State.COMPLIANT, State.NEVER)
    assert then.as_of
    assert then.generated_at == datetime(2026, 10, 16, 21, 59, 59, tzinfo=UTC)  # Paris, in summer
    (later,) = reports(workspace, ["essai"], "en", NOW, as_of=date(2026, 11, 20))
    assert {machine.name: machine.state for machine in later.machines}[LAPTOP] is State.STALE
    (now,) = reports(workspace, ["essai"], "en", NOW, as_of=date(2026, 11, 24))
    assert not now.as_of
    assert {machine.name: machine.state for machine in now.machines}[LAPTOP] is not State.COMPLIANT


def test_a_waiver_that_is_history_today_still_covers_the_past(workspace: Workspace, store: Store) -> None:
    """The machine it names may be gone from the fleet by now."""
    save(store, 12, result(LAPTOP, at(12), Verdict.FAIL))
    workspace.commune("essai").waivers.write_text(
        f"waivers:\n  - {{control: {CONTROL}, endpoints: [{LAPTOP}, gone], reason: r, approver: a, "
        'since: "2026-11-01", until: "2026-11-20"}\n',
        encoding="utf-8",
    )
    lines = []
    for day in (None, date(2026, 11, 15)):
        (found,) = reports(workspace, ["essai"], "en", NOW, as_of=day)
        machine = next(item for item in found.machines if item.name == LAPTOP)
        lines.append(next(line for line in machine.lines if line.control == CONTROL))
    assert [line.waived for line in lines] == [False, True]


def test_the_age_limit_is_the_option_then_the_commune_then_the_workspace(workspace: Workspace, store: Store) -> None:
    save(store, 20, result(LAPTOP, at(20), Verdict.PASS))

    def state(max_age: int | None = None) -> State:
        (found,) = reports(workspace, ["essai"], "en", NOW, max_age=max_age)
        return {machine.name: machine.state for machine in found.machines}[LAPTOP]

    assert state() is State.COMPLIANT  # 30 days of nomade.yml
    fleet = workspace.commune("essai").fleet
    fleet.write_text(fleet.read_text(encoding="utf-8").replace('"99003"', '"99003"\n  freshness_days: 15'), "utf-8")
    assert state() is State.STALE
    assert state(25) is State.COMPLIANT


# The trend


def points(store: Store, *, since: date = date(2026, 1, 1), waivers: tuple[Waiver, ...] = ()) -> list[TrendPoint]:
    controls = [waiver.control for waiver in waivers]
    found = trend(
        store.seen("essai", "nomade"),
        [LAPTOP, OTHER, GATEWAY],
        30,
        since=since,
        until=NOW,
        waivers=waivers,
        failed_of=store.failed_of("essai", controls),
    )
    return list(found)


def test_the_trend_has_one_point_a_day_and_agrees_with_the_report_of_that_day(store: Store) -> None:
    save(store, 60, result(LAPTOP, at(60), Verdict.FAIL), silent(OTHER))
    save(store, 20.1, result(LAPTOP, at(20.1), Verdict.FAIL), result(OTHER, at(20.1), Verdict.ERROR))
    save(store, 20, result(LAPTOP, at(20), Verdict.PASS))
    save(store, 1, silent(OTHER), result(GATEWAY, at(1), Verdict.PASS))
    found = points(store)
    assert [point.day for point in found] == [date(2026, 9, 25), date(2026, 11, 4), date(2026, 11, 23)]
    assert [(p.endpoints, p.compliant, p.failing, p.unknown) for p in found] == [
        (2, 0, 1, 1),
        (2, 1, 0, 1),
        (3, 2, 0, 1),
    ]
    assert [point.failed for point in found] == [1, 0, 0]
    assert [point.day for point in points(store, since=date(2026, 11, 23))] == [date(2026, 11, 23)]


def test_old_evidence_is_unknown_in_the_trend(store: Store) -> None:
    save(store, 60, result(LAPTOP, at(60), Verdict.PASS))
    save(store, 1, result(OTHER, at(1), Verdict.PASS))
    last = points(store)[-1]
    assert (last.endpoints, last.compliant, last.unknown) == (2, 1, 1)


def test_a_waiver_shows_in_the_trend_only_while_it_lasts(store: Store) -> None:
    for days in (9, 5, 1):
        save(store, days, result(LAPTOP, at(days), Verdict.FAIL))
    waiver = Waiver.model_validate(
        {"control": CONTROL, "reason": "r", "approver": "a", "since": "2026-11-17", "until": "2026-11-20"}
    )
    assert [(p.compliant, p.failing, p.failed, p.waived) for p in points(store, waivers=(waiver,))] == [
        (0, 1, 1, 0),
        (1, 0, 1, 1),
        (0, 1, 1, 0),
    ]


def test_judging_again_does_not_change_the_past(store: Store) -> None:
    first = result(LAPTOP, at(9), Verdict.PASS)
    save(store, 9, first)
    again = replace(result(LAPTOP, at(9), Verdict.FAIL), evidence=first.evidence, rejudged_at=at(1))
    save(store, 1, again)
    assert [(p.day.day, p.compliant, p.failing) for p in points(store)] == [(15, 1, 0), (23, 0, 1)]


def test_a_machine_that_left_counts_until_its_last_audit(store: Store) -> None:
    save(store, 50, result("essai-ancien", at(50), Verdict.PASS), result(LAPTOP, at(50), Verdict.PASS))
    save(store, 1, result(LAPTOP, at(1), Verdict.PASS))
    assert [point.endpoints for point in points(store)] == [2, 1]


# The command


def test_the_command_tells_what_changed(workspace: Workspace, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    today = datetime.now(UTC)
    for days, verdict in ((10, Verdict.PASS), (1, Verdict.FAIL)):
        moment = today - timedelta(days=days)
        store.save(Audit("essai", "nomade", moment, moment, "0" * 64, (result(LAPTOP, moment, verdict),)))
    arguments = ["report", "diff", "-w", str(workspace.root), "--since", f"{today - timedelta(days=5):%Y-%m-%d}"]
    assert command_line(arguments) == ExitCode.OK
    assert CONTROL in capsys.readouterr().out
    assert command_line([*arguments, "-f", "json"]) == ExitCode.OK
    (found,) = json.loads(capsys.readouterr().out)["differences"]
    assert [item["control"] for item in found["regressed"]] == [CONTROL]
    tomorrow = f"{today + timedelta(days=2):%Y-%m-%d}"
    assert command_line([*arguments[:4], "--since", tomorrow]) == ExitCode.BAD_INPUT
    assert command_line(["status", "-w", str(workspace.root), "--as-of", tomorrow]) == ExitCode.BAD_INPUT
