"""Judge stored evidence again, with today's controls and settings, without touching any endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from toolkit import catalogue, escrow, paris
from toolkit.audit import Progress, Request, matching, subject_of
from toolkit.catalogue import Catalogue
from toolkit.errors import BadInputError
from toolkit.evaluate import Subject, evaluate
from toolkit.evidence_file import EvidenceFile
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Evidence
from toolkit.fleet import Config, Fleet, load_all
from toolkit.fleet.addresses import load as load_addresses
from toolkit.i18n import _
from toolkit.store import Recording, Store, open_store
from toolkit.store.batches import batches
from toolkit.workspace import Workspace

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Source:
    """Where evidence comes from: the store as it was at the end of `day` (in Paris), or `file`."""

    day: date | None = None
    file: EvidenceFile | None = None


def source_of(text: str, today: date) -> Source:
    """Return what `--from` means: a day, else a file.

    Raises:
        BadInputError: a day to come, or a file that is none of ours.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return Source(file=EvidenceFile(Path(text)))
    if day > today:
        raise BadInputError(_("{date} is in the future").format(date=day))
    return Source(day)


def each(
    workspace: Workspace,
    communes: Sequence[str],
    request: Request,
    source: Source,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> Iterator[Audit]:
    """Judge again what is known, commune by commune.

    What came from the store is kept there as judged again, at the age its evidence has; what came from a file is not.
    Endpoints without evidence are in the result as not reached.

    Raises:
        BadInputError: a bad file, an unknown profile, evidence of another commune.
        NothingEvaluatedError: the limit matches no endpoint of any commune.
        StoreError: the store cannot be used.
    """
    config, fleets = load_all(workspace, communes)
    known = catalogue.load()
    known.profile(request.profile or config.profile)
    chosen = matching(fleets, request.limit)
    if source.file is not None:
        chosen = _of_file(chosen, source.file)
    store = open_store(config.store or workspace.store_url)
    try:
        for fleet in chosen:
            yield _commune(Judge(workspace, config, fleet, known, request), store, source, on_progress)
    finally:
        store.close()


def _of_file(fleets: Sequence[Fleet], file: EvidenceFile) -> list[Fleet]:
    found = [fleet for fleet in fleets if fleet.commune.id == file.commune]
    if not found:
        names = ", ".join(fleet.commune.id for fleet in fleets)
        message = _("the evidence is of commune “{found}”, not of {wanted}")
        raise BadInputError(message.format(found=file.commune, wanted=names))
    return found


class Judge:
    """Judges the evidence of one commune."""

    def __init__(self, workspace: Workspace, config: Config, fleet: Fleet, known: Catalogue, request: Request) -> None:
        self.commune, self.wide, self.size = fleet.commune.id, config.profile, len(fleet.endpoints)
        self.profile = request.profile or config.profile
        self.known = known
        self.started = datetime.now(UTC)
        self._subjects = _subjects(workspace, config, fleet, known, self.profile, request.limit)

    @property
    def names(self) -> list[str]:
        return list(self._subjects)

    def parts(self, evidence: Iterable[Evidence]) -> Iterator[EndpointAudit]:
        """Yield what each piece of evidence says now; that of endpoints that are not asked for is left out."""
        for item in evidence:
            subject = self._subjects.get(item.endpoint)
            if subject is not None:
                findings = evaluate(self.known, self.profile, item, subject)
                part = EndpointAudit(item.endpoint, subject.kind, EndpointStatus.COLLECTED, "", item, findings)
                yield replace(part, rejudged_at=self.started)

    def missing(self, found: Mapping[str, EndpointAudit]) -> Iterator[EndpointAudit]:
        """Yield an entry for each endpoint that nothing is known of."""
        for name, subject in self._subjects.items():
            if name not in found:
                detail = _("no evidence of it is there; it was not asked")
                yield EndpointAudit(name, subject.kind, EndpointStatus.UNREACHABLE, detail)

    def audit(self, parts: Iterable[EndpointAudit] = ()) -> Audit:
        now = datetime.now(UTC)
        audit = Audit(self.commune, self.profile, self.started, now, self.known.digest, tuple(parts))
        return replace(audit, expected=self.size)


def _subjects(
    workspace: Workspace, config: Config, fleet: Fleet, known: Catalogue, profile: str, limit: str | None
) -> dict[str, Subject]:
    folder = workspace.commune(fleet.commune.id)
    tunnel = load_addresses(folder.addresses, fleet).tunnel
    endpoints = fleet.select(limit)
    kept = escrow.facts(folder, (endpoint.name for endpoint in endpoints))
    return {item.name: subject_of(config, fleet, known, profile, item, tunnel, kept) for item in endpoints}


def _commune(judge: Judge, store: Store, source: Source, on_progress: Callable[[Progress], None]) -> Audit:
    found: dict[str, EndpointAudit] = {}
    for part in judged(judge, store, source):
        found[part.endpoint] = part
        on_progress(Progress(judge.commune, part.endpoint, part.status, "", len(found), len(judge.names)))
    found |= {part.endpoint: part for part in judge.missing(found)}
    return judge.audit(found[name] for name in judge.names)


def judged(judge: Judge, store: Store, source: Source) -> Iterator[EndpointAudit]:
    """Yield each endpoint's new judgement as it is made, kept in the store when its evidence is from there."""
    if source.file is not None:
        yield from judge.parts(source.file)
        return
    today = source.day is None or source.day == paris.day_of(judge.started)
    until = None if today or source.day is None else paris.end_of(source.day)
    recording: Recording | None = None
    for batch in batches(judge.parts(store.evidence(judge.commune, judge.wide, until)), _BATCH):
        recording = recording or store.begin(judge.audit())
        recording.add(batch, datetime.now(UTC))
        yield from batch
    if recording is not None:
        recording.finish(datetime.now(UTC))
