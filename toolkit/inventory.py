"""Fleet → Ansible inventory: `addresses.yml`, then `hosts.yml`, which plain Ansible reads without this toolkit."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from toolkit import settings
from toolkit.errors import BadInputError, NothingEvaluatedError
from toolkit.files import write_atomically
from toolkit.fleet import Config, Fleet, load_all
from toolkit.fleet import addresses as tunnel_addresses
from toolkit.fleet.document import shown, suggestion
from toolkit.hosts_file import on_one_line, render
from toolkit.i18n import _
from toolkit.memory import collector_paused
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
    folder = workspace.commune(fleet.commune.id)
    before = tunnel_addresses.load(folder.addresses, fleet)
    addresses = tunnel_addresses.allocate(
        fleet.gateway.tunnel_network,
        fleet.gateway.name,
        [laptop.name for laptop in fleet.laptops],
        before,
        datetime.now(UTC).date(),
    )
    return tunnel_addresses.render(addresses), render(workspace, config, fleet, addresses)


@collector_paused()
def validate_all(workspace: Workspace, communes: Sequence[str]) -> tuple[Fleet, ...]:
    """Return the fleets after every check that `generate` makes; nothing is written. Raises as it does."""
    config, fleets = load_all(workspace, communes)
    for fleet in fleets:
        _prepare(workspace, config, fleet)
    return fleets


def explain(workspace: Workspace, communes: Sequence[str], host: str, *, everything: bool) -> list[str]:
    """Return one line per setting of `host`: name, value, and the layer it comes from.

    Raises:
        NothingEvaluatedError: none of the communes has such an endpoint.
    """
    config, fleets = load_all(workspace, communes)
    fleet = next((one for one in fleets if any(endpoint.name == host for endpoint in one.endpoints)), None)
    if fleet is None:
        hint = suggestion(host, [endpoint.name for one in fleets for endpoint in one.endpoints])
        raise NothingEvaluatedError(" ".join([_("no endpoint is called “{name}”").format(name=host), hint]).strip())
    values = settings.effective(fleet, host, settings.of_profile(config.profile))
    return [
        f"{name}: {on_one_line(setting.value)}  # {_source(setting.source)}"
        for name, setting in sorted(values.items())
        if everything or setting.source != "default"
    ]


def _source(source: settings.Source) -> str:
    return {
        "default": _("role default"),
        "profile": _("profile"),
        "commune": _("commune"),
        "kind": _("kind of endpoint"),
        "endpoint": _("this endpoint"),
    }[source]


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
