#!/usr/bin/python3 -I
# SPDX-License-Identifier: EUPL-1.2
"""Access windows and quarantine of a commune's endpoints, enforced on its gateway. Standard library only; run every
minute by a timer.

The schedule (`/etc/nomade/access.json`) is in the commune's civil time; what is open now goes into sets of the nftables
table `inet nomade_access`, with the end of each window as the kernel's own time-out: should the timer stop, what is
open still closes on time. Who is in quarantine, which the control machine decides, stands in a table of its own,
`inet nomade_quarantine`. Both only take away: what may be reached at all is the firewall's business.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

SCHEDULE = Path("/etc/nomade/access.json")
STATE = Path("/run/nomade-access/state.json")
# For nomade-wake, which runs without any right and may not read the schedule: addresses and times, no names.
CALLERS = Path("/run/nomade-access/callers.json")
# On a laptop: what the role `updates` shows in the teleworker's session, and how long before the end.
NOTICE = Path("/var/lib/nomade-notices/access")
SHOW = "nomade-reboot-notice.service"
WARNING = timedelta(minutes=15)
EVERY_DAY = frozenset(range(7))
# Seconds: an element lives no longer than that without the timer, however long its window.
LONGEST = 7 * 86_400


def instant(civil: str, zone: ZoneInfo, *, end: bool = False) -> datetime:
    """Return the moment (UTC) of a civil time, `2026-10-25 02:30`.

    An hour that comes twice begins with the first and ends with the second: nobody is cut off early. One that does not
    come (spring) is as long after midnight as it says.
    """
    return datetime.fromisoformat(civil).replace(tzinfo=zone, fold=int(end)).astimezone(UTC)


def windows(peer: dict[str, Any], schedule: dict[str, Any], around: date) -> list[tuple[datetime, datetime]]:
    """Return when (UTC, from and until) a peer is open in the days around `around`, and its exceptions, in order."""
    zone = ZoneInfo(schedule["zone"])
    found = [(instant(item["from"], zone), instant(item["until"], zone, end=True)) for item in peer["on_call"]]
    for offset in range(-1, LONGEST // 86_400 + 2):
        day = around + timedelta(days=offset)
        emergency = schedule["emergency_until"] and day.isoformat() <= schedule["emergency_until"]
        if day.weekday() in (EVERY_DAY if emergency and peer["weekdays"] else peer["weekdays"]):
            start, end = peer["hours"].split("-")
            found.append((instant(f"{day} {start}", zone), instant(f"{day} {end}", zone, end=True)))
    return sorted(found)


def until(peer: dict[str, Any], schedule: dict[str, Any], now: datetime) -> tuple[str, datetime | None]:
    """Return `open` and until when, `ending` (the grace) and until when, or `closed` and None; `now` is in UTC."""
    around = now.astimezone(ZoneInfo(schedule["zone"])).date()
    end = last = None
    for start, stop in windows(peer, schedule, around):
        if start <= now < stop or (end is not None and start <= end):  # one window may follow another without a gap
            end = max(end or stop, stop)
        elif stop <= now:
            last = max(last or stop, stop)
    if end is not None:
        return "open", end
    grace = timedelta(minutes=schedule["grace"])
    if last is not None and now < last + grace:
        return "ending", last + grace
    return "closed", None


def states(schedule: dict[str, Any], now: datetime) -> dict[str, tuple[str, datetime | None]]:
    """Return the state of each peer by name."""
    return {peer["name"]: until(peer, schedule, now) for peer in schedule["peers"]}


def ruleset(schedule: dict[str, Any], now: datetime) -> str:
    """Return the nftables commands that make both tables what they must be at `now`, in one transaction."""
    return quarantine(schedule) + _windows_now(schedule, now)


def quarantine(schedule: dict[str, Any]) -> str:
    """Return the commands for those in quarantine: what is of maintenance goes on, anything else ends at once."""
    lines = ["table inet nomade_quarantine", "delete table inet nomade_quarantine"]
    held = sorted(member["address"] for member in schedule.get("quarantine", ()))
    if held:
        lines += ["table inet nomade_quarantine {", f"set members {{ type ipv4_addr; {_elements(held)} }}"]
        lines += [*_maintenance(schedule), QUARANTINE_CHAINS, "}"]
    return "\n".join(lines) + "\n"


def _maintenance(schedule: dict[str, Any]) -> list[str]:
    places: dict[str, list[str]] = {"tcp": [], "udp": []}
    for at in schedule["maintenance"]:
        places[at["protocol"]].append(f"{at['address']} . {at['port']}")
    kind = "type ipv4_addr . inet_service"
    return [f"set maintenance_{name} {{ {kind}; {_elements(found)} }}" for name, found in places.items()]


def _windows_now(schedule: dict[str, Any], now: datetime) -> str:
    lines = ["table inet nomade_access", "delete table inet nomade_access"]
    if not schedule["enforced"]:
        return "\n".join(lines) + "\n"
    known = states(schedule, now)
    addresses = {peer["name"]: peer["address"] for peer in schedule["peers"]}
    lines.append("table inet nomade_access {")
    for name in ("open", "ending"):
        elements = [
            f"{addresses[peer]} timeout {min(LONGEST, max(1, int((end - now).total_seconds())))}s"
            for peer, (state, end) in sorted(known.items())
            if state == name and end is not None
        ]
        lines.append(f"set {name} {{ type ipv4_addr; flags timeout; {_elements(elements)} }}")
    return "\n".join([*lines, *_maintenance(schedule), CHAINS, "}"]) + "\n"


def _elements(elements: list[str]) -> str:
    return f"elements = {{ {', '.join(elements)} }};" if elements else ""


# Before the access windows, and whatever they say. A laptop is held where it comes from, an office PC where that leads:
# between the two nothing passes when either is held. The gateway's own connections (administration) are not forwarded.
QUARANTINE_CHAINS = """\
chain forward {
  type filter hook forward priority filter - 11; policy accept;
  iifname "wg-nomade" ip saddr @members jump from_held
  iifname "wg-nomade" ip daddr @members counter reject with icmpx type admin-prohibited
  oifname "wg-nomade" ip daddr @members jump to_held
  oifname "wg-nomade" ip saddr @members counter drop
}
chain from_held {
  ip daddr . tcp dport @maintenance_tcp accept
  ip daddr . udp dport @maintenance_udp accept
  counter reject with icmpx type admin-prohibited
}
chain to_held {
  ip saddr . tcp sport @maintenance_tcp accept
  ip saddr . udp sport @maintenance_udp accept
  counter drop
}"""

# Before the firewall's own forward chain: accept here means “not taken away”. What ends keeps open connections a while.
CHAINS = """\
chain forward {
  type filter hook forward priority filter - 10; policy accept;
  iifname "wg-nomade" jump from_laptops
  oifname "wg-nomade" jump to_laptops
}
chain from_laptops {
  ip saddr @open accept
  ip saddr @ending ct state established,related accept
  ip daddr . tcp dport @maintenance_tcp accept
  ip daddr . udp dport @maintenance_udp accept
  counter reject with icmpx type admin-prohibited
}
chain to_laptops {
  ip daddr @open accept
  ip daddr @ending ct state established,related accept
  ip saddr . tcp sport @maintenance_tcp accept
  ip saddr . udp sport @maintenance_udp accept
  counter drop
}"""


def _said(schedule: dict[str, Any], now: datetime) -> dict[str, str]:
    """Return what the journal says of each peer: its state, and the civil time of its end."""
    zone = ZoneInfo(schedule["zone"])
    said = {
        name: state if end is None else f"{state} until {end.astimezone(zone):%Y-%m-%d %H:%M}"
        for name, (state, end) in (states(schedule, now) if schedule["enforced"] else {}).items()
    }
    return said | {member["name"]: "in quarantine" for member in schedule.get("quarantine", ())}


def callers(schedule: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return who may begin something now: `open`, tunnel addresses with the end of their window (Unix time), null where
    no windows are enforced; `held`, addresses in quarantine. What may only finish begins nothing.
    """
    held = sorted(member["address"] for member in schedule.get("quarantine", ()))
    if not schedule["enforced"]:
        return {"open": None, "held": held}
    known = states(schedule, now)
    found = {peer["address"]: known[peer["name"]] for peer in schedule["peers"]}
    return {
        "open": {at: int(end.timestamp()) for at, (state, end) in found.items() if state == "open" and end is not None},
        "held": held,
    }


def warning(schedule: dict[str, Any], now: datetime) -> str:
    """Return what the person at this laptop reads when its window ends soon, title first; empty when it does not."""
    for peer in schedule.get("peers", ()) if schedule["enforced"] else ():
        state, end = until(peer, schedule, now)
        if end is None or end - now > WARNING:
            return ""
        last = end.astimezone(ZoneInfo(schedule["zone"]))
        if state == "open":
            after = f"ce qui est ouvert continue {schedule['grace']} minutes, rien de nouveau ne s’ouvre ensuite"
            text = f"Enregistrez votre travail : à l’heure dite, {after}. Sauf urgence ou astreinte annoncée depuis."
            return f"Fin de la plage de télétravail à {last:%H:%M}\n{text}\n"
        text = "Enregistrez votre travail et déconnectez-vous : ce qui est encore ouvert sera coupé."
        return f"Plage de télétravail terminée, coupure à {last:%H:%M}\n{text}\n"
    return ""


def warn(now: datetime) -> None:
    """Bring the notice of this laptop to what `warning` says; a new one is shown at once."""
    text = warning(json.loads(SCHEDULE.read_text(encoding="utf-8")), now)
    before = NOTICE.read_text(encoding="utf-8") if NOTICE.exists() else ""
    if not text:
        NOTICE.unlink(missing_ok=True)
    elif text != before:
        new = NOTICE.with_name(".access")
        new.write_text(text, encoding="utf-8")
        new.rename(NOTICE)
        subprocess.run(["systemctl", "start", "--no-block", SHOW], check=False)


def apply(now: datetime) -> None:
    """Load the table for `now`, and print (into the journal) what changed since the last time."""
    schedule = json.loads(SCHEDULE.read_text(encoding="utf-8"))
    subprocess.run(["nft", "--file", "/dev/stdin"], input=ruleset(schedule, now).encode(), check=True)
    new = CALLERS.with_suffix(".new")
    new.write_text(json.dumps(callers(schedule, now)), encoding="utf-8")
    new.chmod(0o644)
    new.rename(CALLERS)
    said = _said(schedule, now)
    before = json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}
    for name in sorted(said.keys() | before.keys()):
        if said.get(name) != before.get(name):
            sys.stdout.write(f"{name}: {said.get(name, 'no window applies')}\n")
    STATE.write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["warn"]:
        warn(datetime.now(UTC))
    elif sys.argv[1:] == ["show"]:
        sys.stdout.write(json.dumps(_said(json.loads(SCHEDULE.read_text(encoding="utf-8")), datetime.now(UTC))) + "\n")
    else:
        apply(datetime.now(UTC))
