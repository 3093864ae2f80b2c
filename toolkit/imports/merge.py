"""What the list of one commune changes in its fleet file: worked out whole, written nowhere yet."""

from __future__ import annotations

from dataclasses import dataclass, field

from toolkit.fleet import Fleet, Post
from toolkit.i18n import _
from toolkit.imports.draft import Draft, Item
from toolkit.imports.gather import Lot
from toolkit.imports.matching import Matcher, Owners
from toolkit.imports.model import Machine
from toolkit.imports.naming import HostNames
from toolkit.imports.pairing import Machines, Pair, Seen, pairs, refuse_shared
from toolkit.imports.park import Park
from toolkit.imports.people import Register
from toolkit.imports.plan import CommunePlan, Matter, Options
from toolkit.imports.teleworkers import Teleworkers, Wish


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one commune's import has to know of the workspace; `names` and `macs` are shared and added to."""

    elsewhere: Owners
    """Serial numbers and MAC addresses of the other communes."""
    spent_names: set[str] = field(default_factory=set)
    macs: dict[str, Machine | None] = field(default_factory=dict)
    reserved_logins: frozenset[str] = frozenset()
    """Accounts of `nomade.yml`."""


def merge(fleet: Fleet, lot: Lot, options: Options, around: Surroundings) -> CommunePlan:
    """Return what the lot changes in the fleet, with its problems and what is left to people.

    Raises:
        BadInputError: the pattern for host names makes none.
    """
    return _Merge(fleet, lot, options, around).plan()


class _Merge:
    def __init__(self, fleet: Fleet, lot: Lot, options: Options, around: Surroundings) -> None:
        self._fleet, self._lot, self._options, self._around = fleet, lot, options, around
        self._draft = Draft(fleet)
        self._register = Register(self._draft, lot.people)
        self._people = Teleworkers(self._draft, around.reserved_logins, self._register)
        self._users = {name: post for post in fleet.posts for name in (post.laptop, post.office_pc) if name}
        self._places = {post.teleworker: index for index, post in enumerate(fleet.posts)}
        self._new_posts: list[Item] = []

    def plan(self) -> CommunePlan:
        if not (self._lot.machines or self._lot.people or self._lot.pairings):
            return self._draft.plan()
        matcher = Matcher(self._fleet, self._around.elsewhere, self._draft.problems)
        seen = self._match(matcher)
        rest = [Seen(None, entry) for entry in matcher.unseen()]
        found = pairs(
            self._draft, self._lot.pairings, self._register, Machines(self._draft, [*seen, *rest], matcher.elsewhere)
        )
        refuse_shared(self._draft, found)
        wishes = [self._people.wish(pair) for pair in found]
        self._other_people({id(pair.someone) for pair in found})
        park = Park(
            self._draft, HostNames(self._fleet.commune, self._around.spent_names), self._options, self._around.macs
        )
        self._place(park, [*seen, *rest], wishes, found)
        for wish in wishes:
            self._post(wish, park)
        if self._lot.whole and not self._options.partial:
            self._missing(matcher, seen, found)
        self._unpaired(seen, park)
        return self._draft.plan()

    def _match(self, matcher: Matcher) -> list[Seen]:
        seen = []
        for machine, entry in matcher.match([one for one in self._lot.machines if not self._is_gateway(one)]):
            seen.append(Seen(machine, entry))
            namesake = matcher.namesake(machine) if entry is None else None
            if namesake is not None:
                text = _(
                    "{machine}: fleet.yml has it with serial number “{serial}”, the list with “{said}”: another one?"
                )
                self._draft.note(
                    Matter.DECIDE,
                    text.format(machine=namesake.name, serial=namesake.serial, said=machine.serial),
                    machine.place,
                )
        return seen

    def _is_gateway(self, machine: Machine) -> bool:
        gateway = self._fleet.gateway
        return bool(
            (gateway.serial and machine.serial == gateway.serial) or (gateway.mac and gateway.mac in machine.macs)
        )

    def _other_people(self, paired: set[int]) -> None:
        """Take the people whom the list names by themselves: those beside a machine are its users, nothing more."""
        users = {(machine.place.file, machine.place.row) for machine in self._lot.machines}
        for someone in self._register.everybody:
            if not someone.listed or id(someone) in paired:
                continue
            if someone.known is None and (someone.place.file, someone.place.row) in users:
                self._draft.unwritten += 1
            else:
                self._people.teleworker(someone)

    # Machines and posts

    def _place(self, park: Park, machines: list[Seen], wishes: list[Wish], found: list[Pair]) -> None:
        laptops = {id(one) for pair in found for one in pair.laptops}
        office_pcs = {
            id(wish.office_pc) for wish in wishes if wish.office_pc and wish.allowed and (wish.laptop or wish.post)
        }
        services = {
            id(one): self._people.service(pair.someone) for pair in found for one in (*pair.laptops, *pair.office_pcs)
        }
        for one in machines:
            park.place(one, laptop=id(one) in laptops, office_pc=id(one) in office_pcs, service=services.get(id(one)))

    def _post(self, wish: Wish, park: Park) -> None:
        if wish.login is None or not wish.allowed:
            return
        laptop, office_pc = park.host(wish.laptop), self._free(park.host(wish.office_pc), wish, park)
        if wish.post is not None:
            self._change_post(wish, wish.post, laptop, office_pc)
            return
        laptop = self._free(laptop, wish, park)
        if laptop is None:
            return
        item: Item = {"teleworker": wish.login, "laptop": laptop}
        if office_pc:
            item["office_pc"] = office_pc
        self._new_posts.append(
            self._draft.add("posts", item, wish.login, " ↔ ".join([laptop, *filter(None, [office_pc])]))
        )

    def _free(self, name: str | None, wish: Wish, park: Park) -> str | None:
        """Return the machine unless the fleet gives it to somebody else, which only a person may change."""
        owner = self._users.get(name or "")
        if name is None or owner is None or owner.teleworker == wish.login:
            return name
        self._draft.note(
            Matter.DECIDE,
            _("{machine}: {owner}’s post in fleet.yml, {person}’s in the list").format(
                machine=name, owner=owner.teleworker, person=wish.pair.someone.shown
            ),
            wish.pair.place,
        )
        return None

    def _change_post(self, wish: Wish, post: Post, laptop: str | None, office_pc: str | None) -> None:
        if laptop and laptop != post.laptop:
            self._draft.note(
                Matter.DECIDE,
                _("{person}: the list says {laptop}, fleet.yml {before}: nomade replace changes a laptop").format(
                    person=wish.pair.someone.shown, laptop=laptop, before=post.laptop
                ),
                wish.pair.place,
            )
        if office_pc and office_pc != post.office_pc:
            self._draft.put(
                "posts", self._places[post.teleworker], post.teleworker, "office_pc", office_pc, post.office_pc
            )

    # What the list no longer has, what it pairs with nothing

    def _missing(self, matcher: Matcher, seen: list[Seen], found: list[Pair]) -> None:
        """Mark what a whole list no longer names; of a kind of machine that it does not speak of, nothing is known."""
        kinds = {one.is_laptop for one in seen if one.is_laptop or one.is_desktop}
        kinds |= {True for pair in found if pair.laptops} | {False for pair in found if pair.office_pcs}
        for entry in matcher.unseen():
            gone = entry.section == "fixed_posts" and self._fleet.fixed_posts[entry.index].fate == "retired"
            if not entry.missing and not gone and (entry.section == "laptops") in kinds:
                self._draft.mark(entry.section, entry.index, entry.name, self._options.today.isoformat())

    def _unpaired(self, seen: list[Seen], park: Park) -> None:
        laptops = {post.laptop for post in self._fleet.posts} | {str(item["laptop"]) for item in self._new_posts}
        for one in seen:
            name = park.host(one)
            if one.is_laptop and name and name not in laptops and id(one) not in self._people.told:
                where = one.machine.place if one.machine else None
                self._draft.note(Matter.UNPAIRED, _("{laptop}: no teleworker").format(laptop=name), where)
        with_post = {post.teleworker for post in self._fleet.posts} | {
            str(item["teleworker"]) for item in self._new_posts
        }
        for login in self._people.logins:
            if login not in with_post:
                self._draft.note(Matter.UNPAIRED, _("{login}: no laptop").format(login=login))
