"""Waivers as rows and lines of a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from toolkit import waiver_file
from toolkit.fleet import Fleet
from toolkit.i18n import _
from toolkit.report import dates, plain
from toolkit.waivers import Standing, Waiver
from toolkit.workspace import Workspace

_ORDER = (Standing.EXPIRED, Standing.ACTIVE, Standing.FUTURE, Standing.REVOKED)


def rows(workspace: Workspace, fleets: Sequence[Fleet], now: datetime, *, every: bool = False) -> list[dict[str, Any]]:
    """Return the waivers of these communes with their standing at `now`: expired ones first, revoked ones with `every`.

    Raises:
        ProblemsError, BadInputError: as `waiver_file.load`.
    """
    found = []
    for fleet in fleets:
        known = waiver_file.load(workspace, fleet, now)
        shown = [item for item in known if every or item.standing(now) is not Standing.REVOKED]
        ordered = sorted(shown, key=lambda item: (_ORDER.index(item.standing(now)), item.until, item.control))
        found += [_row(fleet.commune.id, item, now) for item in ordered]
    return found


def _row(commune: str, item: Waiver, now: datetime) -> dict[str, Any]:
    return {"commune": commune, "standing": item.standing(now).value, **item.model_dump(mode="json")}


def lines(listed: Sequence[dict[str, Any]], language: str) -> Iterator[str]:
    """Yield two lines for each row: what and how long, then why and by whom."""
    if not listed:
        yield _("no waiver")
    for row in listed:
        since, until = (dates.date_text(date.fromisoformat(row[name]), language) for name in ("since", "until"))
        words = {
            "active": _("covers until {until}"),
            "future": _("covers from {since} until {until}"),
            "expired": _("EXPIRED since {until}: covers nothing any more"),
            "revoked": _("revoked on {on} by {by}"),
        }[row["standing"]]
        end = row["revoked"] or {"date": row["until"], "by": ""}
        on = dates.date_text(date.fromisoformat(end["date"]), language)
        state = words.format(since=since, until=until, on=on, by=plain.one_line(end["by"]))
        yield f"{row['commune']}  {row['control']}  {_scope(row)}  {state}"
        yield f"    {plain.one_line(row['reason'])} – {plain.one_line(row['approver'])}"


def _scope(row: dict[str, Any]) -> str:
    if row["endpoints"]:
        return ", ".join(row["endpoints"])
    kinds = {"laptop": _("the laptops"), "office_pc": _("the office PCs"), "gateway": _("the gateway")}
    return kinds[row["kind"]] if row["kind"] else _("the whole commune")
