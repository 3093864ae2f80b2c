"""A machine leaves the fleet: a change of `fleet.yml` made in place. Its history and its keys in escrow stay.

What the toolkit changed on the machine itself is put back before, when that is asked for: `toolkit.restoring`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from toolkit import drift
from toolkit.enroll import records
from toolkit.errors import BadInputError, NothingEvaluatedError
from toolkit.fleet import Endpoint, Fleet, Kind, load_all
from toolkit.fleet.document import suggestion
from toolkit.fleet.edit import Append, Edit, Put, Remove
from toolkit.i18n import _
from toolkit.imports.importing import ChangedFile, write_files
from toolkit.inventory import generate
from toolkit.replace import changed_file, revoke
from toolkit.workspace import Workspace

_SECTIONS = {Kind.LAPTOP: "laptops", Kind.OFFICE_PC: "office_pcs"}


@dataclass(frozen=True, slots=True)
class Leaving:
    """What would be done to one commune; nothing has been written."""

    fleet: Fleet
    name: str
    file: ChangedFile
    told: tuple[str, ...]
    """What happens, a line each, in the user's language."""
    remains: tuple[str, ...]
    """What is left to be done by people, likewise."""

    @property
    def is_done(self) -> bool:
        """Whether `fleet.yml` already says so."""
        return self.file.before == self.file.after


def find(workspace: Workspace, communes: Sequence[str], name: str) -> tuple[Fleet, Endpoint | None]:
    """Return the fleet that has the endpoint, and the endpoint; None when it has been retired before.

    Raises:
        NothingEvaluatedError: no machine has that name.
        BadInputError: a fleet file is wrong.
    """
    _config, fleets = load_all(workspace, communes)
    for fleet in fleets:
        for endpoint in fleet.machines:
            if endpoint.name == name:
                return fleet, endpoint
    for fleet in fleets:
        if any(gone.name == name for gone in fleet.retired):
            return fleet, None
    known = [endpoint.name for fleet in fleets for endpoint in fleet.machines]
    raise NothingEvaluatedError(
        " ".join([_("no endpoint is called “{name}”").format(name=name), suggestion(name, known)]).strip()
    )


def leave(
    workspace: Workspace, communes: Sequence[str], name: str, *, reason: str, today: date, restored: bool = False
) -> Leaving:
    """Return how the machine `name` leaves its commune's fleet. Doing it a second time changes nothing.

    `restored`: what the toolkit had changed on it has been put back.

    Raises:
        NothingEvaluatedError: no machine has that name.
        BadInputError: it is the gateway; a file is wrong, or would become so (ProblemsError).
    """
    fleet, endpoint = find(workspace, communes, name)
    if endpoint is None:
        day = next(gone.date for gone in fleet.retired if gone.name == name)
        told = (_("{name} left the fleet on {day}").format(name=name, day=day),)
        return Leaving(fleet, name, changed_file(workspace, fleet, []), told, tuple(_remains(workspace, fleet, name)))
    if endpoint.kind not in _SECTIONS:
        raise BadInputError(
            _("{name} is the gateway of {commune}: a commune has one; put another in its place in fleet.yml").format(
                name=name, commune=fleet.commune.id
            )
        )
    line = {"name": name, "kind": endpoint.kind.value, "date": today.isoformat(), "reason": reason}
    line |= {"serial": endpoint.serial} if endpoint.serial else {}
    edits = [*_edits(fleet, endpoint, reason, today), Append("retired", {**line, "restored": restored})]
    file = changed_file(workspace, fleet, edits)
    return Leaving(fleet, name, file, tuple(_told(fleet, endpoint)), tuple(_remains(workspace, fleet, name, restored)))


def _edits(fleet: Fleet, endpoint: Endpoint, reason: str, today: date) -> Iterator[Edit]:
    machines: Sequence[Endpoint] = fleet.laptops if endpoint.kind is Kind.LAPTOP else fleet.office_pcs
    yield Remove(_SECTIONS[endpoint.kind], [machine.name for machine in machines].index(endpoint.name))
    for index, post in enumerate(fleet.posts):
        if post.laptop == endpoint.name:
            yield Remove("posts", index)
        elif post.office_pc == endpoint.name:
            yield Put(("posts", index), "office_pc", None)
    yield from (
        Remove("declarations", i) for i, item in enumerate(fleet.declarations) if item.endpoint == endpoint.name
    )
    if endpoint.name in fleet.settings.endpoints:
        yield _without_settings(fleet, endpoint.name)
    for index, fixed in enumerate(fleet.fixed_posts):
        if fixed.office_pc == endpoint.name:
            values = {"fate": "retired", "retired_on": today.isoformat(), "disposal": reason, "office_pc": None}
            yield from (Put(("fixed_posts", index), key, value) for key, value in values.items())


def _without_settings(fleet: Fleet, name: str) -> Put:
    """Take the machine's settings away, and the keys above that would be empty then."""
    if len(fleet.settings.endpoints) > 1:
        return Put(("settings", "endpoints"), name, None)
    if len(fleet.settings.model_dump(exclude_defaults=True)) > 1:
        return Put(("settings",), "endpoints", None)
    return Put((), "settings", None)


def _told(fleet: Fleet, endpoint: Endpoint) -> Iterator[str]:
    yield _("{name} leaves the fleet of {commune}").format(name=endpoint.name, commune=fleet.commune.id)
    post = fleet.post_of(endpoint.name)
    if endpoint.kind is Kind.LAPTOP:
        yield _("{name} is no peer of {gateway} any more").format(name=endpoint.name, gateway=fleet.gateway.name)
        if post:
            yield _(
                "{login} has no telework post any more (“nomade replace” would give another laptop instead)"
            ).format(login=post.teleworker)
    elif post:
        yield _("{login} has no office PC any more").format(login=post.teleworker)


def _remains(workspace: Workspace, fleet: Fleet, name: str, restored: bool | None = None) -> Iterator[str]:
    said = next((gone.restored for gone in fleet.retired if gone.name == name), False)
    post = fleet.post_of(name)
    others = [fleet.gateway.name, *([post.laptop, post.office_pc] if post else [])]
    limit = ",".join(other for other in others if other and other != name)
    yield _("shut it out: nomade apply --commune {commune} --limit {limit}").format(
        commune=fleet.commune.id, limit=limit
    )
    if not (said if restored is None else restored):
        yield _("the machine itself is as it was: its disk and its settings are still the commune’s")
    yield _("erase its disk before somebody outside the commune gets it")
    kept = sum(1 for _file in escrowed(workspace, fleet.commune.id, name))
    if kept:
        yield _("{count} keys of it stay in escrow, as long as copies of its disk or its backups may exist").format(
            count=kept
        )
    yield _("its evidence and its lines in the history stay")


def escrowed(workspace: Workspace, commune: str, name: str) -> Iterator[Path]:
    """Yield the descriptions of the keys in escrow that are of one machine; one that cannot be read is nobody's."""
    for path in sorted(workspace.commune(commune).escrow.glob("*.json")):
        try:
            if json.loads(path.read_bytes()).get("endpoint") == name:
                yield path
        except (OSError, ValueError, AttributeError):
            continue


def carry_out(workspace: Workspace, leaving: Leaving) -> None:
    """Write `fleet.yml`, revoke the machine's public halves, forget how it is reached, write the inventory.

    Twice is as once: what an interruption left undone is done the next time.

    Raises:
        BadInputError: the file has changed meanwhile, or something cannot be written.
    """
    commune = leaving.fleet.commune.id
    if not leaving.is_done:
        write_files(workspace, [leaving.file])
    revoke(workspace.commune(commune), leaving.name)
    forget(workspace, commune, leaving.name)
    generate(workspace, commune)


def forget(workspace: Workspace, commune: str, name: str) -> None:
    """Forget how a machine is reached and what it was set up with: it is to be enrolled anew if it comes back."""
    records.forget(workspace, commune, name)
    drift.forget(workspace, commune, name)
