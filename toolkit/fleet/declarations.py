"""What people declare of controls that no command can check: who says so, when, and how long it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from toolkit import paths
from toolkit.catalogue_files import ids_with
from toolkit.fleet.document import Document, Path_, suggestion
from toolkit.fleet.parts import Endpoint, Flag, Model
from toolkit.fleet.text import Day, Label, Login, Name
from toolkit.i18n import _

if TYPE_CHECKING:
    from toolkit.fleet.model import Fleet

_SCOPES = ("service", "teleworker", "endpoint")  # from the general to the particular; none of them: the commune


class Declaration(Model):
    """One control that somebody vouches for (or says is not met), for the commune or for a part of it."""

    control: Name
    """Id of a control that a person answers (`nomade controls list`)."""
    date: Day
    """The day of which this is true: signature, session, check on the spot."""
    author: Label
    """Who declares it, by name."""
    met: Flag = True
    """false: it was looked at and is not met."""
    validity_months: Annotated[int, Field(strict=True, ge=1, le=36)] | None = None
    """How long it stands; else what the control says."""
    document: Label | None = None
    """What shows it: minutes, register, file number…"""
    service: Name | None = None
    """Only for the teleworkers of this service."""
    teleworker: Login | None = None
    """Only for the machines of this teleworker."""
    endpoint: Name | None = None
    """Only for this machine."""

    @property
    def breadth(self) -> int:
        """0 for the whole commune, rising to 3 for one endpoint."""
        return next((index for index, name in enumerate(_SCOPES, start=1) if getattr(self, name)), 0)


def by_scope(declarations: Iterable[Declaration]) -> Mapping[tuple[str, str], tuple[Declaration, ...]]:
    """Return the declarations under what they are for, as in `("teleworker", "anna")`; the commune is `("", "")`."""
    found: dict[tuple[str, str], list[Declaration]] = {}
    for item in declarations:
        scope = next(((name, getattr(item, name)) for name in _SCOPES if getattr(item, name)), ("", ""))
        found.setdefault(scope, []).append(item)
    return {scope: tuple(items) for scope, items in found.items()}


def declarations_for(fleet: Fleet, endpoint: Endpoint) -> tuple[Declaration, ...]:
    """Return what is declared of one endpoint: of the commune, of its teleworker's service, of them, of itself."""
    post = fleet.post_of(endpoint.name)
    scopes = [("", ""), ("endpoint", endpoint.name)]
    if post:
        duty = fleet.duty(fleet.teleworker(post.teleworker).duty)
        scopes[1:1] = [("service", duty.service), ("teleworker", post.teleworker)]
    return tuple(item for scope in scopes for item in fleet.declared.get(scope, ()))


def check(document: Document, fleet: Fleet, broken: Collection[str], today: date) -> None:
    """Add a problem for each declaration of something that nobody can declare, or of somebody who is not there.

    `broken`: sections that could not be read; nothing is said that depends on them. `today`: no later date is taken.
    """
    if not fleet.declarations:
        return
    known, manual = ids_with(paths.controls_dir(), ""), ids_with(paths.controls_dir(), "manual")
    names = _names(fleet)
    seen: set[tuple[str | None, ...]] = set()
    for index, item in enumerate(fleet.declarations):
        place: Path_ = ("declarations", index)
        if item.control not in known:
            message = _("there is no control “{name}”").format(name=item.control)
            document.report((*place, "control"), message, suggestion(item.control, sorted(manual)))
        elif item.control not in manual:
            message = _("“{name}” is checked on the machine itself: it cannot be declared").format(name=item.control)
            document.report((*place, "control"), message)
        if date.fromisoformat(item.date) > today:
            document.report((*place, "date"), _("{date} is in the future").format(date=item.date))
        _check_scope(document, place, item, names, broken)
        key = (item.control, item.date, *(getattr(item, name) for name in _SCOPES))
        if key in seen:
            document.report(place, _("“{name}” is declared twice on the same day").format(name=item.control))
        seen.add(key)


def _names(fleet: Fleet) -> dict[str, tuple[tuple[str, ...], list[str]]]:
    """Return, per kind of scope, the sections its names come from, and the names."""
    return {
        "service": (("services",), [item.id for item in fleet.services]),
        "teleworker": (("teleworkers",), [item.login for item in fleet.teleworkers]),
        "endpoint": (("gateway", "laptops", "office_pcs"), [item.name for item in fleet.machines]),
    }


def _check_scope(
    document: Document,
    place: Path_,
    item: Declaration,
    names: dict[str, tuple[tuple[str, ...], list[str]]],
    broken: Collection[str],
) -> None:
    given = [(name, getattr(item, name)) for name in _SCOPES if getattr(item, name)]
    if len(given) > 1:
        document.report(
            (*place, given[1][0]),
            _("a declaration is for one service, one teleworker or one endpoint"),
            _("write one declaration for each"),
        )
    for name, value in given:
        sections, known = names[name]
        if value not in known and not set(sections) & set(broken):
            message = _("“{value}” is not declared in this file").format(value=value)
            document.report((*place, name), message, suggestion(value, known))
