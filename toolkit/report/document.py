"""Build a report from what is declared, what is known and what the controls say. Pure: no clock, disk or network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from toolkit import declared
from toolkit.catalogue import Catalogue
from toolkit.catalogue_model import Control
from toolkit.finding import Audit, EndpointAudit, Finding, Verdict
from toolkit.report import judgement
from toolkit.report.actions import actions
from toolkit.report.deviations import deviations
from toolkit.report.model import Coverage, Line, Machine, Post, Report, TrendPoint, WaiverUse
from toolkit.report.roster import Roster, RosterContact, RosterPost
from toolkit.store.state import CommuneState, EndpointState
from toolkit.waivers import Standing, Waiver, covering

if TYPE_CHECKING:
    from toolkit.fleet import Cig, Fleet


def roster_of(fleet: Fleet, cig: Cig | None = None) -> Roster:
    """Return the names, pairings and contacts of a fleet; every post goes through the commune's one gateway."""
    organisations = [(fleet.commune.name, fleet.commune.contacts)]
    if cig is not None:
        organisations.insert(0, (cig.name, cig.contacts))
    return Roster(
        fleet.commune.id,
        fleet.commune.name,
        {endpoint.name: endpoint.kind.value for endpoint in fleet.endpoints},
        tuple(
            RosterPost(fleet.teleworker(post.teleworker).name, post.laptop, post.office_pc, fleet.gateway.name)
            for post in fleet.posts
        ),
        tuple(
            RosterContact(contact.name, contact.role, organisation, contact.phone, contact.email)
            for organisation, contacts in organisations
            for contact in contacts
        ),
        sum(not machine.is_managed for machine in fleet.machines),
    )


def build(
    roster: Roster,
    catalogue: Catalogue,
    profile: str,
    state: CommuneState,
    now: datetime,
    language: str,
    freshness_days: int | None,
    *,
    history: bool = True,
    waivers: Sequence[Waiver] = (),
    trend: Sequence[TrendPoint] = (),
    as_of: bool = False,
) -> Report:
    """Return the report of one commune; without `history`, `state` is that of one run only.

    With `as_of`, `state` and `now` are those of a past moment: controls that nobody asked then are not missed.

    Only machines of the roster are in it, each of them, known or not. Controls of the profile that its newest evidence
    says nothing of count as not checked; evidence older than `freshness_days` (None: no limit) is stale.

    Raises:
        BadInputError: an unknown profile.
    """
    controls = {control.id: control for control in catalogue.selected(profile)}
    builder = _Builder(roster, catalogue, controls, now, language, freshness_days, history, waivers, as_of)
    machines = {
        name: builder.machine(name, kind, state.endpoints.get(name)) for name, kind in sorted(roster.machines.items())
    }
    ordered = tuple(sorted(machines.values(), key=lambda item: (item.state.rank, item.name)))
    posts = (_post(post, machines) for post in roster.posts)
    return Report(
        commune=roster.commune,
        name=roster.name,
        language=language,
        profile=profile,
        profile_title=catalogue.profile(profile).title[language],
        catalogue_digest=catalogue.digest,
        generated_at=now,
        freshness_days=freshness_days,
        state=judgement.worst_state(machine.state for machine in ordered),
        coverage=sum((machine.coverage for machine in ordered), Coverage()),
        actions=actions(ordered, language),
        posts=tuple(sorted(posts, key=lambda post: (post.state.rank, post.teleworker))),
        machines=ordered,
        deviations=deviations(language, roster.windows),
        contacts=roster.contacts,
        waivers=_uses(waivers, Standing.ACTIVE, catalogue, ordered, now, language),
        expired_waivers=_uses(waivers, Standing.EXPIRED, catalogue, ordered, now, language),
        trend=tuple(trend),
        as_of=as_of,
    )


def _uses(
    waivers: Sequence[Waiver],
    standing: Standing,
    catalogue: Catalogue,
    machines: Sequence[Machine],
    now: datetime,
    language: str,
) -> tuple[WaiverUse, ...]:
    """Return the waivers that stand so at `now`, those that end first first."""
    chosen = (item for item in waivers if item.standing(now) is standing)
    return tuple(
        WaiverUse(item, _title(catalogue, item.control, language), _failing(item, machines))
        for item in sorted(chosen, key=lambda item: (item.until, item.control))
    )


def _title(catalogue: Catalogue, control: str, language: str) -> str:
    return catalogue.controls[control].title[language] if control in catalogue.controls else control


def _failing(waiver: Waiver, machines: Sequence[Machine]) -> tuple[str, ...]:
    return tuple(
        sorted(
            machine.name
            for machine in machines
            for line in machine.lines
            if line.verdict is Verdict.FAIL and waiver.applies_to(line.control, machine.name, machine.kind)
        )
    )


def of_run(
    audit: Audit,
    catalogue: Catalogue,
    language: str,
    now: datetime,
    freshness_days: int | None,
    waivers: Sequence[Waiver] = (),
) -> Report:
    """Return the report of one run of the audit: its own machines only, without posts and without history."""
    roster = Roster(audit.commune, audit.commune, {part.endpoint: part.kind for part in audit.endpoints})
    known = {
        part.endpoint: EndpointState(
            part.endpoint,
            part.status,
            part.evidence.collected_at if part.rejudged_at and part.evidence else audit.finished_at,
            part.detail,
            part if part.evidence else None,
        )
        for part in audit.endpoints
    }
    state = CommuneState(audit.commune, known)
    report = build(
        roster, catalogue, audit.profile, state, now, language, freshness_days, history=False, waivers=waivers
    )
    return replace(report, partial=audit.partial)


class _Builder:
    """What is the same for all machines of one report."""

    def __init__(
        self,
        roster: Roster,
        catalogue: Catalogue,
        controls: Mapping[str, Control],
        now: datetime,
        language: str,
        freshness_days: int | None,
        history: bool,
        waivers: Sequence[Waiver],
        as_of: bool,
    ) -> None:
        self._roster = roster
        self._catalogue = catalogue
        self._controls = controls
        self._now = now
        self._language = language
        self._freshness_days = freshness_days
        self._history = history
        self._as_of = as_of
        self._said: dict[str, tuple[str, str, str, tuple[tuple[str, tuple[str, ...]], ...], str | None]] = {}
        self._alike: dict[tuple[object, ...], Line] = {}  # each keeps its checks alive, by whose identity it is found
        self._by_kind: dict[str, list[Control]] = {}
        self._waivers: dict[str, list[Waiver]] = {}
        for item in waivers:
            self._waivers.setdefault(item.control, []).append(item)

    def machine(self, name: str, kind: str, known: EndpointState | None) -> Machine:
        last = known.last if known else None
        evidence = last.evidence if last else None
        stale = evidence is not None and judgement.is_stale(evidence.collected_at, self._now, self._freshness_days)
        lines = self._lines(known, last, kind, stale) if known and last else ()
        state = judgement.machine_state(known, lines, stale=stale, history=self._history)
        return Machine(
            name=name,
            kind=kind,
            state=state,
            coverage=judgement.coverage(lines, unknown=0 if last else len(self._applying(kind))),
            attempt=known.attempt if known else None,
            attempt_detail=known.attempt_detail if known else "",
            attempted_at=known.attempted_at if known else None,
            since=judgement.machine_since(state, known, lines),
            collected_at=evidence.collected_at if evidence else None,
            digest=evidence.digest if evidence else None,
            sections=tuple(part for _name, part in sorted(evidence.sections.items())) if evidence else (),
            lines=lines,
            teleworker=self._roster.teleworker(name),
            rejudged_at=last.rejudged_at if last else None,
        )

    def _applying(self, kind: str) -> list[Control]:
        if kind not in self._by_kind:
            self._by_kind[kind] = [control for control in self._controls.values() if kind in control.applies_to]
        return self._by_kind[kind]

    def _lines(self, known: EndpointState, last: EndpointAudit, kind: str, stale: bool) -> tuple[Line, ...]:
        found = {finding.control: finding for finding in last.findings if finding.control in self._controls}
        for control in () if self._as_of else self._applying(kind):
            # A control that is newer than the evidence's judgement was not met by it: nobody looked.
            if control.id not in found:
                found[control.id] = Finding(last.endpoint, control.id, control.severity, Verdict.ERROR, "not_asked")
        judged = [declared.as_of(finding, self._now.date()) for finding in found.values()]
        lines = [self._line(finding, kind, known.since.get(finding.control), stale) for finding in judged]
        return tuple(sorted(lines, key=_line_order))

    def _line(self, finding: Finding, kind: str, since: datetime | None, stale: bool) -> Line:
        waivers = self._waivers.get(finding.control)
        if since is not None or waivers:
            return self._made(finding, kind, since, stale, waivers)
        # Of one run nothing else is said of a machine: those that answer alike (toolkit/evaluate.py) share the line.
        said = (finding.control, finding.severity, finding.verdict, finding.reason, finding.probe, finding.detail)
        key = (*said, id(finding.checks), finding.stale or stale)
        if key not in self._alike:
            self._alike[key] = self._made(finding, kind, None, stale)
        return self._alike[key]

    def _made(
        self, finding: Finding, kind: str, since: datetime | None, stale: bool, waivers: Sequence[Waiver] | None = None
    ) -> Line:
        waiver = covering(waivers, finding.control, finding.endpoint, kind, self._now) if waivers else None
        title, why, fix, references, role = self._words(finding.control)
        return Line(
            control=finding.control,
            title=title,
            why=why,
            fix=fix,
            severity=finding.severity,
            verdict=finding.verdict,
            reason=finding.reason,
            checks=finding.checks,
            references=references,
            role=role,
            probe=finding.probe,
            detail=finding.detail,
            waived=waiver is not None and finding.verdict is Verdict.FAIL,
            stale=finding.stale or stale,
            since=since,
            waiver=waiver,
        )

    def _words(self, name: str) -> tuple[str, str, str, tuple[tuple[str, tuple[str, ...]], ...], str | None]:
        """Return what a control says of itself, the same for all machines: title, why, fix, references, role."""
        if name not in self._said:
            control, language = self._controls[name], self._language
            references = tuple(
                (self._catalogue.references[document].title[language], tuple(items))
                for document, items in sorted(control.references.items())
            )
            fix = control.manual[language] if control.manual else control.fix[language]
            self._said[name] = control.title[language], control.why[language], fix, references, control.role
        return self._said[name]


_VERDICTS = (Verdict.FAIL, Verdict.ERROR, Verdict.MANUAL, Verdict.PASS, Verdict.NOT_APPLICABLE)
_VERDICT_ORDER = {verdict: place for place, verdict in enumerate(_VERDICTS)}


def _line_order(line: Line) -> tuple[int, bool, int, str]:
    return _VERDICT_ORDER[line.verdict], line.waived, -line.severity.rank, line.control


def _post(post: RosterPost, machines: Mapping[str, Machine]) -> Post:
    laptop, office_pc, gateway = (
        machines.get(name) if name else None for name in (post.laptop, post.office_pc, post.gateway)
    )
    parts = [part for part in (laptop, office_pc, gateway) if part is not None]
    state = judgement.worst_state(part.state for part in parts)
    return Post(post.teleworker, state, judgement.post_since(state, parts), laptop, office_pc, gateway)
