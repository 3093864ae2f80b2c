"""Questions that several probes ask: each is put once to an endpoint, however many probes use its answer.

`SHARED` is by name. The command of a probe that lists the name in `Probe.shares` finds the answer in the shell variable
of that name, written `${name?}`: where the question failed, so does the probe. One may build on those above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Programs that send passwords in clear or have no place on a telework post.
LEGACY = (
    "inetutils-telnet", "inetutils-telnetd", "nis", "rsh-client", "rsh-redone-client", "rsh-redone-server",
    "rsh-server", "talk", "talkd", "telnet", "telnet-ssl", "telnetd", "telnetd-ssl", "tftp", "tftpd", "xinetd",
)  # fmt: skip
TUNNEL = "wg-nomade"


def each(text: str, *cases: str) -> str:
    """Return the POSIX sh that looks at every line of `text` (an expansion, `${name?}`) in `$line`, without a process.

    `cases`: branches of the `case` statement, without their `;;`. Empty lines are not seen.
    """
    branches = "".join(f"  {case} ;;\n" for case in cases)
    return f"set -f; IFS='\n'\nfor line in {text}; do\n  case $line in\n{branches}  esac\ndone\nset +f; unset IFS\n"


# `lsblk --json` puts every field on a line of its own, in the order that was asked for.
_ENCRYPTED = each(
    "${disks?}",
    """*'"fstype": "crypto_LUKS"'*) found=yes""",
    """*'"fstype": '*) found=""",
    """*'"path": "'*) line=${line#*'"path": "'}; [ -z "$found" ] || echo "${line%%'"'*}\"""",
)
# dpkg's database read as the text it is: starting dpkg-query costs several times as much. Asking apt itself for updates
# takes seconds of processor and rewrites its cache; its lists say the same. Only what a probe wants is printed: what is
# in an unusual state, what is of LEGACY, and what differs in version (which one is newer is for the parser to say).
# apt-helper starts dpkg to learn of foreign architectures unless it is told some.
_PACKAGES = rf"""
set -- /var/lib/apt/lists/*-security_*_Packages*
[ -e "$1" ] || set --
fields='^(Package|Architecture|Version): '
for file do
  case $file in
    *_Packages) grep -E "$fields" "$file" ;;
    *)
      {{ /usr/lib/apt/apt-helper -o APT::Architectures::=any cat-file "$file" || echo 'Package: /unreadable'
      }} | grep -E "$fields" ;;
  esac
  [ $? -le 1 ] || echo 'Package: /unreadable'
done | awk '
  FNR == 1 {{ judge(); files++ }}
  /^[^PSAV]/ {{ next }}
  /^Package: / {{
    judge()
    if (files < 2 || $2 in names) package = $2
    if ($2 == "/unreadable") unreadable = 1
    next
  }}
  package == "" {{ next }}
  /^Version: / {{ version = $2; next }}
  /^Architecture: / {{ architecture = $2; next }}
  /^Status: / {{
    known++
    if ($4 == "installed") names[package]
    if ($2 == "hold" || $3 != "ok" || $4 !~ /^(installed|config-files|not-installed)$/)
      print "state", $2 "," $3 "," $4, package
    if (package ~ /^({"|".join(re.escape(name) for name in LEGACY)})$/) print "legacy", $4, package
  }}
  END {{ judge(); if (!known || unreadable) exit 1 }}
  function judge(key) {{
    key = package ":" architecture
    if (package in names && files < 2) installed[key] = version
    else if (key in installed && installed[key] != version) print "differs", package, installed[key], version
    package = ""
  }}
' /var/lib/dpkg/status - || exit 1
echo "lists $#"
"""
SHARED = {
    "now": "date +%s",
    "people": "getent passwd",
    "mounts": "cat /proc/mounts",
    "disks": "lsblk --json --output NAME,TYPE,FSTYPE,UUID,MOUNTPOINTS,PATH,HOTPLUG,PARTTYPE",
    "encrypted": _ENCRYPTED,
    "daemons": "systemd-analyze cat-config systemd/journald.conf systemd/sleep.conf systemd/logind.conf",
    "packages": _PACKAGES,
    "handshakes": f"wg show {TUNNEL} latest-handshakes",
    "networks": f"wg show {TUNNEL} allowed-ips",
}
UNIT_PROPERTIES = ("Id", "LoadState", "ActiveState", "UnitFileState")

# One line of a unit's name, state and state at boot for each unit asked for; `$mark` stands before it.
ACTIVE_ENABLED = each(
    "${units:?}",
    "Id=*) unit=${line#*=}",
    "ActiveState=*) state=${line#*=}",
    'UnitFileState=*) echo "${mark-}$unit $state ${line#*=}"',
)


def ask(name: str) -> str:
    """Return the sh that asks a shared question; its variable is unset where it failed."""
    return f"{name}=$({{ {SHARED[name]}\n}} 2>/dev/null) || unset {name}\n"


def unit_states(units: Iterable[str]) -> str:
    """Return the command that prints one block of `UNIT_PROPERTIES` for each unit, in order."""
    return f"systemctl show --property={','.join(UNIT_PROPERTIES)} -- {' '.join(units)}"


def ask_units(units: Iterable[str]) -> str:
    """Return the sh that asks for these units alone; `$units` is empty where that failed."""
    return f"units=$({unit_states(units)} 2>/dev/null) || units=\n"
