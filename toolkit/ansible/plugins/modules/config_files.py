#!/usr/bin/python
# SPDX-License-Identifier: EUPL-1.2
"""Install a set of configuration files as one step. Runs on the endpoint (Python 3.9). Options: the .yml beside."""

from __future__ import annotations

import errno
import os
import re
import shlex
from pathlib import Path

from ansible.module_utils import nomade_ledger
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.nomade_files import Entry, RefusedError, difference, keep

GUARDS = "/var/lib/nomade/guard"  # where config_guard keeps armed switches
PLACEHOLDER = r"%\((.+?)\)s"


class Installer:
    """The whole set: stage and validate everything, then replace everything, or nothing."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.check = module.check_mode
        self.entries = [Entry(wanted, self.check) for wanted in module.params["files"]]
        self.changed = [entry for entry in self.entries if entry.changed]
        self.by_others = [entry.dest for entry in self.changed if entry.changed_by_others()]
        self.notes = [note for entry in self.entries for note in entry.notes]

    def install(self) -> None:
        """Raises: RefusedError: a validator refused, the disk is full…; every file is as it was."""
        try:
            if not self.check:
                self._record()
            for entry in self.changed:
                entry.stage(self.module.tmpdir)
            self._validate_staged()
            if not self.check:
                self._replace_all()
        except OSError as error:
            raise RefusedError(*_explain(error)) from error
        finally:
            for entry in self.entries:  # all: an interrupted run may have left something beside an unchanged file
                entry.close()

    def _record(self) -> None:
        """Write down what the endpoint is like before it is changed for the first time, and what is being installed."""
        packages = self.module.params["packages"]
        if self.changed or packages:
            nomade_ledger.take_baseline()
        if packages:
            nomade_ledger.note_packages(packages, self.module.params["packages_removed"])

    def _validate_staged(self) -> None:
        for entry in self.changed:
            if entry.validate and entry.staged:
                self._run(entry.validate.replace("%s", shlex.quote(entry.staged)), entry.dest)
        staged = {entry.dest: entry.staged or entry.dest for entry in self.entries}
        for command in self._set_validators(on_staged=True):
            unknown = [path for path in re.findall(PLACEHOLDER, command) if path not in staged]
            if unknown:
                raise RefusedError("argument", "{}: not a file of this set: {}".format(command, ", ".join(unknown)))
            self._run(re.sub(PLACEHOLDER, lambda found: shlex.quote(staged[found.group(1)]), command), command)

    def _set_validators(self, on_staged: bool) -> list[str]:
        commands = self.module.params["validate"] if self.changed else []
        return [command for command in commands if ("%(" in command) == on_staged]

    def _replace_all(self) -> None:
        for entry in self.changed:
            keep(entry, self.module.params["guard"])
        done: list[Entry] = []
        try:
            for entry in self.changed:
                done.append(entry)
                entry.replace()
            for command in self._set_validators(on_staged=False):
                self._run(command, command)
            for entry in self.changed:
                entry.note_written()
        except (OSError, RefusedError):
            for entry in reversed(done):
                entry.put_back()
            raise

    def _run(self, command: str, subject: str) -> None:
        words = shlex.split(command)
        if self.module.get_bin_path(words[0]) is None:
            if not self.check:
                raise RefusedError("validator_missing", f"{subject}: validator “{words[0]}” is not installed")
            self.notes.append(f"{subject}: not validated, “{words[0]}” is not installed yet")
            return
        code, out, err = self.module.run_command(words)
        if code != 0:
            said = " ".join((err or out).split())[:500]
            raise RefusedError("invalid", f"{subject}: refused by “{words[0]}”: {said}")


def _explain(error: OSError) -> tuple[str, str]:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = "disk_full" if full else "write"
    return reason, "{}: {}; nothing was replaced".format(error.filename or "files", error.strerror)


FILE_OPTIONS = {
    "dest": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent", "directory"], "default": "present"},
    "template": {"type": "str"},
    "content": {"type": "str"},
    "data": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str"},
    "validate": {"type": "str"},
    "secret": {"type": "bool", "default": False},
}
GUARD_OPTIONS = {
    "name": {"type": "str", "required": True},
    "reload": {"type": "str", "required": True},
    "restore": {"type": "str"},
    "timeout": {"type": "int", "default": 60},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "required": True, "options": FILE_OPTIONS},
            "validate": {"type": "list", "elements": "str", "default": []},
            "guard": {"type": "dict", "options": GUARD_OPTIONS},
            "packages": {"type": "list", "elements": "str", "default": []},
            "packages_removed": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
        no_log=True,  # contents must not reach the endpoint's journal
    )
    os.umask(0o077)
    try:
        installer = Installer(module)
        installer.install()
    except RefusedError as refusal:
        module.fail_json(msg=str(refusal), reason=refusal.reason)
    changed = installer.changed
    guard = module.params["guard"]
    module.exit_json(
        guard_pending=bool(guard) and Path(GUARDS, guard["name"], "token").exists(),
        changed=bool(changed),
        changed_files=[entry.dest for entry in changed],
        by_others=installer.by_others,
        notes=installer.notes,
        diff=[difference(entry) for entry in changed],
    )


if __name__ == "__main__":
    main()
