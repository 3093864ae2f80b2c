# SPDX-License-Identifier: EUPL-1.2
# Runs on endpoints, where everything is plain paths.
# ruff: noqa: PTH101, PTH103, PTH104, PTH106, PTH108, PTH110, PTH112, PTH113, PTH114, PTH115, PTH118, PTH119, PTH120, PTH123, PTH207, PTH208, PTH211
"""How an endpoint goes back to what it was before the toolkit. Runs there (Python 3.9); reads what nomade_ledger wrote.

Each step compares first, so doing it again changes nothing, and says what it changed and what it had to leave.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from ansible.module_utils import nomade_ledger, nomade_units

Run = Callable[[list[str]], "tuple[int, str, str]"]

# The way in goes last: the technician may be at the other end of it.
LAST = ("nomade-vpn", "/etc/wireguard/")
GUARD_UNIT = "nomade-guard.service"
# What is only recommended or suggested by something else is no reason to stay.
_ALONE = [f"--option=APT::AutoRemove::{kind}Important=false" for kind in ("Recommends", "Suggests")]
# Stopping one of these would cut the technician or the person in front of the machine off.
_NEVER_STOPPED = re.compile(
    r"(ssh|sshd|networking|NetworkManager|systemd-networkd|dbus|gdm3?)\.(service|socket)|.*\.mount"
)


class Steps:
    """The steps; `changed` names what was changed (in check mode: would be), `left` what could not be."""

    def __init__(self, run: Run, check: bool) -> None:
        """Raises: ValueError: what was written down is damaged."""
        self.run, self.check = run, check
        self.kept = nomade_ledger.kept()
        self.baseline = nomade_ledger.baseline() or {}
        self.packages = nomade_ledger.packages()
        self.changed: list[str] = []
        self.left: list[str] = []

    def files(self) -> dict[str, Any]:
        """Return `files` for config_files, and `guards`: sets that cut the way in when they are wrong, one by one."""
        plain: list[dict[str, Any]] = []
        guards: dict[str, dict[str, Any]] = {}
        for facts in self.kept:
            wanted, guard = self._wanted(facts), facts.get("guard")
            if wanted is None or is_last(facts["path"]):
                continue
            if guard:
                guards.setdefault(guard["name"], {"guard": guard, "files": []})["files"].append(wanted)
            else:
                plain.append(wanted)
        return {"files": plain, "guards": [guards[name] for name in sorted(guards)]}

    def _wanted(self, facts: dict[str, Any]) -> dict[str, Any] | None:
        """Return what config_files is asked for; None for a folder that was made, which goes once it is empty."""
        path = facts["path"]
        if not facts["existed"]:
            return None if facts["kind"] == "directory" else {"dest": path, "state": "absent"}
        if facts["kind"] == "file" and "content" not in facts:
            self.left.append(f"{path}: held a secret, which was not kept")
            return None
        wanted = {"dest": path, "owner": str(facts["uid"]), "group": str(facts["gid"]), "mode": facts["mode"]}
        if facts["kind"] == "directory":
            return dict(wanted, state="directory") if os.path.isdir(path) else None
        try:
            return dict(wanted, content=facts["content"].decode())
        except UnicodeDecodeError:
            self.left.append(f"{path}: its first version is no text")
            return None

    def settings(self, login: str) -> None:
        """Stop what the toolkit runs, and put back what is no file of it: PAM, kernel, su, groups, name, time zone."""
        self._stop(sorted(self._own_units()))
        self._pam()
        for path, value in self.kernel_values(last=False):
            self._kernel(path, value)
        self._su()
        self._groups(login)
        for path, before in self.baseline.get("places", {}).items():
            self._place(path, before)

    def _own_units(self) -> set[str]:
        paths = [facts["path"] for facts in self.kept if not facts["existed"] and not is_last(facts["path"])]
        return {os.path.basename(path) for path in paths if nomade_units.FILE.fullmatch(path)}

    def _stop(self, names: list[str]) -> None:
        running = set(nomade_units.active())
        for name in names:
            if name in running and not _NEVER_STOPPED.fullmatch(name):
                self._do(name, ["systemctl", "stop", name])

    def _pam(self) -> None:
        paths = [facts["path"] for facts in self.kept if facts["path"].startswith("/usr/share/pam-configs/")]
        names = [os.path.basename(path) for path in paths if os.path.exists(path)]
        if names:
            self._do("/etc/pam.d", ["pam-auth-update", "--package", "--remove", *names])

    def kernel_values(self, last: bool) -> Iterator[tuple[str, str]]:
        """Yield (path of /proc/sys, first value) of what the toolkit's files set and is not as it was."""
        known = {} if self.baseline.get("late") else self.baseline.get("sysctl", {})
        for facts in self.kept:
            path = facts["path"]
            if not path.startswith("/etc/sysctl.d/") or facts["existed"] or is_last(path) != last:
                continue
            for name in dict.fromkeys(_sysctl_names(path)):
                if name in known and _line("/proc/sys/" + name) != known[name]:
                    yield "/proc/sys/" + name, known[name]

    def _kernel(self, path: str, value: str) -> None:
        if not os.access(path, os.W_OK) or os.statvfs(path).f_flag & os.ST_RDONLY:
            self.left.append(f"{path}: at the next start")
            return
        self.changed.append(path)
        if not self.check:
            try:
                with open(path, "w") as stream:
                    stream.write(value)
            except OSError:  # some can only be tightened until the machine is started again
                self.left.append(f"{self.changed.pop()}: at the next start")

    def _su(self) -> None:
        _code, out, _err = self.run(["dpkg-statoverride", "--list", "/usr/bin/su"])
        if out.strip() == "root sudo 4750 /usr/bin/su" and out.strip() not in self.baseline.get("overrides", []):
            self._do("/usr/bin/su", ["dpkg-statoverride", "--remove", "/usr/bin/su"])
            if not self.check:
                os.chown("/usr/bin/su", 0, 0)
                os.chmod("/usr/bin/su", 0o4755)  # noqa: S103 — as the package has it

    def _groups(self, login: str) -> None:
        now = nomade_ledger.groups()
        for group, members in sorted(self.baseline.get("groups", {}).items()):
            if login and login in members and login not in now.get(group, [login]):
                self._do(f"{login} ∈ {group}", ["gpasswd", "--add", login, group])

    def _place(self, path: str, before: dict[str, str] | None) -> None:
        if before is None:
            return
        if "link" in before and (not os.path.islink(path) or os.readlink(path) != before["link"]):
            self._link(path, before["link"])
        elif "line" in before and _line(path) != before["line"]:
            self.changed.append(path)
            if not self.check:
                with open(path, "w") as stream:  # in place: in a container it is mounted there
                    stream.write(before["line"] + "\n")
                if path == "/etc/hostname":
                    self.run(["hostname", before["line"]])

    def rebuild(self) -> None:
        """Enable and run units as before, make anew what is made of files, take away the folders that were made."""
        self._reload()
        touched = {unit for path, target in self._links() for unit in nomade_units.named(path, target)}
        self._reload()
        before = set(self.baseline.get("active", []))
        foreign = nomade_units.of_packages(self._packages_of_roles()) | touched
        if self.baseline:
            self._stop(sorted((set(nomade_units.active()) - before) & foreign))
            for name in sorted((before & foreign) - set(nomade_units.active())):
                self._do(name, ["systemctl", "start", name])
        self._make_anew()
        made = [facts["path"] for facts in self.kept if facts["kind"] == "directory" and not facts["existed"]]
        for path in sorted(made, key=len, reverse=True):
            if path.startswith("/etc/dconf/db/") and os.path.isfile(path[: -len(".d")]):
                self._unlink(path[: -len(".d")])  # what dconf compiles of the folder
            if not is_last(path):
                self._take_folder(path)

    def _reload(self) -> None:
        if not self.check and os.path.isdir("/run/systemd/system"):
            self.run(["systemctl", "daemon-reload"])

    def _packages_of_roles(self) -> list[str]:
        return [name for name in self.packages["installed"] if name not in self.baseline.get("packages", [])]

    def _links(self) -> Iterator[tuple[str, str]]:
        """Put the links of units back; yield (path, target) of each that was changed."""
        before, now = self.baseline.get("links"), nomade_units.links()
        own, brought = self._own_units(), nomade_units.of_packages(self._packages_of_roles())
        known = {*self.baseline.get("units", []), *brought}
        for path, target in sorted(now.items()):
            units = nomade_units.named(path, target)
            if is_last(path) or GUARD_UNIT in units:
                continue
            foreign = before is not None and not self.baseline.get("late") and before.get(path) != target
            if (units & own) or (foreign and units & known):
                yield path, target
                if before and path in before:
                    self._link(path, before[path])
                else:
                    self._unlink(path)
        for path, target in sorted((before or {}).items()):
            if path not in now and os.path.exists(os.path.join(os.path.dirname(path), target)):
                yield path, target
                self._link(path, target)

    def _make_anew(self) -> None:
        """Run what makes files of files; again each time, since an interruption may have come between."""
        commands = (
            ("/etc/default/grub.d/", ["update-grub"]),
            ("/etc/locale.gen", ["locale-gen"]),
            ("/etc/audit/rules.d/", ["augenrules"]),
            ("/etc/systemd/journald.conf.d/", ["systemctl", "restart", "systemd-journald.service"]),
            ("/etc/systemd/timesyncd.conf.d/", ["systemctl", "try-restart", "systemd-timesyncd.service"]),
            ("/etc/dconf/", ["dconf", "update"]),
        )
        for start, command in commands:
            if not self.check and any(facts["path"].startswith(start) for facts in self.kept):
                self.run(["sh", "-c", 'command -v "$0" >/dev/null || exit 0; "$0" "$@"', *command])

    def _take_folder(self, path: str) -> None:
        if not os.path.isdir(path) or os.path.islink(path):
            return
        held = os.listdir(path)
        if held and not self.check:
            if not all(is_last(os.path.join(path, name)) for name in held):  # else the last step takes it away
                self.left.append(f"{path}: not empty")
            return
        self.changed.append(path)
        if not self.check:
            os.rmdir(path)

    # Small changes

    def _do(self, what: str, command: list[str]) -> None:
        self.changed.append(what)
        if not self.check:
            code, out, err = self.run(command)
            if code != 0:
                self.left.append(f"{self.changed.pop()}: {' '.join((err or out).split())[:200]}")

    def _link(self, path: str, target: str) -> None:
        self.changed.append(path)
        if not self.check:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            beside = path + ".nomade-new"
            if os.path.islink(beside):
                os.unlink(beside)
            os.symlink(target, beside)
            os.rename(beside, path)

    def _unlink(self, path: str) -> None:
        self.changed.append(path)
        if not self.check:
            os.unlink(path)
            folder = os.path.dirname(path)
            if folder.endswith((".wants", ".requires")) and not os.listdir(folder):
                os.rmdir(folder)

    # Packages

    def remove_packages(self, kept: tuple[str, ...] = ()) -> None:
        """Purge what roles had installed, and what came with it alone; `kept` is still needed."""
        before = set(self.baseline.get("packages", []))
        gone = sorted(set(self._packages_of_roles()) & set(nomade_ledger.installed_packages()) - set(kept))
        self.changed += gone
        if not gone or self.check or not before:
            return
        _code, said, _err = self.run(["apt-get", "--simulate", *_ALONE, "purge", "--auto-remove", *gone])
        leaving = {line.split()[1] for line in said.splitlines() if line.startswith(("Remv ", "Purg "))}
        names = sorted({*gone, *(leaving - before - set(kept))})
        nomade_ledger.note_purged(names)
        code, out, err = self.run(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "--yes", "purge", *names])
        if code != 0:
            self.left.append("apt-get purge: {}".format(" ".join((err or out).split())[-300:]))


def is_last(path: str) -> bool:
    """Tell whether a path belongs to the way in, which goes last."""
    return any(part in path for part in LAST)


def _sysctl_names(path: str) -> Iterator[str]:
    """Yield the paths below /proc/sys that a file of sysctl.d sets, its patterns spelled out."""
    try:
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        name = line.partition("=")[0].strip().lstrip("-")
        if not name or name[0] in "#;":
            continue
        pattern = name if "/" in name else name.replace(".", "/")
        for found in glob.glob("/proc/sys/" + pattern):
            yield found[len("/proc/sys/") :]


def _line(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().rstrip("\n")
    except OSError:
        return None
