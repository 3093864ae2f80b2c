"""What a teleworker's day stands on and hardening likes to break: sleep, network, printer, headset, unlocking."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import each
from toolkit.probes._text import whole

_PROC = each("${mounts?}", """*' /proc '*) IFS=' '; set -- $line; [ "$2" != /proc ] || echo "proc $4\"""")
COMMAND = f"""
for file in /etc/systemd/system/* /run/systemd/system/*; do
  [ ! -L "$file" ] || [ ! "$file" -ef /dev/null ] || echo "masked ${{file##*/}}"
done
stat -c 'file %a %U %G %n' /etc/shadow /usr/sbin/unix_chkpwd
{_PROC}
echo end
"""

# masked cups.service
# file 640 root shadow /etc/shadow
# file 2755 root shadow /usr/sbin/unix_chkpwd
# proc rw,nosuid,nodev,noexec,relatime
# end
SLEEP = frozenset({"sleep.target", "suspend.target", "systemd-suspend.service"})
SERVICES = frozenset(
    {
        "NetworkManager.service", "accounts-daemon.service", "avahi-daemon.service", "bluetooth.service", "cups.path",
        "cups.service", "cups.socket", "gdm.service", "gdm3.service", "polkit.service", "udisks2.service",
        "upower.service", "wpa_supplicant.service",
    }
)  # fmt: skip


def parse(text: str) -> dict[str, object]:
    """Return `sleep_masked`, `services_masked`, `unlock_broken` (files of the password check with other rights than it
    needs) and `processes_hidden`.
    """
    masked: set[str] = set()
    files: dict[str, tuple[int, str]] = {}
    options: list[str] | None = None
    for line in whole(text):
        word, *rest = line.split()
        if word == "masked" and len(rest) == 1:
            masked.add(rest[0])
        elif word == "file" and len(rest) == 4:
            files[rest[3]] = (int(rest[0], 8), rest[2])
        elif word == "proc" and rest:
            options = rest[0].split(",")
        else:
            raise ValueError(f"not understood: {line!r}")
    if options is None or set(files) != {"/etc/shadow", "/usr/sbin/unix_chkpwd"}:
        raise ValueError("files or /proc missing")
    hidden = [
        option for option in options if option.startswith("hidepid=") and option not in ("hidepid=0", "hidepid=off")
    ]
    return {
        "sleep_masked": sorted(masked & SLEEP),
        "services_masked": sorted(masked & SERVICES),
        "unlock_broken": sorted(name for name, (mode, group) in files.items() if not _usable(name, mode, group)),
        "processes_hidden": bool(hidden),
    }


def _usable(name: str, mode: int, group: str) -> bool:
    # The lock screen runs as its user: the helper reads the passwords with the rights of the group shadow.
    return group == "shadow" and bool(mode & 0o040) and (name == "/etc/shadow" or bool(mode & 0o2010 == 0o2010))


PROBE = Probe(name="telework", command=COMMAND, parse=parse, shares=("mounts",))
