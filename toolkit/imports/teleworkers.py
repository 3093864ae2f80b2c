"""People of a list → teleworkers of a fleet file, and the posts the list wishes for them."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.fleet import Post
from toolkit.i18n import _
from toolkit.imports.draft import Draft
from toolkit.imports.duties import Duties
from toolkit.imports.gather import person_key
from toolkit.imports.naming import login_of
from toolkit.imports.pairing import Pair, Seen, only
from toolkit.imports.people import Register, Someone
from toolkit.imports.plan import Matter


@dataclass(slots=True, eq=False)
class Wish:
    """A post that a list asks for, its machines chosen. `post` is the one the person has already."""

    pair: Pair
    login: str | None
    allowed: bool
    post: Post | None
    laptop: Seen | None
    office_pc: Seen | None


class Teleworkers:
    """Puts people into a draft: those with a laptop, those the fleet knows, those a list of people names."""

    def __init__(self, draft: Draft, reserved: frozenset[str], register: Register) -> None:
        self._draft, self._duties = draft, Duties(draft)
        self._taken = {one.login for one in draft.fleet.teleworkers} | reserved
        # A login that is made is nobody's in the list either, though that person may not be written yet.
        self._avoided = self._taken | {one.login for one in register.everybody if one.login}
        self._posts = {post.teleworker: post for post in draft.fleet.posts}
        self._places = {one.login: index for index, one in enumerate(draft.fleet.teleworkers)}
        self._seen: dict[str, None] = {}
        self._waiting: set[str] = set()
        self.told: set[int] = set()
        """Laptops (`id`) of which it has been told why they have no post."""

    @property
    def logins(self) -> list[str]:
        """Logins of the list's teleworkers, without those of whom it has been told why they have no post."""
        return [login for login in self._seen if login not in self._waiting]

    def service(self, someone: Someone) -> str | None:
        """Return the id of somebody's service, when the fleet has it."""
        return self._duties.known_service(someone.service) if someone.service else None

    def wish(self, pair: Pair) -> Wish:
        someone = pair.someone
        laptop = only(self._draft, pair, pair.laptops, _("laptops"))
        office_pc = only(self._draft, pair, pair.office_pcs, _("office PCs"))
        post = self._posts.get(someone.known.login) if someone.known else None
        if not pair.laptops and post is None and someone.known is None:
            # Users of the park's desktops are no teleworkers: none of their data is needed.
            self._draft.unwritten += 1
            return Wish(pair, None, False, None, None, None)
        login, duty = self.teleworker(someone)
        allowed = duty is not None and self._duties.may_telework(duty)
        if login and duty and not allowed and laptop:
            self.told |= {id(laptop)}
            self._waiting.add(login)
            self._draft.note(
                Matter.COMPLETE,
                _(
                    "{person}: no post while the duty “{duty}” may not telework (eligible: true, then import again)"
                ).format(person=someone.shown, duty=self._duties.name(duty)),
                pair.place,
            )
        return Wish(pair, login, allowed, post, laptop, office_pc)

    def teleworker(self, someone: Someone) -> tuple[str | None, str | None]:
        """Return login and duty of somebody, made a teleworker if need be; None twice if the list says too little."""
        if someone.known is not None:
            self._seen[someone.known.login] = None
            return someone.known.login, self._changed(someone)
        duty = self._duties.of(someone)
        if duty is None:
            self._draft.note(
                Matter.COMPLETE,
                _("{person}: neither duty nor service is known; left out").format(person=someone.shown),
                someone.place,
            )
            return None, None
        login = someone.login
        if login is None or login in self._taken:
            login = login_of(someone.shown, self._avoided)
        self._taken.add(login)
        self._avoided.add(login)
        self._seen[login] = None
        self._draft.add("teleworkers", {"login": login, "name": someone.shown, "duty": duty}, login, someone.shown)
        return login, duty

    def _changed(self, someone: Someone) -> str | None:
        known = someone.known
        assert known is not None  # noqa: S101 — asked by _teleworker
        index = self._places[known.login]
        if someone.name and someone.listed and person_key(someone.name) != person_key(known.name):
            self._draft.put("teleworkers", index, known.login, "name", someone.name, known.name)
        duty = self._duties.of(someone) if someone.duty else known.duty
        if duty is None or duty == known.duty:
            return known.duty
        if known.login in self._posts and not self._duties.may_telework(duty):
            self._draft.note(
                Matter.DECIDE,
                _(
                    "{person}: the list says “{duty}”, which may not telework; fleet.yml has a post for “{before}”"
                ).format(person=someone.shown, duty=self._duties.name(duty), before=self._duties.name(known.duty)),
                someone.place,
            )
            return known.duty
        self._draft.put("teleworkers", index, known.login, "duty", duty, known.duty)
        return duty
