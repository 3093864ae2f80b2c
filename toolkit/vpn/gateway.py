"""What is done on a live gateway, each a single short script or the one small playbook."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote

from toolkit.errors import ExitCode, NomadeError, UnreachableError
from toolkit.fleet import Fleet
from toolkit.i18n import _
from toolkit.probes.tunnel_keys import INTERFACE
from toolkit.provision import Options, provision
from toolkit.reach import route
from toolkit.transport.base import Result, Route, Transport
from toolkit.workspace import Workspace

PLAYBOOK = "peers.yml"
_SECONDS = 30.0
_BYTES = 65_536

# Nothing is left of a peer's sessions when this returns. What is refused already (it has a shared key) stays and is
# counted on. What is written on the gateway's disk is the playbook's.
_CUT = f"""\
set -eu
[ -e /sys/class/net/{INTERFACE} ] || exit 0
for key in $keys; do
  if wg show {INTERFACE} preshared-keys | grep -F "$key" | grep -q '(none)'; then
    wg set {INTERFACE} peer "$key" remove
  fi
done
"""


def cut(workspace: Workspace, fleet: Fleet, keys: Iterable[str], transport: Transport) -> None:
    """Remove peers from the running gateway, at once. Cutting what is not there is no error.

    Raises:
        UnreachableError: the gateway does not answer.
        NomadeError: it answered, and could not do it.
    """
    script = f"keys={quote(' '.join(sorted(keys)))}\n{_CUT}"
    answer(transport, route(workspace, fleet, fleet.gateway.name), script)


def answer(transport: Transport, way: Route, script: str, *, seconds: float = _SECONDS) -> str:
    """Run a script on an endpoint and return what it printed.

    Raises:
        UnreachableError: no connection, or none long enough.
        NomadeError: the script ended with an error.
    """
    result = transport.run(way, script, timeout=seconds, limit=_BYTES)
    if result.exit_code is None:
        raise UnreachableError(_("{endpoint}: no answer in time").format(endpoint=way.alias))
    if result.exit_code != 0:
        raise NomadeError(
            _("{endpoint}: it could not be done: {reason}").format(endpoint=way.alias, reason=_why(result))
        )
    return result.stdout.decode("utf-8", errors="replace")


def _why(result: Result) -> str:
    said = "".join(sign if sign.isprintable() else " " for sign in result.stderr.decode("utf-8", errors="replace"))
    return " ".join(said.split())[:200] or _("exit {code}").format(code=result.exit_code)


def bring_up_to_date(workspace: Workspace, fleet: Fleet, *, tags: str | None = None) -> tuple[ExitCode, str]:
    """Give the gateway the peers and access windows that the fleet says, for good; return how that ended.

    `tags`: only that part of it. The text is one line for the user when it did not end well, else empty. Raises as
    `provision`.
    """
    options = Options(limit=fleet.gateway.name, playbook=PLAYBOOK, tags=tags)
    run = provision(workspace, fleet.commune.id, options)
    errors = [f"{one.name}: {one.error}" for one in run.endpoints if one.error]
    return run.code, "; ".join(errors)
