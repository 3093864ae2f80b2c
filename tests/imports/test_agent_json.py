"""GLPI's inventory format: what is taken, what is not, and what a file that lies does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.imports.agent_samples import document, in_json
from toolkit.errors import BadInputError
from toolkit.imports.model import Chassis, Machine, Place, Reading
from toolkit.imports.readers import agent_json, reader_of


def read(data: bytes) -> Reading:
    return agent_json.read(data, "pc.json")


def outcome(data: bytes) -> str:
    """Return the error a user sees, or that there was none; anything else that is raised is a bug."""
    try:
        read(data)
    except BadInputError as error:
        return str(error)
    return "pc.json: read"


def machine(**content: Any) -> Machine:
    (found,) = read(in_json(**content)).machines
    return found


def test_a_laptop_is_read_whole() -> None:
    assert machine() == Machine(
        place=Place("pc.json"),
        entity="Nogent-l'Abbé",
        name="pc-accueil",
        serial="PF3XK9T2",
        model="LENOVO ThinkPad T14 Gen 3",
        system="Debian GNU/Linux 12 (bookworm)",
        chassis=Chassis.LAPTOP,
        macs=("8c:8c:aa:01:02:03", "dc:21:48:0a:0b:0c"),
        address="192.0.2.41",
        encrypted=True,
    )


def test_people_are_not_read_and_that_is_said() -> None:
    reading = read(in_json())
    assert not reading.people
    assert "aïcha" not in repr(reading)
    assert [column.header for column in reading.columns] == [
        "HARDWARE/DATELASTLOGGEDUSER",
        "HARDWARE/LASTLOGGEDUSER",
        "USERS",
    ]
    assert all(column.personal and column.field is None for column in reading.columns)


@pytest.mark.parametrize(
    ("drives", "expected"),
    [
        ([], None),
        ([{"type": "/"}], None),
        ([{"type": "/home", "encrypt_status": "Yes"}, {"type": "/"}], None),  # nothing is said of the system
        ([{"type": "/", "encrypt_status": "Yes"}, {"type": "/home", "encrypt_status": "No"}], False),
        ([{"type": "/", "encrypt_status": "Partially"}], False),
        ([{"letter": "C:", "systemdrive": True, "encrypt_status": "Yes"}], True),
        ([{"letter": "D:", "encrypt_status": "Yes"}], None),
        (
            [
                {"letter": "C:", "encrypt_status": "Yes"},
                {"letter": "F:", "description": "Removable Disk", "encrypt_status": "No"},
            ],
            True,
        ),
        ([{"type": "/", "encrypt_status": "perhaps"}], None),
        ([{"type": "/", "encrypt_status": "Yes"}, {"type": "/home", "encrypt_status": "Converting"}], None),
    ],
)
def test_encrypted_is_what_the_machine_declares_and_never_more(drives: list[Any], expected: bool | None) -> None:
    assert machine(drives=drives).encrypted is expected


@pytest.mark.parametrize("virtual", ["Docker", "VMware", "lxc", "QEMU"])
def test_a_virtual_machine_is_no_post(virtual: str) -> None:
    assert machine(hardware={"name": "vm", "chassis_type": "Notebook", "vmsystem": virtual}).chassis is Chassis.OTHER


def test_a_false_serial_number_is_none() -> None:
    found = machine(bios={"ssn": "To Be Filled By O.E.M.", "smodel": "System Product Name", "smanufacturer": "ASUS"})
    assert (found.serial, found.model) == (None, "ASUS")


def test_without_name_and_serial_nothing_is_read() -> None:
    reading = read(in_json(hardware={}, bios={"ssn": "Default string"}))
    assert not reading.machines
    assert [(problem.file, problem.line) for problem in reading.problems] == [("pc.json", 1)]


@pytest.mark.parametrize("change", [{"itemtype": "Printer"}, {"itemtype": "NetworkEquipment"}, {"partial": True}])
def test_what_is_no_whole_computer_is_left_aside(change: dict[str, Any]) -> None:
    reading = read(json.dumps(document() | change).encode())
    assert not reading.machines
    assert not reading.problems
    assert len(reading.left_aside) == 1


def test_keys_of_newer_agents_do_not_disturb() -> None:
    whole = document() | {"new": {"x": [1]}}
    whole["content"]["hardware"]["new"] = {"deep": [None]}
    whole["content"]["newsection"] = [[[]]]
    assert read(json.dumps(whole).encode()).machines == read(in_json()).machines


def test_every_wrong_value_is_named_in_one_run() -> None:
    reading = read(in_json(bios={"ssn": ["a"]}, hardware="none", networks=[{"mac": {}}, 7]))
    assert not reading.machines
    told = "\n".join(map(str, reading.problems))
    assert len(reading.problems) == 4
    assert all(name in told for name in ("content.bios.ssn", "content.hardware", "content.networks.mac", " 7 "))


def test_a_file_full_of_wrong_values_is_told_in_bounds() -> None:
    reading = read(in_json(networks=[{"mac": []}] * 200_000))
    assert len(reading.problems) == 200


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b'{"content": []}',
        b'{"a": 1}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"content": ' + b"9" * 5_000 + b"}",
        "{“content”: {}}".encode("cp1252"),
        b"{}" + b" " * (9 * 1024 * 1024),
        b"\xff\xfe{\x00",
    ],
)
def test_what_is_no_inventory_is_one_clear_error(data: bytes) -> None:
    with pytest.raises(BadInputError, match=r"pc\.json"):
        read(data)


def test_control_characters_and_lone_surrogates_do_not_get_in() -> None:
    whole = document()
    whole["content"]["hardware"] = {"name": "pc\x1b[31m\u202e-1\ud800"}
    (found,) = read(json.dumps(whole).encode()).machines
    assert found.name == "pc-1"


def test_it_is_known_by_its_first_bytes() -> None:
    for start in (b"", b"\xef\xbb\xbf", b"\r\n  "):
        found = reader_of(start + in_json()[:200], Path("x"))
        assert found is agent_json.READER


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(
    ["name", "ssn", "smodel", "mac", "ipaddress", "virtualdev", "encrypt_status", "type", "keyname"]
)
_sections = st.sampled_from(["hardware", "bios", "operatingsystem", "networks", "drives", "accountinfo", "users", "x"])
_entry = st.dictionaries(_names, _values, max_size=4)


@given(st.dictionaries(_sections, _values | _entry | st.lists(_entry, max_size=3), max_size=6), _values)
def test_any_content_is_read_or_told(content: dict[str, Any], tag: Any) -> None:
    reading = read(json.dumps({"content": content, "tag": tag}).encode())
    assert len(reading.machines) + bool(reading.problems) == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_told(data: bytes) -> None:
    for candidate in (data, b"{" + data, b'{"content": {' + data):
        assert outcome(candidate).startswith("pc.json:")
