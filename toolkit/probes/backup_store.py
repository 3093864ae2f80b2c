"""The backup store as it is on the gateway: who may do what, who has sent a backup and when, and retention.

What endpoints sent is seen here from outside: no endpoint can claim a backup that did not arrive.
"""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import ACTIVE_ENABLED
from toolkit.probes._text import ABSENT, document, whole

UNITS = ("nomade-backup-store.socket", "nomade-backup-retention.timer")
# Of authorized_keys the options without the keys; of the repositories the newest snapshot's date.
COMMAND = rf"""
folder=/etc/nomade/backup-store
program=/usr/local/libexec/nomade-backup-store
if [ ! -s "$folder/authorized_keys" ] || [ ! -x "$program" ]; then echo {ABSENT}; exit 0; fi
set -e
echo "now ${{now?}}"
mark='unit '
{ACTIVE_ENABLED}
if grep -q 'exec rclone serve restic --stdio --append-only ' "$program"; then
  echo "append-only yes"
else
  echo "append-only no"
fi
sed -e '/^#/d' -e '/^ *$/d' -e 's/^/key /' -e 's/ ssh-ed25519 AAAA[A-Za-z0-9+\/=]*$//' "$folder/authorized_keys"
root=$(systemctl show --value --property=ReadWritePaths nomade-backup-store@probe.service)
find "$root" -mindepth 4 -maxdepth 4 -path '*/snapshots/*' -type f -printf '%T@ %P\n' | sort -n |
  awk '{{ split($2, part, "/"); newest[part[1]] = $1 }}
    END {{ for (name in newest) printf "sent %s %d\n", name, newest[name] }}'
echo "installed $(stat -c %Y /etc/systemd/system/nomade-backup-retention.timer)"
echo retention
cat /var/lib/nomade-backup-store/retention.json 2>/dev/null || echo null
echo end
"""

# now 1795555100
# unit nomade-backup-store.socket active enabled
# unit nomade-backup-retention.timer active enabled
# append-only yes
# key restrict,from="10.77.1.2",command="/usr/local/libexec/nomade-backup-store valsorbe-portable-1"
# sent valsorbe-portable-1 1795555031
# installed 1795550000
# retention
# {"repositories": {"valsorbe-portable-1/4af2…": "ok"}, "time": 1795555060}
# end
NEVER = 10**6  # days
_START = 'restrict,from="'
_COMMAND = '",command="/usr/local/libexec/nomade-backup-store '


def parse(text: str) -> dict[str, object]:
    """Return who may send and who has sent (`senders`), the age of the oldest newest snapshot, and how retention went.

    `loose_keys`: options of keys that are not tied to one address and the store's program. `retention_age_days` counts
    from the installation where retention has never run. Ages in days; a million: never.
    """
    if text.strip() == ABSENT:
        return {
            "installed": False, "door": False, "append_only": False, "loose_keys": [], "senders": [],
            "oldest_age_days": NEVER, "retention_timer": False, "retention_age_days": NEVER, "retention_failed": [],
        }  # fmt: skip
    lines = whole(text)
    if "retention" not in lines:
        raise ValueError("cut in the middle")
    place = lines.index("retention")
    found: dict[str, list[str]] = {}
    for line in lines[:place]:
        word, _, rest = line.partition(" ")
        found.setdefault(word, []).append(rest)
    if set(found) - {"now", "unit", "append-only", "key", "sent", "installed"} or not {"now", "installed"} <= set(
        found
    ):
        raise ValueError("not what was asked for")
    now, units = int(found["now"][0]), dict(unit.split(" ", 1) for unit in found.get("unit", []))
    keys = found.get("key", [])
    tied = {key: name for key in keys if (name := _tied(key))}
    sent = {name: int(moment) for name, moment in (item.split() for item in found.get("sent", []))}
    ages = [(now - sent[name]) // 86400 for name in tied.values() if name in sent]
    return {
        "installed": True,
        "door": units.get("nomade-backup-store.socket") == "active enabled",
        "append_only": found.get("append-only") == ["yes"],
        "loose_keys": [key for key in keys if key not in tied],
        "senders": sorted(name for name in tied.values() if name in sent),
        "oldest_age_days": max(ages, default=NEVER),
        "retention_timer": units.get("nomade-backup-retention.timer") == "active enabled",
        **_retention(now, int(found["installed"][0]), "\n".join(lines[place + 1 :])),
    }


def _tied(options: str) -> str:
    """The endpoint that a key is tied to; nothing when it may do more than the store's program, or from anywhere."""
    address, command, name = options.removeprefix(_START).partition(_COMMAND)
    whole_ = options.startswith(_START) and command and name.endswith('"') and '"' not in address + name[:-1]
    return name[:-1] if whole_ and "," not in address and "*" not in address else ""


def _retention(now: int, installed: int, text: str) -> dict[str, object]:
    state = document(text)
    if state is None:
        return {"retention_age_days": (now - installed) // 86400, "retention_failed": []}
    if not isinstance(state, dict) or not isinstance(state.get("time"), int):
        raise ValueError("retention: not an object with a time")
    results = state.get("repositories")
    if not isinstance(results, dict):
        raise ValueError("retention: no repositories")
    failed = sorted(f"{name}: {result}" for name, result in results.items() if result not in ("ok", "busy"))
    return {"retention_age_days": (now - state["time"]) // 86400, "retention_failed": failed}


PROBE = Probe(name="backup_store", command=COMMAND, parse=parse, timeout=20.0, shares=("now",), units=UNITS)
