"""Audit: collect from the endpoints of a commune, evaluate, and say what it means for the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit import catalogue, declared, escrow, settings
from toolkit.catalogue import Catalogue
from toolkit.collect import PARALLEL, Failure, collect
from toolkit.errors import BadInputError, ExitCode, NothingEvaluatedError, worst
from toolkit.evaluate import Subject, evaluate, probes_for
from toolkit.files import write_atomically
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Evidence, Severity, Verdict
from toolkit.fleet import Config, Fleet, load_all
from toolkit.fleet.addresses import load as load_addresses
from toolkit.fleet.declarations import declarations_for
from toolkit.fleet.model import Endpoint
from toolkit.fleet_facts import facts_of
from toolkit.i18n import _
from toolkit.policy import Policy, overlaid
from toolkit.probes import Probe, registry
from toolkit.reach import routes
from toolkit.report import Look, render
from toolkit.report.document import of_run
from toolkit.store import Store, open_store
from toolkit.transport.base import Transport
from toolkit.transport.ssh import SshTransport
from toolkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Progress:
    """One endpoint is done: the `done`-th of `total` in this commune."""

    commune: str
    endpoint: str
    status: EndpointStatus
    detail: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Request:
    """What to audit: `profile` None means the workspace's, `limit` None every endpoint."""

    profile: str | None = None
    limit: str | None = None
    parallel: int = PARALLEL


@dataclass(frozen=True, slots=True)
class _Target:
    endpoint: Endpoint
    subject: Subject
    probes: Sequence[Probe]


OnProgress = Callable[[Progress], None]


def run(
    workspace: Workspace, communes: Sequence[str], request: Request, on_progress: OnProgress = lambda _progress: None
) -> list[Audit]:
    """Audit each commune, as `each` does, and return all."""
    return list(each(workspace, communes, request, on_progress))


def each(
    workspace: Workspace, communes: Sequence[str], request: Request, on_progress: OnProgress = lambda _progress: None
) -> Iterator[Audit]:
    """Audit commune by commune and keep each endpoint's result in the store as soon as it is there.

    A limit may match in some of the communes only; the others are left out. Who lets go of one commune's audit before
    the next never has more than one in memory.

    Raises:
        BadInputError: a bad file, an unknown profile or an unusable key; nothing was collected yet.
        NothingEvaluatedError: the limit matches no endpoint of any commune.
        StoreError: the store cannot be used.
    """
    config, fleets = load_all(workspace, communes)
    known = catalogue.load()
    known.profile(request.profile or config.profile)
    chosen = matching(fleets, request.limit)
    store = open_store(config.store or workspace.store_url)
    try:
        with SshTransport() as transport:
            for fleet in chosen:
                yield audit(workspace, config, fleet, known, request, transport, on_progress, store)
    finally:
        store.close()


def matching(fleets: Sequence[Fleet], limit: str | None) -> list[Fleet]:
    """Return the communes in which the limit matches something.

    Raises:
        NothingEvaluatedError: there is none.
    """
    chosen, last = [], NothingEvaluatedError(_("no commune to audit"))
    for fleet in fleets:
        try:
            fleet.select(limit)
            chosen.append(fleet)
        except NothingEvaluatedError as error:
            last = error
    if not chosen:
        raise last
    return chosen


def audit(
    workspace: Workspace,
    config: Config,
    fleet: Fleet,
    known: Catalogue,
    request: Request,
    transport: Transport,
    on_progress: OnProgress = lambda _progress: None,
    store: Store | None = None,
) -> Audit:
    """Return one audit of (part of) one commune; an endpoint that cannot be asked does not stop the others.

    With a store, an endpoint is kept there before `on_progress` hears of it; cut off, the run stays as partial.

    Raises:
        BadInputError: an unknown profile, an unusable key, or no tunnel address for a laptop that is away.
        NothingEvaluatedError: the limit matches no endpoint.
    """
    profile = request.profile or config.profile
    started = datetime.now(UTC)
    tunnel = load_addresses(workspace.commune(fleet.commune.id).addresses, fleet).tunnel
    endpoints = fleet.select(request.limit)
    kept = escrow.facts(workspace.commune(fleet.commune.id), (endpoint.name for endpoint in endpoints))
    targets = {
        endpoint.name: _target(
            known, profile, endpoint, subject_of(config, fleet, known, profile, endpoint, tunnel, kept)
        )
        for endpoint in endpoints
    }
    ways = routes(workspace, fleet, endpoints, config=config, tunnel=tunnel)
    probes = {name: target.probes for name, target in targets.items()}
    parts: dict[str, EndpointAudit] = {}
    begun = Audit(fleet.commune.id, profile, started, started, known.digest, expected=len(fleet.endpoints))
    recording = store.begin(begun) if store else None
    for name, answer in collect(probes, ways.values(), transport, parallel=request.parallel):
        parts[name] = part = _part(known, profile, targets[name], answer)
        if recording:
            recording.add([part], datetime.now(UTC))
        on_progress(Progress(fleet.commune.id, name, part.status, part.detail, len(parts), len(targets)))
    finished = datetime.now(UTC)
    if recording:
        recording.finish(finished)
    return replace(begun, finished_at=finished, endpoints=tuple(parts[name] for name in targets))


def subject_of(
    config: Config,
    fleet: Fleet,
    known: Catalogue,
    profile: str,
    endpoint: Endpoint,
    tunnel: Mapping[str, str],
    kept: Mapping[str, Mapping[str, Any]] | None = None,
) -> Subject:
    """Return what the control machine knows of an endpoint, the values that provision it among them.

    `tunnel`: tunnel addresses by name; `kept`: what is in escrow, by name (`escrow.facts`); without
    it controls that compare with the escrow end in error.
    """
    effective = settings.effective(fleet, endpoint.name, known.settings(profile))
    values = {name: setting.value for name, setting in effective.items()}
    facts = {**facts_of(config, fleet, endpoint, tunnel), **(kept or {}).get(endpoint.name, {})}
    return Subject(endpoint.name, endpoint.kind.value, values, facts, declarations_for(fleet, endpoint))


def _target(known: Catalogue, profile: str, endpoint: Endpoint, subject: Subject) -> _Target:
    # An endpoint of which the profile asks nothing is asked its name anyway: whether it answers is part of the result.
    probes = probes_for(known, profile, subject) or (registry()["operating_system"],)
    return _Target(endpoint, subject, probes)


def _part(known: Catalogue, profile: str, target: _Target, answer: Evidence | Failure) -> EndpointAudit:
    name, kind = target.endpoint.name, target.endpoint.kind.value
    if isinstance(answer, Failure):
        return EndpointAudit(name, kind, answer.status, answer.detail)
    findings = evaluate(known, profile, answer, target.subject)
    return EndpointAudit(name, kind, EndpointStatus.COLLECTED, "", answer, findings)


def exit_code(audits: Iterable[Audit], fail_on: Severity = Severity.LOW) -> ExitCode:
    """Return the exit code of these audits; the worst commune decides.

    `OK` only when controls were measured, every endpoint answered, nothing at or above `fail_on` fails (unless
    waived), no control ended in error and no evidence is stale (`toolkit.policy.overlaid` marks what is waived and
    stale). No audit at all is `NOTHING_EVALUATED`.
    """
    return worst(_commune_code(item, fail_on) for item in audits)


def _commune_code(item: Audit, fail_on: Severity) -> ExitCode:
    findings = [finding for part in item.endpoints for finding in part.findings]
    judged = (finding for finding in findings if finding.verdict in (Verdict.PASS, Verdict.FAIL))
    if all(finding.reason in declared.REASONS for finding in judged):  # words alone: nothing was measured
        return ExitCode.NOTHING_EVALUATED
    for finding in findings:
        fails = finding.verdict is Verdict.FAIL and not finding.waived and finding.severity.rank >= fail_on.rank
        if fails or finding.verdict is Verdict.ERROR:
            return ExitCode.NOT_COMPLIANT
    silent = any(part.status is not EndpointStatus.COLLECTED for part in item.endpoints)
    if silent or any(finding.stale for finding in findings):
        return ExitCode.UNREACHABLE
    return ExitCode.OK


def outcome(
    audits: Sequence[Audit],
    policies: Mapping[str, Policy],
    format_name: str,
    language: str,
    output: Path | None,
    look: Look,
    fail_on: Severity = Severity.LOW,
) -> tuple[str | bytes | None, ExitCode]:
    """Return what these audits found in one format, and their exit code; with `output` (0640) the text goes there.

    `policies`: by commune; what is accepted and what is too old shows as such, and counts as such for the code.

    Raises:
        BadInputError: an unknown format, or a file that cannot be written.
    """
    known, now = catalogue.load(), datetime.now(UTC)
    reports, laid = [], []
    for item in audits:
        policy = policies.get(item.commune, Policy())
        reports.append(of_run(item, known, language, now, policy.freshness_days, policy.waivers))
        laid.append(overlaid(item, policy, now))
    text, code = render(reports, format_name, look), exit_code(laid, fail_on)
    if output is None:
        return text, code
    try:
        write_atomically(output, text, 0o640)
    except OSError as error:
        raise BadInputError(
            _("{file}: cannot write the result: {error}").format(file=output, error=error.strerror)
        ) from error
    return None, code
