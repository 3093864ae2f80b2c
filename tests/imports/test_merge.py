"""A list is merged into a fleet file: additions, changes, disappearances; what people wrote stays."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.fleet import sample
from tests.fleet.conftest import _english as _english
from tests.imports.lists import (
    Town,
    desktop,
    laptop,
    machine,
    named,
    pairing,
    person,
    told,
    unchanged,
)
from toolkit import inventory
from toolkit.fleet import System, load
from toolkit.imports.model import Fate
from toolkit.imports.plan import Matter, Sign


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


# First import


def test_a_new_laptop_gets_the_next_name_and_the_system_asked_for(town: Town) -> None:
    plan = town.take(
        *unchanged(), laptop(2, "PORT-7", "N1", model="X13", system="Microsoft Windows 10", macs=("02:00:00:00:00:01",))
    )
    assert town.data("laptops")[-1] == {
        "name": "essai-portable-3",
        "os": "debian-12",
        "serial": "N1",
        "model": "X13",
        "mac": "02:00:00:00:00:01",
        "listed_as": "PORT-7",
    }
    assert plan.installed == 1


@pytest.mark.parametrize(
    ("said", "kept", "installed"),
    [
        ("Debian GNU/Linux 13 (trixie)", "debian-13", 0),
        ("Ubuntu 24.04.1 LTS", "ubuntu-24.04", 0),
        ("Debian GNU/Linux 11 (bullseye)", "debian-13", 1),
        (None, "debian-13", 1),
    ],
)
def test_a_known_system_is_kept(town: Town, said: str | None, kept: str, installed: int) -> None:
    plan = town.take(laptop(2, "A", "N1", system=said), system=System.DEBIAN_13, partial=True)
    assert (town.data("laptops")[-1]["os"], plan.installed) == (kept, installed)


def test_a_desktop_is_a_fixed_post(town: Town) -> None:
    town.take(desktop(2, "PC-ACCUEIL", "D1", system="Windows 11", address="198.51.100.30"))
    assert town.data("fixed_posts") == [{"name": "PC-ACCUEIL", "serial": "D1", "os": "Windows 11"}]
    assert len(town.data("office_pcs")) == 2


def test_a_kept_desktop_becomes_an_office_pc_at_its_address(town: Town) -> None:
    town.take(desktop(2, "PC-ACCUEIL", "D1", address="198.51.100.30", fate=Fate.KEPT))
    assert town.data("office_pcs")[-1] == {
        "name": "essai-bureau-3",
        "os": "debian-12",
        "office_address": "198.51.100.30",
        "serial": "D1",
        "listed_as": "PC-ACCUEIL",
    }
    assert town.data("fixed_posts") == [{"name": "PC-ACCUEIL", "fate": "kept", "office_pc": "essai-bureau-3"}]


@pytest.mark.parametrize(
    "address", [None, "192.0.2.1", "198.51.100.2", "198.51.100.20", "198.51.100.0", "198.51.100.255"]
)
def test_f005_a_kept_desktop_without_an_address_of_its_own_is_to_be_completed(town: Town, address: str | None) -> None:
    plan = town.take(desktop(2, "PC-ACCUEIL", "D1", address=address, fate=Fate.KEPT))
    assert town.data("fixed_posts") == [{"name": "PC-ACCUEIL", "serial": "D1", "fate": "kept"}]
    assert "PC-ACCUEIL" in told(plan, Matter.COMPLETE)[0]
    town.take(desktop(2, "PC-ACCUEIL", "D1", address="198.51.100.30"), desktop(3, "PC-2", "D2"))
    assert town.data("fixed_posts")[0]["fate"] == "kept", "an address alone decides nothing"
    town.take(desktop(2, "PC-ACCUEIL", "D1", address="198.51.100.30", fate=Fate.KEPT))
    assert town.data("fixed_posts")[0]["office_pc"] == "essai-bureau-3"


def test_f003_two_kept_desktops_do_not_get_one_address(town: Town) -> None:
    two = (desktop(row, f"PC-{row}", f"D{row}", address="198.51.100.30", fate=Fate.KEPT) for row in (2, 3))
    plan = town.take(*two)
    assert [post.get("office_pc") for post in town.data("fixed_posts")] == ["essai-bureau-3", None]
    assert len(told(plan, Matter.COMPLETE)) == 1


def test_a_retired_desktop_has_date_and_disposal(town: Town) -> None:
    end = {"fate": Fate.RETIRED, "fate_date": date(2026, 1, 31), "disposal": "don à l’école"}
    plan = town.take(desktop(2, "A", "D1", **end), desktop(3, "B", "D2", fate=Fate.RETIRED))
    first, second = town.data("fixed_posts")
    assert (first["fate"], first["retired_on"], first["disposal"]) == ("retired", "2026-01-31", "don à l’école")
    assert "fate" not in second
    assert "B" in told(plan, Matter.COMPLETE)[0]


def test_what_kind_of_machine_is_not_said_is_not_guessed(town: Town) -> None:
    before = town.text()
    plan = town.take(machine(2, "QUOI", "Q1"))
    assert town.text() == before
    assert told(plan, Matter.COMPLETE) == ["QUOI: laptop or desktop? The list does not say; left out"]


# Second import


def test_the_same_list_twice_changes_nothing(town: Town) -> None:
    items = (
        *unchanged(),
        laptop(2, "PORT-7", "N1", macs=("02:00:00:00:00:01",)),
        desktop(3, "PC 8", "D1", address="198.51.100.30", fate=Fate.KEPT),
        desktop(4, "PC 9", None),
        laptop(5, "sans-serie", None),
        person(2, "Zoé Neuve", duty="Rédacteur"),
        pairing(2, "Zoé Neuve", "N1"),
    )
    town.take(*items)
    inventory.generate(town.workspace, "essai")
    once, addresses = town.text(), town.workspace.commune("essai").addresses.read_text(encoding="utf-8")
    plan = town.take(*items)
    inventory.generate(town.workspace, "essai")
    assert town.text() == once
    assert town.workspace.commune("essai").addresses.read_text(encoding="utf-8") == addresses
    assert plan.changes == ()


def test_a_changed_list_changes_only_what_changed(town: Town) -> None:
    town.take(*unchanged(), laptop(2, "PORT-7", "N1", model="X13"))
    before = town.text()
    town.take(*unchanged(), laptop(2, "PORT-8", "N1", model="X14"))
    assert town.difference(before) == [
        "-   - {name: essai-portable-3, os: debian-12, serial: N1, model: X13, listed_as: PORT-7}",
        "+   - {name: essai-portable-3, os: debian-12, serial: N1, model: X14, listed_as: PORT-8}",
    ]


def test_comments_order_and_quotes_of_people_stay(tmp_path: Path) -> None:
    text = (
        sample.FLEET.replace("laptops:\n", "# nos portables\nlaptops: # tous\n")
        .replace("serial: S1,", "serial: 'S1',")
        .replace("posts:\n", "posts:\n  # Anna d’abord\n")
    )
    town = Town(tmp_path, essai=text)
    town.take(*unchanged(), laptop(2, "PORT-7", "N1"))
    assert town.difference(text) == [
        "+   - {name: essai-portable-3, os: debian-12, serial: N1, listed_as: PORT-7}",
    ]


def test_what_a_list_no_longer_names_is_marked_and_never_deleted(town: Town) -> None:
    one, two, *desktops = unchanged()
    plan = town.take(one, *desktops)
    assert named(plan, Sign.MISSING) == {"essai-portable-2"}
    assert town.data("laptops")[1]["missing_since"] == "2026-11-24"
    assert len(town.data("posts")) == 2
    before = town.text()
    assert not town.take(one, *desktops, today=date(2026, 12, 24)).changes, "the first day it was missing stays"
    assert town.text() == before
    assert named(town.take(one, two, *desktops), Sign.BACK) == {"essai-portable-2"}
    assert town.text() == sample.FLEET


def test_a_list_says_nothing_of_the_kinds_it_does_not_name(town: Town) -> None:
    plan = town.take(desktop(2, "PC-1", "D1"))
    assert named(plan, Sign.MISSING) == {"essai-bureau-1", "essai-bureau-2"}
    plan = town.take(person(2, "Zoé", duty="Rédacteur"))
    assert not named(plan, Sign.MISSING)


def test_a_partial_list_or_one_machines_inventory_marks_nothing(town: Town) -> None:
    assert not named(town.take(laptop(2, "A", "N1"), partial=True), Sign.MISSING)
    assert not named(town.take(laptop(1, "B", "N2"), columns=()), Sign.MISSING)


def test_a_retired_post_that_left_the_list_is_not_missing(town: Town) -> None:
    end = {"fate": Fate.RETIRED, "fate_date": date(2026, 1, 31), "disposal": "don"}
    town.take(*unchanged(), desktop(2, "A", "D1", **end))
    assert not town.take(*unchanged()).changes


def test_a_post_becomes_an_office_pc_and_then_is_that(town: Town) -> None:
    town.take(desktop(2, "PC 1", "D1", macs=("02:00:00:00:00:09",)), partial=True)
    kept = desktop(2, "PC 1", "D1", macs=("02:00:00:00:00:09",), address="198.51.100.30", fate=Fate.KEPT)
    town.take(kept, partial=True)
    assert town.data("office_pcs")[-1]["mac"] == "02:00:00:00:00:09"
    assert not town.take(kept, partial=True).changes
    assert load(town.workspace, "essai").fixed_posts[0].office_pc == "essai-bureau-3"


# Is it the same machine


def test_serial_comes_before_mac_and_mac_before_name(town: Town) -> None:
    rows = (
        laptop(2, "essai-portable-2", "s1 ", macs=("00:11:22:33:44:02",)),  # by serial: number 1, though all else is 2
        desktop(4, "ESSAI-BUREAU-1", None),
    )
    plan = town.take(*rows)
    assert town.data("laptops")[0]["listed_as"] == "essai-portable-2"
    assert named(plan, Sign.MISSING) == {"essai-portable-2", "essai-bureau-2"}
    plan = town.take(laptop(3, "essai-portable-1", None, macs=("00:11:22:33:44:02",)), partial=True)
    assert town.data("laptops")[1]["listed_as"] == "essai-portable-1"
    assert not named(plan, Sign.ADDED)


def test_another_serial_number_is_another_machine(town: Town) -> None:
    plan = town.take(*unchanged()[1:], laptop(2, "essai-portable-1", "S1-NEUF"))
    assert named(plan, Sign.ADDED) == {"essai-portable-3"}
    assert named(plan, Sign.MISSING) == {"essai-portable-1"}
    assert "essai-portable-1" in told(plan, Matter.DECIDE)[0]


def test_a_dock_does_not_make_two_laptops_one(town: Town) -> None:
    dock = ("00:11:22:33:44:01",)
    plan = town.take(
        *unchanged(), laptop(2, "A", "N1", macs=dock), laptop(3, "B", "N2", macs=(*dock, "02:00:00:00:00:02"))
    )
    assert [item.get("mac") for item in town.data("laptops")][2:] == [None, "02:00:00:00:00:02"]
    assert "A" in told(plan, Matter.DECIDE)[0]


def test_an_ambiguous_row_is_a_problem(tmp_path: Path) -> None:
    two = "fixed_posts:\n  - {name: PC, os: a}\n  - {name: pc, os: b}\n"
    said = Town(tmp_path, essai=sample.FLEET + two).refuses(desktop(2, "PC", None))
    assert said == "liste.csv:2:1: several machines fit this row: PC, pc (give the row its serial number)"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((laptop(2, "A", "S1"), laptop(3, "B", None, macs=("00:11:22:33:44:01",))), "also the machine of row 2"),
        ((laptop(2, "A"), laptop(3, "a")), "row 2 has the same name"),
        ((laptop(2),), "nothing says which machine this is"),
        ((laptop(2, None, "N1"), desktop(3, None, "n1")), "disagree on: kind of machine"),
        ((laptop(2, "A", "N1"), laptop(3, "B", "N1")), "disagree on: name"),
        (
            (laptop(2, macs=("02:00:00:00:00:01",)), laptop(3, macs=("02:00:00:00:00:01",))),
            "row 2 has the same MAC address",
        ),
    ],
)
def test_rows_that_contradict_each_other_are_a_problem(town: Town, rows: tuple[object, ...], message: str) -> None:
    assert message in town.refuses(*rows)


def test_two_sources_of_one_machine_complete_each_other(town: Town) -> None:
    from dataclasses import replace

    agent = laptop(1, "PORT", "N1", macs=("02:00:00:00:00:01",))
    agent = replace(agent, place=replace(agent.place, file="agent.json"))
    town.take(machine(2, "Portable de Zoé", "N1", model="X13"), agent)
    assert (town.data("laptops")[-1]["model"], town.data("laptops")[-1]["mac"]) == ("X13", "02:00:00:00:00:01")


@pytest.mark.parametrize("serial", ["To be filled by O.E.M.", "0", "Default string", "None", "XXXXXXX"])
def test_a_serial_number_that_is_none_makes_no_two_machines_one(town: Town, serial: str) -> None:
    town.take(laptop(2, "A", serial), laptop(3, "B", serial))
    assert [item["listed_as"] for item in town.data("laptops")[2:]] == ["A", "B"]
    assert "serial" not in town.data("laptops")[2]


def test_the_gateway_in_a_list_is_no_post(tmp_path: Path) -> None:
    text = sample.changed("  name: essai-passerelle\n", "  name: essai-passerelle\n  serial: GW1\n")
    town = Town(tmp_path, essai=text)
    town.take(*unchanged(), desktop(2, "passerelle", "GW1"))
    assert town.text() == text
