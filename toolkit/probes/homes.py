"""Who else may look into people's home folders."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

COMMAND = """
getent passwd | {
  set --
  while IFS=: read -r _ _ number _ _ folder _; do
    if [ "$number" -ge 1000 ] && [ "$number" -lt 60000 ] && [ -d "$folder" ]; then set -- "$@" "$folder"; fi
  done
  [ $# -eq 0 ] || stat -c '%a %n' -- "$@"
}
echo end
"""

# 700 /home/nomade
# 755 /home/camille.roux
# end


def parse(text: str) -> dict[str, object]:
    """Return the home folders that others than owner and group may enter or read (`open`)."""
    lines = whole(text)
    modes = [line.split(" ", 1) for line in lines]
    return {
        "homes": [folder for _mode, folder in modes],
        "open": [home for mode, home in modes if int(mode, 8) & 0o007],
    }


PROBE = Probe(name="homes", command=COMMAND, parse=parse)
