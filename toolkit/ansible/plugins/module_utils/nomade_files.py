# SPDX-License-Identifier: EUPL-1.2
# Paths are opened component by component through directory descriptors, which pathlib cannot do.
# ruff: noqa: PTH118, PTH119, PTH120
"""Files of an endpoint: what is there, what is wanted, safe steps from one to the other. Runs there (Python 3.9)."""

from __future__ import annotations

import base64
import contextlib
import grp
import hashlib
import os
import pwd
import re
import stat
from collections.abc import Callable
from typing import Any

from ansible.module_utils import nomade_ledger

DIFF_LIMIT = 256 * 1024  # bytes of one file beyond which a difference helps nobody


class RefusedError(Exception):
    """The set cannot be installed; nothing was replaced. `reason` is a stable code for the control machine."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def open_parent(path: str, create: bool) -> int | None:
    """Return a descriptor of the directory of `path`, or None when it is missing and `create` is false.

    Walks component by component so that a link planted by a user on the way is refused, not followed; links made by
    root (as /var/run is) are the system's own layout and accepted.
    """
    current = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    walked = ""
    for part in os.path.dirname(path).split("/"):
        if not part:
            continue
        walked += "/" + part
        following = _open_directory(current, part, walked, create)
        os.close(current)
        if following is None:
            return None
        current = following
    return current


def _open_directory(parent: int, part: str, walked: str, create: bool) -> int | None:
    try:
        found = os.stat(part, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        if not create:
            return None
        nomade_ledger.keep(walked, None, "directory")
        os.mkdir(part, 0o755, dir_fd=parent)
        child = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        os.fchmod(child, 0o755)  # whatever the umask is
        os.fsync(parent)
        return child
    if stat.S_ISLNK(found.st_mode) and found.st_uid != 0:
        raise RefusedError("symlink", f"{walked}: symbolic link made by a user on the way; refused")
    follow = 0 if stat.S_ISLNK(found.st_mode) else os.O_NOFOLLOW
    try:
        return os.open(part, os.O_RDONLY | os.O_DIRECTORY | follow, dir_fd=parent)
    except OSError as error:
        raise RefusedError("parent", f"{walked}: {error.strerror}") from error


class Entry:
    """One file of the set: what is wanted, what is there, and the steps from one to the other."""

    def __init__(self, wanted: dict[str, Any], check: bool) -> None:
        self.dest = os.path.normpath(wanted["dest"])
        self.state = wanted["state"]
        self.secret = wanted["secret"]
        self.validate = wanted["validate"]
        self.notes: list[str] = []
        self.staged: str | None = None
        self.check = check
        if not wanted["dest"].startswith("/"):
            raise RefusedError("argument", "{}: not an absolute path".format(wanted["dest"]))
        self.mode = self._mode(wanted["mode"])
        self.owner, self.group = wanted["owner"], wanted["group"]
        self.uid = self._number(pwd.getpwnam, "pw_uid", wanted["owner"], "user")
        self.gid = self._number(grp.getgrnam, "gr_gid", wanted["group"], "group")
        self.content = self._content(wanted)
        self.name = os.path.basename(self.dest)
        self.temporary = f".{self.name}.nomade-new"
        self.aside = f".{self.name}.nomade-old"
        self.parent = open_parent(self.dest, create=False)
        self.before = self._read()

    def _mode(self, text: str | None) -> int:
        if text is None:
            return 0o755 if self.state == "directory" else 0o644
        if not re.fullmatch("0[0-7]{3,4}", text):
            raise RefusedError("argument", f'{self.dest}: mode {text}: write it in quotes, as "0644"')
        return int(text, 8)

    def _number(self, lookup: Callable[[str], Any], field: str, name: str, what: str) -> int | None:
        if name.isdigit():  # as originals are kept: whoever it was may have no name any more
            return int(name)
        try:
            return int(getattr(lookup(name), field))
        except KeyError as error:
            if not self.check:
                raise RefusedError("owner", f"{self.dest}: no {what} “{name}” on this endpoint") from error
            self.notes.append(f"{self.dest}: {what} “{name}” does not exist yet")
            return None

    def _content(self, wanted: dict[str, Any]) -> bytes:
        if self.state != "present":
            return b""
        if wanted["data"] is not None:
            return base64.b64decode(wanted["data"])
        if wanted["content"] is None:
            raise RefusedError("argument", f"{self.dest}: neither template nor content")
        return str(wanted["content"]).encode()

    def _read(self) -> tuple[os.stat_result, bytes] | None:
        """Return (stat, bytes) of what is there, or None."""
        if self.parent is None:
            return None
        try:
            found = os.stat(self.name, dir_fd=self.parent, follow_symlinks=False)
        except FileNotFoundError:
            return None
        wanted_kind = stat.S_ISDIR if self.state == "directory" else stat.S_ISREG
        if stat.S_ISLNK(found.st_mode):
            raise RefusedError("symlink", f"{self.dest}: is a symbolic link; refused")
        if not wanted_kind(found.st_mode):
            raise RefusedError("kind", f"{self.dest}: is not a regular file or directory as wanted")
        if self.state == "directory":
            return found, b""
        descriptor = os.open(self.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self.parent)
        with os.fdopen(descriptor, "rb") as stream:
            return found, stream.read()

    @property
    def changed(self) -> bool:
        if self.state == "absent":
            return self.before is not None
        if self.before is None:
            return True
        found, content = self.before
        same_content = self.state == "directory" or content == self.content
        return not same_content or (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) != (
            self.uid,
            self.gid,
            self.mode,
        )

    def stage(self, folder: str) -> None:
        """Write the new content beside its destination (or into `folder` in check mode), unreadable to others."""
        self.tidy()
        if self.state != "present" or not self.changed:
            return
        if self.check:
            self.staged = os.path.join(folder, f"{hashlib.sha256(self.dest.encode()).hexdigest()}-{self.name}")
            descriptor = os.open(self.staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        else:
            self.staged = os.path.join(os.path.dirname(self.dest), self.temporary)
            self._open_for_writing()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            descriptor = os.open(self.temporary, flags, 0o600, dir_fd=self.parent)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(self.content)
            stream.flush()
            os.fsync(stream.fileno())

    def _open_for_writing(self) -> int:
        if self.parent is None:
            self.parent = open_parent(self.dest, create=True)
        if self.parent is None:
            raise RefusedError("parent", f"{os.path.dirname(self.dest)}: cannot be made")
        return self.parent

    def tidy(self) -> None:
        """Remove what this run, or an interrupted one, left beside the destination."""
        if self.parent is not None and not self.check:
            for name in (self.temporary, self.aside):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self.parent)

    def close(self) -> None:
        """Tidy up for the last time and let go of the directory."""
        self.tidy()
        if self.parent is not None:
            os.close(self.parent)
            self.parent = None

    def replace(self) -> None:
        """Put the wanted state in place, atomically and durably; the old file stays aside until `tidy`."""
        parent = self._open_for_writing()
        if self.state == "directory":
            with contextlib.suppress(FileExistsError):
                os.mkdir(self.name, 0o700, dir_fd=parent)
            self._set_attributes(self.name, self.uid, self.gid, self.mode)
        elif self.state == "absent":
            os.rename(self.name, self.aside, src_dir_fd=parent, dst_dir_fd=parent)
        else:
            self._set_attributes(self.temporary, self.uid, self.gid, self.mode)
            if self.before is not None:
                os.link(self.name, self.aside, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
            os.rename(self.temporary, self.name, src_dir_fd=parent, dst_dir_fd=parent)
        os.fsync(parent)

    def put_back(self) -> None:
        """Undo `replace`, without needing room on the disk."""
        parent = self._open_for_writing()
        if self.state == "directory":
            if self.before is not None:
                found = self.before[0]
                self._set_attributes(self.name, found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
        elif self.before is not None:
            with contextlib.suppress(FileNotFoundError):  # not replaced yet
                os.rename(self.aside, self.name, src_dir_fd=parent, dst_dir_fd=parent)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.name, dir_fd=parent)
        os.fsync(parent)

    def changed_by_others(self) -> bool:
        """Tell whether somebody else changed it since the toolkit wrote it."""
        return self.state != "directory" and bool(nomade_ledger.changed_by_others(self.dest, self.before))

    def note_written(self) -> None:
        """Write down what `replace` has just put there."""
        if self.state != "directory":
            nomade_ledger.note_written(self.dest, self.before, self._read())

    def _set_attributes(self, name: str, uid: int | None, gid: int | None, mode: int) -> None:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self.parent)
        try:
            os.fchown(descriptor, -1 if uid is None else uid, -1 if gid is None else gid)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def keep(entry: Entry, guard: dict[str, Any] | None) -> None:
    """Keep the version of one file that is about to be replaced, or how its folder is."""
    kind = "directory" if entry.state == "directory" else "file"
    nomade_ledger.keep(entry.dest, entry.before, kind, entry.secret, guard)


def difference(entry: Entry) -> dict[str, str]:
    """Return the one difference of a file as Ansible's callbacks print it; owner and mode stand in its headers."""
    before, after = _attributes(entry.before and entry.before[0]), _wanted_attributes(entry)
    diff = {"before_header": entry.dest + before, "after_header": entry.dest + after}
    old, new = entry.before[1] if entry.before else b"", entry.content
    if entry.secret:
        return {"prepared": f"{entry.dest}{after}: secret, not shown\n"}
    if max(len(old), len(new)) > DIFF_LIMIT or b"\0" in old + new:
        return {"prepared": f"{entry.dest}{after}: binary or large, not shown\n"}
    if old == new:
        return dict(diff, before=before.strip() + "\n", after=after.strip() + "\n")
    return dict(diff, before=old.decode("utf-8", "replace"), after=new.decode("utf-8", "replace"))


def _wanted_attributes(entry: Entry) -> str:
    if entry.state == "absent":
        return _attributes(None)
    return f" ({entry.owner} {entry.group} {entry.mode:04o})"


def _attributes(found: os.stat_result | None) -> str:
    if found is None:
        return " (absent)"
    try:
        owner = pwd.getpwuid(found.st_uid).pw_name
        group = grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        owner, group = str(found.st_uid), str(found.st_gid)
    return f" ({owner} {group} {stat.S_IMODE(found.st_mode):04o})"
