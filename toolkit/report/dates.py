"""Dates as a reader writes them, in the commune's time zone, without the machine's locale."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ZONE = "Europe/Paris"
_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet"),
    *("août", "septembre", "octobre", "novembre", "décembre"),
)


def _local(moment: datetime) -> tuple[datetime, str]:
    zone: tzinfo = UTC
    note = " UTC"
    # A machine without tzdata says the truth in UTC, and names it.
    with contextlib.suppress(ZoneInfoNotFoundError):
        zone, note = ZoneInfo(ZONE), ""
    return moment.astimezone(zone), note


@lru_cache(maxsize=1024)  # what one audit found has one date
def day(moment: datetime, language: str) -> str:
    """Return `24 novembre 2026` (French) or `2026-11-24`."""
    return date_text(_local(moment)[0].date(), language)


def date_text(day: date, language: str) -> str:
    """Return `24 novembre 2026` (French) or `2026-11-24`."""
    if language != "fr":
        return day.isoformat()
    number = "1er" if day.day == 1 else str(day.day)
    return f"{number} {_MONTHS[day.month - 1]} {day.year}"


def cell(moment: datetime, language: str, *, clock: bool = False) -> str:
    """Return what a spreadsheet of that language takes for a date: `24/11/2026 14:05:00` (French) or ISO 8601."""
    pattern = "%d/%m/%Y" if language == "fr" else "%Y-%m-%d"
    return _local(moment)[0].strftime(f"{pattern} %H:%M:%S" if clock else pattern)


def weekday(moment: datetime, language: str) -> str:
    """Return `mardi 24 novembre 2026` (French) or `2026-11-24`."""
    if language != "fr":
        return day(moment, language)
    return f"{_DAYS[_local(moment)[0].weekday()]} {day(moment, language)}"


def clock(moment: datetime, language: str) -> str:
    """Return `14 h 05` (French, kept on one line by no-break spaces) or `14:05`."""
    local, note = _local(moment)
    separator = "\u00a0h\u00a0" if language == "fr" else ":"
    return f"{local.hour}{separator}{local.minute:02}{note}"


def moment_text(moment: datetime, language: str) -> str:
    """Return `24 novembre 2026, 14 h 05` (French) or `2026-11-24 14:05`."""
    separator = ", " if language == "fr" else " "
    return f"{day(moment, language)}{separator}{clock(moment, language)}"
