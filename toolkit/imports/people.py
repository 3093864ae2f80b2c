"""The people of a list and the teleworkers of a fleet: who is who."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from toolkit.fleet import Teleworker
from toolkit.fleet.text import folded
from toolkit.i18n import _
from toolkit.imports.draft import Draft
from toolkit.imports.gather import person_key
from toolkit.imports.model import Person, Place
from toolkit.imports.naming import given_login


@dataclass(slots=True, eq=False)
class Someone:
    """One person, however many rows name them; `known` is the teleworker they are already."""

    place: Place
    name: str | None = None
    login: str | None = None
    """As an account name, or None."""
    service: str | None = None
    duty: str | None = None
    known: Teleworker | None = None
    listed: bool = True
    """Named by a row of people, not only by one of machines."""

    @property
    def shown(self) -> str:
        """How messages call them."""
        return self.name or self.login or "?"


class Register:
    """Everybody a list names."""

    def __init__(self, draft: Draft, people: Iterable[Person]) -> None:
        self._draft = draft
        self._by_login: dict[str, Someone] = {}
        self._by_name: dict[tuple[str, ...], list[Someone]] = {}
        self.everybody: list[Someone] = []
        self._logins = {one.login: one for one in draft.fleet.teleworkers}
        self._names: dict[tuple[str, ...], list[Teleworker]] = {}
        for one in draft.fleet.teleworkers:
            self._names.setdefault(person_key(one.name), []).append(one)
        self._claimed: set[str] = set()
        for person in people:
            self._take(person)
        self._recognise()

    def named(self, text: str, place: Place) -> Someone | None:
        """Return the person that a row calls so (by login or name); None when several could be meant, a problem."""
        login = given_login(text) if len(text.split()) == 1 else None
        if login in self._by_login:
            return self._by_login[login or ""]
        found = self._by_name.get(person_key(text), [])
        if len(found) > 1:
            self._draft.refuse(
                place,
                _("several people are called “{name}”").format(name=text),
                _("give their logins"),
            )
            return None
        if found:
            return found[0]
        known = self._teleworker(login, text, place)
        someone = self._add(Someone(place, known.name if known else text, login, listed=False))
        self._claim(someone, known)
        return someone

    def _teleworker(self, login: str | None, name: str | None, place: Place) -> Teleworker | None:
        if (by_login := self._logins.get(login or "")) or not name:
            return by_login
        found = [one for one in self._names.get(person_key(name), []) if one.login not in self._claimed]
        if len(found) > 1:
            self._draft.refuse(
                place,
                _("several teleworkers are called “{name}”: {logins}").format(
                    name=name, logins=", ".join(one.login for one in found)
                ),
                _("give their logins"),
            )
        return found[0] if len(found) == 1 else None

    def _take(self, person: Person) -> None:
        login = given_login(person.login) if person.login else None
        name = person.name or (None if login else person.login)
        before = self._by_login.get(login or "") or self._namesake(name, login)
        if before is None:
            self._add(Someone(person.place, name, login, person.service, person.duty))
            return
        if before.duty and person.duty and folded(before.duty) != folded(person.duty):
            self._draft.refuse(
                person.place,
                _("{name}: the duty is “{duty}” here and “{other}” in row {row}").format(
                    name=before.shown, duty=person.duty, other=before.duty, row=before.place.row
                ),
                _("one duty for each person"),
            )
        before.name = before.name or name
        before.service, before.duty = before.service or person.service, before.duty or person.duty
        before.login = before.login or login
        self._index(before)

    def _namesake(self, name: str | None, login: str | None) -> Someone | None:
        found = self._by_name.get(person_key(name or ""), [])
        return next((one for one in found if one.login is None or login is None), None)

    def _add(self, someone: Someone) -> Someone:
        self.everybody.append(someone)
        self._index(someone)
        return someone

    def _index(self, someone: Someone) -> None:
        if someone.login:
            self._by_login.setdefault(someone.login, someone)
        if someone.name:
            same = self._by_name.setdefault(person_key(someone.name), [])
            if someone not in same:
                same.append(someone)

    def _recognise(self) -> None:
        """Find the teleworkers: those with the same login first, so that a namesake does not take their place."""
        for someone in self.everybody:
            self._claim(someone, self._logins.get(someone.login or ""))
        # Whom a list gives no name was given the login for one.
        for someone in sorted(self.everybody, key=lambda one: one.name is None):
            if someone.known is None:
                self._claim(someone, self._teleworker(None, someone.shown, someone.place))

    def _claim(self, someone: Someone, known: Teleworker | None) -> None:
        someone.known = known
        if known is not None:
            self._claimed.add(known.login)
