"""What changed in a commune, as text for a terminal and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from toolkit import catalogue, paris, waiver_file
from toolkit.errors import BadInputError
from toolkit.finding import Verdict
from toolkit.fleet import load, load_config
from toolkit.history import Change, Difference, difference
from toolkit.i18n import _
from toolkit.policy import freshness_days
from toolkit.report import dates, plain, wording
from toolkit.report.document import build, roster_of
from toolkit.store import open_store
from toolkit.workspace import Workspace

SCHEMA_VERSION = 1


def differences(
    workspace: Workspace, communes: Sequence[str], since: date, language: str, now: datetime
) -> list[Difference]:
    """Return what changed in each commune since the beginning of a day (in Paris).

    Raises:
        BadInputError: a bad file, an unknown profile, or a day to come.
        StoreError: the store cannot be read.
    """
    moment = paris.start_of(since)
    if moment > now:
        raise BadInputError(_("{date} is in the future").format(date=since))
    config, known = load_config(workspace), catalogue.load()
    store = open_store(config.store or workspace.store_url)
    found = []
    try:
        for commune in communes:
            fleet = load(workspace, commune)
            roster, waivers = roster_of(fleet), waiver_file.load(workspace, fleet, now)
            days = freshness_days(config, fleet)
            past, present = store.state(commune, config.profile, moment), store.state(commune, config.profile)
            before = build(roster, known, config.profile, past, moment, language, days, waivers=waivers, as_of=True)
            after = build(roster, known, config.profile, present, now, language, days, waivers=waivers)
            found.append(difference(before, after, past.endpoints))
    finally:
        store.close()
    return found


def document(found: Sequence[Difference], language: str) -> str:
    """Return one JSON object: ids, words in one language, moments in UTC."""
    body = {"schema_version": SCHEMA_VERSION, "language": language, "differences": [asdict(item) for item in found]}
    return plain.escaped(json.dumps(body, ensure_ascii=False, indent=2, default=_plain)) + "\n"


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    raise TypeError(type(value).__name__)


def lines(found: Sequence[Difference], language: str) -> Iterator[str]:
    """Yield the lines of a terminal: what got worse first."""
    for item in found:
        since, until = (dates.moment_text(moment, language) for moment in (item.before, item.after))
        yield _("{name}: from {since} to {until}").format(name=plain.one_line(item.name), since=since, until=until)
        sections = (
            (_("Got worse: met before, not met now"), item.regressed),
            (_("New: not met, and not known to be met before"), item.new),
            (_("Not proven any more: could not be checked, or too old"), item.unproven),
            (_("Mended"), item.fixed),
        )
        for title, changes in sections:
            if changes:
                yield ""
                yield f"{title} ({len(changes)})"
                for _key, same in groupby(changes, key=lambda change: (change.control, change.waived)):
                    yield f"  {_line(list(same), language)}"
        machines = ((_("Machines that appeared"), item.appeared), (_("Machines that left"), item.gone))
        for title, names in machines:
            if names:
                yield ""
                yield f"{title} ({len(names)}): {', '.join(map(plain.one_line, names))}"
        if not any(changes for _title, changes in (*sections, *machines)):
            yield _("nothing changed")


def _line(changes: Sequence[Change], language: str) -> str:
    """Return what became of one control, on all the machines it happened to."""
    first = changes[0]
    severity = wording.severity(first.severity, language)
    said = [f"{plain.one_line(first.title)} [{first.control}] ({severity})"]
    said += [", ".join(plain.one_line(change.endpoint) for change in changes)]
    moments = [change.since for change in changes if change.since]
    if first.after is Verdict.FAIL and moments:
        said.append(wording.since(min(moments), language))
    return " – ".join([*said, _("accepted")] if first.waived else said)
