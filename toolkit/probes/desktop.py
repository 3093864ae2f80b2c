"""The desktop: which sessions the login screen offers, and what GNOME and GDM are told in a way no user can change."""

from __future__ import annotations

import re

from toolkit.probes import Probe
from toolkit.probes._text import scalar, whole

# As root, with a home that is not there: what `dconf dump` then shows are the system's values alone. The locks stand in
# the compiled databases under their full names; no tool lists them. dconf reads /run/dconf/user/<number> before all
# that an account can set for itself.
COMMAND = r"""
desktop=none
command -v gnome-shell > /dev/null && desktop=gnome
echo "desktop $desktop"
for file in /usr/share/xsessions/*.desktop /usr/share/wayland-sessions/*.desktop \
  /usr/local/share/xsessions/*.desktop /usr/local/share/wayland-sessions/*.desktop; do
  [ ! -e "$file" ] || { file=${file##*/}; echo "session ${file%.desktop}"; }
done
told() {
  HOME=/nonexistent DCONF_PROFILE=$1 dconf dump "$3" 2> /dev/null | sed -n "s|^\[|[|p; s|^[a-z]|$2 &|p"
  [ ! -e "/etc/dconf/db/$2" ] || grep -aoE '/org/gnome/[A-Za-z0-9/-]+' "/etc/dconf/db/$2" | sed "s|^|lock $2 |"
}
if [ "$desktop" = gnome ] && command -v dconf > /dev/null; then
  told user local /org/gnome/desktop/
  while IFS=: read -r _name _password number _rest; do
    [ "$number" -lt 1000 ] || [ "$number" -ge 60000 ] || {
      bound=no
      [ ! -e "/run/dconf/user/$number" ] || while read -r line; do
        [ "$line" != system-db:local ] || bound=yes
      done < "/run/dconf/user/$number"
      echo "account $number $bound"
    }
  done < /etc/passwd
fi
if [ -e /usr/sbin/gdm3 ]; then
  echo 'login gdm'
  if command -v dconf > /dev/null; then told gdm gdm /org/gnome/login-screen/; fi
  awk '
    { gsub(/[ \t]/, "") }
    /^\[/ { gsub(/[][]/, ""); section = $0 }
    /^[A-Za-z]+=/ { print "gdm3 " section "." $0 }
  ' /etc/gdm3/daemon.conf
fi
echo end
"""

# desktop gnome
# session gnome
# [session]
# local idle-delay=uint32 600
# lock local /org/gnome/desktop/session/idle-delay
# account 1000 yes
# login gdm
# [/]
# gdm disable-user-list=true
# lock gdm /org/gnome/login-screen/disable-user-list
# gdm3 xdmcp.Enable=false
# end
_USER = "/org/gnome/desktop/"
_LOGIN = "/org/gnome/login-screen/"
LOCK = {
    "idle_delay": "session/idle-delay",
    "lock_enabled": "screensaver/lock-enabled",
    "lock_delay": "screensaver/lock-delay",
    "lock_screen_disabled": "lockdown/disable-lock-screen",
    "notices_shown": "notifications/show-in-lock-screen",
}
MEDIA = {
    "automount": "media-handling/automount",
    "automount_open": "media-handling/automount-open",
    "autorun_never": "media-handling/autorun-never",
}
LOGIN = {"names_hidden": "disable-user-list", "notice_shown": "banner-message-enable"}
_OURS = re.compile(r"gnome(-.+)?")


def parse(text: str) -> dict[str, object]:
    """Return `desktop` (gnome or none), `login` (gdm or none), `other_sessions` and `unbound_accounts` as lists,
    `xdmcp`, and per key the value that is imposed: null where a user can have another.
    """
    told: dict[str, str] = {}
    lists: dict[str, list[str]] = {"session": [], "lock": [], "account": []}
    ones = {"desktop": "", "login": "none"}
    folder = ""
    for line in whole(text):
        word, _space, rest = line.partition(" ")
        if word.startswith("["):
            folder = line.strip("[]/")
        elif word in lists and rest:
            lists[word].append(rest)
        elif word in ones and rest:
            ones[word] = rest
        elif word in ("local", "gdm", "gdm3") and "=" in rest:
            key, _equals, value = rest.partition("=")
            place = {"local": f"{_USER}{folder}/", "gdm": _LOGIN, "gdm3": "gdm3."}[word]
            told[place + key] = value
        else:
            raise ValueError(f"not understood: {line!r}")
    if ones["desktop"] not in ("gnome", "none"):
        raise ValueError("no word on the desktop")
    locked = {lock.partition(" ")[2] for lock in lists["lock"]}
    paths = {name: _USER + key for name, key in (LOCK | MEDIA).items()} | {n: _LOGIN + k for n, k in LOGIN.items()}
    return {
        **ones,
        "other_sessions": sorted({name for name in lists["session"] if not _OURS.fullmatch(name)}),
        "unbound_accounts": [item.partition(" ")[0] for item in lists["account"] if not item.endswith(" yes")],
        "xdmcp": told.get("gdm3.xdmcp.Enable", "").lower(),
        **{name: _value(told[path]) if path in told and path in locked else None for name, path in paths.items()},
    }


def _value(text: str) -> bool | str | int:
    """GVariant text: `true`, `uint32 600`, `'words'`."""
    if text in ("true", "false"):
        return text == "true"
    return scalar(text.removeprefix("uint32 "))


PROBE = Probe(name="desktop", command=COMMAND, parse=parse)
