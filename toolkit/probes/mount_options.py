"""How the folders that everybody may write to are mounted."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

FOLDERS = ("/dev/shm", "/tmp")  # noqa: S108 — their names, nothing is written there
COMMAND = f"""
while read -r source folder type options rest; do
  case $folder in {"|".join(FOLDERS)}) echo "$folder $options" ;; esac
done < /proc/mounts
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


PROBE = Probe(name="mount_options", command=COMMAND, parse=parse)
