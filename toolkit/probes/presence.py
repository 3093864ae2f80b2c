"""How a PC behaves with nobody in front of it: sleep, idle console, sessions that open by themselves."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import each
from toolkit.probes._text import whole

_VALUES = each(
    "${daemons?}",
    "'#'* | ';'*)",
    "'['*) section=$line",
    """*=*) case $section in '[Sleep]'*) echo "sleep.$line" ;; '[Login]'*) echo "logind.$line" ;; esac""",
)
COMMAND = rf"""
{_VALUES}
automatic='autologin-user\|AutomaticLogin\|TimedLogin\|User'
for file in /etc/lightdm/lightdm.conf /etc/lightdm/lightdm.conf.d/*.conf /etc/gdm3/daemon.conf /etc/sddm.conf \
  /etc/sddm.conf.d/*.conf; do
  [ ! -e "$file" ] || sed -n "s/^[[:space:]]*\($automatic\)[[:space:]]*=[[:space:]]*\(..*\)/autologin=\2/p" "$file"
done
echo end
"""

# sleep.AllowSuspend=no
# logind.IdleAction=lock
# logind.IdleActionSec=600
# autologin=camille
# end


def parse(text: str) -> dict[str, object]:
    """Return what systemd and the login screen are told (empty: nothing); of a repeated option the last one counts."""
    lines = whole(text)
    values: dict[str, str] = {}
    logins: list[str] = []
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals:
            raise ValueError(f"not an option: {line!r}")
        if key == "autologin":
            logins.append(value.strip())
        else:
            values["".join(key.split())] = value.strip()
    return {
        "suspend": values.get("sleep.AllowSuspend", ""),
        "hibernation": values.get("sleep.AllowHibernation", ""),
        "idle_action": values.get("logind.IdleAction", ""),
        "power_key": values.get("logind.HandlePowerKey", ""),
        "idle_seconds": _seconds(values.get("logind.IdleActionSec", "")),
        "autologin": logins,
    }


def _seconds(text: str) -> int:
    """systemd.time(7): a bare number is seconds; 0 when nothing is written or in another unit than min and s."""
    number, unit = text.removesuffix("min"), 60 if text.endswith("min") else 1
    number = number.removesuffix("s")
    return int(number) * unit if number.isascii() and number.isdigit() else 0


PROBE = Probe(name="presence", command=COMMAND, parse=parse, shares=("daemons",))
