"""Kinds of text a fleet file may hold: names, addresses, networks, keys. Each says in words what it accepts."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from toolkit.i18n import _

# RFC 1123 label in lower case; it can neither leave a folder nor start an option.
NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
# What useradd takes without a complaint, and short enough for utmp.
LOGIN_PATTERN = r"^[a-z_][a-z0-9_-]{0,30}$"
INSEE_PATTERN = r"^[0-9][0-9AB][0-9]{3}$"
MAC_PATTERN = r"^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$"
DAY_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
MOMENT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} ([01][0-9]|2[0-3]):[0-5][0-9]$"
HOURS_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"

# System accounts of Debian and Ubuntu: a teleworker called so would take one over.
RESERVED_LOGINS = frozenset(
    [
        "_apt",
        "adm",
        "admin",
        "avahi",
        "backup",
        "bin",
        "colord",
        "daemon",
        "games",
        "gdm",
        "gnats",
        "irc",
        "list",
        "lp",
        "mail",
        "man",
        "messagebus",
        "news",
        "nobody",
        "polkitd",
        "proxy",
        "pulse",
        "root",
        "rtkit",
        "shadow",
        "sshd",
        "sudo",
        "sync",
        "sys",
        "systemd-network",
        "systemd-resolve",
        "systemd-timesync",
        "uucp",
        "wheel",
        "www-data",
        "xrdp",
    ]
)

# Words with a meaning of their own in an Ansible inventory: `localhost` would not even be reached by SSH.
RESERVED_HOSTS = frozenset({"all", "ungrouped", "localhost", "laptops", "gateways"})

# Never in any text: C0 and C1 controls, line separators, bidirectional overrides, invisible characters, what is no
# character at all, Jinja.
_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
    r"|\{\{|\{%|\{#|#jinja"
)
# As `ipaddress.IPv4Address` takes it (no zero in front), in a tenth of its time: a large fleet has tens of thousands.
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def forbidden(text: str, *, lines: bool = False) -> str | None:
    """Return the first piece of `text` that no fleet text may hold, in printable form, or None.

    With `lines`, ends of line are allowed.
    """
    if lines:
        text = text.replace("\n", " ")
    found = _FORBIDDEN.search(text)
    if found is None:
        return None
    piece = found.group()
    return piece if piece.isprintable() else f"U+{ord(piece):04X}"


def refuse(message: str) -> PydanticCustomError:
    """Return the error a validator raises; `message` is already in the user's language."""
    return PydanticCustomError("nomade", "{message}", {"message": message})


def _check(accepts: Callable[[str], object], message: Callable[[], str]) -> AfterValidator:
    def validate(text: str) -> str:
        try:
            if accepts(text):
                return text
        except ValueError:
            pass
        raise refuse(message().format(value=text))

    return AfterValidator(validate)


def _bech32_checksum(text: str) -> int:
    prefix, _separator, data = text.rpartition("1")
    values = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    values += [_BECH32.index(letter) for letter in data]
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= generator if top >> bit & 1 else 0
    return checksum


def is_age_recipient(text: str) -> bool:
    """Return whether `text` is an X25519 recipient of age: `age1` and 58 Bech32 characters (BIP 173 checksum)."""
    if not (text.startswith("age1") and len(text) == 62 and set(text[4:]) <= set(_BECH32)):
        return False
    return _bech32_checksum(text) == 1


def _port_free_host(text: str) -> bool:
    if _IPV4.fullmatch(text):
        return True
    if re.fullmatch(r"[0-9.]+", text) or ":" in text:
        return bool(ipaddress.ip_address(text))
    return all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) for label in text.split("."))


def folded(text: str) -> str:
    """Return `text` as it is compared: without accents, case, typographic apostrophes and doubled spaces."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join(plain.replace("’", "'").casefold().split())


def fill_host_name(pattern: str, commune: str, number: int) -> str:
    """Return the host name that a pattern of `commune.host_names` makes. Raises ValueError as `str.format` does."""
    return pattern.format(commune=commune, number=number)


def _is_host_pattern(pattern: str) -> bool:
    fields = [(name, form, turned) for _text, name, form, turned in Formatter().parse(pattern) if name is not None]
    forms = [form or "" for name, form, _turned in fields if name == "number"]
    known = all(name in ("commune", "number") and turned is None for name, _form, turned in fields)
    if not known or len(forms) != 1 or not re.fullmatch(r"(0[1-6])?", forms[0]):
        return False
    if any(form for name, form, _turned in fields if name == "commune"):
        return False
    return bool(re.fullmatch(NAME_PATTERN, fill_host_name(pattern, "a", 1)))


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
HostPattern = Annotated[
    str,
    _check(
        _is_host_pattern,
        lambda: _(
            "“{value}” makes no host names: a-z, digits, hyphens, {{number}} or {{number:03}} once, {{commune}} at will"
        ),
    ),
]
Day = Annotated[
    str,
    StringConstraints(pattern=DAY_PATTERN),
    _check(date.fromisoformat, lambda: _('“{value}” is not a date ("2026-01-31")')),
]
Moment = Annotated[
    str,
    StringConstraints(pattern=MOMENT_PATTERN),
    _check(datetime.fromisoformat, lambda: _('“{value}” is not a day and an hour ("2026-01-31 18:00")')),
]
HostName = Annotated[
    str,
    StringConstraints(pattern=NAME_PATTERN),
    _check(lambda text: text not in RESERVED_HOSTS, lambda: _("“{value}” already means something to Ansible")),
]
Login = Annotated[
    str,
    StringConstraints(pattern=LOGIN_PATTERN),
    _check(lambda text: text not in RESERVED_LOGINS, lambda: _("“{value}” is a system account")),
]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Insee = Annotated[str, StringConstraints(pattern=INSEE_PATTERN)]
Mac = Annotated[str, StringConstraints(pattern=MAC_PATTERN)]
Hours = Annotated[str, StringConstraints(pattern=HOURS_PATTERN)]
Address = Annotated[str, _check(_IPV4.fullmatch, lambda: _("“{value}” is not an IPv4 address (a.b.c.d)"))]
PublicAddress = Annotated[
    str, _check(lambda text: ipaddress.ip_address(text), lambda: _("“{value}” is not an IP address"))
]
ManagementAddress = Annotated[
    str, _check(_port_free_host, lambda: _("“{value}” is neither an IP address nor a host name in lower case"))
]
Network = Annotated[
    str,
    _check(
        lambda text: "/" in text and ipaddress.IPv4Network(text),
        lambda: _("“{value}” is not an IPv4 network in CIDR form (for example 10.77.1.0/24, host bits zero)"),
    ),
]
AnyNetwork = Annotated[
    str,
    _check(
        lambda text: "/" in text and ipaddress.ip_network(text),
        lambda: _("“{value}” is not a network in CIDR form (for example 192.0.2.7/32, host bits zero)"),
    ),
]
Recipient = Annotated[
    str,
    _check(is_age_recipient, lambda: _("“{value}” is not an age recipient (age1…): a character is wrong or missing")),
]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
