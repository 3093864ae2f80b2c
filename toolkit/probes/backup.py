"""Backup of an endpoint: what it says of its runs and drills, and what is really in the repository when it answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from toolkit.probes import Probe
from toolkit.probes._shared import ACTIVE_ENABLED
from toolkit.probes._text import ABSENT, document, whole

UNITS = ("nomade-backup.timer", "nomade-backup-drill.timer", "nomade-backup.service", "nomade-backup-drill.service")
# The repository is asked without lock and cache, so that nothing is written. A store that does not answer is no error:
# then only what the endpoint noted itself is known. Of the record all but the encrypted password.
COMMAND = rf"""
folder=/etc/nomade/backup
if [ ! -s "$folder/settings.json" ] || [ ! -s "$folder/password" ]; then echo {ABSENT}; exit 0; fi
set -e
read -r uuid <"$folder/repository"
echo "now ${{now?}}"
{ACTIVE_ENABLED}
echo settings
cat "$folder/settings.json"
echo record
grep -v '"ciphertext":' "/var/lib/nomade/secrets/$uuid.json" 2>/dev/null || echo null
echo
echo state
cat /var/lib/nomade/backup/state.json 2>/dev/null || echo null
echo
echo store
timeout 20 restic --option "rclone.program=ssh -F $folder/ssh_config store" \
  --option "rclone.args=read restic --stdio" --repo "rclone:$uuid" --password-file "$folder/password" \
  --no-cache --no-lock --json snapshots --latest 1 2>/dev/null || echo null
echo
echo end
"""

# now 1795555100
# nomade-backup.timer active enabled
# nomade-backup-drill.timer active enabled
# nomade-backup.service inactive static
# nomade-backup-drill.service inactive static
# settings
# {"store": {"address": "10.77.1.1", "port": 8022}, …}
# record
# {"escrowed": "2026-11-24T21:10:00Z", "recipients": ["age1…", "age1…"], …}
# state
# {"run": {"started": 1795555018, "finished": 1795555033, "result": "ok", "said": ""},
#  "success": {"time": 1795555031, …}, "drill": {…}, "restore": {"time": 1795555040, …}, "refusal": {"time": 1795555},
#  "store": {"address": "10.77.1.1", "port": 8022}}
# store
# [{"time": "2026-11-24T22:10:31.1Z", "paths": ["/home", …], "tags": ["deletion-test"], …}]
# end
NEVER = 10**6  # days
# A date later than this from now is no date; clocks that differ a little are.
_TOLERANCE = 86400
# The first came later than the others: stored evidence may be without it.
_PARTS = ("settings", "record", "state", "store")


def parse(text: str) -> dict[str, object]:
    """Return ages in days (a million: never), how the last run and drill ended, and whether the password is in escrow.

    `success_seen` says where the last success is known from: `store` (the repository itself) or `declared`. An attempt
    that began and did not end is `running` while its service runs, else `interrupted`. What the endpoint noted of
    another store than the one it is set up for proves nothing.
    """
    if text.strip() == ABSENT:
        nothing: dict[str, object] = {"configured": False, "timers": False, "escrowed": False, "recipients": []}
        ages = dict.fromkeys(("success_age_days", "restore_age_days", "refusal_age_days"), NEVER)
        return nothing | ages | {"success_seen": "never", "last_run": "never", "last_drill": "never"}
    head, parts = _split(whole(text))
    now = int(head["now"][0])
    timers = [head["nomade-backup.timer"], head["nomade-backup-drill.timer"]]
    state, record = _known(parts), _mapping(parts["record"])
    success, seen = _success(now, state, parts["store"])
    recipients = record.get("recipients") or []
    return {
        "configured": True,
        "timers": all(timer == ["active", "enabled"] for timer in timers),
        "success_age_days": success,
        "success_seen": seen,
        "restore_age_days": _age(now, _time(state, "restore")),
        "refusal_age_days": _age(now, _time(state, "refusal")),
        "last_run": _ended(state, "run", head["nomade-backup.service"]),
        "last_drill": _ended(state, "drill", head["nomade-backup-drill.service"]),
        "escrowed": isinstance(record.get("escrowed"), str),
        "recipients": sorted(str(recipient) for recipient in recipients),
    }


def _split(lines: list[str]) -> tuple[dict[str, list[str]], dict[str, Any]]:
    names = _PARTS if _PARTS[0] in lines else _PARTS[1:]
    places = [lines.index(name) if name in lines else -1 for name in names]
    if -1 in places or places != sorted(places):
        raise ValueError("a part is missing")
    head = {words[0]: words[1:] for line in lines[: places[0]] if (words := line.split())}
    if set(head) != {"now", *UNITS} or not all(head.values()):
        raise ValueError("not the units that were asked for")
    ends = [*places[1:], len(lines)]
    bodies = ("\n".join(lines[start + 1 : end]) for start, end in zip(places, ends, strict=True))
    return head, {name: document(body) for name, body in zip(names, bodies, strict=True)}


def _known(parts: dict[str, Any]) -> dict[str, Any]:
    """What the endpoint noted of the store that it is set up for."""
    state = _mapping(parts["state"])
    if "settings" not in parts:
        return state
    store = _mapping(parts["settings"]).get("store")
    if not store:
        raise ValueError("settings without a store")
    return state if state.get("store") == store else {}


def _mapping(value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise ValueError("not an object")
    return value or {}


def _time(state: dict[str, Any], name: str) -> int | None:
    value = _mapping(state.get(name)).get("time")
    if value is not None and not isinstance(value, int):
        raise ValueError(f"{name}: not a time")
    return value


def _age(now: int, moment: float | None) -> int:
    if moment is None or moment > now + _TOLERANCE:
        return NEVER
    return max(int(now - moment), 0) // 86400


def _success(now: int, state: dict[str, Any], store: Any) -> tuple[int, str]:
    """The newest snapshot of the repository; what the endpoint noted itself where the repository does not answer."""
    if store is None:
        declared = _time(state, "success")
        return _age(now, declared), "never" if declared is None else "declared"
    if not isinstance(store, list):
        raise ValueError("not a list of snapshots")
    snapshots = [_mapping(item) for item in store]
    times = [_seconds(item.get("time")) for item in snapshots if "deletion-test" not in (item.get("tags") or [])]
    return _age(now, max(times, default=None)), "store"


def _seconds(moment: Any) -> float:
    """RFC 3339 with nanoseconds, as restic prints it."""
    if not isinstance(moment, str):
        raise ValueError("a snapshot without time")
    head, _, rest = moment.partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    return datetime.fromisoformat((head + zone).replace("Z", "+00:00")).timestamp()


def _ended(state: dict[str, Any], name: str, service: list[str]) -> str:
    attempt = _mapping(state.get(name))
    if not attempt:
        return "never"
    if attempt.get("finished") is None:
        return "running" if service[0] == "activating" else "interrupted"
    return str(attempt.get("result"))


PROBE = Probe(name="backup", command=COMMAND, parse=parse, timeout=40.0, shares=("now",), units=UNITS)
