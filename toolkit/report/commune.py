"""From a workspace to the reports of its communes: read the files and the store, build, write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from toolkit import catalogue, history, paris, waiver_file
from toolkit.catalogue import Catalogue
from toolkit.errors import BadInputError, NothingEvaluatedError
from toolkit.files import write_atomically
from toolkit.finding import Audit, EndpointAudit
from toolkit.fleet import Cig, Config, Fleet, load, load_config
from toolkit.i18n import _
from toolkit.policy import freshness_days
from toolkit.report import Look, render
from toolkit.report.document import build, roster_of
from toolkit.report.model import Report, TrendPoint
from toolkit.report.roster import Roster
from toolkit.store import Store, open_store
from toolkit.waivers import Waiver
from toolkit.workspace import Workspace

_SUFFIXES = {"table": "txt", "junit": "junit.xml"}

# How far back a trend goes.
_TREND = timedelta(days=366)

# Reports say what is weak: the group may read them, nobody else, and git does not take them by accident.
_FILE_MODE = 0o640
_FOLDER_MODE = 0o750


def reports(
    workspace: Workspace,
    communes: Sequence[str],
    language: str,
    now: datetime,
    *,
    host: str | None = None,
    max_age: int | None = None,
    as_of: date | None = None,
    profile: str | None = None,
    at_hand: Iterable[Audit] = (),
) -> list[Report]:
    """Return the report of each commune as its store and files are at `now`; with `host`, of that machine's post only.

    `profile` instead of the workspace's, `max_age` (days) instead of the commune's own limit. With `as_of`, what was
    known at the end of that day (in Paris), judged by the waivers and the limit of then, for the machines that are
    declared today. Audits `at_hand` were kept just now, under that profile: they are not read again.

    Raises:
        BadInputError: a bad `nomade.yml`, `fleet.yml` or `waivers.yml`, an unknown profile, a day to come.
        NothingEvaluatedError: no such `host` in the communes.
        StoreError: the store cannot be read.
    """
    config = load_config(workspace)
    store = open_store(config.store or workspace.store_url)
    known, past = catalogue.load(), _moment(as_of, now)
    wanted = _Wanted(workspace, config, profile or config.profile, known, store, language, now, past, max_age, host)
    fresh = {audit.commune: audit.endpoints for audit in at_hand}
    try:
        return [wanted.report(commune, fresh.get(commune, ())) for commune in communes]
    finally:
        store.close()


def _moment(as_of: date | None, now: datetime) -> datetime | None:
    """Return the last second of a past day; None: the present, which today is too."""
    if as_of is None or as_of == paris.day_of(now):
        return None
    if as_of > paris.day_of(now):
        raise BadInputError(_("{date} is in the future").format(date=as_of))
    return paris.end_of(as_of) - timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What reports are wanted; `past`: of that moment instead of `now`."""

    workspace: Workspace
    config: Config
    profile: str
    catalogue: Catalogue
    store: Store
    language: str
    now: datetime
    past: datetime | None
    max_age: int | None
    host: str | None

    def report(self, commune: str, at_hand: Sequence[EndpointAudit]) -> Report:
        fleet = load(self.workspace, commune)
        waivers = waiver_file.load(self.workspace, fleet, self.now)  # what is history today may name what is gone
        days, moment = self.max_age or freshness_days(self.config, fleet), self.past or self.now
        profile = self.profile
        return build(
            _roster(fleet, self.config.cig, self.host),
            self.catalogue,
            profile,
            self.store.state(commune, profile, self.past, at_hand),
            moment,
            self.language,
            days,
            waivers=waivers,
            trend=() if self.host else commune_trend(self.store, fleet, profile, days, waivers, moment),
            as_of=self.past is not None,
        )


def commune_trend(
    store: Store, fleet: Fleet, profile: str, days: int | None, waivers: Sequence[Waiver], now: datetime
) -> tuple[TrendPoint, ...]:
    """Return the trend of the year before `now`, one point per day on which the commune was audited."""
    commune = fleet.commune.id
    controls = sorted({waiver.control for waiver in waivers})
    return history.trend(
        store.seen(commune, profile),
        (endpoint.name for endpoint in fleet.endpoints),
        days,
        since=paris.day_of(now - _TREND),
        until=now,
        waivers=waivers,
        failed_of=store.failed_of(commune, controls) if controls else {},
    )


def _roster(fleet: Fleet, cig: Cig, host: str | None) -> Roster:
    roster = roster_of(fleet, cig)
    if host is None:
        return roster
    fleet.endpoint(host)
    posts = tuple(post for post in roster.posts if host in (post.laptop, post.office_pc))
    names = {host, *(name for post in posts for name in (post.laptop, post.office_pc, post.gateway))}
    return replace(roster, posts=posts, machines={name: roster.machines[name] for name in names if name})


def commune_of(workspace: Workspace, communes: Sequence[str], host: str) -> str:
    """Return which of these communes declares the machine `host`: names are unique in a workspace.

    Raises:
        NothingEvaluatedError: none of them does.
        BadInputError: a bad `fleet.yml`.
    """
    for commune in communes:
        if any(endpoint.name == host for endpoint in load(workspace, commune).endpoints):
            return commune
    message = _("no machine is called “{name}” in {communes}")
    raise NothingEvaluatedError(message.format(name=host, communes=", ".join(communes)))


def default_folder(workspace: Workspace) -> Path:
    """Return the folder of reports, made on first use and kept out of git."""
    folder = workspace.root / "reports"
    folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_atomically(ignore, "*\n")
    return folder


def write(
    reports: Sequence[Report], format: str, target: Path, *, name: str | None = None, look: Look | None = None
) -> list[Path]:
    """Write each report to its own file and return the paths: `target`, or `<commune>.<format>` in the folder `target`.

    Raises:
        BadInputError: several communes for one file, or a folder that cannot be written.
    """
    documents = {name or report.commune: render([report], format, look) for report in reports}
    return write_each(documents, _SUFFIXES.get(format, format), target)


def write_each(documents: Mapping[str, str | bytes], suffix: str, target: Path) -> list[Path]:
    """Write documents by name, each to its own file: `target`, or `<name>.<suffix>` in the folder `target`.

    Raises:
        BadInputError: several documents for one file, or a folder that cannot be written.
    """
    if len(documents) > 1 and not target.is_dir():
        message = _("{file}: several communes do not share one file: name one with --commune, or give a folder")
        raise BadInputError(message.format(file=target))
    written = []
    for name, document in documents.items():
        path = target / f"{name}.{suffix}" if target.is_dir() else target
        try:
            write_atomically(path, document, _FILE_MODE)
        except OSError as error:
            message = _("{file}: cannot write the report: {error}")
            raise BadInputError(message.format(file=path, error=error.strerror)) from error
        written.append(path)
    return written
