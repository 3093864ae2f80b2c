"""The regime of a commune in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolkit.fleet import Fleet
from toolkit.i18n import _
from toolkit.regime.view import Window
from toolkit.report import dates, plain


def lines(fleet: Fleet, windows: Sequence[Window], language: str) -> Iterator[str]:
    """Yield the regime in force, then a line per teleworker."""
    regime = fleet.regime
    if regime.mode == "emergency":
        end = _("until {day}").format(day=regime.until) if regime.until else _("no end written")
        yield _("{commune}: emergency, every day ({end})").format(commune=fleet.commune.id, end=end)
    else:
        yield _("{commune}: normal, at most {days} days a week").format(commune=fleet.commune.id, days=regime.days)
    if not regime.enforced:
        yield "  " + _("written down only: the gateway closes nothing (regime.enforced is not set)")
    for item in windows:
        days = " ".join(_day(day) for day in item.days) or _("no days written")
        name = plain.one_line(fleet.teleworker(item.login).name)
        now = _now(item, regime.enforced, language)
        yield f"  {name:<24} {item.laptop:<26} {days:<22} {item.hours}  {now}".rstrip()


def _day(number: int) -> str:
    return (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))[number]


def _now(item: Window, enforced: bool, language: str) -> str:
    said = ""
    if enforced:
        said = {"open": _("open"), "ending": _("ending"), "closed": _("closed")}[item.state]
        if item.until is not None:
            said += " " + _("until {moment}").format(moment=dates.moment_text(item.until, language))
    if item.exceptions:
        said += f"{', ' if said else ''}" + _("{count} exceptions").format(count=item.exceptions)
    return said
