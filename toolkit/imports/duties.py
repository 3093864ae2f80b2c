"""Services and duties that a list names: found in the fleet, or made — never with the right to telework."""

from __future__ import annotations

from toolkit.fleet import Duty
from toolkit.fleet.text import folded
from toolkit.i18n import _
from toolkit.imports.draft import Draft
from toolkit.imports.naming import new_id, slug
from toolkit.imports.people import Someone


class Duties:
    """The services and duties of a commune, with those an import adds.

    Whether a duty may telework is the commune's decision: a duty that is made here may not, until somebody says so in
    `fleet.yml`. Where a list knows only the service, the duty made for it has the service's name.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._services = {service.id: service.name for service in draft.fleet.services}
        self._declared = {duty.id for duty in draft.fleet.duties}
        self._duties = {duty.id: duty for duty in draft.fleet.duties}

    def may_telework(self, duty: str) -> bool:
        """Return whether a duty has been declared fit for telework."""
        return self._duties[duty].eligible

    def name(self, duty: str) -> str:
        """Return what people call a duty."""
        return self._duties[duty].name

    def of(self, someone: Someone) -> str | None:
        """Return the id of somebody's duty, made when it is new; None when the list says nothing, or several fit."""
        if someone.duty is None and someone.service is None:
            return None
        service = self.known_service(someone.service) if someone.service else None
        text = someone.duty or someone.service or ""
        found = [] if someone.service and service is None else self._find(text, service)
        if len(found) > 1 and someone.known:
            found = [duty for duty in found if duty.id == someone.known.duty] or found
        if len(found) > 1:
            self._draft.refuse(
                someone.place,
                _("several duties are called “{duty}”: {ids}").format(
                    duty=text, ids=", ".join(one.id for one in found)
                ),
                _("give the service"),
            )
            return None
        if found:
            return found[0].id
        return self._make(text, service or self._new_service(someone.service or _("Not stated")))

    def known_service(self, text: str) -> str | None:
        """Return the id of the service that a text means, if there is one."""
        wanted = (folded(text), slug(text))
        return next((id for id, name in self._services.items() if folded(name) == wanted[0] or id == wanted[1]), None)

    def _new_service(self, text: str) -> str:
        if (known := self.known_service(text)) is not None:
            return known
        id = new_id(text, self._services, "service")
        self._services[id] = text
        self._draft.add("services", {"id": id, "name": text}, text)
        return id

    def _find(self, text: str, service: str | None) -> list[Duty]:
        wanted = (folded(text), slug(text))
        found = [duty for duty in self._duties.values() if folded(duty.name) == wanted[0] or duty.id == wanted[1]]
        found = [duty for duty in found if service is None or duty.service == service]
        # What the fleet has comes before what another row of the list has just added.
        return [duty for duty in found if duty.id in self._declared] or found

    def _make(self, text: str, service: str) -> str:
        id = new_id(text, self._duties, "fonction")
        duty = Duty(id=id, name=text, service=service, eligible=False)
        self._duties[id] = duty
        self._draft.add(
            "duties",
            {"id": id, "name": text, "service": duty.service, "eligible": False},
            text,
            _("may not telework until fleet.yml says eligible: true"),
        )
        return id
