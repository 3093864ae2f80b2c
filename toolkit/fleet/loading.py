"""Load the files of a workspace: one commune, or several with what must hold between them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from functools import cached_property
from ipaddress import IPv4Network, ip_network
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from toolkit.errors import NomadeError, Problem, ProblemsError
from toolkit.fleet import checks, declarations, setting_checks
from toolkit.fleet.config import Config
from toolkit.fleet.document import Document, read
from toolkit.fleet.model import Fleet
from toolkit.fleet.parts import Commune, Gateway
from toolkit.fleet.problems import validate
from toolkit.i18n import _
from toolkit.memory import collector_paused
from toolkit.workspace import Workspace


def load_config(workspace: Workspace) -> Config:
    """Return what `nomade.yml` says.

    Raises:
        ProblemsError: everything wrong in it, each at its line and column.
        BadInputError: it cannot be read.
    """
    document = read(workspace.config_file)
    config = validate(Config, document)
    if config is None or document.problems:
        raise ProblemsError(document.problems)
    return config


@collector_paused()
def load(workspace: Workspace, commune: str) -> Fleet:
    """Return the fleet of one commune.

    Raises:
        ProblemsError: everything wrong in its `fleet.yml`, each at its line and column.
        BadInputError: the file cannot be read.
    """
    return _load(workspace, commune)[1]


@collector_paused()
def load_all(workspace: Workspace, communes: Sequence[str]) -> tuple[Config, tuple[Fleet, ...]]:
    """Return the configuration and the fleets of `communes`, after checking them one by one and against each other.

    Communes that are not asked for are looked at too, as far as they can be read: a name, an address or a machine
    may belong to one commune only.

    Raises:
        ProblemsError: everything wrong in `nomade.yml` and all of these fleet files.
        BadInputError: a file cannot be read.
    """
    problems: list[Problem] = []
    loaded: dict[str, tuple[Document, Fleet]] = {}
    config: Config | None = None
    try:
        config = load_config(workspace)
    except ProblemsError as error:
        problems += error.problems
    for commune in communes:
        try:
            loaded[commune] = _load(workspace, commune)
        except ProblemsError as error:
            problems += error.problems
    _check_between(loaded, dict(_others(workspace, communes)))
    if config is not None:
        for document, fleet in loaded.values():
            _check_against_config(document, fleet, config)
    problems += [problem for document, _fleet in loaded.values() for problem in document.problems]
    if problems or config is None:
        raise ProblemsError(problems)
    return config, tuple(fleet for _document, fleet in loaded.values())


def _load(workspace: Workspace, commune: str) -> tuple[Document, Fleet]:
    document = read(workspace.commune(commune).fleet)
    fleet = validate(Fleet, document)
    part, broken = (fleet, ()) if fleet else _sound_part(document.data)
    checks.check(document, part, commune, _Elsewhere(workspace, commune), broken)
    setting_checks.check(document, part.settings)
    declarations.check(document, part, broken, date.today())  # noqa: DTZ011 — the day where the file was written
    if fleet is None or document.problems:
        raise ProblemsError(document.problems)
    return document, fleet


def _sound_part(data: Any) -> tuple[Fleet, Collection[str]]:
    """Return a fleet of the sections that are right by themselves, and the names of the others.

    So a mistake in one section does not hide those in the rest: every problem is reported in one run.
    """
    given = data if isinstance(data, dict) else {}
    sound: dict[str, Any] = {}
    broken: list[str] = []
    for name, field in Fleet.model_fields.items():
        if name not in given:
            broken += [name] if field.is_required() else []
            continue
        section: TypeAdapter[Any] = TypeAdapter(field.annotation or Any)
        try:
            sound[name] = section.validate_python(given[name])
        except ValidationError:
            broken.append(name)
    return Fleet.model_construct(**{**_stand_ins(), **sound}), broken


def _stand_ins() -> dict[str, Any]:
    """Return a commune and a gateway that nothing in a file can be mistaken for."""
    nowhere = "0.0.0.0"  # noqa: S104 — an address nobody has, nothing listens on it
    gateway: dict[str, Any] = {
        "name": "nomade-stand-in",
        "os": "debian-12",
        "management": {"address": nowhere},
        "public": {"address": nowhere},
        "tunnel_network": f"{nowhere}/30",
        "office": {"network": f"{nowhere}/30", "address": nowhere},
    }
    return {
        "commune": Commune(id="nomade-stand-in", name="?", insee="00000"),
        "gateway": Gateway.model_validate(gateway),
    }


class _Elsewhere:
    """Says which other commune has an endpoint; reads their files once, and only when asked."""

    def __init__(self, workspace: Workspace, commune: str) -> None:
        self._workspace, self._commune = workspace, commune

    def __call__(self, name: str) -> str | None:
        return self._owners.get(name)

    @cached_property
    def _owners(self) -> dict[str, str]:
        others = _others(self._workspace, [self._commune])
        return {endpoint.name: other for other, fleet in others for endpoint in fleet.machines}


def _others(workspace: Workspace, communes: Sequence[str]) -> Iterator[tuple[str, Fleet]]:
    """Yield the fleets that are not in `communes` and can be read: another commune's mistake stops nobody else."""
    for other in workspace.communes():
        if other in communes:
            continue
        try:
            document = read(workspace.commune(other).fleet)
            fleet = validate(Fleet, document)
        except NomadeError:
            continue
        if fleet is not None:
            yield other, fleet


class _Span(NamedTuple):
    """A tunnel network as numbers: every commune's is compared with every other's."""

    network: str
    first: int
    last: int

    @classmethod
    def of(cls, fleet: Fleet) -> _Span:
        network = IPv4Network(fleet.gateway.tunnel_network)
        return cls(str(network), int(network.network_address), int(network.broadcast_address))


def _check_between(loaded: dict[str, tuple[Document, Fleet]], others: dict[str, Fleet]) -> None:
    owners: dict[tuple[str, str], str] = {}
    for commune, fleet in others.items():
        for what, values in checks.identities(fleet).items():
            owners |= {(what, value): commune for _path, value in values}
    tunnels = {commune: _Span.of(fleet) for commune, fleet in others.items()}
    for commune, (document, fleet) in loaded.items():
        tunnel = _Span.of(fleet)
        for owner, other in tunnels.items():
            if tunnel.first <= other.last and other.first <= tunnel.last:
                document.report(
                    ("gateway", "tunnel_network"),
                    _("the tunnel network {tunnel} overlaps {network} of commune {owner}").format(
                        tunnel=tunnel.network, network=other.network, owner=owner
                    ),
                )
        tunnels[commune] = tunnel
        for what, values in checks.identities(fleet).items():
            for path, value in values:
                owner = owners.setdefault((what, value), commune)
                if owner != commune:
                    document.report(path, checks.duplicate(what, value), _("by commune {owner}").format(owner=owner))


def _check_against_config(document: Document, fleet: Fleet, config: Config) -> None:
    tunnel = IPv4Network(fleet.gateway.tunnel_network)
    for text in (*config.setup_networks, *config.management_addresses):
        network = ip_network(text)
        if isinstance(network, IPv4Network) and tunnel.overlaps(network):
            document.report(
                ("gateway", "tunnel_network"),
                _("the tunnel network {tunnel} overlaps {network} of nomade.yml").format(tunnel=tunnel, network=text),
            )
    recipients = list(config.escrow_recipients)
    for index, recipient in enumerate(fleet.commune.escrow_recipients):
        if recipient in recipients:
            document.report(
                ("commune", "escrow_recipients", index),
                _("this recipient is already the CIG’s, or given twice"),
                _("the commune has an identity of its own, kept apart"),
            )
        recipients.append(recipient)
    for index, teleworker in enumerate(fleet.teleworkers):
        if teleworker.login == config.management_account:
            document.report(
                ("teleworkers", index, "login"),
                _("“{login}” is the management account of nomade.yml").format(login=teleworker.login),
            )
