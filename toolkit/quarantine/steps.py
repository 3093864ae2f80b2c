"""Decide from the store, tell the gateway, tell the user: stopped at any step, the next run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from toolkit.errors import BadInputError, ExitCode, NomadeError, NothingEvaluatedError, worst
from toolkit.files import alone
from toolkit.finding import EndpointStatus
from toolkit.fleet import Fleet, load, load_all
from toolkit.fleet.document import suggestion
from toolkit.fleet.edit import Append
from toolkit.i18n import _
from toolkit.imports.importing import write_files
from toolkit.inventory import generate
from toolkit.policy import Policy, policies
from toolkit.quarantine import notices, words
from toolkit.quarantine.decision import Decision, decide, subjects
from toolkit.quarantine.register import Held, Register, save
from toolkit.quarantine.register import load as load_register
from toolkit.replace import changed_file
from toolkit.store import open_store
from toolkit.store.state import CommuneState
from toolkit.transport.base import Transport
from toolkit.vpn.gateway import bring_up_to_date
from toolkit.workspace import Workspace

Say = Callable[[str], None]
_TAGS = "vpn_gateway_access"


def settle(workspace: Workspace, communes: Sequence[str], transport: Transport, say: Say) -> ExitCode:
    """Bring quarantine to what the store says now; `say` is told every change and every doubt.

    0: in force on the gateways, whoever is held; 3: of somebody nothing could be decided, who stays as they were;
    4: a gateway could not be told yet.

    Raises:
        BadInputError: a file is wrong or damaged; nothing was changed.
        StoreError: the store cannot be read; nothing was changed.
    """
    now = datetime.now(UTC)
    config, fleets = load_all(workspace, communes)
    rules = policies(workspace, communes, now)
    store = open_store(config.store or workspace.store_url)
    try:
        states = {fleet.commune.id: store.state(fleet.commune.id, config.profile) for fleet in fleets}
    finally:
        store.close()
    codes = []
    for fleet in fleets:
        commune = fleet.commune.id
        with alone(workspace.state / "locks" / f"quarantine-{commune}"):
            codes.append(_Run(workspace, fleet, states[commune], transport, say).settle(rules[commune], now))
    return worst(codes)


class _Run:
    """One commune."""

    def __init__(self, workspace: Workspace, fleet: Fleet, state: CommuneState, transport: Transport, say: Say) -> None:
        self._workspace, self._fleet, self._state = workspace, fleet, state
        self._transport, self._say = transport, say
        self._folder = workspace.commune(fleet.commune.id)

    def settle(self, policy: Policy, now: datetime) -> ExitCode:
        before = load_register(self._folder)
        decision = decide(self._fleet, self._state, policy, before.held, now)
        self._say_changes(before, decision)
        register = self._written(before, decision)
        register, code = self._in_force(register)
        self._tell_desktops(register)
        return worst([code, ExitCode.NOTHING_EVALUATED if decision.doubts else ExitCode.OK])

    def _say_changes(self, before: Register, decision: Decision) -> None:
        for name, held in decision.held.items():
            if name not in before.held or before.held[name].reason != held.reason:
                self._say(words.held(name, held))
        for name in before.held.keys() - decision.held.keys():
            self._say(_("{name}: out of quarantine").format(name=name))
        for name, doubt in decision.doubts.items():
            self._say(words.doubt(name, doubt, held=name in decision.held))

    def _written(self, before: Register, decision: Decision) -> Register:
        # Whoever was shut out or retired has no desktop of ours.
        there = set(subjects(self._fleet)) - decision.held.keys()
        gone = [name for name in (*before.to_clear, *before.held) if name in there]
        register = Register(decision.held, before.in_force, tuple(dict.fromkeys(gone)))
        save(self._folder, register)
        generate(self._workspace, self._fleet.commune.id)
        return register

    def _in_force(self, register: Register) -> tuple[Register, ExitCode]:
        wanted, gateway = tuple(sorted(register.held)), self._fleet.gateway.name
        if wanted == register.in_force:
            return register, ExitCode.OK
        try:
            code, errors = bring_up_to_date(self._workspace, self._fleet, tags=_TAGS)
        except NomadeError as error:
            code, errors = error.exit_code, str(error)
        if code is not ExitCode.OK:
            said = _(
                "{gateway}: quarantine NOT YET IN FORCE: {reason}. Run “nomade quarantine apply”, or “nomade apply”"
            )
            self._say(said.format(gateway=gateway, reason=errors))
            return register, code
        self._say(_("{gateway}: quarantine in force").format(gateway=gateway))
        register = replace(register, in_force=wanted)
        save(self._folder, register)
        return register, code

    def _tell_desktops(self, register: Register) -> None:
        """Tell those that answered last and do not know yet. Who is off is told by a later run: it is no failure."""
        for name in (*register.to_clear, *(name for name, held in register.held.items() if not held.told)):
            known = self._state.endpoints.get(name)
            if known is None or known.attempt is not EndpointStatus.COLLECTED:
                continue
            held = register.held.get(name)
            try:
                notices.tell(self._workspace, self._fleet, name, held, self._transport)
            except NomadeError as error:
                self._say(_("{name}: its desktop could not be told: {reason}").format(name=name, reason=error))
                continue
            register = _told(register, name)
            save(self._folder, register)


def _told(register: Register, name: str) -> Register:
    left = tuple(other for other in register.to_clear if other != name)
    held: dict[str, Held] = dict(register.held)
    if name in held:
        held[name] = replace(held[name], told=True)
    return Register(held, register.in_force, left)


def release(workspace: Workspace, communes: Sequence[str], name: str, *, days: int, reason: str, today: date) -> Fleet:
    """Write into `fleet.yml` that an endpoint stays out of quarantine for some days; twice the same is once.

    Raises:
        NothingEvaluatedError: no endpoint that can be in quarantine is called so.
        BadInputError: the commune has no quarantine, or the file cannot be changed in place.
    """
    _config, fleets = load_all(workspace, communes)
    fleet = next((fleet for fleet in fleets if name in subjects(fleet)), None)
    if fleet is None:
        hint = suggestion(name, [other for fleet in fleets for other in subjects(fleet)])
        said = _("no laptop of a gateway and no office PC of a post is called “{name}”").format(name=name)
        raise NothingEvaluatedError(" ".join([said, hint]).strip())
    if not fleet.quarantine:
        said = _("{commune}: quarantine is off (quarantine: true in fleet.yml): there is nothing to release from")
        raise BadInputError(said.format(commune=fleet.commune.id))
    until = (today + timedelta(days=days)).isoformat()
    known = {(item.endpoint, item.until) for item in fleet.quarantine_releases}
    if (name, until) not in known:
        line = {"endpoint": name, "date": today.isoformat(), "until": until, "reason": reason}
        write_files(workspace, [changed_file(workspace, fleet, [Append("quarantine_releases", line)])])
    return load(workspace, fleet.commune.id)
