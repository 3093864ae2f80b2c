"""Quarantine in words: for the technician, and for the person at the desktop."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.fleet import Fleet
from toolkit.i18n import _
from toolkit.quarantine.decision import Doubt
from toolkit.quarantine.register import Cause, Held, Register
from toolkit.report import dates


def held(name: str, item: Held) -> str:
    """Return one line: in quarantine, and why."""
    return _("{name}: in quarantine: {cause}").format(name=name, cause=cause(item))


def cause(item: Held) -> str:
    """Return why an endpoint is in quarantine."""
    if item.cause is Cause.CRITICAL:
        return _("its last audit breaks {controls}").format(controls=", ".join(item.controls))
    if item.cause is Cause.STALE:
        return _("its last audit is older than the limit")
    return _("it was never audited")


def doubt(name: str, found: Doubt, *, held: bool) -> str:
    """Return one line: nothing could be decided, why, and how it stays."""
    why = {
        Doubt.NO_AUDIT: _("the store has no audit of this commune under the workspace’s profile"),
        Doubt.PROFILE: _("it was audited under another profile only"),
        Doubt.UNJUDGED: _("its last audit could not judge every critical control"),
        Doubt.CLOCK: _("its last audit is of a day to come: set this machine’s clock"),
    }[found]
    stays = _("stays in quarantine") if held else _("stays out of quarantine")
    return _("{name}: {stays}, nothing could be decided: {why}").format(name=name, stays=stays, why=why)


def undecided(fleet: Fleet) -> str:
    """Return one line: quarantine is on, and who belongs there was never decided."""
    return _(
        "{commune}: who belongs in quarantine was never decided: run “nomade audit” or “nomade quarantine apply”"
    ).format(commune=fleet.commune.id)


def lines(fleet: Fleet, register: Register, language: str) -> Iterator[str]:
    """Yield what the register says of one commune, a line per endpoint."""
    commune = fleet.commune.id
    if not fleet.quarantine:
        yield _("{commune}: quarantine is off").format(commune=commune)
        return
    if not register.held:
        yield _("{commune}: nobody is in quarantine").format(commune=commune)
    for name, item in register.held.items():
        since = dates.moment_text(item.since, language)
        state = "" if name in register.in_force else " " + _("(NOT YET IN FORCE on the gateway)")
        said = "" if item.told else " " + _("(its desktop was not told yet)")
        yield _("{name}: since {moment}: {cause}").format(name=name, moment=since, cause=cause(item)) + state + said
    for name in sorted(set(register.in_force) - register.held.keys()):
        yield _("{name}: released, NOT YET on the gateway").format(name=name)
