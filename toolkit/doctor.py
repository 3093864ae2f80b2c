"""Check this machine and the workspace, and say how to mend each problem."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from toolkit import paths
from toolkit.errors import NomadeError
from toolkit.i18n import _
from toolkit.workspace import Workspace


class State(StrEnum):
    """How one check ended. A check that could not be made is a problem, never fine."""

    FINE = "fine"
    ADVICE = "advice"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing looked at: what, how it is, and what to do when it is not fine."""

    subject: str
    state: State
    found: str
    remedy: str = ""


def examine(workspace: Workspace | None) -> list[Diagnosis]:
    """Return everything looked at: the machine first, then the workspace when there is one."""
    machine = [_python(), _ssh(), _ansible(), _data(), _locale()]
    if workspace is None:
        return [*machine, _no_workspace()]
    return [*machine, _permissions(workspace), _key(workspace), *_communes(workspace)]


def _python() -> Diagnosis:
    version = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info >= (3, 11)
    return Diagnosis(
        "Python", State.FINE if fine else State.PROBLEM, version, "" if fine else _("use Python 3.11 or newer")
    )


def _ssh() -> Diagnosis:
    path = shutil.which("ssh")
    if path is None:
        return Diagnosis("OpenSSH", State.PROBLEM, _("not found"), _("install it: apt install openssh-client"))
    return Diagnosis("OpenSSH", State.FINE, path)


def _ansible() -> Diagnosis:
    program = Path(sys.executable).with_name("ansible-playbook")
    found = str(program) if program.is_file() else shutil.which("ansible-playbook")
    remedy = _("install the toolkit again in its own virtual environment")
    if found is None:
        return Diagnosis("ansible-core", State.PROBLEM, _("not found"), remedy)
    done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False, timeout=60)
    first = done.stdout.partition("\n")[0]
    return Diagnosis(
        "ansible-core", State.FINE if done.returncode == 0 else State.PROBLEM, first or _("does not start"), remedy
    )


def _data() -> Diagnosis:
    folders = (paths.roles_dir(), paths.playbooks_dir(), paths.controls_dir(), paths.profiles_dir())
    missing = [str(folder) for folder in folders if not (folder.is_dir() and any(folder.iterdir()))]
    if missing:
        remedy = _("install the toolkit again")
        return Diagnosis(_("Roles and controls"), State.PROBLEM, ", ".join(missing), remedy)
    found = _("{roles} roles, {controls} controls").format(
        roles=sum(1 for path in folders[0].iterdir() if path.is_dir()),
        controls=sum(1 for path in folders[2].glob("*.yml")),
    )
    return Diagnosis(_("Roles and controls"), State.FINE, found)


def _locale() -> Diagnosis:
    encoding = sys.stdout.encoding or ""
    fine = encoding.lower().replace("-", "") == "utf8"
    return Diagnosis(
        _("Terminal"),
        State.FINE if fine else State.ADVICE,
        encoding,
        "" if fine else _("use a UTF-8 locale: export LANG=fr_FR.UTF-8"),
    )


def _no_workspace() -> Diagnosis:
    return Diagnosis(_("Workspace"), State.ADVICE, _("none here"), _("make one: nomade init DIR"))


def _permissions(workspace: Workspace) -> Diagnosis:
    open_to_all = [str(path) for path in (workspace.root, workspace.config_file) if path.stat().st_mode & stat.S_IWOTH]
    if open_to_all:
        return Diagnosis(
            _("Workspace"),
            State.PROBLEM,
            _("anybody may write: {paths}").format(paths=", ".join(open_to_all)),
            _("run: chmod o-w PATH"),
        )
    return Diagnosis(_("Workspace"), State.FINE, str(workspace.root))


def _key(workspace: Workspace) -> Diagnosis:
    subject = _("Management key")
    key = workspace.root / ".nomade" / "keys" / "management_ed25519"
    if not key.exists():
        return Diagnosis(subject, State.ADVICE, _("none yet"), _("the first nomade enroll makes it"))
    if key.stat().st_mode & 0o077 or key.stat().st_uid != os.geteuid():
        return Diagnosis(subject, State.PROBLEM, _("readable by others, or owned by another user"), f"chmod 600 {key}")
    return Diagnosis(subject, State.FINE, str(key))


def _communes(workspace: Workspace) -> Iterator[Diagnosis]:
    from toolkit import fleet

    try:
        communes = workspace.select(())
        fleet.load_config(workspace)
    except NomadeError as error:
        yield Diagnosis(_("Workspace"), State.PROBLEM, str(error), _("mend it, then run nomade doctor again"))
        return
    for commune in communes:
        try:
            endpoints = len(fleet.load(workspace, commune).endpoints)
        except NomadeError as error:
            yield Diagnosis(commune, State.PROBLEM, str(error), _("mend fleet.yml, then run nomade inventory validate"))
        else:
            yield Diagnosis(commune, State.FINE, _("{count} endpoints declared").format(count=endpoints))
