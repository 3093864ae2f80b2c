"""Waivers: accepted deviations. One covers a verdict until the end of its last day and never hides it. Pure.

The files they are written in are read and changed by toolkit/waiver_file.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, model_validator

from toolkit.fleet.parts import Kind, Model
from toolkit.fleet.text import Label, Name, refuse
from toolkit.i18n import _
from toolkit.paris import end_of, start_of

# A waiver that outlives an equipment contract is no exception any more: it has to be looked at again before.
LONGEST_DAYS = 3 * 366


def _day(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and len(value) == len("2026-01-31"):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise refuse(_('“{value}” is not a date ("2026-01-31")').format(value=value))


Day = Annotated[date, BeforeValidator(_day)]


class Standing(StrEnum):
    """What a waiver is worth at one moment. Only `ACTIVE` covers anything."""

    ACTIVE = "active"
    FUTURE = "future"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Revocation(Model):
    """Taken back before its end; it stays in the file as history."""

    date: Day
    """The day from whose beginning it covers nothing."""
    by: Label
    """Who took it back."""
    reason: Label | None = None


class Waiver(Model):
    """One control that may fail for a while, for the commune, one kind of machine, or the machines named.

    `since` and `until` are days in Paris: it covers from the beginning of the first to the end of the last.
    """

    control: Name
    """Id of the control (`nomade controls list`)."""
    kind: Kind | None = None
    """Only for this kind of machine."""
    endpoints: tuple[Name, ...] = ()
    """Only for these machines."""
    reason: Label
    """Why it is accepted."""
    approver: Label
    """Who accepted it, by name."""
    since: Day
    """First day."""
    until: Day
    """Last day."""
    revoked: Revocation | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Waiver:
        if self.until < self.since:
            raise refuse(_("until {until} is before since {since}").format(until=self.until, since=self.since))
        if (self.until - self.since).days > LONGEST_DAYS:
            raise refuse(_("longer than three years: give an earlier “until” and renew it then"))
        return self

    @property
    def ends_at(self) -> datetime:
        """The first moment (UTC) at which it covers nothing any more: midnight in Paris after its last day."""
        return end_of(self.until)

    def standing(self, now: datetime) -> Standing:
        """Return what it is worth at `now`; revoked on a day means from the beginning of that day."""
        if self.revoked and now >= start_of(self.revoked.date):
            return Standing.REVOKED
        if now >= self.ends_at:
            return Standing.EXPIRED
        return Standing.ACTIVE if now >= start_of(self.since) else Standing.FUTURE

    def applies_to(self, control: str, endpoint: str, kind: str) -> bool:
        """Return whether it speaks of this control on this machine, whatever the day."""
        if control != self.control or (self.kind is not None and kind != self.kind.value):
            return False
        return not self.endpoints or endpoint in self.endpoints


def covering(waivers: Iterable[Waiver], control: str, endpoint: str, kind: str, now: datetime) -> Waiver | None:
    """Return the active waiver of this control on this machine that ends last, or None."""
    found = [
        item for item in waivers if item.applies_to(control, endpoint, kind) and item.standing(now) is Standing.ACTIVE
    ]
    return max(found, key=lambda item: (item.until, item.since), default=None)
