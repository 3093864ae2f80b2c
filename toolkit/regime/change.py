"""Change the regime of communes in `fleet.yml`, in place, with its line of history; then tell the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from toolkit.errors import BadInputError, ExitCode, NomadeError, NothingEvaluatedError
from toolkit.fleet import Fleet, load, load_all
from toolkit.fleet.document import suggestion
from toolkit.fleet.edit import Append, Edit, Put, Value
from toolkit.i18n import _
from toolkit.imports.importing import ChangedFile, write_files
from toolkit.inventory import generate
from toolkit.replace import changed_file
from toolkit.vpn.gateway import bring_up_to_date
from toolkit.workspace import Workspace

Mode = Literal["normal", "emergency"]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of telling one gateway; `said` is one line for the user, `written` whether `fleet.yml` changed."""

    commune: str
    written: bool
    code: ExitCode
    said: str


def set_mode(
    workspace: Workspace, communes: Sequence[str], mode: Mode, *, until: date | None, reason: str, today: date
) -> list[Fleet]:
    """Write the regime of all these communes, or of none; return the fleets as they are now.

    A commune that has that regime already is left as it is: no second line of history.

    Raises:
        BadInputError: an end in the past or of a normal regime; a file that cannot be changed in place.
    """
    if until is not None and (mode == "normal" or until < today):
        raise BadInputError(_("an end goes with an emergency, and is not in the past"))
    _config, fleets = load_all(workspace, communes)
    files = [changed_file(workspace, fleet, _edits(fleet, mode, until, reason, today)) for fleet in fleets]
    return _written(workspace, fleets, files)


def _edits(fleet: Fleet, mode: Mode, until: date | None, reason: str, today: date) -> list[Edit]:
    end = until.isoformat() if until else None
    if (fleet.regime.mode, fleet.regime.until) == (mode, end):
        return []
    line: dict[str, Value] = {
        "mode": mode,
        "date": today.isoformat(),
        **({"until": end} if end else {}),
        "reason": reason,
    }
    return [*_of_regime(fleet, {"mode": mode, "until": end}), Append("regime_history", line)]


def _of_regime(fleet: Fleet, values: dict[str, str | None]) -> list[Edit]:
    if "regime" in fleet.model_fields_set:
        return [Put(("regime",), key, value) for key, value in values.items() if getattr(fleet.regime, key) != value]
    return [Put((), "regime", {key: value for key, value in values.items() if value is not None})]


def allow(workspace: Workspace, communes: Sequence[str], login: str, start: str, until: str, reason: str) -> Fleet:
    """Write that a teleworker may work outside of the windows; the same exception twice is one.

    `start` and `until` are civil times of the commune, `2026-12-24 18:00`.

    Raises:
        NothingEvaluatedError: nobody has that login.
        BadInputError: several communes have it, or the times are wrong (ProblemsError).
    """
    _config, fleets = load_all(workspace, communes)
    found = [fleet for fleet in fleets if any(item.login == login for item in fleet.teleworkers)]
    if not found:
        hint = suggestion(login, [item.login for fleet in fleets for item in fleet.teleworkers])
        raise NothingEvaluatedError(" ".join([_("no teleworker is called “{name}”").format(name=login), hint]).strip())
    if len(found) > 1:
        names = ", ".join(fleet.commune.id for fleet in found)
        raise BadInputError(
            _("“{name}” is in several communes ({communes}): name one with --commune").format(
                name=login, communes=names
            )
        )
    (fleet,) = found
    known = {(item.teleworker, item.start, item.until) for item in fleet.on_call}
    line = {"teleworker": login, "from": start, "until": until, "reason": reason}
    edits: list[Edit] = [] if (login, start, until) in known else [Append("on_call", line)]
    return _written(workspace, [fleet], [changed_file(workspace, fleet, edits)])[0]


def _written(workspace: Workspace, fleets: Sequence[Fleet], files: Sequence[ChangedFile]) -> list[Fleet]:
    changed = [file for file in files if file.before != file.after]
    if changed:
        write_files(workspace, changed)
    for fleet in fleets:
        generate(workspace, fleet.commune.id)
    return [load(workspace, fleet.commune.id) for fleet in fleets]


def tell(workspace: Workspace, fleet: Fleet) -> tuple[ExitCode, str]:
    """Give the gateway the new windows; return how that ended and one line for the user. Never raises for a gateway."""
    name = fleet.gateway.name
    if not fleet.regime.enforced:
        said = _("{commune}: written down; the gateway closes nothing (regime.enforced is not set)")
        return ExitCode.OK, said.format(commune=fleet.commune.id)
    try:
        code, errors = bring_up_to_date(workspace, fleet)
    except NomadeError as error:
        code, errors = error.exit_code, str(error)
    if code is ExitCode.OK:
        return code, _("{gateway}: in force").format(gateway=name)
    return code, _("NOT YET IN FORCE: {reason}. It is written down: run this again, or “nomade apply”").format(
        reason=errors
    )
