"""How the machine presents itself: its host name, and what it tells whoever stands before its login."""

from __future__ import annotations

import re

from toolkit.probes import Probe
from toolkit.probes._text import whole

COMMAND = """
read -r host </proc/sys/kernel/hostname
echo "host $host"
for file in /etc/issue /etc/issue.net; do
  [ ! -e "$file" ] || while IFS= read -r line || [ -n "$line" ]; do printf '%s %s\\n' "$file" "$line"; done <"$file"
done
echo end
"""

# host valsorbe-portable-1
# /etc/issue Ce système appartient à une collectivité publique.
# /etc/issue.net Ce système appartient à une collectivité publique.
# end
# agetty(8): \\s system, \\r release, \\v version, \\m machine, \\n host name, \\o domain.
REVEALING = re.compile(r"\\[srvmno]|debian|ubuntu|\blinux\b|\bkernel\b", re.IGNORECASE)


def parse(text: str) -> dict[str, object]:
    """Return `host`, which files `reveal` the system, and those that `warn` in at least one full line (40 letters)."""
    lines = whole(text)
    if not lines or not lines[0].startswith("host "):
        raise ValueError("no host name")
    shown: dict[str, list[str]] = {}
    for line in lines[1:]:
        file, _, words = line.partition(" ")
        shown.setdefault(file, []).append(words)
    return {
        "host": lines[0].removeprefix("host "),
        "reveal": [file for file, words in shown.items() if any(REVEALING.search(line) for line in words)],
        "warn": [file for file, words in shown.items() if any(len(line.strip()) >= 40 for line in words)],
    }


PROBE = Probe(name="identity", command=COMMAND, parse=parse)
