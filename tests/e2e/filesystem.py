"""What lies on an endpoint's disk, to tell whether a command changed anything."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from toolkit.lab.machines import Lab

# What a running Debian writes by itself, and the login that looked: logs, caches, clocks, temporary files.
_MOVING = r"(/proc|/sys|/dev|/run|/tmp|/var/(tmp|log|cache)|/var/lib/(systemd|private|dbus|logrotate|apt/periodic))"
_OWN = r"(/home/nomade|/root)/\.ansible"
_PRUNE = f"-regextype posix-extended -regex '{_MOVING}|{_OWN}'"
# type, mode, owner, group, size (files only: a folder's grows with temporary files), link target, path
_LIST = rf"""find / -xdev {_PRUNE} -prune -o \( -type d -printf '%y %m %U %G - %l %p\n' \) \
  -o -printf '%y %m %U %G %s %l %p\n' | LC_ALL=C sort
find /etc /boot /home /root /srv /opt /usr/local /var/lib/dpkg /var/spool -xdev -type f \
  -not -path '/home/nomade/.ansible/*' -size -8192k -exec sha256sum {{}} + | LC_ALL=C sort -k2
"""


def listings(lab: Lab, hosts: Sequence[str]) -> dict[str, list[str]]:
    """Return the listing of each endpoint."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(hosts, pool.map(lambda host: listing(lab, host), hosts), strict=True))


def listing(lab: Lab, host: str) -> list[str]:
    """Return one line per file: its metadata, and the digest of those that roles write."""
    done = lab.exec(host, ["sh", "-c", _LIST], timeout=120)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace").splitlines()


def differences(before: list[str], after: list[str]) -> list[str]:
    """Return the lines of only one of two listings, `-` for gone and `+` for new."""
    gone, new = set(before) - set(after), set(after) - set(before)
    return sorted([f"- {line}" for line in gone] + [f"+ {line}" for line in new])
