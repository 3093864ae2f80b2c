"""What enrolment writes down: the pin in `known_hosts`, the date and the path in `enrolment.yml`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import yaml

from toolkit import reach
from toolkit.errors import UnreachableError
from toolkit.files import alone, write_atomically
from toolkit.i18n import _
from toolkit.transport import known_hosts
from toolkit.transport.known_hosts import HostKey
from toolkit.workspace import Workspace


def pin(workspace: Workspace, commune: str, name: str, key: HostKey) -> None:
    """Pin a verified key under the endpoint's name.

    Raises:
        HostKeyChangedError: another key is pinned under that name.
        UnreachableError: an endpoint of another name, in any commune, has the same key: whoever holds one of the two
            machines could pass for the other.
    """
    with alone(workspace.state / "locks" / "enrolment"):
        for other in workspace.communes():
            for owner, known in known_hosts.pins(workspace.commune(other).known_hosts).items():
                if known == key and (other, owner) != (commune, name):
                    raise UnreachableError(
                        _(
                            "{endpoint}: same host key as {other}: a copied disk? Make new keys on it "
                            "(rm /etc/ssh/ssh_host_*; dpkg-reconfigure openssh-server)"
                        ).format(endpoint=name, other=owner)
                    )
        known_hosts.pin(workspace.commune(commune).known_hosts, name, key)


def record(
    workspace: Workspace, commune: str, name: str, key: HostKey, path: Literal["bench", "gateway"] = "bench"
) -> None:
    """Write one endpoint's entry of `enrolment.yml`; the date of an entry for the same key is kept.

    Raises:
        ProblemsError: the file is damaged; it is left as it is.
    """
    with alone(workspace.state / "locks" / "enrolment"):
        entries = {known: entry.model_dump(mode="json") for known, entry in reach.enrolment(workspace, commune).items()}
        before = entries.get(name, {})
        same = before.get("host_key") == key.fingerprint
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"enrolled": before["enrolled"] if same else now, "host_key": key.fingerprint, "path": path}
        if entry != before:
            text = yaml.safe_dump({**entries, name: entry}, sort_keys=True, allow_unicode=True)
            write_atomically(workspace.commune(commune).enrolment, text)


def forget(workspace: Workspace, commune: str, name: str) -> None:
    """Take one endpoint out of `enrolment.yml` and its pin out of `known_hosts`; nothing when it is in neither.

    Raises:
        ProblemsError: `enrolment.yml` is damaged; it is left as it is.
    """
    with alone(workspace.state / "locks" / "enrolment"):
        entries = {known: entry.model_dump(mode="json") for known, entry in reach.enrolment(workspace, commune).items()}
        if entries.pop(name, None):
            write_atomically(workspace.commune(commune).enrolment, yaml.safe_dump(entries, allow_unicode=True))
        known_hosts.unpin(workspace.commune(commune).known_hosts, name)
