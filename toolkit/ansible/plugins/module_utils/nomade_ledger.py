# SPDX-License-Identifier: EUPL-1.2
# Runs on endpoints, where files are flushed one by one.
# ruff: noqa: PTH101, PTH103, PTH104, PTH110, PTH112, PTH114, PTH115, PTH116, PTH118, PTH120, PTH123, PTH207, PTH208
"""What an endpoint was like before the toolkit changed it. Written there (Python 3.9), before each change.

- `undo/<path with / as %2F>/`: per file or folder that `config_files` touched, how it was the first time (`original`)
  and before the last change (`previous`), and digests of the last change (`written.json`).
- `baseline.json`: what no file of a role shows, taken once, before the first change: units, packages, kernel settings.
- `packages.json`: what roles had installed and removed.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from typing import Any

from ansible.module_utils import nomade_units

HOME = "/var/lib/nomade"
UNDO = HOME + "/undo"
BASELINE = HOME + "/baseline.json"
PACKAGES = HOME + "/packages.json"
PURGED = HOME + "/purged.json"
_SYSCTL_LONGEST = 200  # characters; longer values are tables nobody sets


def keep(
    path: str,
    before: tuple[os.stat_result, bytes] | None,
    kind: str = "file",
    secret: bool = False,
    guard: dict[str, Any] | None = None,
) -> None:
    """Keep how `path` is before it is changed: the first one for ever, and the last one. Of a secret, no content.

    `guard` (`name`, `reload`) is what putting the path back must be guarded with.
    """
    folder = folder_of(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chmod(UNDO, 0o700)
    facts: dict[str, Any] = {"path": path, "kind": kind, "existed": before is not None, "kept_at": int(time.time())}
    if secret:
        facts["secret"] = True
    if guard:
        facts["guard"] = {name: guard[name] for name in ("name", "reload")}
    if before is not None:
        found = before[0]
        facts.update(uid=found.st_uid, gid=found.st_gid, mode=f"{stat.S_IMODE(found.st_mode):04o}")
    content = before[1] if before is not None and kind == "file" and not secret else None
    if not os.path.exists(os.path.join(folder, "original.json")):
        _keep_as(folder, "original", facts, content)
    if kind == "file" and not secret:
        _keep_as(folder, "previous", facts, content)


def _keep_as(folder: str, name: str, facts: dict[str, Any], content: bytes | None) -> None:
    if content is not None:
        write(os.path.join(folder, name), content)
    write(os.path.join(folder, name + ".json"), json.dumps(facts, sort_keys=True).encode())


def kept() -> list[dict[str, Any]]:
    """Return the first facts of every path, by path, with `content` (bytes) where it is kept.

    Raises: ValueError: a record is damaged.
    """
    found, purged = [], _read(PURGED) if os.path.exists(PURGED) else []
    for name in sorted(os.listdir(UNDO)) if os.path.isdir(UNDO) else []:
        record = os.path.join(UNDO, name, "original.json")
        if not os.path.exists(record):  # power failed before the first record was whole: nothing was changed then
            continue
        facts: Any = _read(record)
        if (
            not isinstance(facts, dict)
            or not isinstance(facts.get("path"), str)
            or folder_of(facts["path"]) != os.path.join(UNDO, name)
        ):
            raise ValueError(f"{record}: not the record of this path")
        if os.path.exists(os.path.join(UNDO, name, "original")):
            with open(os.path.join(UNDO, name, "original"), "rb") as stream:
                facts["content"] = stream.read()
        last = os.path.join(UNDO, name, "previous.json")
        facts["guard"] = (_read(last) if os.path.exists(last) else facts).get("guard")
        if facts["path"] in purged:
            facts.update(existed=False, guard=None)
            facts.pop("content", None)
        found.append(facts)
    return sorted(found, key=lambda facts: str(facts["path"]))


def note_written(
    path: str, before: tuple[os.stat_result, bytes] | None, now: tuple[os.stat_result, bytes] | None
) -> None:
    """Write down what was just put in the place of what, to know later whether somebody else changed the file."""
    digests = {"before": _digest(before), "now": _digest(now)}
    write(os.path.join(folder_of(path), "written.json"), json.dumps(digests).encode())


def changed_by_others(path: str, found: tuple[os.stat_result, bytes] | None) -> bool:
    """Tell whether a file is neither as the toolkit wrote it last nor as it was before (a guard puts that one back)."""
    record = os.path.join(folder_of(path), "written.json")
    try:
        return os.path.exists(record) and _digest(found) not in dict(_read(record)).values()
    except ValueError:  # damaged: nothing can be said of it
        return False


def _digest(version: tuple[os.stat_result, bytes] | None) -> str:
    if version is None:
        return "absent"
    found, content = version
    return f"{hashlib.sha256(content).hexdigest()} {found.st_uid} {found.st_gid} {stat.S_IMODE(found.st_mode):04o}"


def folder_of(path: str) -> str:
    """Return where the versions of `path` are kept."""
    return os.path.join(UNDO, path.replace("%", "%25").replace("/", "%2F"))


def note_packages(names: list[str], removed: list[str] | None = None) -> None:
    """Add to the list of packages that were (about to be) installed or removed for the toolkit."""
    known = packages()
    wanted = {
        "installed": sorted({*known["installed"], *(set(names) - set(installed_packages()))}),
        "removed": sorted({*known["removed"], *(removed or [])}),
    }
    if wanted != known:
        write(PACKAGES, json.dumps(wanted).encode())


def note_purged(names: list[str]) -> None:
    """Write down which files go with packages that are about to be purged: they are not to be put back any more."""
    lists = [path for name in names for path in glob.glob(f"/var/lib/dpkg/info/{name}[.:]*list")]
    write(PURGED, json.dumps(sorted({line for path in lists for line in _lines(path)})).encode())


def packages() -> dict[str, list[str]]:
    """Return `installed` and `removed`: packages that roles asked for, as they were recorded."""
    if not os.path.exists(PACKAGES):
        return {"installed": [], "removed": []}
    found: dict[str, list[str]] = _read(PACKAGES)
    return found


def installed_packages() -> list[str]:
    """Return the names of installed packages, read from dpkg's own list: no process is needed."""
    names, name = [], ""
    try:
        with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if line.startswith("Package: "):
                    name = line[9:].strip()
                elif line.startswith("Status: ") and line.split()[-1] == "installed":
                    names.append(name)
    except FileNotFoundError:
        pass
    return names


def take_baseline() -> None:
    """Write down, once, what the endpoint was like. `late` when files had been changed before it was taken."""
    if os.path.exists(BASELINE):
        return
    baseline = {
        "taken": int(time.time()),
        "late": bool(os.path.isdir(UNDO) and os.listdir(UNDO)),
        "links": nomade_units.links(),
        "units": sorted(nomade_units.files()),
        "active": nomade_units.active(),
        "packages": installed_packages(),
        "sysctl": dict(_kernel_settings()),
        "places": {path: _place(path) for path in ("/etc/localtime", "/etc/hostname")},
        "overrides": _lines("/var/lib/dpkg/statoverride"),
        "groups": groups(),
    }
    write(BASELINE, json.dumps(baseline, sort_keys=True).encode())


def baseline() -> dict[str, Any] | None:
    """Return what `take_baseline` wrote, or None. Raises: ValueError: it is damaged."""
    return _read(BASELINE) if os.path.exists(BASELINE) else None


def groups() -> dict[str, list[str]]:
    """Return group → the members that /etc/group lists."""
    rows = (line.split(":") for line in _lines("/etc/group"))
    return {row[0]: [member for member in row[3].split(",") if member] for row in rows if len(row) == 4}


def _kernel_settings() -> Iterator[tuple[str, str]]:
    """Yield (path below /proc/sys, value) of what may be set to one line of text."""
    for folder, _folders, files in os.walk("/proc/sys"):
        for name in files:
            path = os.path.join(folder, name)
            try:
                if not os.stat(path).st_mode & stat.S_IWUSR:
                    continue
                with open(path) as stream:
                    value = stream.read(_SYSCTL_LONGEST + 1).rstrip("\n")
            except (OSError, UnicodeDecodeError):  # some can only be written, some belong to devices that are not there
                continue
            if len(value) <= _SYSCTL_LONGEST and "\n" not in value:
                yield path[len("/proc/sys/") :], value


def _place(path: str) -> dict[str, str] | None:
    if os.path.islink(path):
        return {"link": os.readlink(path)}
    lines = _lines(path)
    return {"line": lines[0]} if len(lines) == 1 and re.fullmatch(r"[ -~]*", lines[0]) else None


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().splitlines()
    except OSError:
        return []


def _read(path: str) -> Any:
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def write(path: str, content: bytes) -> None:
    """Write a file of the record, readable by root only, whole or not at all, and wait until it is on the disk."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(path + ".new", path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)
