"""Owner and permissions of a few files that open the way to everything else."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

WATCHED = ("/etc/shadow", "/etc/gshadow", "/usr/bin/su", "/etc/wireguard/nomade.key")
# One walk: the files, and of the tunnel's folder once more what others than root may read or change.
COMMAND = f"""
set --
for file in {" ".join(WATCHED)}; do
  [ -e "$file" ] || {{ echo "none $file"; continue; }}
  case $file in /etc/wireguard/*) ;; *) set -- "$@" "$file" ;; esac
done
[ ! -d /etc/wireguard ] || set -- "$@" /etc/wireguard
[ $# -eq 0 ] || find "$@" \\( {" -o ".join(f"-path {path}" for path in WATCHED)} \\) -printf '%m %u %g %p\\n' , \\
  -path '/etc/wireguard/*' -type f ! -perm 600 -printf '%m %u %g %p\\n' 2>/dev/null
echo end
"""

# 640 root shadow /etc/shadow
# 640 root shadow /etc/gshadow
# 4755 root root /usr/bin/su
# none /etc/wireguard/nomade.key
# end


def parse(text: str) -> dict[str, object]:
    """Return each file's rights as `mode owner group` (`none`: not there), and `tunnel_open`: files of the tunnel that
    others than root may read or change.
    """
    lines = whole(text)
    facts: dict[str, object] = {}
    loose: list[str] = []
    for line in lines:
        rights, _, path = line.rpartition(" ")
        if not rights:
            raise ValueError(f"not a file: {line!r}")
        if path in facts or path not in WATCHED:
            loose.append(path)
        else:
            facts[path] = rights
    if len(facts) != len(WATCHED):
        raise ValueError("a file is missing")
    return facts | {"tunnel_open": loose}


PROBE = Probe(name="file_rights", command=COMMAND, parse=parse)
