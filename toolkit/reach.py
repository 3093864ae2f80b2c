"""How the control machine reaches an endpoint: the one answer that enrolment, audit and the inventory share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import RootModel

from toolkit.errors import BadInputError, ProblemsError
from toolkit.fleet import Config, Fleet, load_config
from toolkit.fleet.addresses import load as load_addresses
from toolkit.fleet.document import read
from toolkit.fleet.parts import Endpoint, Kind, Laptop, Model, OfficePc
from toolkit.fleet.problems import validate
from toolkit.fleet.text import Label, Name
from toolkit.i18n import _
from toolkit.transport.base import Route
from toolkit.workspace import Workspace


class Enrolled(Model):
    """What `enrolment.yml` records of one endpoint."""

    enrolled: Label
    """When, ISO 8601 in UTC."""
    host_key: Label
    """Fingerprint of the pinned host key, `SHA256:…`."""
    path: Literal["bench", "gateway"] = "bench"
    """Where it is reached: on the set-up network, or through its commune's gateway."""


class _Enrolment(RootModel[dict[Name, Enrolled]]):
    """The whole of `enrolment.yml`."""


def enrolment(workspace: Workspace, commune: str) -> Mapping[str, Enrolled]:
    """Return the enrolled endpoints of a commune by name; empty before the first enrolment.

    Raises:
        ProblemsError: `enrolment.yml` is damaged.
    """
    path = workspace.commune(commune).enrolment
    if not path.exists():
        return {}
    document = read(path)
    if document.data is None and not document.problems:
        return {}
    content = validate(_Enrolment, document)
    if content is None or document.problems:
        raise ProblemsError(document.problems)
    return content.root


def routes(
    workspace: Workspace,
    fleet: Fleet,
    endpoints: Iterable[Endpoint] | None = None,
    *,
    config: Config | None = None,
    tunnel: Mapping[str, str] | None = None,
) -> dict[str, Route]:
    """Return the route of each of `endpoints` (all when None) by name; files are read once for all.

    `config` and `tunnel` (tunnel address by name) are read from the workspace when they are not given.

    Raises:
        BadInputError: a laptop is away and has no tunnel address yet, or a file is wrong.
    """
    commune = fleet.commune.id
    folder = workspace.commune(commune)
    account = (config or load_config(workspace)).management_account
    enrolled = enrolment(workspace, commune)
    inner = load_addresses(folder.addresses, fleet).tunnel if tunnel is None else tunnel

    identity, known_hosts = workspace.management_key, folder.known_hosts

    def to(endpoint: Endpoint, address: str, jump: Route | None = None) -> Route:
        return Route(
            alias=endpoint.name,
            address=address,
            port=endpoint.bench.port,
            user=account,
            identity=identity,
            known_hosts=known_hosts,
            jump=jump,
        )

    gateway = to(fleet.gateway, fleet.gateway.bench.address)
    result: dict[str, Route] = {}
    for endpoint in fleet.endpoints if endpoints is None else endpoints:
        record = enrolled.get(endpoint.name)
        if endpoint.kind is Kind.GATEWAY:
            result[endpoint.name] = gateway
        elif record is not None and record.path == "gateway":
            result[endpoint.name] = to(endpoint, _inner_address(endpoint, inner), gateway)
        else:
            result[endpoint.name] = to(endpoint, endpoint.bench.address)
    return result


def _inner_address(endpoint: Endpoint, tunnel: Mapping[str, str]) -> str:
    if isinstance(endpoint, OfficePc):
        return endpoint.office_address
    if isinstance(endpoint, Laptop) and endpoint.name in tunnel:
        return tunnel[endpoint.name]
    raise BadInputError(_("{name}: no tunnel address yet: run “nomade inventory generate”").format(name=endpoint.name))


def route(workspace: Workspace, fleet: Fleet, name: str) -> Route:
    """Return the route of one endpoint. Raises as `routes`, and NothingEvaluatedError for an unknown name."""
    return routes(workspace, fleet, [fleet.endpoint(name)])[name]
