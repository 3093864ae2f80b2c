"""Days as the communes live them: from midnight to midnight in Paris, summer and winter."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ZONE = "Europe/Paris"


def start_of(day: date) -> datetime:
    """Return the moment (UTC) at which a day begins: 22:00 or 23:00 UTC of the day before."""
    return datetime.combine(day, time(), tzinfo=_zone()).astimezone(UTC)


def end_of(day: date) -> datetime:
    """Return the first moment (UTC) that is not of this day any more."""
    return start_of(day + timedelta(days=1))


def day_of(moment: datetime) -> date:
    """Return the day that a moment is of."""
    return moment.astimezone(_zone()).date()


def _zone() -> tzinfo:
    try:
        return ZoneInfo(ZONE)
    except ZoneInfoNotFoundError:  # a machine without tzdata: better an hour too early than an hour too long
        return timezone(timedelta(hours=2))
