"""When telework takes place, as a fleet file says it: the regime of a commune, and who is on call."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from toolkit.fleet.parts import Flag, Model
from toolkit.fleet.text import Day, Hours, Label, Login, Moment, Weekday


class Regime(Model):
    """When telework takes place: at most three days a week, or every day in an emergency."""

    mode: Literal["normal", "emergency"] = "normal"
    days: Annotated[int, Field(strict=True, ge=1, le=3)] = 3
    """Days a week in normal mode."""
    hours: Hours = "07:00-20:00"
    """From-to, local time."""
    weekdays: tuple[Weekday, ...] = ()
    """Days of telework in normal mode, for teleworkers without days of their own."""
    enforced: Flag = False
    """The gateway closes outside of these days and hours; else they are only written down."""
    grace: Annotated[int, Field(strict=True, ge=0, le=120)] = 15
    """Minutes that what is open may go on after the end of a window."""
    until: Day | None = None
    """Last day of the emergency; then the normal regime holds again by itself."""


class OnCall(Model):
    """A teleworker who may work outside of the windows for a while: on-call duty, an election night…"""

    model_config = ConfigDict(populate_by_name=True)

    teleworker: Login
    start: Annotated[Moment, Field(alias="from")]
    """Local time: "2026-12-24 18:00"."""
    until: Moment
    reason: Label
