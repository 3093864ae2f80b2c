"""Who may become root: asked of sudo for every account that can log in, and of the groups that amount to it."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import each
from toolkit.probes._text import ABSENT, whole

_LOGINS = each(
    "${people?}",
    """*nologin | *false | *sync) ;;
  *) IFS=:; set -- $line
    [ "$3" -eq 0 ] || [ "$3" -eq 65534 ] || logins="$logins $1\"""",
)
COMMAND = f"""
logins=
{_LOGINS}
if command -v sudo >/dev/null; then
  for login in $logins; do
    case $(LC_ALL=C sudo -n -l -U "$login" 2>/dev/null) in *'may run the following'*) echo "sudo $login";; esac
  done
else
  echo {ABSENT}
fi
getent group sudo wheel docker lxd disk shadow | while IFS=: read -r _ _ _ members; do
  [ -z "$members" ] || echo "group $members"
done
echo end
"""

# sudo nomade
# group camille.roux,alex
# end


def parse(text: str) -> dict[str, object]:
    """Return the logins that may use sudo (`may_sudo`) and those in a group that amounts to it (`in_groups`)."""
    lines = whole(text)
    found: dict[str, set[str]] = {"sudo": set(), "group": set()}
    for line in lines:
        if line != ABSENT:
            kind, logins = line.split()
            if kind not in found:
                raise ValueError(f"neither sudo nor group: {line!r}")
            found[kind].update(logins.split(","))
    return {
        "installed": ABSENT not in lines,
        "may_sudo": sorted(found["sudo"]),
        "in_groups": sorted(found["group"]),
    }


PROBE = Probe(name="sudo_rights", command=COMMAND, parse=parse, shares=("people",))
