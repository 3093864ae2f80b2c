"""Whether the journal survives a reboot, and for how long: journald's effective configuration."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import each
from toolkit.probes._text import pairs

_VALUES = each(
    "${daemons?}",
    "'#'* | ';'*)",
    "'['*) section=$line",
    """*=*) case $section in '[Journal]'*) echo "value $line" ;; esac""",
)
COMMAND = f"""
{_VALUES}
if [ -d /var/log/journal ]; then echo 'folder=yes'; else echo 'folder=no'; fi
"""

# value Storage=persistent
# value SystemMaxUse=500M
# value MaxRetentionSec=6month
# folder=yes


def parse(text: str) -> dict[str, object]:
    """Return `persistent`, and `max_use` and `retention` as written (empty: systemd's default). The last one counts."""
    lines = text.strip().splitlines()
    if not lines or lines[-1] not in ("folder=yes", "folder=no"):
        raise ValueError("cut at the end")
    values: dict[str, str] = {}
    for line in lines[:-1]:
        values |= {" ".join(key.split()): value for key, value in pairs(line, "=").items()}
    storage = values.get("value Storage") or "auto"
    folder = lines[-1] == "folder=yes"
    return {
        "persistent": folder and storage in ("persistent", "auto"),
        "storage": storage,
        "max_use": values.get("value SystemMaxUse", ""),
        "retention": values.get("value MaxRetentionSec", ""),
    }


PROBE = Probe(name="journal", command=COMMAND, parse=parse, shares=("daemons",))
