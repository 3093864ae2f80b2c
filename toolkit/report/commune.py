"""From a workspace to the reports of its communes: read the files and the store, build, write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from toolkit import catalogue
from toolkit.errors import BadInputError, NothingEvaluatedError
from toolkit.files import write_atomically
from toolkit.fleet import Cig, load, load_config
from toolkit.i18n import _
from toolkit.report import render
from toolkit.report.document import build, roster_of
from toolkit.report.model import Report
from toolkit.report.roster import Roster
from toolkit.store import open_store
from toolkit.workspace import Workspace

_SUFFIXES = {"table": "txt", "junit": "junit.xml"}

# Reports say what is weak: the group may read them, nobody else, and git does not take them by accident.
_FILE_MODE = 0o640
_FOLDER_MODE = 0o750


def reports(
    workspace: Workspace, communes: Sequence[str], language: str, now: datetime, *, host: str | None = None
) -> list[Report]:
    """Return the report of each commune as its store and files are at `now`; with `host`, of that machine's post only.

    Raises:
        BadInputError: a bad `nomade.yml` or `fleet.yml`, an unknown profile.
        NothingEvaluatedError: no such `host` in the communes.
        StoreError: the store cannot be read.
    """
    config = load_config(workspace)
    known = catalogue.load()
    store = open_store(config.store or workspace.store_url)
    try:
        return [
            build(
                _roster(workspace, commune, config.cig, host),
                known,
                config.profile,
                store.state(commune, config.profile),
                now,
                language,
                config.freshness_days,
            )
            for commune in communes
        ]
    finally:
        store.close()


def _roster(workspace: Workspace, commune: str, cig: Cig, host: str | None) -> Roster:
    fleet = load(workspace, commune)
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


def write(reports: Sequence[Report], format: str, target: Path, *, name: str | None = None) -> list[Path]:
    """Write each report to its own file and return the paths: `target`, or `<commune>.<format>` in the folder `target`.

    Raises:
        BadInputError: several communes for one file, or a folder that cannot be written.
    """
    documents = {name or report.commune: render([report], format) for report in reports}
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
