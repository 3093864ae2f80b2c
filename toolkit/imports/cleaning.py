"""What lists and agents write where they know nothing, and the few forms one fact comes in: pure, shared by readers."""

from __future__ import annotations

import ipaddress
import re
import unicodedata

from toolkit.imports.model import Chassis
from toolkit.report import plain

# What makers leave in firmware they did not finish; compared without case, spaces and signs.
_PLACEHOLDERS = frozenset(
    [
        "assetserialnumber",
        "assettag",
        "chassisserialnumber",
        "defaultstring",
        "empty",
        "invalid",
        "na",
        "nil",
        "no",
        "none",
        "notapplicable",
        "notavailable",
        "notpresent",
        "notsettable",
        "notspecified",
        "null",
        "oem",
        "oemstring",
        "productname",
        "sernum",
        "serialnumber",
        "sn",
        "string",
        "systemmanufacturer",
        "systemname",
        "systemproductname",
        "systemserialnumber",
        "systemversion",
        "tobedefined",
        "tobefilledbyoem",
        "tobefilled",
        "undefined",
        "unknown",
        "unspecified",
        "xxxxxxx",
    ]
)
# The agent of OCS writes the processor's id, eight bytes alike on all processors of one model, for a missing serial.
_PROCESSOR_ID = re.compile(r"(?:[0-9A-F]{2} ){7}[0-9A-F]{2}", re.IGNORECASE)
_COUNTING = frozenset({"123456789", "1234567890", "0123456789", "012345678", "12345678", "1234567"})

# SMBIOS 3.7, table 17 (System Enclosure or Chassis Types), in dmidecode's words and those of Windows' agents. A docking
# station is what a docked laptop says it is.
_LAPTOPS = frozenset(
    [
        *("portable", "laptop", "notebook", "handheld", "dockingstation", "subnotebook", "tablet", "convertible"),
        *("detachable", "netbook", "ultrabook", "ordinateurportable", "pcportable", "8", "9", "10", "11", "12", "14"),
        *("30", "31", "32"),
    ]
)
_DESKTOPS = frozenset(
    [
        *("desktop", "lowprofiledesktop", "pizzabox", "minitower", "tower", "allinone", "spacesaving", "lunchbox"),
        *("sealedcasepc", "minipc", "stickpc", "tour", "pcfixe", "postefixe", "bureau", "ordinateurdebureau"),
        *("microtower", "workstation", "stationdetravail", "unitecentrale"),
        *("3", "4", "5", "6", "7", "13", "15", "16", "24", "35", "36"),
    ]
)
_OTHERS = frozenset(
    [
        *("mainserverchassis", "server", "serveur", "expansionchassis", "subchassis", "busexpansionchassis"),
        *("peripheralchassis", "raidchassis", "rackmountchassis", "multisystem", "compactpci", "advancedtca", "blade"),
        *("bladeenclosing", "bladeenclosure", "iotgateway", "embeddedpc", "virtualmachine", "machinevirtuelle", "vm"),
        *("17", "18", "19", "20", "21", "22", "23", "25", "26", "27", "28", "29", "33", "34"),
    ]
)
_MAC = re.compile(r"[0-9a-f]{2}([:-]?)(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}", re.IGNORECASE)


def text(value: str | None, limit: int = 200) -> str | None:
    """Return a text on one line without control or invisible characters, at most `limit` long; None when empty."""
    return plain.one_line(value)[:limit].strip() or None if value else None


def folded(value: str) -> str:
    """Return the letters and digits of a text, in lower case and without accents: `Sub Notebook` is `subnotebook`."""
    bare = unicodedata.normalize("NFKD", value).casefold()
    return "".join(sign for sign in bare if sign.isalnum())


def is_placeholder(value: str) -> bool:
    """Return whether a text is what a maker or an agent writes when it knows nothing."""
    bare = folded(value)
    return not bare or bare in _PLACEHOLDERS or bare in _COUNTING or len(set(bare)) == 1


def serial(value: str | None) -> str | None:
    """Return a serial number, or None for what only looks like one (`To be filled by O.E.M.`, `0`, a processor's id).

    A false serial number is worse than none: two machines with the same one would be taken for one machine.
    """
    clean = text(value)
    if clean is None or is_placeholder(clean) or _PROCESSOR_ID.fullmatch(clean):
        return None
    return clean


def model(maker: str | None, product: str | None) -> str | None:
    """Return maker and model as one text, the maker not said twice; None when neither is known."""
    words = [clean for value in (maker, product) if (clean := text(value)) and not is_placeholder(clean)]
    if len(words) == 2 and words[1].casefold().startswith(words[0].casefold()):
        words = words[1:]
    return text(" ".join(words))


def chassis(value: str | None) -> Chassis:
    """Return what kind of machine a word names: SMBIOS words and numbers, words of agents and of GLPI, French ones."""
    bare = folded(value or "")
    for known, kind in ((_LAPTOPS, Chassis.LAPTOP), (_DESKTOPS, Chassis.DESKTOP), (_OTHERS, Chassis.OTHER)):
        if bare in known:
            return kind
    return Chassis.UNKNOWN


def mac(value: str | None) -> str | None:
    """Return a MAC address in lower case with colons, or None for what is none, or is no card's (zeros, groups)."""
    clean = (value or "").strip()
    if not _MAC.fullmatch(clean):
        return None
    digits = re.sub(r"[^0-9a-f]", "", clean.lower())
    if int(digits, 16) == 0 or int(digits[:2], 16) & 1:  # IEEE 802: the lowest bit of the first byte means a group
        return None
    return ":".join(digits[index : index + 2] for index in range(0, 12, 2))


def address(value: str | None) -> str | None:
    """Return an IPv4 address that a machine can have on a network, or None (loopback, link-local, none at all)."""
    try:
        found = ipaddress.IPv4Address((value or "").strip())
    except ValueError:
        return None
    unusable = found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified
    return None if unusable else str(found)
