"""What no single value can show: references, duplicates, networks, pairing. Every problem is reported, none raised."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, ip_address

from toolkit.fleet import backup, quarantine, regime
from toolkit.fleet.document import Document, Path_, suggestion
from toolkit.fleet.model import Fleet
from toolkit.fleet.parts import Endpoint, FixedPost
from toolkit.fleet.text import folded
from toolkit.i18n import _

Placed = tuple[Path_, str]


def check(
    document: Document,
    fleet: Fleet,
    folder: str,
    elsewhere: Callable[[str], str | None],
    broken: Collection[str] = (),
) -> None:
    """Add every problem between parts of one fleet to `document`.

    Args:
        folder: name of the folder the file is in; the commune's id must be the same.
        elsewhere: returns the commune that has an endpoint of a given name, when another one of the workspace has.
        broken: sections that could not be read and are empty or made up in `fleet`: nothing is said that depends on
            them, so that one mistake does not look like many.
    """
    if "commune" not in broken and fleet.commune.id != folder:
        document.report(
            ("commune", "id"),
            _("the commune is “{id}” but its folder is “{folder}”").format(id=fleet.commune.id, folder=folder),
            _("give both the same name"),
        )
    _check_duplicates(document, fleet)
    if "gateway" not in broken:
        _check_networks(document, fleet)
        _check_office_addresses(document, fleet)
    _check_references(document, fleet, broken)
    _check_eligibility(document, fleet)
    _check_machines(document, fleet, elsewhere, broken)
    _check_fates(document, fleet)
    backup.check(document, fleet.backup)
    regime.check(document, fleet, broken)
    quarantine.check(document, fleet)


def placed_endpoints(fleet: Fleet) -> Iterator[tuple[Path_, Endpoint]]:
    """Yield each endpoint with the path that leads to it in the file."""
    yield ("gateway",), fleet.gateway
    for index, laptop in enumerate(fleet.laptops):
        yield ("laptops", index), laptop
    for index, pc in enumerate(fleet.office_pcs):
        yield ("office_pcs", index), pc


def identities(fleet: Fleet) -> dict[str, list[Placed]]:
    """Return what must be unique in a whole workspace: names, addresses, serial numbers, MACs, entities."""
    found: dict[str, list[Placed]] = {what: [] for what in ("name", "management", "serial", "mac", "entity")}
    for path, endpoint in placed_endpoints(fleet):
        found["name"].append(((*path, "name"), endpoint.name))
        place = endpoint.management
        if place:  # else its own name, which is checked to be unique already
            found["management"].append(((*path, "management", "address"), f"{place.address}:{place.port}"))
        if endpoint.serial:
            found["serial"].append(((*path, "serial"), endpoint.serial))
        if endpoint.mac:
            found["mac"].append(((*path, "mac"), endpoint.mac.lower()))
    for index, post in enumerate(fleet.fixed_posts):
        if post.office_pc is None:  # else it is one machine with that office PC, counted above
            for key, value in (("serial", post.serial), ("mac", post.mac and post.mac.lower())):
                if value:
                    found[key].append((("fixed_posts", index, key), value))
    for index, entity in enumerate(fleet.commune.entities):
        found["entity"].append((("commune", "entities", index), entity_key(entity)))
    return found


def entity_key(entity: str) -> str:
    """Return the entity path as it is compared: each segment folded, one way of writing the separator."""
    return " > ".join(folded(segment) for segment in entity.split(">"))


def duplicate(what: str, value: str) -> str:
    """Return the message for a value that something else already has; `what` is a key of `identities`."""
    return {
        "name": _("the name “{value}” is already taken"),
        "management": _("the management address {value} is already taken"),
        "serial": _("the serial number “{value}” is already taken"),
        "mac": _("the MAC address {value} is already taken"),
        "entity": _("the entity “{value}” already stands for a commune"),
    }[what].format(value=value)


def _check_duplicates(document: Document, fleet: Fleet) -> None:
    for what, values in identities(fleet).items():
        for path, value in _repeated(values):
            document.report(path, duplicate(what, value))
    lists: Iterable[tuple[str, str, Sequence[object]]] = (
        ("services", "id", fleet.services),
        ("duties", "id", fleet.duties),
        ("applications", "id", fleet.applications),
        ("teleworkers", "login", fleet.teleworkers),
    )
    for name, key, items in lists:
        for path, value in _repeated([((name, index, key), getattr(item, key)) for index, item in enumerate(items)]):
            document.report(path, _("“{value}” is given twice").format(value=value))


def _repeated(values: Iterable[Placed]) -> Iterator[Placed]:
    seen: set[str] = set()
    for path, value in values:
        if value in seen:
            yield path, value
        seen.add(value)


def _check_networks(document: Document, fleet: Fleet) -> None:
    gateway = fleet.gateway
    tunnel, office = IPv4Network(gateway.tunnel_network), IPv4Network(gateway.office.network)
    if tunnel.prefixlen > 30:
        document.report(("gateway", "tunnel_network"), _("{network} is too small for a laptop").format(network=tunnel))
    if tunnel.overlaps(office):
        document.report(
            ("gateway", "tunnel_network"),
            _("the tunnel network {tunnel} overlaps the office network {office}").format(tunnel=tunnel, office=office),
        )
    public = ip_address(gateway.public.address)
    if public in tunnel or public in office:
        document.report(
            ("gateway", "public", "address"),
            _("{address} is inside the tunnel or office network, so no laptop reaches it").format(address=public),
        )
    for index, application in enumerate(fleet.applications):
        if IPv4Address(application.address) in tunnel:
            document.report(
                ("applications", index, "address"),
                _("{address} is inside the tunnel network {network}").format(
                    address=application.address, network=tunnel
                ),
            )


def _check_office_addresses(document: Document, fleet: Fleet) -> None:
    office = IPv4Network(fleet.gateway.office.network)
    edges = (office.network_address, office.broadcast_address)
    places: list[Placed] = [(("gateway", "office", "address"), fleet.gateway.office.address)]
    places += [
        (("office_pcs", index, "office_address"), pc.office_address) for index, pc in enumerate(fleet.office_pcs)
    ]
    for path, text in places:
        address = IPv4Address(text)
        if address not in office:
            document.report(
                path, _("{address} is outside the office network {network}").format(address=text, network=office)
            )
        elif address in edges:
            document.report(path, _("{address} is the network or broadcast address").format(address=text))
    for path, text in _repeated(places):
        document.report(path, _("the office address {address} is already taken").format(address=text))


def _check_references(document: Document, fleet: Fleet, broken: Collection[str]) -> None:
    references: list[tuple[str, Path_, str]] = []
    for index, duty in enumerate(fleet.duties):
        references.append(("services", ("duties", index, "service"), duty.service))
        for position, application in enumerate(duty.applications):
            references.append(("applications", ("duties", index, "applications", position), application))
    for index, teleworker in enumerate(fleet.teleworkers):
        references.append(("duties", ("teleworkers", index, "duty"), teleworker.duty))
    for index, post in enumerate(fleet.posts):
        references.append(("teleworkers", ("posts", index, "teleworker"), post.teleworker))
    for index, fixed in enumerate(fleet.fixed_posts):
        if fixed.service:
            references.append(("services", ("fixed_posts", index, "service"), fixed.service))
        if fixed.office_pc:
            references.append(("office_pcs", ("fixed_posts", index, "office_pc"), fixed.office_pc))
    gone = {item.name for item in fleet.retired}
    references += [
        ("laptops", ("revoked", index, "endpoint"), item.endpoint)
        for index, item in enumerate(fleet.revoked)
        if item.endpoint not in gone
    ]
    references += [
        ("teleworkers", ("on_call", index, "teleworker"), item.teleworker) for index, item in enumerate(fleet.on_call)
    ]
    known: dict[str, dict[str, None]] = {
        "laptops": {item.name: None for item in fleet.laptops},
        "services": {item.id: None for item in fleet.services},
        "applications": {item.id: None for item in fleet.applications},
        "duties": {item.id: None for item in fleet.duties},
        "teleworkers": {item.login: None for item in fleet.teleworkers},
        "office_pcs": {item.name: None for item in fleet.office_pcs},
    }
    for section, path, value in references:
        if section not in broken and value not in known[section]:
            document.report(path, _unknown(value), suggestion(value, list(known[section])))


def _unknown(value: str) -> str:
    return _("“{value}” is not declared in this file").format(value=value)


def _check_eligibility(document: Document, fleet: Fleet) -> None:
    duties = {item.login: item.duty for item in fleet.teleworkers}
    eligible = {duty.id: duty.eligible for duty in fleet.duties}
    for index, post in enumerate(fleet.posts):
        duty = duties.get(post.teleworker, "")
        if not eligible.get(duty, True):
            document.report(
                ("posts", index, "teleworker"),
                _("the duty “{duty}” of {login} may not telework").format(duty=duty, login=post.teleworker),
                _("remove the post, or make the duty eligible"),
            )


def _check_machines(
    document: Document, fleet: Fleet, elsewhere: Callable[[str], str | None], broken: Collection[str]
) -> None:
    laptops, pcs = {item.name: None for item in fleet.laptops}, {item.name: None for item in fleet.office_pcs}
    for section, key, known in (("laptops", "laptop", laptops), ("office_pcs", "office_pc", pcs)):
        named = [(("posts", index, key), getattr(post, key)) for index, post in enumerate(fleet.posts)]
        places: list[Placed] = [(path, name) for path, name in named if name]
        for path, name in places:
            if section not in broken and name not in known:
                _report_machine(document, path, name, list(known), elsewhere(name))
        for path, name in _repeated(places):
            document.report(path, _("“{name}” already belongs to another post").format(name=name))
    names = {endpoint.name: None for endpoint in fleet.endpoints}
    for name in fleet.settings.endpoints:
        if name not in names and not {"gateway", "laptops", "office_pcs"} & set(broken):
            path = ("settings", "endpoints", name)
            document.report(path, _unknown(name), suggestion(name, list(names)), key=True)


def _check_fates(document: Document, fleet: Fleet) -> None:
    for index, post in enumerate(fleet.fixed_posts):
        for key, message in _fate_problems(post):
            document.report(("fixed_posts", index, key), message)
    became: list[Placed] = [
        (("fixed_posts", index, "office_pc"), post.office_pc)
        for index, post in enumerate(fleet.fixed_posts)
        if post.office_pc
    ]
    for path, name in _repeated(became):
        document.report(path, _("another fixed post already became “{name}”").format(name=name))


def _fate_problems(post: FixedPost) -> Iterator[tuple[str, str]]:
    if post.fate == "retired":
        if not post.retired_on:
            yield "fate", _("a retired fixed post needs its date: retired_on")
        if not post.disposal:
            yield "fate", _("a retired fixed post needs its disposal")
    elif post.retired_on or post.disposal:
        yield "fate", _("retired_on and disposal belong to a retired fixed post")
    if post.office_pc and post.fate != "kept":
        yield "office_pc", _("only a kept fixed post becomes an office PC")


def _report_machine(document: Document, path: Path_, name: str, known: Sequence[str], owner: str | None) -> None:
    if owner is not None:
        document.report(path, _("“{name}” belongs to another commune: {owner}").format(name=name, owner=owner))
    else:
        document.report(path, _unknown(name), suggestion(name, known))
