"""What is known of a commune's machines, as CSV for GLPI's data-injection plugin.

The plugin (pluginsGLPI/datainjection, `backendcsv.class.php` and `commoninjectionlib.class.php`) reads a file with a
header line, `;` between fields and quotes around them, in UTF-8; it adds or updates by name or serial number, always in
the entity that is open in GLPI. So there is one file per commune. No byte order mark: GLPI does not need one, and
versions before 2018 take it for a part of the first column's name.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from toolkit.errors import BadInputError
from toolkit.files import write_atomically
from toolkit.fleet import Endpoint, FixedPost, Fleet, Kind, Laptop, OfficePc, load
from toolkit.fleet.addresses import gateway_address
from toolkit.fleet.addresses import load as load_addresses
from toolkit.i18n import _
from toolkit.reach import enrolment
from toolkit.report import commune, dates, plain, wording
from toolkit.report.csv_table import cell
from toolkit.report.model import Machine, Report
from toolkit.report.wording import translator
from toolkit.workspace import Workspace

DATE_FORMATS = {"yyyy-mm-dd": "{0}-{1}-{2}", "dd-mm-yyyy": "{2}-{1}-{0}", "mm-dd-yyyy": "{1}-{2}-{0}"}
"""Those a model of the plugin knows, under its names; the first is what a new model has."""

# Serial numbers and states are nobody's business but the commune's and the CIG's.
_FILE_MODE = 0o640
# PHP reads a backslash before a quote as part of the text, against RFC 4180: the field would not end.
_BACKSLASH = re.compile(r'\\+(?="|$)')


def export(
    workspace: Workspace, communes: Sequence[str], language: str, now: datetime, date_format: str
) -> dict[str, bytes]:
    """Return the CSV of each commune by its id; `date_format` is a key of `DATE_FORMATS`.

    Raises:
        BadInputError: a bad `nomade.yml`, `fleet.yml`, `addresses.yml` or `enrolment.yml`.
        StoreError: the store cannot be read.
    """
    reports = commune.reports(workspace, communes, language, now)
    return {report.commune: _of_commune(workspace, report, date_format) for report in reports}


def write(files: Mapping[str, bytes], target: Path) -> list[Path]:
    """Write each commune's CSV to its own file and return the paths: `target`, or `<commune>.csv` in that folder.

    Raises:
        BadInputError: several communes for one file, or a file that cannot be written.
    """
    if len(files) > 1 and not target.is_dir():
        message = _("{file}: several communes do not share one file: name one with --commune, or give a folder")
        raise BadInputError(message.format(file=target))
    written = []
    for name, data in files.items():
        path = target / f"{name}.csv" if target.is_dir() else target
        try:
            write_atomically(path, data, _FILE_MODE)
        except OSError as error:
            message = _("{file}: cannot be written: {error}")
            raise BadInputError(message.format(file=path, error=error.strerror)) from error
        written.append(path)
    return written


def _of_commune(workspace: Workspace, report: Report, date_format: str) -> bytes:
    fleet = load(workspace, report.commune)
    folder = workspace.commune(report.commune)
    tunnel = dict(load_addresses(folder.addresses, fleet).tunnel)
    tunnel[fleet.gateway.name] = gateway_address(fleet.gateway.tunnel_network)
    return table(fleet, report, tunnel, set(enrolment(workspace, report.commune)), date_format)


def table(fleet: Fleet, report: Report, tunnel: Mapping[str, str], enrolled: set[str], date_format: str) -> bytes:
    """Return the CSV of one commune: one row per endpoint, then one per fixed post.

    `tunnel` has tunnel addresses and `enrolled` those enrolled, by name; `report` is of the same commune. An endpoint
    the report does not know is one that was never checked.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(_header(report.language))
    rows = _Rows(fleet, report, tunnel, enrolled, DATE_FORMATS[date_format])
    writer.writerows([_safe(text) for text in row] for row in rows)
    return stream.getvalue().encode("utf-8", "replace")


def _safe(text: str) -> str:
    return _BACKSLASH.sub(lambda match: "/" * len(match.group()), cell(plain.one_line(text)))


def _header(language: str) -> list[str]:
    _ = translator(language)
    return [
        # GLPI's own names where it has the field: a technician finds them at once when making the model.
        *(_("Name"), _("Serial number"), _("Entity"), _("Type"), _("Model"), _("Status")),
        *(_("Tunnel address"), _("Compliance"), _("In this state since"), _("Last audit"), _("Result of the audit")),
        *(_("Last contact"), _("Retired on")),
    ]


class _Rows:
    """The rows of one commune's machines, in the order of its fleet file."""

    def __init__(
        self, fleet: Fleet, report: Report, tunnel: Mapping[str, str], enrolled: set[str], date_pattern: str
    ) -> None:
        self._fleet = fleet
        self._tunnel = tunnel
        self._enrolled = enrolled
        self._date_pattern = date_pattern
        self._known = {machine.name: machine for machine in report.machines}
        self._language = report.language
        self._entity = next(iter(fleet.commune.entities), fleet.commune.name)

    def __iter__(self) -> Iterator[list[str]]:
        for endpoint in self._fleet.machines:
            yield self._endpoint(endpoint)
        for post in self._fleet.fixed_posts:
            yield self._fixed_post(post)

    def _endpoint(self, endpoint: Endpoint) -> list[str]:
        machine = self._known.get(endpoint.name)
        return [
            *(endpoint.name, endpoint.serial or "", self._entity, self._type(endpoint.kind), endpoint.model or ""),
            *(self._status(endpoint), self._tunnel.get(endpoint.name, "")),
            *(self._compliance(machine) if endpoint.is_managed else self._unmanaged(), *self._moments(machine), ""),
        ]

    def _fixed_post(self, post: FixedPost) -> list[str]:
        _ = translator(self._language)
        fate = {"kept": _("Kept"), "retired": _("Retired"), "unchanged": _("Unchanged")}[post.fate]
        retired = self._date_of(*post.retired_on.split("-")) if post.retired_on else ""
        return [
            *(post.name, post.serial or "", self._entity, self._type(Kind.OFFICE_PC), post.model or "", fate, ""),
            *(self._unmanaged(), "", "", "", "", retired),
        ]

    def _unmanaged(self) -> str:
        _ = translator(self._language)
        return _("not managed, not checked")

    def _type(self, kind: Kind) -> str:
        _ = translator(self._language)
        return {Kind.LAPTOP: _("Laptop"), Kind.OFFICE_PC: _("Desktop"), Kind.GATEWAY: _("Server")}[kind]

    def _status(self, endpoint: Endpoint) -> str:
        _ = translator(self._language)
        if isinstance(endpoint, Laptop | OfficePc) and endpoint.missing_since:
            return _("Not found in the list")
        return _("In service") if endpoint.name in self._enrolled or not endpoint.is_managed else _("Being prepared")

    def _compliance(self, machine: Machine | None) -> str:
        _ = translator(self._language)
        return wording.state(machine.state, self._language) if machine else _("never checked")

    def _moments(self, machine: Machine | None) -> list[str]:
        if machine is None:
            return [""] * 4
        result = wording.attempt(machine.attempt, self._language) if machine.attempt else ""
        since, audit, contact = map(self._date, (machine.since, machine.attempted_at, machine.collected_at))
        return [since, audit, result, contact]

    def _date(self, moment: datetime | None) -> str:
        return self._date_of(*dates.day(moment, "en").split("-")) if moment else ""

    def _date_of(self, *parts: str) -> str:
        return self._date_pattern.format(*parts)
