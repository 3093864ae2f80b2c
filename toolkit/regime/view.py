"""Who may telework when, as the fleet file says and as the gateway's program would decide now."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from toolkit import paths
from toolkit.fleet import Fleet
from toolkit.fleet.addresses import Addresses
from toolkit.regime.schedule import schedule


@dataclass(frozen=True, slots=True)
class Window:
    """One teleworker's days (numbers from Monday, 0), hours, state now (open, ending, closed) and its end (UTC)."""

    login: str
    laptop: str
    days: tuple[int, ...]
    hours: str
    state: str
    until: datetime | None
    exceptions: int


@cache
def program() -> ModuleType:
    """Return the program that runs on gateways: the one place that says what a schedule means."""
    path = paths.roles_dir() / "vpn_gateway" / "files" / "nomade_access.py"
    specification = importlib.util.spec_from_file_location("nomade_access", path)
    assert specification is not None  # noqa: S101 — a file of ours
    assert specification.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def windows(fleet: Fleet, addresses: Addresses, now: datetime) -> list[Window]:
    """Return the windows of everybody who has a post, as they would be enforced at `now` (UTC)."""
    enforced = fleet.model_copy(update={"regime": fleet.regime.model_copy(update={"enforced": True})})
    told = schedule(enforced, addresses)
    logins = {post.laptop: post.teleworker for post in fleet.posts}
    return [_window(logins[peer["name"]], peer, told, now) for peer in told["peers"] if peer["name"] in logins]


def _window(login: str, peer: dict[str, Any], told: dict[str, Any], now: datetime) -> Window:
    state, until = program().until(peer, told, now)
    zone = ZoneInfo(told["zone"])
    ahead = [item for item in peer["on_call"] if program().instant(item["until"], zone, end=True) > now]
    return Window(login, peer["name"], tuple(peer["weekdays"]), peer["hours"], state, until, len(ahead))
