"""Enrolment of several endpoints at once: look, verify, create the account, prove it, write it down."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal

from toolkit import reach
from toolkit.enroll import records
from toolkit.enroll.account import MISSING, creation_script, management_public_key
from toolkit.enroll.trust import Trust
from toolkit.errors import BadInputError, ExitCode, NomadeError, UnreachableError
from toolkit.fleet import Endpoint, Fleet
from toolkit.i18n import _
from toolkit.transport.base import HostKeyChangedError, LoginRefusedError, Result, Route
from toolkit.transport.known_hosts import HostKey, pins
from toolkit.transport.ssh import CONNECT_SECONDS, HANDSHAKE_SECONDS, SshTransport, connect_tcp, handshake
from toolkit.workspace import Workspace

PARALLEL = 8
_SECONDS = 60.0  # creating an account takes a few; a slow disk may need more
_BYTES = 16_384


class State(StrEnum):
    """How the enrolment of one endpoint ended."""

    ENROLLED = "enrolled"
    ALREADY = "already"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One endpoint: `detail` is the pinned fingerprint, or one line saying why not."""

    endpoint: str
    state: State
    detail: str
    code: ExitCode = ExitCode.OK


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How to log in before the management account exists: with a password when there is one, else with a key."""

    user: str = "root"
    identity: Path | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    workspace: Workspace
    commune: str
    bootstrap: Bootstrap
    public_key: str
    account: str


def enroll(
    workspace: Workspace,
    fleet: Fleet,
    endpoints: Iterable[Endpoint],
    *,
    bootstrap: Bootstrap,
    trust: Trust,
) -> list[Outcome]:
    """Enrol endpoints of one commune; one that fails does not stop the others.

    `trust` is called for keys not pinned yet, one at a time and from this thread only: it may ask a person.

    Returns:
        One outcome per endpoint, in the order given.

    Raises:
        BadInputError: a file of the workspace is wrong; nothing was done.
    """
    chosen = list(endpoints)
    ways = reach.routes(workspace, fleet, chosen)
    public_key = management_public_key(workspace)
    account = next((route.user for route in ways.values()), "")
    job = _Job(workspace, fleet.commune.id, bootstrap, public_key, account)

    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="enroll") as pool:
        looks = list(pool.map(lambda endpoint: _look(job, ways[endpoint.name], endpoint), chosen))
        verified = [look if isinstance(look, Outcome) else _verify(job, *look, trust) for look in looks]
        return list(pool.map(lambda step: step if isinstance(step, Outcome) else _create(job, *step), verified))


def _failed(endpoint: str, error: NomadeError) -> Outcome:
    return Outcome(endpoint, State.FAILED, str(error), error.exit_code)


def _look(job: _Job, way: Route, endpoint: Endpoint) -> Outcome | tuple[Route, HostKey]:
    """Return the end of it (enrolled already, out of reach), or where to go on and the key shown or pinned there."""
    bench = replace(way, address=endpoint.bench.address, port=endpoint.bench.port, jump=None)
    try:
        pinned = pins(way.known_hosts).get(way.alias)
        if pinned is None:
            client, shown = handshake(bench, connect_tcp(bench, CONNECT_SECONDS), HANDSHAKE_SECONDS)
            client.close()
            return bench, shown
        try:
            path = _prove_anywhere(way, bench)
        except LoginRefusedError:
            return bench, pinned
        records.record(job.workspace, job.commune, way.alias, pinned, path)
        return Outcome(way.alias, State.ALREADY, pinned.fingerprint)
    except NomadeError as error:
        return _failed(way.alias, error)


def _prove_anywhere(way: Route, bench: Route) -> Literal["bench", "gateway"]:
    """Return where an enrolled endpoint let us in with its pinned key: where it was last, or back on the bench."""
    try:
        _prove(way)
    except (LoginRefusedError, HostKeyChangedError):
        raise
    except UnreachableError:
        if way.jump is None:
            raise
        _prove(bench)
        return "bench"
    return "gateway" if way.jump else "bench"


def _verify(job: _Job, bench: Route, shown: HostKey, trust: Trust) -> Outcome | tuple[Route, HostKey]:
    try:
        if pins(bench.known_hosts).get(bench.alias) != shown:
            trust(bench, shown)
            records.pin(job.workspace, job.commune, bench.alias, shown)
    except NomadeError as error:
        return _failed(bench.alias, error)
    return bench, shown


def _create(job: _Job, bench: Route, key: HostKey) -> Outcome:
    try:
        _create_account(job, bench)
        _prove(bench)
        records.record(job.workspace, job.commune, bench.alias, key)
    except NomadeError as error:
        return _failed(bench.alias, error)
    return Outcome(bench.alias, State.ENROLLED, key.fingerprint)


def _create_account(job: _Job, bench: Route) -> None:
    first = job.bootstrap
    if first.identity is None and first.password is None:
        raise BadInputError(
            _("{endpoint}: how to log in as {user}? Give --key FILE or --ask-password").format(
                endpoint=bench.alias, user=first.user
            )
        )
    route = replace(bench, user=first.user, identity=first.identity or bench.identity)
    with SshTransport(password=first.password) as transport:
        result = transport.run(route, creation_script(job.account, job.public_key), timeout=_SECONDS, limit=_BYTES)
    if result.exit_code == MISSING:
        raise UnreachableError(
            _("{endpoint}: not installed there: {packages}; install with: apt-get install {packages}").format(
                endpoint=bench.alias, packages=_printable(result.stdout)
            )
        )
    if result.exit_code != 0:
        raise UnreachableError(
            _("{endpoint}: management account not created: {reason}").format(endpoint=bench.alias, reason=_why(result))
        )


def _prove(route: Route) -> None:
    """Log in anew with the management key and become root, or raise UnreachableError."""
    with SshTransport() as transport:
        result = transport.run(route, "id -u\n", timeout=_SECONDS, limit=_BYTES)
    if result.exit_code != 0 or result.stdout.strip() != b"0":
        raise LoginRefusedError(
            _("{endpoint}: logged in as {user}, but could not become root: {reason}").format(
                endpoint=route.alias, user=route.user, reason=_why(result)
            )
        )


def _printable(raw: bytes) -> str:
    text = raw[:2000].decode("utf-8", errors="backslashreplace")
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:200]


def _why(result: Result) -> str:
    if result.exit_code is None:
        return _("cut off")
    return _printable(result.stderr) or _("exit {code}").format(code=result.exit_code)
