"""Which formula of the insurance contract a commune meets, judged on stored evidence; no machine is touched.

A formula is a profile `assurance-formule-<n>`: what it selects must be met, with its own thresholds, on every machine
of the commune. Its settings win over the commune's: an insurer does not ask what the commune asks of itself. A waiver
is the commune's, not the insurer's: it covers nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from toolkit import catalogue, escrow
from toolkit.audit import subject_of
from toolkit.catalogue import Catalogue, profile_problems
from toolkit.catalogue_files import read_folder
from toolkit.catalogue_model import Profile
from toolkit.errors import ExitCode, Problem, ProblemsError
from toolkit.evaluate import evaluate
from toolkit.finding import Verdict
from toolkit.fleet import Config, Fleet, load_all
from toolkit.fleet.addresses import load as load_addresses
from toolkit.fleet.document import suggestion
from toolkit.fleet.roles import role_variables
from toolkit.i18n import _
from toolkit.policy import freshness_days
from toolkit.pseudonyms import Pseudonyms
from toolkit.report.document import build, roster_of
from toolkit.report.model import Line, Machine, Report, State
from toolkit.store import CommuneState, EndpointState, open_store
from toolkit.workspace import Workspace

_FORMULA = re.compile(r"assurance-formule-(\d+)")


@dataclass(frozen=True, slots=True)
class Gap:
    """One machine that does not meet a criterion; without a `line` nothing is known of it on this point."""

    machine: Machine
    line: Line | None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One control of a formula: on how many of the machines it applies to it is met, and where it is not."""

    control: str
    title: str
    fix: str
    applies: int
    gaps: tuple[Gap, ...]
    lines: tuple[tuple[Machine, Line], ...]  # what is known, machine by machine: the evidence

    @property
    def met(self) -> bool:
        return self.applies > 0 and not self.gaps


@dataclass(frozen=True, slots=True)
class Formula:
    """One formula for one commune. `own` says that its thresholds come from the workspace, not from the product."""

    number: int
    title: str
    met: bool
    criteria: tuple[Criterion, ...]
    away: tuple[Machine, ...]  # known once, but silent now: nothing vouches for them
    report: Report
    own: bool


@dataclass(frozen=True, slots=True)
class Readiness:
    """A commune before its contract. `declared` is the formula that `fleet.yml` names, `reached` 0 when none is met."""

    commune: str
    name: str
    language: str
    generated_at: datetime
    declared: int | None
    formulas: tuple[Formula, ...]

    @property
    def reached(self) -> int:
        """The highest formula that is met together with all before it."""
        reached = 0
        for formula in self.formulas:
            if not formula.met:
                break
            reached = formula.number
        return reached

    @property
    def next(self) -> Formula | None:
        """The first formula that is not met."""
        return next((formula for formula in self.formulas if not formula.met), None)


def readiness(workspace: Workspace, communes: Sequence[str], language: str, now: datetime) -> list[Readiness]:
    """Return each commune before each formula, on the newest evidence of audits under the workspace's profile.

    Raises:
        BadInputError: a bad `nomade.yml`, `fleet.yml` or profile of the workspace.
        StoreError: the store cannot be read.
    """
    config, fleets = load_all(workspace, communes)
    own = frozenset(path.stem for path in (workspace.root / "profiles").glob("*.yml"))
    contract = contract_of(workspace)
    store = open_store(config.store or workspace.store_url)
    try:
        states = {fleet.commune.id: store.state(fleet.commune.id, config.profile) for fleet in fleets}
    finally:
        store.close()
    cases = []
    for fleet in fleets:
        folder = workspace.commune(fleet.commune.id)
        tunnel = load_addresses(folder.addresses, fleet).tunnel
        kept = escrow.facts(folder, (endpoint.name for endpoint in fleet.endpoints))
        state = states[fleet.commune.id]
        cases.append(_Case(config, fleet, tunnel, kept, contract, own, state, now, language))
    return [_of_commune(case) for case in cases]


def contract_of(workspace: Workspace) -> Catalogue:
    """Return the catalogue with the contract's own figures, where the workspace has any (`profiles/`).

    Raises:
        ProblemsError: a profile that cannot be read, or that sets what no role knows.
    """
    folder = workspace.root / "profiles"
    problems: list[Problem] = []
    own = read_folder(folder, Profile, problems)
    known = catalogue.load()
    contract = replace(known, profiles=dict(sorted({**known.profiles, **own}.items())))
    for profile in own.values():
        problems += [Problem(str(folder / f"{profile.id}.yml"), 1, 1, *said) for said in _wrong(profile, contract)]
    if problems:
        raise ProblemsError(problems)
    return contract


def _wrong(profile: Profile, contract: Catalogue) -> Iterator[tuple[str, str]]:
    """Yield message and hint for each thing wrong with a profile of the workspace."""
    for text in profile_problems(profile, contract):
        yield text, ""
    known = sorted(role_variables())
    for name in profile.settings:
        if name not in known:
            yield _("no role has a setting “{name}”").format(name=name), suggestion(name, known)


def formulas_of(contract: Catalogue) -> Mapping[int, str]:
    """Return the profiles that are formulas, by number."""
    found = ((_FORMULA.fullmatch(name), name) for name in contract.profiles)
    return MappingProxyType(dict(sorted((int(match[1]), name) for match, name in found if match)))


@dataclass(frozen=True, slots=True)
class _Case:
    """All that is known of one commune when it is judged."""

    config: Config
    fleet: Fleet
    tunnel: Mapping[str, str]
    escrow: Mapping[str, Mapping[str, Any]]
    contract: Catalogue
    own: frozenset[str]
    state: CommuneState
    now: datetime
    language: str


def _of_commune(case: _Case) -> Readiness:
    formulas = tuple(_formula(case, number, name) for number, name in formulas_of(case.contract).items())
    commune = case.fleet.commune
    return Readiness(commune.id, commune.name, case.language, case.now, commune.insurance_formula, formulas)


def _formula(case: _Case, number: int, profile: str) -> Formula:
    known = {
        name: _judged(case, profile, state)
        for name, state in case.state.endpoints.items()
        if name in {endpoint.name for endpoint in case.fleet.endpoints}
    }
    roster = roster_of(case.fleet, case.config.cig)
    days = freshness_days(case.config, case.fleet)
    state = CommuneState(case.fleet.commune.id, known)
    report = build(roster, case.contract, profile, state, case.now, case.language, days)
    concerned = [machine for machine in report.machines if machine.coverage.expected]
    criteria = tuple(_criterion(item.id, case, concerned) for item in case.contract.selected(profile))
    return Formula(
        number=number,
        title=report.profile_title,
        met=bool(concerned) and all(machine.state is State.COMPLIANT for machine in concerned),
        criteria=criteria,
        away=tuple(machine for machine in concerned if machine.state is State.SILENT),
        report=report,
        own=profile in case.own,
    )


def _judged(case: _Case, profile: str, state: EndpointState) -> EndpointState:
    """Return the endpoint with its newest evidence judged by this formula, its thresholds above all others."""
    if state.last is None or state.last.evidence is None:
        return state
    endpoint = case.fleet.endpoint(state.endpoint)
    subject = subject_of(case.config, case.fleet, case.contract, profile, endpoint, case.tunnel, case.escrow)
    subject = replace(subject, settings={**subject.settings, **case.contract.settings(profile)})
    findings = evaluate(case.contract, profile, state.last.evidence, subject)
    return replace(state, last=replace(state.last, findings=findings), since=MappingProxyType({}))


def _criterion(control_id: str, case: _Case, machines: Sequence[Machine]) -> Criterion:
    control = case.contract.controls[control_id]
    lines, gaps = [], []
    for machine in machines:
        line = next((item for item in machine.lines if item.control == control_id), None)
        if line is None and machine.kind not in control.applies_to:
            continue
        if line is not None and line.verdict is Verdict.NOT_APPLICABLE:
            continue
        if line is not None:
            lines.append((machine, line))
        if line is None or line.stale or line.verdict is not Verdict.PASS:
            gaps.append(Gap(machine, line))
    unmet = len([gap for gap in gaps if gap.line is None])
    fix = control.manual[case.language] if control.manual else control.fix[case.language]
    return Criterion(control_id, control.title[case.language], fix, len(lines) + unmet, tuple(gaps), tuple(lines))


def without_names(item: Readiness, names: Pseudonyms) -> Readiness:
    """Return the same without names of people and machines, and without raw outputs."""
    formulas = (
        replace(
            formula,
            report=names.report(formula.report),
            away=tuple(names.machine(machine) for machine in formula.away),
            criteria=tuple(_nameless(criterion, names) for criterion in formula.criteria),
        )
        for formula in item.formulas
    )
    return replace(item, formulas=tuple(formulas))


def _nameless(criterion: Criterion, names: Pseudonyms) -> Criterion:
    return replace(
        criterion,
        gaps=tuple(
            Gap(names.machine(gap.machine), names.line(gap.line) if gap.line else None) for gap in criterion.gaps
        ),
        lines=tuple((names.machine(machine), names.line(line)) for machine, line in criterion.lines),
    )


def exit_code(found: Sequence[Readiness]) -> ExitCode:
    """Return 0 when every commune meets the formula it declares (any formula, when it declares none)."""
    if not found:
        return ExitCode.NOTHING_EVALUATED
    met = all(item.reached >= (item.declared or 1) for item in found)
    return ExitCode.OK if met else ExitCode.NOT_COMPLIANT
