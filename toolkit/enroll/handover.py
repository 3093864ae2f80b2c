"""From the bench to the gateway: prove that an endpoint is reached through its gateway, then remember it."""

from __future__ import annotations

from dataclasses import replace

from toolkit import reach
from toolkit.enroll import records
from toolkit.errors import UnreachableError
from toolkit.fleet import Endpoint, Fleet, Laptop, OfficePc, load
from toolkit.fleet.addresses import load as load_addresses
from toolkit.transport.base import Route
from toolkit.transport.known_hosts import pins
from toolkit.transport.ssh import SshTransport
from toolkit.workspace import Workspace

_SECONDS = 20.0


def _away(workspace: Workspace, fleet: Fleet, endpoint: Endpoint) -> Route | None:
    """Return the route through the gateway: to the tunnel address of a laptop, the office address of an office PC."""
    if isinstance(endpoint, OfficePc):
        address: str | None = endpoint.office_address
    elif isinstance(endpoint, Laptop):
        folder = workspace.commune(fleet.commune.id)
        address = load_addresses(folder.addresses, fleet).tunnel.get(endpoint.name)
    else:
        address = None
    if address is None:
        return None
    ways = reach.routes(workspace, fleet, [endpoint, fleet.gateway])
    return replace(ways[endpoint.name], address=address, jump=ways[fleet.gateway.name])


def handover(workspace: Workspace, commune: str, host: str) -> bool:
    """Log in to `host` through its gateway; when that works, record `path: gateway` and return True.

    False means that nothing was changed: not enrolled, not reached through the gateway yet, or itself a gateway.

    Raises:
        BadInputError: a file of the workspace is wrong.
        NothingEvaluatedError: the commune has no endpoint of that name.
    """
    fleet = load(workspace, commune)
    route = _away(workspace, fleet, fleet.endpoint(host))
    if route is None or host not in reach.enrolment(workspace, commune):
        return False
    try:
        with SshTransport() as transport:
            result = transport.run(route, "id -u\n", timeout=_SECONDS, limit=1000)
    except UnreachableError:
        return False
    if result.exit_code != 0 or result.stdout.strip() != b"0":
        return False
    records.record(workspace, commune, host, pins(route.known_hosts)[host], "gateway")
    return True
