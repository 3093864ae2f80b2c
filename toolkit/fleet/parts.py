"""The parts of a fleet file: each section of `fleet.yml`, typed and immutable."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from toolkit.fleet.text import (
    Address,
    Day,
    HostName,
    HostPattern,
    Hours,
    Insee,
    Label,
    Login,
    Mac,
    ManagementAddress,
    Name,
    Network,
    Port,
    PublicAddress,
    Recipient,
    Weekday,
    refuse,
)
from toolkit.i18n import _

SettingValues: TypeAlias = dict[str, Any]
Flag = Annotated[bool, Field(strict=True)]


class Kind(StrEnum):
    """What an endpoint is."""

    LAPTOP = "laptop"
    OFFICE_PC = "office_pc"
    GATEWAY = "gateway"


class System(StrEnum):
    """The operating systems roles know, and the one an office PC may have that they do not touch."""

    DEBIAN_12 = "debian-12"
    DEBIAN_13 = "debian-13"
    UBUNTU_24_04 = "ubuntu-24.04"
    WINDOWS = "windows"


class Model(BaseModel):
    """Base of all parts: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Contact(Model):
    """Whom to call at the commune or at the CIG."""

    name: Label
    role: Label
    """What they are there: mayor, technician, data protection officer…"""
    phone: Label | None = None
    email: Label | None = None


class HostNames(Model):
    """How an import names new machines; {commune} is the commune's id, {number} the first one free ({number:03})."""

    laptop: HostPattern = "{commune}-portable-{number}"
    office_pc: HostPattern = "{commune}-bureau-{number}"


class Commune(Model):
    """The town hall."""

    id: Name
    """Same as the folder's name."""
    name: Label
    insee: Insee
    """Five characters, quoted: "99001"."""
    contacts: tuple[Contact, ...] = ()
    logo: Label | None = None
    """Picture beside this file, printed on documents."""
    escrow_recipients: tuple[Recipient, ...] = ()
    """age recipients of the commune: recovery keys are encrypted to them and to the CIG's."""
    insurance_formula: Annotated[int, Field(strict=True, ge=1, le=7)] | None = None
    """Formula of the group insurance contract, 1 to 7."""
    freshness_days: Annotated[int, Field(strict=True, ge=1, le=366)] | None = None
    """Evidence older than this is stale in this commune; else what `nomade.yml` says."""
    entities: tuple[Label, ...] = ()
    """What lists call this commune: GLPI entities, whole (`Root > CIG > Commune`) or their last names."""
    host_names: HostNames = HostNames()


class Management(Model):
    """Where the control machine finds an endpoint on the set-up network (a gateway: always)."""

    address: ManagementAddress
    port: Port = 22


def _not_windows(system: System) -> System:
    if system is System.WINDOWS:
        raise refuse(_("only an office PC may run Windows: it is reached and woken, not managed"))
    return system


class Endpoint(Model):
    """One managed machine."""

    name: HostName
    """Inventory and host name, RFC 1123, unique in the workspace."""
    os: Annotated[System, AfterValidator(_not_windows)]
    """Operating system."""
    management: Management | None = None
    """Without it the endpoint is looked for under its own name, as Ansible does."""
    serial: Label | None = None
    model: Label | None = None
    mac: Mac | None = None

    @property
    def kind(self) -> Kind:
        """What the endpoint is; each subclass says it."""
        raise NotImplementedError

    @property
    def is_managed(self) -> bool:
        """Whether the toolkit provisions and audits it."""
        return self.os is not System.WINDOWS

    @property
    def bench(self) -> Management:
        """Where the endpoint is found on the set-up network: what `management` says, else its own name."""
        return self.management or Management(address=self.name)


class Public(Model):
    """The side of the gateway that laptops reach from the internet (WireGuard, UDP)."""

    address: PublicAddress
    port: Port = 51820


class Office(Model):
    """The network of the town hall behind the gateway, and the gateway's own address on it."""

    network: Network
    address: Address


class Gateway(Endpoint):
    """The commune's VPN gateway."""

    management: Management
    public: Public
    tunnel_network: Network
    """Addresses of laptops inside the tunnel; the gateway has the first one."""
    office: Office

    @property
    def kind(self) -> Kind:
        return Kind.GATEWAY


class Listed(Endpoint):
    """A machine that the commune's list of machines may name."""

    listed_as: Label | None = None
    """Its name in that list, where it is not the host name."""
    missing_since: Day | None = None
    """The day ("2026-01-31") on which an import no longer found it in the list: to be retired, or found again."""


class Laptop(Listed):
    """A teleworker's laptop."""

    @property
    def kind(self) -> Kind:
        return Kind.LAPTOP


class OfficePc(Listed):
    """A PC that stays at the town hall."""

    os: System
    """Operating system; with `windows` its laptop reaches and wakes it, and somebody else manages it."""
    office_address: Address
    """Its address on the office network."""

    @property
    def kind(self) -> Kind:
        return Kind.OFFICE_PC


class FixedPost(Model):
    """A fixed post of the commune's park: not managed; becomes an office PC, or leaves."""

    name: Label
    """As the list calls it; no host name."""
    serial: Label | None = None
    model: Label | None = None
    os: Label | None = None
    """As the list calls it; Windows may be."""
    mac: Mac | None = None
    service: Name | None = None
    fate: Literal["kept", "retired", "unchanged"] = "unchanged"
    office_pc: Name | None = None
    """The office PC that a kept one has become; until then it is still to be completed."""
    retired_on: Day | None = None
    disposal: Label | None = None
    """What was done with a retired one: given away, destroyed with its disk…"""
    missing_since: Day | None = None
    """The day ("2026-01-31") on which an import no longer found it in the list."""


class Service(Model):
    """A department of the town hall."""

    id: Name
    name: Label


class Duty(Model):
    """What somebody does: whether it may be done from home, and which applications it needs."""

    id: Name
    name: Label
    service: Name
    eligible: Flag
    applications: tuple[Name, ...] = ()


class Application(Model):
    """Something that answers behind the gateway: a business application, a package depot…"""

    id: Name
    name: Label
    address: Address
    port: Port
    protocol: Literal["tcp", "udp"] = "tcp"
    everyone: Flag = False
    """Every laptop reaches it, whatever the duty."""
    maintenance: Flag = False
    """Laptops reach it outside of their access windows too: package depot, name server, clock."""


class Teleworker(Model):
    """A person who works from home."""

    login: Login
    name: Label
    duty: Name
    weekdays: tuple[Weekday, ...] | None = None
    """Days of telework in the normal regime; without them the commune's (`regime.weekdays`)."""
    hours: Hours | None = None
    """From-to, local time; without them the commune's (`regime.hours`)."""


class Post(Model):
    """A telework post: who, with which laptop, and (usually) which office PC."""

    teleworker: Login
    laptop: Name
    office_pc: Name | None = None


class Settings(Model):
    """Role variables, from the general to the particular; the particular one wins."""

    commune: SettingValues = {}
    laptop: SettingValues = {}
    office_pc: SettingValues = {}
    gateway: SettingValues = {}
    endpoints: dict[Name, SettingValues] = {}

    def of_kind(self, kind: Kind) -> Mapping[str, Any]:
        """Return the settings written for one kind of endpoint."""
        values: SettingValues = getattr(self, kind.value)
        return values
