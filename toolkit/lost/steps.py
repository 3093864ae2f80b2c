"""The steps of a loss, each done once, in an order in which stopping anywhere leaves less open than before.

1. written: `fleet.yml`, the keys, the inventory: whatever happens next, the following `apply` carries it through.
2. laptop: if it answers now, it is locked, loses its keys and is switched off; else that waits for its next contact.
3. gateway: its peer is cut off and refused.
4. office_pc: lets it in no more.
5. trust: ordinary runs forget it; its pinned host key is kept for step 2 and for `--found`.
6. incident: the file for the commune, written anew each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from toolkit.enroll import records
from toolkit.errors import BadInputError, ExitCode, NomadeError, NothingEvaluatedError, UnreachableError, worst
from toolkit.fleet import Fleet, Kind, load_all
from toolkit.i18n import _
from toolkit.inventory import generate
from toolkit.lost import incident, journal, remote
from toolkit.lost.journal import Journal
from toolkit.provision import Options, provision
from toolkit.reach import enrolment
from toolkit.transport.base import Transport
from toolkit.transport.known_hosts import entries
from toolkit.vpn.revoke import find, let_in_again, shut_out_live, write_down
from toolkit.workspace import Workspace

Say = Callable[[str], None]
# What of an office PC says whom it lets in.
_OFFICE_PC_TAGS = "remote_desktop_host,firewall"


def lost(
    workspace: Workspace,
    communes: Sequence[str],
    host: str,
    *,
    reason: str,
    noticed: datetime,
    transport: Transport,
    say: Say,
) -> tuple[ExitCode, Path]:
    """Do what is still to be done about a lost laptop; return how that ended and the incident file.

    Run again it goes on from where it stopped; `reason` and `noticed` (UTC) count the first time only. 0: all is in
    force (the laptop itself may still be off); 4: something could not be reached yet.

    Raises:
        NothingEvaluatedError: no laptop is called so.
        BadInputError: it is another kind of machine; a file is wrong or cannot be written.
    """
    _refuse_others(workspace, communes, host)
    fleet = find(workspace, communes, host)
    known = journal.load(workspace, host)
    if known is None or known.found_at:
        pin = remote.pin_of(workspace, fleet, host)
        at = noticed.astimezone(UTC).isoformat(timespec="seconds")
        known = journal.save(workspace, Journal(host, fleet.commune.id, reason, at, pin=pin))
    run = _Run(workspace, fleet, known, transport, say)
    code = run.all()
    return code, incident.write(workspace, run.fleet, run.journal)


def _refuse_others(workspace: Workspace, communes: Sequence[str], host: str) -> None:
    """Say what to do when a gateway or an office PC is gone: that is a procedure of people, not one command."""
    said = {
        Kind.GATEWAY: _(
            "{name} is a gateway: every laptop has to learn another one’s key: follow “Passerelle volée” in "
            "docs/guide-perte-vol.md"
        ),
        Kind.OFFICE_PC: _("{name} is an office PC: follow “PC de bureau volé” in docs/guide-perte-vol.md"),
    }
    _config, fleets = load_all(workspace, communes)
    for machine in (machine for fleet in fleets for machine in fleet.machines):
        if machine.name == host and machine.kind in said:
            raise BadInputError(said[machine.kind].format(name=host))


class _Run:
    """One run over the steps that are left."""

    def __init__(self, workspace: Workspace, fleet: Fleet, known: Journal, transport: Transport, say: Say) -> None:
        self.workspace, self.fleet, self.journal = workspace, fleet, known
        self._transport, self._say = transport, say
        self._keys: frozenset[str] = frozenset()

    def all(self) -> ExitCode:
        """Do the steps that are left, in order; a step that fails stops no other."""
        codes = [self._written()]
        for name, step in (
            ("laptop", self._laptop),
            ("gateway", self._gateway),
            ("office_pc", self._office_pc),
            ("trust", self._trust),
        ):
            codes.append(ExitCode.OK if name in self.journal.done else step())
        return worst(codes)

    def _note(self, step: str, said: str, *, done: bool) -> None:
        self.journal = journal.save(self.workspace, self.journal.with_event(step, said, done=done))
        self._say(said)

    def _written(self) -> ExitCode:
        day: date = self.journal.noticed.astimezone().date()
        self.fleet, self._keys = write_down(
            self.workspace, self.fleet, self.journal.host, reason=self.journal.reason, today=day, lost=True
        )
        if "written" not in self.journal.done:
            self._note("written", _("{name}: marked lost in fleet.yml").format(name=self.journal.host), done=True)
        return ExitCode.OK

    def _laptop(self) -> ExitCode:
        host = self.journal.host
        if not self.journal.pin:
            self._note(
                "laptop", _("{name}: never enrolled: there is nothing of ours on it").format(name=host), done=True
            )
            return ExitCode.OK
        try:
            remote.wipe(self.workspace, self.fleet, host, self.journal.pin, self._keys, self._transport)
        except NomadeError as error:
            said = _("waiting for the next contact with {name} to lock it and take its keys ({reason})")
            self._note("laptop", said.format(name=host, reason=error), done=False)
        else:
            said = _("{name}: answered: locked, keys taken, switched off")
            self._note("laptop", said.format(name=host), done=True)
        return ExitCode.OK  # a laptop that is off keeps nothing open

    def _gateway(self) -> ExitCode:
        live = shut_out_live(self.workspace, self.fleet, self._keys, self._transport)
        self._note("gateway", live.said, done=live.code is ExitCode.OK)
        return live.code

    def _office_pc(self) -> ExitCode:
        post = self.fleet.post_of(self.journal.host)
        pc = post.office_pc if post else None
        if pc is None:
            self._note("office_pc", _("no office PC to close"), done=True)
            return ExitCode.OK
        if not self.fleet.endpoint(pc).is_managed:
            self._note(
                "office_pc", _("{name}: Windows, not ours: the gateway alone closes it").format(name=pc), done=True
            )
            return ExitCode.OK
        try:
            run = provision(self.workspace, self.fleet.commune.id, Options(limit=pc, tags=_OFFICE_PC_TAGS))
            code, errors = run.code, "; ".join(one.error for one in run.endpoints if one.error)
        except NomadeError as error:
            code, errors = error.exit_code, str(error)
        if code is ExitCode.OK:
            said = _("{name}: lets {laptop} in no more").format(name=pc, laptop=self.journal.host)
        else:
            said = _("{name}: NOT CLOSED YET: {reason}").format(name=pc, reason=errors)
        self._note("office_pc", said, done=code is ExitCode.OK)
        return code

    def _trust(self) -> ExitCode:
        records.forget(self.workspace, self.fleet.commune.id, self.journal.host)
        generate(self.workspace, self.fleet.commune.id)
        said = _("{name}: no longer trusted: its host key is set aside, ordinary runs leave it alone")
        self._note("trust", said.format(name=self.journal.host), done=True)
        return ExitCode.OK


def found(workspace: Workspace, communes: Sequence[str], host: str, transport: Transport, say: Say) -> ExitCode:
    """Undo what can be undone: the fleet, the trust, the teleworker's account. Its former keys stay refused.

    Raises:
        NothingEvaluatedError: it is not lost.
        BadInputError: a file is wrong or cannot be written.
    """
    fleet = find(workspace, communes, host)
    known = journal.load(workspace, host)
    if host in fleet.shut_out:
        fleet = let_in_again(workspace, fleet, host, today=datetime.now().astimezone().date())
    elif known is None or known.found_at:
        raise NothingEvaluatedError(_("{name} is not lost: there is nothing to undo").format(name=host))
    say(_("{name}: no longer lost in fleet.yml").format(name=host))
    if known is None:
        return ExitCode.OK
    _trust_again(workspace, fleet, known)
    if "laptop" in known.done and known.pin:
        try:
            remote.unlock(workspace, fleet, host, known.pin, transport)
        except UnreachableError as error:
            say(_("{name}: put it on the set-up network and run this again: {reason}").format(name=host, reason=error))
            return ExitCode.UNREACHABLE
    journal.save(workspace, replace(known, found_at=datetime.now(UTC).isoformat(timespec="seconds")))
    command = f"nomade apply -c {fleet.commune.id} -l {','.join(_to_apply(fleet, host))}"
    say(_("On the set-up network, where it makes another key: {command}").format(command=command))
    return ExitCode.OK


def _trust_again(workspace: Workspace, fleet: Fleet, known: Journal) -> None:
    """Pin the host key again that was set aside, reached on the set-up network."""
    path = workspace.state / "lost" / f"{known.host}.known_hosts"
    if not known.pin or known.host in enrolment(workspace, fleet.commune.id):
        return
    remote.keep_pin(path, known.pin["line"])
    for name, key in entries(path):
        records.pin(workspace, fleet.commune.id, name, key)
        records.record(workspace, fleet.commune.id, name, key, "bench")
    generate(workspace, fleet.commune.id)


def _to_apply(fleet: Fleet, host: str) -> list[str]:
    post = fleet.post_of(host)
    return [name for name in (host, fleet.gateway.name, post.office_pc if post else None) if name]
