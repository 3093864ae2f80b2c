"""Local accounts. Password hashes stay on the endpoint: only their kind and dates are read."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.probes import Probe
from toolkit.probes._text import whole

COMMAND = r"""
echo "today $(( ${now?} / 86400 ))"
awk -F: '
  FILENAME == "/etc/shadow" {
    kind = "other"
    if ($2 == "") kind = "empty"
    else if ($2 ~ /^[!*]/) kind = "locked"
    else if (match($2, /^\$[0-9a-z]+\$/)) kind = substr($2, 2, RLENGTH - 2)
    kinds[$1] = kind; changed[$1] = $3; longest[$1] = $5; next
  }
  {
    kind = $2 == "" ? "empty" : ($2 == "x" ? ($1 in kinds ? kinds[$1] : "locked") : "passwd")
    print "account:" $1 ":" $3 ":" $7 ":" kind ":" changed[$1] ":" longest[$1]
  }
' /etc/shadow /etc/passwd && echo end
"""

# today 20781
# account:root:0:/bin/bash:locked:20781:99999
# account:daemon:1:/usr/sbin/nologin:locked:20781:99999
# account:camille.roux:1001:/bin/bash:y:20700:365
# end
HUMANS = range(1000, 60000)  # UID_MIN and UID_MAX of Debian's login.defs
NO_LOGIN = ("nologin", "false", "sync")  # sync(1) runs one program and leaves
STRONG = frozenset({"y", "gy"})  # yescrypt, gost-yescrypt: crypt(5)
UNLIMITED = 99999  # days: what shadow(5) takes for no limit


@dataclass(frozen=True)
class _Account:
    login: str
    uid: int
    shell: str
    kind: str
    changed: int | None
    longest: int

    @property
    def has_password(self) -> bool:
        return self.kind not in ("locked", "empty")


def parse(text: str) -> dict[str, object]:
    """Return lists of logins by what is wrong with them, and ages in days over people's accounts with a password."""
    first, *lines = whole(text) or [""]
    if not first.startswith("today ") or not lines:
        raise ValueError("cut at the beginning")
    today = int(first.split()[1])
    accounts = [_account(line) for line in lines]
    humans = [item for item in accounts if item.uid in HUMANS]
    dated = [item for item in humans if item.has_password]
    return {
        "uid_zero": [item.login for item in accounts if item.uid == 0],
        "without_password": [item.login for item in accounts if item.kind == "empty"],
        "weak_hash": [item.login for item in accounts if item.has_password and item.kind not in STRONG],
        "system_with_shell": [item.login for item in accounts if 0 < item.uid < 1000 and not _no_login(item.shell)],
        "system_with_password": [item.login for item in accounts if 0 < item.uid < 1000 and item.has_password],
        "root_password": next((item.kind != "locked" for item in accounts if item.login == "root"), True),
        "humans": [item.login for item in humans],
        "longest_validity": max((item.longest for item in dated), default=0),
        "oldest_password": max((today - (item.changed or 0) for item in dated), default=0),
    }


def _account(line: str) -> _Account:
    mark, login, uid, shell, kind, changed, longest = line.split(":")
    if mark != "account":
        raise ValueError(f"not an account: {line!r}")
    limit = int(longest) if longest and int(longest) >= 0 else UNLIMITED
    return _Account(login, int(uid), shell, kind, int(changed) if changed else None, limit)


def _no_login(shell: str) -> bool:
    return shell.rsplit("/", 1)[-1] in NO_LOGIN


PROBE = Probe(name="accounts", command=COMMAND, parse=parse, shares=("now",))
