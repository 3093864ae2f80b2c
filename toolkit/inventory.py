"""Fleet → Ansible inventory: `addresses.yml`, then `hosts.yml`, which plain Ansible reads without this toolkit."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from toolkit import settings, waiver_file
from toolkit.errors import BadInputError
from toolkit.files import write_atomically
from toolkit.fleet import Config, Fleet, load_all
from toolkit.fleet import addresses as tunnel_addresses
from toolkit.fleet.document import shown
from toolkit.hosts_file import render
from toolkit.i18n import _
from toolkit.memory import collector_paused
from toolkit.reach import routes
from toolkit.workspace import CommuneFolder, Workspace

# ssh reads its options twice (Ansible's shlex, then ssh); with these in the path no quoting is right for both.
_UNQUOTABLE = re.compile(r"""["'`$\\%{}\x00-\x1f]""")


def generate(workspace: Workspace, commune: str) -> bool:
    """Write `addresses.yml` and `hosts.yml` of one commune; return whether either changed.

    Raises:
        ProblemsError: `nomade.yml`, `fleet.yml`, `addresses.yml` or `enrolment.yml` is wrong; nothing is written.
        BadInputError: no tunnel address is left, or the workspace's path has characters ssh cannot be given.
    """
    return any(changed for _path, changed in generate_all(workspace, [commune]))


@collector_paused()
def generate_all(workspace: Workspace, communes: Sequence[str]) -> list[tuple[str, bool]]:
    """Write the inventories of several communes; return each `hosts.yml` and whether it (or its addresses) changed.

    All fleet files are checked, alone and against each other, before anything is written. Raises as `generate`.
    """
    if _UNQUOTABLE.search(str(workspace.root)):
        raise BadInputError(
            _("{root}: quotes, $, %, braces and backslashes in the path do not fit ssh: move the workspace").format(
                root=workspace.root
            )
        )
    config, fleets = load_all(workspace, communes)
    prepared = [(fleet, *_prepare(workspace, config, fleet)) for fleet in fleets]
    result = []
    for fleet, addresses, hosts in prepared:
        folder = workspace.commune(fleet.commune.id)
        _make_places(folder)
        changed = _write(folder.addresses, addresses)
        result.append((shown(folder.hosts), _write(folder.hosts, hosts) or changed))
    return result


def _make_places(folder: CommuneFolder) -> None:
    # Roles put there what endpoints made. Kept in git while empty: plain ansible-playbook needs them in a clone too.
    with _writing(folder.root):
        for place in (folder.public, folder.escrow):
            place.mkdir(exist_ok=True)
            (place / ".gitkeep").touch()


def _prepare(workspace: Workspace, config: Config, fleet: Fleet) -> tuple[str, str]:
    """Return the texts of `addresses.yml` and `hosts.yml`."""
    addresses = allocated(workspace, fleet)
    return tunnel_addresses.render(addresses), render(workspace, config, fleet, addresses)


def allocated(workspace: Workspace, fleet: Fleet) -> tunnel_addresses.Addresses:
    """Return the tunnel addresses as `generate` would write them: those given before, and new ones.

    Raises:
        ProblemsError: `addresses.yml` is wrong.
        BadInputError: no tunnel address is left.
    """
    before = tunnel_addresses.load(workspace.commune(fleet.commune.id).addresses, fleet)
    laptops = [laptop.name for laptop in fleet.laptops]
    today = datetime.now(UTC).date()
    return tunnel_addresses.allocate(fleet.gateway.tunnel_network, fleet.gateway.name, laptops, before, today)


@collector_paused()
def validate_all(workspace: Workspace, communes: Sequence[str]) -> tuple[Fleet, ...]:
    """Return the fleets after every check that `generate` makes; nothing is written. Raises as it does."""
    config, fleets = load_all(workspace, communes)
    settings.of_profile(config.profile)
    for fleet in fleets:  # all that is read besides the fleet files; the texts themselves cannot go wrong
        routes(workspace, fleet, config=config, tunnel=allocated(workspace, fleet).tunnel)
        waiver_file.load(workspace, fleet, datetime.now(UTC))
    return fleets


@collector_paused()
def rendered(workspace: Workspace, communes: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the texts of `addresses.yml` and `hosts.yml` that `generate` would write. Raises as it does."""
    config, fleets = load_all(workspace, communes)
    return {fleet.commune.id: _prepare(workspace, config, fleet) for fleet in fleets}


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInputError(
            _("{file}: cannot be written: {reason}").format(file=shown(path), reason=error.strerror)
        ) from error


def _write(path: Path, text: str) -> bool:
    with _writing(path):
        if path.is_file() and path.read_bytes() == text.encode():
            return False
        write_atomically(path, text)
    return True
