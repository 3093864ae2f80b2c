"""The XML of FusionInventory and OCS: what is taken, and that nothing of XML's dangers is."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.imports.agent_samples import FUSION, OCS
from toolkit.errors import BadInputError
from toolkit.imports.model import Chassis, Machine, Place, Reading
from toolkit.imports.readers import agent_xml, reader_of


def read(text: str | bytes) -> Reading:
    return agent_xml.read(text.encode() if isinstance(text, str) else text, "pc.ocs")


def outcome(text: str | bytes) -> str:
    """Return the error a user sees, or that there was none; anything else that is raised is a bug."""
    try:
        read(text)
    except BadInputError as error:
        return str(error)
    return "pc.ocs: read"


def test_fusion_inventory() -> None:
    reading = read(FUSION)
    assert reading.machines == (
        Machine(
            place=Place("pc.ocs"),
            entity="Root > CIG > Val d'Aït",
            name="ETAT-CIVIL-02",
            serial="7XK2QL3",
            model="Dell Inc. OptiPlex 7090",
            system="Microsoft Windows 10 Professionnel",
            chassis=Chassis.DESKTOP,
            macs=("a4:bb:6d:11:22:33",),
            address="192.0.2.17",
            encrypted=True,
        ),
    )
    assert "marguerite" not in repr(reading)
    ignored = {column.header for column in reading.columns if column.personal}
    assert ignored == {"ACCESSLOG/USERID", "HARDWARE/LASTLOGGEDUSER"}


def test_ocs() -> None:
    (found,) = read(OCS).machines
    assert found == Machine(
        place=Place("pc.ocs"),
        entity=None,  # “NA” is what OCS writes without a tag
        name="portable-maire",
        serial="5CD1234XYZ",
        model="HP ProBook 450 G8 Notebook PC",
        system="Debian GNU/Linux 13",
        chassis=Chassis.LAPTOP,
        macs=("00:68:eb:aa:bb:cc",),
    )
    assert [column.header for column in read(OCS).columns if column.personal] == ["LOCAL_USERS"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings(encoding: str) -> None:
    data = FUSION.replace('encoding="UTF-8"', f'encoding="{encoding.removesuffix("-sig")}"').encode(encoding)
    assert reader_of(data[:1000], Path("whatever")) is agent_xml.READER
    assert read(data).machines == read(FUSION).machines


def test_the_processor_id_that_ocs_writes_for_a_missing_serial_is_none() -> None:
    (found,) = read(OCS.replace("5CD1234XYZ", "A5 06 0A 00 FF FB EB BF")).machines
    assert found.serial is None


_LAUGHS = '<!DOCTYPE lolz [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
_DANGERS = {
    "billion laughs": _LAUGHS + "]><REQUEST><CONTENT><HARDWARE><NAME>&j;</NAME></HARDWARE></CONTENT></REQUEST>",
    "outside file": '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><REQUEST><CONTENT><HARDWARE><NAME>&x;'
    "</NAME></HARDWARE></CONTENT></REQUEST>",
    "outside document type": '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><REQUEST/>',
    "parameter entity": '<!DOCTYPE r [<!ENTITY % p SYSTEM "file:///etc/hostname">%p;]><REQUEST/>',
    "harmless document type": "<!DOCTYPE REQUEST><REQUEST/>",
}


@pytest.mark.parametrize("danger", _DANGERS)
def test_a_document_type_is_refused_before_it_is_looked_at(danger: str) -> None:
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(BadInputError, match=r"^pc\.ocs:1:"):
        read(_DANGERS[danger])
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.monotonic() - began < 1
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "text",
    [
        "<REQUEST>",
        "<REQUEST><CONTENT></REQUEST>",
        "<html><body/></html>",
        "<REQUEST>&undeclared;</REQUEST>",
        "<?xml version='1.0' encoding='klingon'?><REQUEST/>",
        "<?xml version='1.0' encoding='utf-7'?><REQUEST/>",
        "<REQUEST>" + "<A>" * 40,
        "<REQUEST>" + "<A/>" * 2_500_000 + "</REQUEST>",
        "<REQUEST>\x01</REQUEST>",
        "<?xml",
    ],
)
def test_what_is_no_inventory_is_one_clear_error(text: str) -> None:
    with pytest.raises(BadInputError, match=r"^pc\.ocs"):
        read(text)


def test_many_elements_take_no_memory() -> None:
    entries = "<NETWORKS><MACADDR>a4:bb:6d:11:22:33</MACADDR></NETWORKS>" * 20_000
    text = FUSION.replace("<BIOS>", f"{entries}<BIOS>", 1)
    tracemalloc.start()
    (found,) = read(text).machines
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.macs == ("a4:bb:6d:11:22:33",)
    assert peak < 5_000_000


def test_another_message_of_an_agent_is_left_aside() -> None:
    reading = read("<REQUEST><CONTENT/><QUERY>SNMPQUERY</QUERY></REQUEST>")
    assert not reading.machines
    assert not reading.problems
    assert len(reading.left_aside) == 1


def test_an_empty_inventory_is_a_problem() -> None:
    reading = read("<REQUEST><CONTENT><BIOS/></CONTENT><QUERY>INVENTORY</QUERY></REQUEST>")
    assert not reading.machines
    assert len(reading.problems) == 1


_NAMES = ["CONTENT", "HARDWARE", "BIOS", "NAME", "SSN", "NETWORKS", "MACADDR", "DRIVES", "TAG", "QUERY", "x"]
_words = st.sampled_from(
    [f"{mark}{name}>" for name in _NAMES for mark in ("<", "</")] + ["INVENTORY", "&amp;", "é", "0"]
)


@given(st.lists(_words, max_size=30))
def test_any_elements_are_read_or_told(words: list[str]) -> None:
    text = "<REQUEST>" + "".join(words) + "</REQUEST>"
    told = outcome(text)
    assert told.startswith("pc.ocs:")
    if told == "pc.ocs: read":
        reading = read(text)
        assert len(reading.machines) + len(reading.problems) + len(reading.left_aside) == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_told(data: bytes) -> None:
    for candidate in (data, b"<REQUEST>" + data, b"<?xml version='1.0' encoding='utf-16'?>" + data):
        assert outcome(candidate).startswith("pc.ocs:")
