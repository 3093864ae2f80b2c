"""From the fleet to the networks and machines of a lab. Pure: nothing is started here."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated

from pydantic import Field

from toolkit import backup_facts, fleet
from toolkit.errors import BadInputError, ProblemsError
from toolkit.fleet.document import read
from toolkit.fleet.model import Flag, Model
from toolkit.fleet.problems import validate
from toolkit.fleet.text import Address, Name, Network
from toolkit.i18n import _
from toolkit.lab.sources import RELEASES
from toolkit.workspace import Workspace

BENCH = "bench"
INTERNET = "internet"
STORE = "store"
# Laptops come and go on the internet network: they get addresses from here on, in fleet order.
_FIRST_LAPTOP = 101


class Networks(Model):
    """The networks every lab has besides the offices of its communes."""

    bench: Network
    """Where endpoints are prepared; this machine has the first address."""
    internet: Network
    """Where gateways have their public address and laptops are guests."""


class Hardware(Model):
    """What a virtual machine is made of. `memory` and `disks` (beside the first one) are MiB."""

    memory: Annotated[int, Field(ge=512)] = 1024
    processors: Annotated[int, Field(ge=1)] = 2
    encrypted_root: Flag = False
    disks: tuple[int, ...] = ()
    tpm: Flag = False


class LabFile(Model):
    """What `lab.yml` says, beside `nomade.yml`."""

    networks: Networks
    depot: Address
    """The package depot, on the bench."""
    luks_images: Flag = False
    """Laptops get an encrypted volume in a file."""
    virtual: dict[Name, Hardware] = Field(default_factory=dict)
    """What endpoints are made of when they are virtual machines (`nomade lab up --vm`)."""
    desktops: tuple[str, ...] = ()
    """Endpoints with GNOME instead of a bare window manager: a larger image, made when one is asked for."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One network interface of a machine: network key and IPv4 address."""

    network: str
    address: str


@dataclass(frozen=True, slots=True)
class Machine:
    """One stand-in. The first attachment is the bench; `router` is its default route's next hop.

    A backup store of the CIG is of no commune (``""``), and of the kind `store`.
    """

    name: str
    commune: str
    kind: str
    release: str
    attachments: tuple[Attachment, ...]
    router: str
    volume: bool = False
    hardware: Hardware = field(default_factory=Hardware)
    desktop: bool = False

    @property
    def bench(self) -> str:
        """Its address on the bench, where this machine reaches it."""
        return self.attachments[0].address


@dataclass(frozen=True, slots=True)
class Topology:
    """All of a lab. `networks` maps a key (`bench`, `internet`, `office-<commune>`) to its CIDR."""

    networks: dict[str, str]
    depot: str
    machines: tuple[Machine, ...]

    def machine(self, name: str) -> Machine:
        """Return one machine by name.

        Raises:
            BadInputError: the fleet has no such endpoint.
        """
        found = next((machine for machine in self.machines if machine.name == name), None)
        if found is None:
            known = ", ".join(machine.name for machine in self.machines)
            raise BadInputError(_("lab: no endpoint is called “{name}”; known: {known}").format(name=name, known=known))
        return found


def office(commune: str) -> str:
    """Return the key of a commune's office network."""
    return f"office-{commune}"


def first_address(network: str) -> str:
    """Return the first host address of a CIDR: docker gives it to this machine's side of the network."""
    return str(next(ipaddress.IPv4Network(network).hosts()))


def load_lab_file(workspace: Workspace) -> LabFile:
    """Return what `lab.yml` of the workspace says.

    Raises:
        BadInputError: it is missing or wrong; each problem at its line and column.
    """
    path = workspace.root / "lab.yml"
    if not path.is_file():
        raise BadInputError(
            _("{file}: missing: it names the networks of the lab (see inventories/demo/lab.yml)").format(file=path)
        )
    document = read(path)
    lab_file = validate(LabFile, document)
    if lab_file is None or document.problems:
        raise ProblemsError(document.problems)
    return lab_file


def load(workspace: Workspace) -> Topology:
    """Return the lab that stands in for the workspace's whole fleet.

    Raises:
        BadInputError: `lab.yml` or a `fleet.yml` is wrong, or an address is not of the network it should be on.
    """
    fleets = [fleet.load(workspace, commune) for commune in workspace.select(())]
    return build(load_lab_file(workspace), fleets)


def build(lab_file: LabFile, fleets: Sequence[fleet.Fleet]) -> Topology:
    """Return the lab of some fleets.

    Raises:
        BadInputError: an address is not of the network it should be on, or an operating system has no image.
    """
    networks = {BENCH: lab_file.networks.bench, INTERNET: lab_file.networks.internet}
    networks |= {office(one.commune.id): one.gateway.office.network for one in fleets}
    guests = islice(ipaddress.IPv4Network(lab_file.networks.internet), _FIRST_LAPTOP, None)
    machines = [machine for one in fleets for machine in _machines(one, lab_file, guests)]
    topology = Topology(networks, lab_file.depot, (*machines, *_stores(fleets, lab_file)))
    for name in lab_file.desktops:
        topology.machine(name)
    _check(topology)
    return topology


def _machines(one: fleet.Fleet, lab_file: LabFile, guests: Iterator[ipaddress.IPv4Address]) -> Iterator[Machine]:
    internet_router = first_address(lab_file.networks.internet)
    inside = office(one.commune.id)
    for endpoint in one.endpoints:
        bench = Attachment(BENCH, endpoint.bench.address)
        others: tuple[Attachment, ...]
        match endpoint:
            case fleet.Gateway():
                others = (Attachment(INTERNET, endpoint.public.address), Attachment(inside, endpoint.office.address))
                router = internet_router
            case fleet.OfficePc():
                others, router = (Attachment(inside, endpoint.office_address),), one.gateway.office.address
            case _laptop:
                others, router = (Attachment(INTERNET, str(next(guests))),), internet_router
        volume = lab_file.luks_images and endpoint.kind == fleet.Kind.LAPTOP
        desktop = endpoint.name in lab_file.desktops
        yield Machine(
            endpoint.name,
            one.commune.id,
            endpoint.kind.value,
            _release(endpoint),
            (bench, *others),
            router,
            volume,
            desktop=desktop,
            hardware=lab_file.virtual.get(endpoint.name, Hardware()),
        )


def _stores(fleets: Sequence[fleet.Fleet], lab_file: LabFile) -> Iterator[Machine]:
    """Backup stores of the CIG that have their address on the internet network; the same host number on the bench."""
    internet, bench = (ipaddress.IPv4Network(item) for item in (lab_file.networks.internet, lab_file.networks.bench))
    named = {one.backup.store.address for one in fleets if one.backup and backup_facts.is_prepared_elsewhere(one)}
    for address in sorted(item for item in named if item and is_in(item, lab_file.networks.internet)):
        number = int(ipaddress.IPv4Address(address)) - int(internet.network_address)
        inside = str(bench.network_address + number)
        yield Machine(
            backup_facts.name_of(address),
            "",
            STORE,
            RELEASES[fleet.System.DEBIAN_13.value],
            (Attachment(BENCH, inside), Attachment(INTERNET, address)),
            first_address(lab_file.networks.internet),
        )


def _release(endpoint: fleet.Endpoint) -> str:
    if endpoint.os.value not in RELEASES:
        raise BadInputError(
            _("lab: {endpoint}: no image for {system}; there are: {known}").format(
                endpoint=endpoint.name, system=endpoint.os.value, known=", ".join(RELEASES)
            )
        )
    return RELEASES[endpoint.os.value]


def _check(topology: Topology) -> None:
    taken: dict[tuple[str, str], str] = {(BENCH, topology.depot): "depot"}
    for machine in topology.machines:
        for attachment in machine.attachments:
            network = topology.networks[attachment.network]
            if not is_in(attachment.address, network) or attachment.address == first_address(network):
                raise BadInputError(
                    _("lab: {endpoint}: {address} cannot be used on the network {name} ({network})").format(
                        endpoint=machine.name, address=attachment.address, name=attachment.network, network=network
                    )
                )
            other = taken.setdefault((attachment.network, attachment.address), machine.name)
            if other != machine.name:
                raise BadInputError(
                    _("lab: {endpoint} and {other} share the address {address}").format(
                        endpoint=machine.name, other=other, address=attachment.address
                    )
                )


def is_in(address: str, network: str) -> bool:
    """Return whether `address` is an IPv4 address of the CIDR `network`."""
    try:
        return ipaddress.IPv4Address(address) in ipaddress.IPv4Network(network)
    except ValueError:
        return False
