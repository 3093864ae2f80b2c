#!/usr/bin/python
# SPDX-License-Identifier: EUPL-1.2
# The paths are plain text that ends up in shell scripts.
# ruff: noqa: PTH103, PTH104, PTH110, PTH112, PTH114, PTH118, PTH119, PTH120, PTH211
"""A dead man's switch around a change of configuration. Called by the action plugin of config_files, not by roles.

States: `armed` copies the files that are about to change and starts a timer that puts them back; `reloaded` starts the
reload apart from this connection, which it may cut; `cancelled` takes the switch away (nothing was replaced);
`restored` puts back what a run that died left. Disarming is a script of the switch, run over a new connection.

The switch is a folder that survives a reboot: a unit runs at boot, before network and firewall, and puts back whatever
is still armed.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import stat

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.nomade_guard import BOOT_UNIT, DISARM, PUT_BACK, RELOAD, RESTORE, TAKE_AWAY

HOME = "/var/lib/nomade/guard"
UNITS = "/etc/systemd/system"


class GuardError(Exception):
    """The switch could not be set; nothing was changed."""


class Guard:
    """One switch, known by its name."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.name: str = module.params["name"]
        if not re.fullmatch("[a-z0-9][a-z0-9-]{0,40}", self.name):
            raise GuardError(f"guard name “{self.name}”: only a-z, 0-9 and -")
        self.folder = os.path.join(HOME, self.name)
        self.unit = f"nomade-guard-{self.name}"
        self.reload_unit = f"nomade-reload-{self.name}"

    def arm(self, files: list[str]) -> str:
        """Return the token that disarms this switch.

        Raises: GuardError: no running systemd, an armed switch of that name, or the timer did not start.
        """
        if not os.path.isdir("/run/systemd/system"):
            raise GuardError("systemd is not running here, so nothing could put the files back")
        if os.path.exists(self.folder):
            raise GuardError(f"guard “{self.name}” is still armed by another run")
        token = secrets.token_hex(16)
        self._write_folder(files, token)
        install_boot_unit()
        self._systemctl("stop", self.unit + ".timer", self.unit + ".service")
        self._systemctl("reset-failed", self.unit + ".timer", self.unit + ".service")
        delay = [f"--on-active={self.module.params['timeout']}s", "--timer-property=AccuracySec=1s"]
        code, _out, err = self._systemd_run(self.unit, delay, os.path.join(self.folder, "restore"))
        if code != 0:
            shutil.rmtree(self.folder)
            raise GuardError(f"the timer did not start: {' '.join(err.split())}")
        return token

    def _write_folder(self, files: list[str], token: str) -> None:
        """Make the folder under another name first: a half-written switch must never fire."""
        building = os.path.join(HOME, f".{self.name}.new")
        shutil.rmtree(building, ignore_errors=True)
        os.makedirs(os.path.join(building, "files"), mode=0o700)
        steps = [self._step(index, path, building) for index, path in enumerate(files)]
        names = {
            "folder": shlex.quote(self.folder),
            "unit": shlex.quote(self.unit),
            "reload_unit": shlex.quote(self.reload_unit),
            "restored": shlex.quote(os.path.join(os.path.dirname(HOME), "guard-restored-" + self.name)),
            "gone": shlex.quote(os.path.join(HOME, f".{self.name}.gone")),
            "steps": "\n".join(step for step in steps if step),
        }
        reload_command = self.module.params["reload"]
        scripts = {
            "token": token,
            "reload-command": reload_command + "\n",
            "restore-command": (self.module.params["restore"] or reload_command) + "\n",
            "restore": RESTORE.format(**names),
            "reload": RELOAD.format(**names),
            "disarm": DISARM.format(**names),
        }
        for name, text in scripts.items():
            write_durably(os.path.join(building, name), text)
        os.rename(building, self.folder)
        sync_directory(HOME)

    def _step(self, index: int, path: str, building: str) -> str:
        """Copy one file with owner and mode; return the line that puts it back ("" for a directory)."""
        copy = os.path.join("files", str(index))
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            gone: str = TAKE_AWAY.format(dest=shlex.quote(path))
            return gone
        if not stat.S_ISREG(found.st_mode):
            return ""
        target = os.path.join(building, copy)
        shutil.copyfile(path, target, follow_symlinks=False)
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fchown(descriptor, found.st_uid, found.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        beside = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.nomade-old")
        line: str = PUT_BACK.format(
            copy=shlex.quote(os.path.join(self.folder, copy)), beside=shlex.quote(beside), dest=shlex.quote(path)
        )
        return line

    def reload(self) -> None:
        """Start the reload in a unit of its own, so that it ends even when it cuts this connection."""
        self._systemctl("reset-failed", self.reload_unit + ".service")
        code, _out, err = self._systemd_run(self.reload_unit, ["--no-block"], os.path.join(self.folder, "reload"))
        if code != 0:
            raise GuardError(f"the reload did not start: {' '.join(err.split())}")

    def cancel(self) -> None:
        """Take the switch away; for when nothing was replaced after all."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._systemctl("stop", self.unit + ".timer")

    def restore(self) -> None:
        """Put the files back now. Raises: GuardError: it did not work; the switch stays for the next boot."""
        code, out, err = self.module.run_command(["sh", os.path.join(self.folder, "restore")])
        self._systemctl("stop", self.unit + ".timer")
        if code != 0:
            raise GuardError(
                f"guard “{self.name}” of an earlier run could not be undone: {' '.join((err or out).split())}"
            )

    def _systemctl(self, *arguments: str) -> None:
        self.module.run_command(["systemctl", "--quiet", *arguments])  # not loaded is as good as stopped

    def _systemd_run(self, unit: str, options: list[str], script: str) -> tuple[int, str, str]:
        command = ["systemd-run", "--quiet", "--collect", f"--unit={unit}", *options, "/bin/sh", script]
        result: tuple[int, str, str] = self.module.run_command(command)
        return result


def install_boot_unit() -> None:
    """Write and enable the unit that undoes armed changes at boot; it is only read then, so no reload is needed."""
    path = os.path.join(UNITS, "nomade-guard.service")
    wants = os.path.join(UNITS, "sysinit.target.wants")
    link = os.path.join(wants, "nomade-guard.service")
    if not os.path.exists(path) or open(path).read() != BOOT_UNIT:  # noqa: SIM115, PTH123
        write_durably(path, BOOT_UNIT, 0o644)
        sync_directory(UNITS)
    if not os.path.islink(link):
        os.makedirs(wants, mode=0o755, exist_ok=True)
        os.symlink(path, link)
        sync_directory(wants)


def write_durably(path: str, text: str, mode: int = 0o600) -> None:
    """Write `text` and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w") as stream:
        os.fchmod(descriptor, mode)
        stream.write(text)
        stream.flush()
        os.fsync(descriptor)


def sync_directory(path: str) -> None:
    """Wait until the names of a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["armed", "reloaded", "cancelled", "restored"], "required": True},
            "files": {"type": "list", "elements": "str", "default": []},
            "reload": {"type": "str"},
            "restore": {"type": "str"},
            "timeout": {"type": "int", "default": 60},
        },
        required_if=[("state", "armed", ["reload"])],
    )
    outcome: dict[str, object] = {"changed": True}
    try:
        guard = Guard(module)
        if module.params["state"] == "armed":
            outcome["token"] = guard.arm(module.params["files"])
        else:
            {"reloaded": guard.reload, "cancelled": guard.cancel, "restored": guard.restore}[module.params["state"]]()
    except (GuardError, OSError) as error:
        module.fail_json(msg=str(error), reason="guard")
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
