"""How the folders that everybody may write to are mounted."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import each
from toolkit.probes._text import whole

FOLDERS = ("/dev/shm", "/tmp")  # noqa: S108 — their names, nothing is written there
_MOUNTS = each(
    "${mounts?}",
    f"""{" | ".join(f"*' {folder} '*" for folder in FOLDERS)}) IFS=' '; set -- $line
    case $2 in {" | ".join(FOLDERS)}) echo "$2 $4" ;; esac""",
)
COMMAND = f"""
{_MOUNTS}
echo end
"""

# /dev/shm rw,nosuid,nodev,noexec,relatime
# /tmp rw,nosuid,nodev
# end


def parse(text: str) -> dict[str, object]:
    """Return the options of each folder as a list, by its path; a folder without a mount of its own has none."""
    facts: dict[str, object] = dict.fromkeys(FOLDERS)
    for line in whole(text):
        folder, _, options = line.partition(" ")
        if folder not in FOLDERS or not options:
            raise ValueError(f"not a mount: {line!r}")
        facts[folder] = options.split(",")  # the last one mounted there is the one in use
    return facts


PROBE = Probe(name="mount_options", command=COMMAND, parse=parse, shares=("mounts",))
