"""Who else may look into people's home folders."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import each
from toolkit.probes._text import whole

_FOLDERS = each(
    "${people?}",
    """*) IFS=:; set -- $line
    [ "$3" -lt 1000 ] || [ "$3" -ge 60000 ] || [ ! -d "$6" ] || folders="$folders:$6\"""",
)
COMMAND = f"""
folders=
{_FOLDERS}
set -f; IFS=:
set -- ${{folders#:}}
[ $# -eq 0 ] || stat -c '%a %n' -- "$@"
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


PROBE = Probe(name="homes", command=COMMAND, parse=parse, shares=("people",))
