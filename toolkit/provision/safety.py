"""Files that decide what runs as root on endpoints must not be writable by everybody on the control machine."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from toolkit import paths
from toolkit.errors import BadInputError
from toolkit.i18n import _
from toolkit.workspace import Workspace


def refuse_writable_by_all(workspace: Workspace, commune: str) -> None:
    """Check the workspace, the commune's files, and Ansible's configuration and code.

    Raises:
        BadInputError: one of them is writable by others; the message says which, and the command that mends it.
    """
    for path in _deciding(workspace, commune):
        if _writable_by_others(path):
            raise BadInputError(
                _("{file}: writable by everybody on this machine; run “chmod o-w {file}”").format(file=path)
            )


def _deciding(workspace: Workspace, commune: str) -> Iterator[Path]:
    folder = workspace.commune(commune)
    yield from (workspace.root, workspace.config_file, workspace.root / "ansible.cfg", Path.cwd() / "ansible.cfg")
    yield from (folder.root.parent, folder.root, folder.fleet, folder.addresses, folder.hosts)
    yield from (folder.known_hosts, folder.enrolment, folder.root / "group_vars", folder.root / "host_vars")
    yield from (paths.playbooks_dir(), paths.roles_dir(), paths.plugins_dir())


def _writable_by_others(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    sticky = stat.S_ISDIR(mode) and bool(mode & stat.S_ISVTX)
    return bool(mode & stat.S_IWOTH) and not sticky
