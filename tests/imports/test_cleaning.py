"""What counts as a serial number, a model, a chassis, an address of a card."""

from __future__ import annotations

import pytest

from toolkit.imports import cleaning
from toolkit.imports.model import Chassis


@pytest.mark.parametrize(
    "junk",
    [
        *("To be filled by O.E.M.", "To Be Filled By O.E.M", "Default string", "0", "0000000000", "None", "N/A"),
        *("System Serial Number", "Not Specified", "Not Available", "INVALID", "123456789", "XXXXXXXX", "........"),
        *("", "   ", "-", "Unknown", "SerNum0"[:6], "A5 06 0A 00 FF FB EB BF"),
    ],
)
def test_junk_is_no_serial_number(junk: str) -> None:
    assert cleaning.serial(junk) is None


@pytest.mark.parametrize("serial", ["PF3XK9T2", "5CD1234XYZ", "VMware-56 4d 1a", "0012345", "MXL0 123", "NONE-42"])
def test_real_serial_numbers_stay(serial: str) -> None:
    assert cleaning.serial(f"  {serial} ") == serial


def test_models() -> None:
    assert cleaning.model("Dell Inc.", "Latitude 5540") == "Dell Inc. Latitude 5540"
    assert cleaning.model("HP", "HP ProBook 450") == "HP ProBook 450"
    assert cleaning.model("System manufacturer", "System Product Name") is None
    assert cleaning.model(None, "Latitude 5540") == "Latitude 5540"


@pytest.mark.parametrize(
    ("word", "chassis"),
    [
        *((word, Chassis.LAPTOP) for word in ("Notebook", "Sub Notebook", "10", "Ordinateur portable", "Convertible")),
        *((word, Chassis.DESKTOP) for word in ("Desktop", "Mini Tower", "All In One", "Space-saving", "3", "Tour")),
        *((word, Chassis.OTHER) for word in ("Main Server Chassis", "Rack Mount Chassis", "23", "Serveur")),
        *((word, Chassis.UNKNOWN) for word in ("", "Other", "Unknown", "2", "Imprimante multifonction")),
    ],
)
def test_chassis(word: str, chassis: Chassis) -> None:
    assert cleaning.chassis(word) is chassis


@pytest.mark.parametrize(
    ("written", "mac"),
    [
        ("A4-BB-6D-11-22-33", "a4:bb:6d:11:22:33"),
        ("a4bb6d112233", "a4:bb:6d:11:22:33"),
        ("a4bb.6d11.2233", "a4:bb:6d:11:22:33"),
        ("00:00:00:00:00:00", None),
        ("ff:ff:ff:ff:ff:ff", None),
        ("01:00:5e:00:00:01", None),
        ("a4:bb:6d:11:22", None),
        ("a4:bb-6d:11:22:33", None),
        ("", None),
    ],
)
def test_mac(written: str, mac: str | None) -> None:
    assert cleaning.mac(written) == mac


def test_addresses() -> None:
    assert cleaning.address(" 192.0.2.1 ") == "192.0.2.1"
    for unusable in ("127.0.0.1", "169.254.1.1", "0.0.0.0", "fe80::1", "x", None):  # noqa: S104 — nothing listens
        assert cleaning.address(unusable) is None
