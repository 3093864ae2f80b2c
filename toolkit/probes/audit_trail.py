"""Whether changes that matter to security are recorded: the audit daemon, its retention, its rules."""

from __future__ import annotations

import re

from toolkit.probes import Probe
from toolkit.probes._shared import each
from toolkit.probes._text import scalar, whole

_STATE = each("${units:?}", 'ActiveState=* | UnitFileState=*) echo "unit $line"')
COMMAND = f"""
{_STATE}
sed -n -e 's/^\\([a-z_]*\\) *= */conf \\1=/p' -e 's/^-/built -/p' \\
  /etc/audit/auditd.conf /etc/audit/audit.rules 2>/dev/null
if command -v auditctl > /dev/null; then auditctl -l 2>/dev/null | sed -n 's/^-/loaded -/p'; fi
echo end
"""

# unit ActiveState=active
# unit UnitFileState=enabled
# conf max_log_file=8
# conf disk_full_action=ROTATE
# built -w /etc/passwd -p wa -k nomade-accounts
# loaded -w /etc/passwd -p wa -k nomade-accounts
# loaded -a always,exit -F arch=b64 -S init_module,delete_module,finit_module -F key=nomade-modules
# end
_KEY = re.compile(r"(?:-k |-F key=)(?:nomade-)([a-z]+)")


def parse(text: str) -> dict[str, object]:
    """Return `active` and `enabled` (at boot), `conf.<name>` of the daemon's file (in lower case), and as lists of
    subjects the rules of ours that are `built` (for the next start) and `loaded` (in force).
    """
    unit: dict[str, str] = {}
    facts: dict[str, object] = {}
    subjects: dict[str, set[str]] = {"built": set(), "loaded": set()}
    for line in whole(text):
        kind, _, rest = line.partition(" ")
        name, _, value = rest.partition("=")
        if kind == "unit":
            unit[name] = value
        elif kind == "conf":
            facts[f"conf.{name}"] = scalar(value.strip().lower())
        elif kind in subjects:
            subjects[kind] |= set(_KEY.findall(rest))
        else:
            raise ValueError(f"not understood: {line!r}")
    if set(unit) != {"ActiveState", "UnitFileState"}:
        raise ValueError("not the properties that were asked for")
    state = {"active": unit["ActiveState"] == "active", "enabled": unit["UnitFileState"] == "enabled"}
    return facts | state | {kind: sorted(found) for kind, found in subjects.items()}


PROBE = Probe(name="audit_trail", command=COMMAND, parse=parse, units=("auditd.service",))
