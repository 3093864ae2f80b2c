"""Why a laptop's tunnel does not carry: what the laptop says of its network, what the gateway sees of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from toolkit.doctor import Diagnosis, State
from toolkit.errors import ExitCode, NomadeError, UnreachableError
from toolkit.fleet import Fleet
from toolkit.i18n import _
from toolkit.reach import route
from toolkit.transport.base import Transport
from toolkit.vpn import peers, revoke
from toolkit.workspace import Workspace

_SCRIPT = "exec /usr/local/libexec/nomade-vpn diagnose"
_SECONDS = 60
_LIMIT = 4096
_WORDS = {
    "network": {"up", "ipv6", "none"},
    "handshake": {"now", "none"},
    "gateway": {"answers", "silent"},
    "large_packets": {"pass", "lost"},
    "same_network": {"yes", "no"},
}
_ALWAYS = {"network", "handshake", "gateway", "same_network"}


def examine(workspace: Workspace, host: str, transport: Transport) -> tuple[list[Diagnosis], ExitCode]:
    """Return what the laptop `host` and its gateway say, and 0, 2 (something does not work) or 4 (not reached).

    Raises:
        NothingEvaluatedError: no laptop has that name.
        BadInputError: a file of the workspace is wrong, or it is another kind of machine.
    """
    fleet = revoke.find(workspace, workspace.select(()), host)
    code = ExitCode.OK
    try:
        said = transport.run(route(workspace, fleet, host), _SCRIPT, timeout=_SECONDS, limit=_LIMIT)
        if said.exit_code != 0:
            raise ValueError(said.stderr.decode(errors="replace"))
        found = list(of_laptop(fleet, host, read(said.stdout.decode(errors="replace"))))
    except UnreachableError as error:
        remedy = _("on that laptop: start “Portail Wi-Fi” (nomade-portal), which says what its network does")
        found, code = [Diagnosis(host, State.PROBLEM, str(error), remedy)], ExitCode.UNREACHABLE
    except ValueError:
        remedy = _("run: nomade apply -l {name}").format(name=host)
        found = [Diagnosis(host, State.PROBLEM, _("does not say how its tunnel is"), remedy)]
    found.append(_at_gateway(workspace, fleet, host, transport))
    if code is ExitCode.OK and any(item.state is State.PROBLEM for item in found):
        code = ExitCode.NOT_COMPLIANT
    return found, code


def read(text: str) -> dict[str, str]:
    """Return the facts that `nomade-vpn diagnose` printed. Raises ValueError for anything else."""
    facts: dict[str, str] = {}
    for line in text.splitlines():
        name, _equals, value = line.partition("=")
        if value not in _WORDS.get(name, ()):
            raise ValueError(f"unknown: {line}")
        facts[name] = value
    if not set(facts) >= _ALWAYS:
        raise ValueError("cut short")
    return facts


def of_laptop(fleet: Fleet, host: str, facts: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Yield what the facts mean: the first thing that does not work, since the others follow from it."""
    port, gateway = fleet.gateway.public.port, fleet.gateway.name
    if facts["network"] == "none":
        yield Diagnosis(host, State.PROBLEM, _("is in no network"), _("check its Wi-Fi or cable"))
    elif facts["handshake"] == "none" and facts["network"] == "ipv6" and ":" not in fleet.gateway.public.address:
        found = _(
            "is in a network without IPv4, whose translation (NAT64) does not lead to the gateway on UDP port {port}"
        )
        remedy = _("try another network, a phone’s connection for one, or have the provider give IPv4 as well")
        yield Diagnosis(host, State.PROBLEM, found.format(port=port), remedy)
    elif facts["handshake"] == "none":
        yield Diagnosis(
            host,
            State.PROBLEM,
            _("is in a network, and the gateway does not answer on UDP port {port}").format(port=port),
            _(
                "its network blocks UDP, wants a log-in page (nomade-portal), or {gateway} is off: "
                "try a phone’s connection"
            ).format(gateway=gateway),
        )
    elif facts["gateway"] == "silent":
        remedy = _("run: nomade apply -l {name}").format(name=gateway)
        yield Diagnosis(host, State.PROBLEM, _("has a tunnel, through which the gateway does not answer"), remedy)
    elif facts.get("large_packets") != "pass":
        remedy = _("set vpn_client_mtu: 1200 for {name} in fleet.yml, then run: nomade apply -l {name}").format(
            name=host
        )
        yield Diagnosis(host, State.PROBLEM, _("has a tunnel that loses large packets"), remedy)
    else:
        yield Diagnosis(host, State.FINE, _("its tunnel carries"))
    if facts["same_network"] == "yes":
        yield Diagnosis(
            host,
            State.ADVICE,
            _("is in a network with the office’s addresses"),
            _("the office is reached; devices of that network at the same addresses are not"),
        )


def _at_gateway(workspace: Workspace, fleet: Fleet, host: str, transport: Transport) -> Diagnosis:
    """Return what the gateway sees of the laptop, which is known even when the laptop is not reached."""
    gateway = fleet.gateway.name
    try:
        (seen,) = peers.live(workspace, [fleet.commune.id], transport)
    except NomadeError as error:
        return Diagnosis(gateway, State.PROBLEM, str(error))
    row = next((row for row in seen.rows if row.host == host and row.state is not peers.State.REVOKED), None)
    if seen.problem or row is None:
        problem = seen.problem or _("does not accept {name}").format(name=host)
        return Diagnosis(gateway, State.PROBLEM, problem, _("run: nomade apply -l {name}").format(name=gateway))
    if row.state is peers.State.ACTIVE and row.handshake:
        age = max(0, round((datetime.now(UTC) - row.handshake).total_seconds()))
        return Diagnosis(gateway, State.FINE, _("shook hands with {name} {age} s ago").format(name=host, age=age))
    if row.state is peers.State.SILENT:
        found = _("has not heard of {name} for three minutes or more").format(name=host)
        return Diagnosis(gateway, State.PROBLEM, found, _("is the laptop on, and in a network that lets UDP through?"))
    found = _("does not accept {name}").format(name=host)
    return Diagnosis(gateway, State.PROBLEM, found, _("see: nomade vpn peers"))
