"""What a fleet file keeps of the past: who moved, what left, what is refused, when the regime changed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from toolkit.fleet.parts import Flag, Model
from toolkit.fleet.text import Day, HostName, Label, Login, Name


class Replacement(Model):
    """One line of history: a teleworker moved from one laptop to another."""

    model_config = ConfigDict(populate_by_name=True)

    teleworker: Login
    former: Annotated[HostName, Field(alias="from")]
    to: HostName
    date: Day
    reason: Label


class Retirement(Model):
    """One line of history: a machine that left the commune's fleet."""

    name: HostName
    kind: Literal["laptop", "office_pc"]
    date: Day
    reason: Label
    serial: Label | None = None
    restored: Flag = False
    """Whether what the toolkit had changed on it was put back before."""


class Revocation(Model):
    """A laptop whose key the gateway refuses: revoked, or lost; `found` ends it."""

    endpoint: Name
    date: Day
    reason: Label
    lost: Flag = False
    """Lost or stolen: `nomade lost`."""
    found: Day | None = None
    """The day from which the machine may come back, with another key."""


class RegimeChange(Model):
    """One line of history: what `nomade regime set` did."""

    mode: Literal["normal", "emergency"]
    date: Day
    until: Day | None = None
    reason: Label


class QuarantineRelease(Model):
    """An endpoint that somebody let out of quarantine, or keeps out of it, until the end of a day."""

    endpoint: Name
    date: Day
    until: Day
    reason: Label
