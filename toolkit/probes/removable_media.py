"""What udisks lets a user do with removable disks: its mount options, and the rule that refuses them altogether."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

COMMAND = r"""
[ ! -e /etc/udisks2/mount_options.conf ] || awk '
  /^[ \t]*\[/ { gsub(/[][ \t]/, ""); section = $0; if (section != "defaults") print "exception " section }
  section == "defaults" && /^[ \t]*(defaults|allow)[ \t]*=/ { gsub(/[ \t]/, ""); print }
' /etc/udisks2/mount_options.conf
[ ! -e /etc/polkit-1/rules.d ] || grep -lsF 'org.freedesktop.udisks2.' /etc/polkit-1/rules.d/*.rules /dev/null |
  sed 's|.*/|rule |'
echo end
"""

# defaults=nosuid,nodev,noexec
# allow=rw,noexec,nodev,nosuid,ro,sync
# end
_REFUSES = "20-nomade-removable.rules"


def parse(text: str) -> dict[str, object]:
    """Return `policy` (refuse, read_only, allow; unset: udisks is told nothing), `programs` (whether they run from a
    removable disk) and `exceptions` (single devices with options of their own).
    """
    options: dict[str, set[str]] = {}
    exceptions: list[str] = []
    refused = False
    for line in whole(text):
        key, equals, value = line.partition("=")
        word, _space, rest = line.partition(" ")
        if word == "exception":
            exceptions.append(rest)
        elif word == "rule":
            refused |= rest == _REFUSES
        elif equals and key in ("defaults", "allow"):
            options[key] = set(value.split(","))
        else:
            raise ValueError(f"not understood: {line!r}")
    if set(options) != {"defaults", "allow"}:
        return {"policy": "refuse" if refused else "unset", "programs": True, "exceptions": exceptions}
    read_only = "ro" in options["defaults"] and "rw" not in options["allow"]
    return {
        "policy": "refuse" if refused else "read_only" if read_only else "allow",
        "programs": "noexec" not in options["defaults"] or "exec" in options["allow"],
        "exceptions": exceptions,
    }


PROBE = Probe(name="removable_media", command=COMMAND, parse=parse)
