# SPDX-License-Identifier: EUPL-1.2
# Runs on endpoints, where everything is plain paths.
# ruff: noqa: PTH112, PTH114, PTH115, PTH118, PTH119, PTH123, PTH207
"""Units of systemd as the disk shows them: which there are, which are enabled or masked, whose they are. Python 3.9."""

from __future__ import annotations

import glob
import os
import re
import subprocess
from collections.abc import Iterator

FILE = re.compile(r"(?:/usr)?(?:/lib|/etc)/systemd/(?:system|user)/[^/]+\.[a-z]+")
_FOLDERS = ("/etc/systemd/system", "/etc/systemd/user")


def links() -> dict[str, str]:
    """Return path → target of every link by which a unit is enabled or masked."""
    found = {}
    for top in _FOLDERS:
        for folder, folders, names in os.walk(top):
            for name in names + folders:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    found[path] = os.readlink(path)
    return found


def files() -> Iterator[str]:
    """Yield the names of all units there are, enabled or not."""
    for folder in ("/lib/systemd", "/usr/lib/systemd", "/etc/systemd", "/run/systemd/generator"):
        for path in glob.glob(folder + "/system/*.*") + glob.glob(folder + "/user/*.*"):
            yield os.path.basename(path)


def active() -> list[str]:
    """Return the services, sockets and timers that run; none where systemd does not."""
    if not os.path.isdir("/run/systemd/system"):
        return []
    words = ["systemctl", "list-units", "--state=active", "--plain", "--no-legend", "--type=service,socket,timer"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return sorted(line.split()[0] for line in done.stdout.splitlines() if line.strip())


def of_packages(names: list[str]) -> set[str]:
    """Return the units that installed packages bring, from dpkg's own lists."""
    found = set()
    for name in names:
        for listed in glob.glob(f"/var/lib/dpkg/info/{name}.list") + glob.glob(f"/var/lib/dpkg/info/{name}:*.list"):
            with open(listed, encoding="utf-8") as stream:
                found |= {os.path.basename(line.strip()) for line in stream if FILE.fullmatch(line.strip())}
    return found


def named(path: str, target: str) -> set[str]:
    """Return the units that a link is about."""
    return {os.path.basename(path), os.path.basename(target)} - {"null"}
