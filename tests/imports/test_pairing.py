"""Who uses what: made where the list says so and the commune allows it, else told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet import sample
from tests.fleet.conftest import _english as _english
from tests.imports.lists import Town, desktop, laptop, named, pairing, person, told, unchanged
from toolkit.fleet import load
from toolkit.imports.model import Fate
from toolkit.imports.plan import Matter, Sign


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_person_with_a_laptop_and_a_desktop_is_a_post(town: Town) -> None:
    town.take(
        *unchanged(),
        laptop(2, "PORT", "N1"),
        desktop(2, "PC", "D1", address="198.51.100.30"),
        person(2, "DURAND Élodie", duty="rédacteur", service="ACCUEIL"),
        pairing(2, "DURAND Élodie", "N1", "D1"),
    )
    assert town.data("teleworkers")[-1] == {"login": "edurand", "name": "DURAND Élodie", "duty": "redacteur"}
    assert town.data("posts")[-1] == {
        "teleworker": "edurand",
        "laptop": "essai-portable-3",
        "office_pc": "essai-bureau-3",
    }
    assert len(town.data("duties")) == 2


def test_laptop_and_desktop_of_one_user_on_two_rows_are_one_post(town: Town) -> None:
    """As GLPI lists them: one row a computer, the user's account on both."""
    plan = town.take(
        laptop(2, "PORT", "N1"),
        desktop(3, "PC", "D1", address="198.51.100.30"),
        desktop(4, "PC-ACCUEIL", "D2", address="198.51.100.31"),
        person(2, None, "edurand", duty="Rédacteur"),
        person(4, None, "sansportable"),
        pairing(2, "edurand", laptop="N1"),
        pairing(3, "edurand", office_pc="PC"),
        pairing(4, "sansportable", office_pc="D2"),
        partial=True,
    )
    assert town.data("posts")[-1]["office_pc"] == "essai-bureau-3"
    assert [post.get("office_pc") for post in town.data("fixed_posts")] == ["essai-bureau-3", None]
    assert "sansportable" not in town.text(), "the user of a desktop is no teleworker: nothing personal is kept"
    assert plan.unwritten == 1


def test_f007_a_laptop_without_an_office_pc_is_a_post_too(town: Town) -> None:
    town.take(laptop(2, "P", "N1"), person(2, "Zoé Neuf", duty="Rédacteur"), pairing(2, "Zoé Neuf", "P"), partial=True)
    assert town.data("posts")[-1] == {"teleworker": "zneuf", "laptop": "essai-portable-3"}


def test_nobody_becomes_eligible_without_being_told(town: Town) -> None:
    rows = (
        laptop(2, "P", "N1"),
        desktop(2, "PC", "D1", address="198.51.100.30"),
        person(2, "Luc Neuf", duty="Archiviste", service="Archives"),
        pairing(2, "Luc Neuf", "N1", "D1"),
    )
    plan = town.take(*rows, partial=True)
    assert town.data("services")[-1] == {"id": "archives", "name": "Archives"}
    assert town.data("duties")[-1] == {
        "id": "archiviste",
        "name": "Archiviste",
        "service": "archives",
        "eligible": False,
    }
    assert len(town.data("posts")) == 2
    assert "office_pc" not in town.data("fixed_posts")[0]
    assert "Archiviste" in told(plan, Matter.COMPLETE)[0]
    path = town.workspace.commune("essai").fleet
    path.write_text(
        town.text().replace("service: archives, eligible: false", "service: archives, eligible: true"), encoding="utf-8"
    )
    town.take(*rows, partial=True)
    assert town.data("posts")[-1] == {
        "teleworker": "lneuf",
        "laptop": "essai-portable-3",
        "office_pc": "essai-bureau-3",
    }


def test_a_duty_that_may_not_telework_makes_no_post(town: Town) -> None:
    plan = town.take(laptop(2, "P", "N1"), person(2, "Luc", duty="Gardien"), pairing(2, "Luc", "N1"), partial=True)
    assert len(town.data("posts")) == 2
    assert "Gardien" in told(plan, Matter.COMPLETE)[0]


def test_where_only_the_service_is_known_its_name_is_the_duty(town: Town) -> None:
    town.take(person(2, "Luc Neuf", service="Accueil"), person(3, "Eve Neuf", service="Voirie"))
    assert [(item["id"], item["service"], item["eligible"]) for item in town.data("duties")[2:]] == [
        ("accueil", "accueil", False),
        ("voirie", "voirie", False),
    ]


def test_a_person_of_whom_nothing_is_known_is_to_be_completed(town: Town) -> None:
    plan = town.take(laptop(2, "P", "N1"), pairing(2, "Luc Neuf", "N1"), partial=True)
    assert told(plan, Matter.COMPLETE) == ["Luc Neuf: neither duty nor service is known; left out"]
    assert told(plan, Matter.UNPAIRED) == ["essai-portable-3: no teleworker"]
    assert len(town.data("teleworkers")) == 2


def test_a_duty_of_the_same_name_in_another_service_is_another_one(town: Town) -> None:
    town.take(person(2, "Luc Neuf", duty="Rédacteur", service="Urbanisme"))
    assert town.data("duties")[-1]["id"] == "redacteur-2"
    assert town.data("teleworkers")[-1]["duty"] == "redacteur-2"


def test_who_is_who(town: Town) -> None:
    before = town.text()
    town.take(
        person(2, "Bruno Le Grand", "BRUNO@mairie.example"),  # by login; the name has changed
        person(3, "Anna Petit", "anna2", duty="Rédacteur"),  # a namesake with a login of her own
        person(4, None, "anna"),
    )
    assert town.difference(before) == [
        "-   - {login: bruno, name: Bruno Grand, duty: redacteur}",
        "+   - {login: bruno, name: Bruno Le Grand, duty: redacteur}",
        "+   - {login: anna2, name: Anna Petit, duty: redacteur}",
    ]


def test_a_name_in_another_order_is_the_same_name(town: Town) -> None:
    before = town.text()
    town.take(person(2, "PETIT Anna"), person(3, "Grand, Bruno"))
    assert town.text() == before


def test_a_login_stays_when_the_list_gets_one(town: Town) -> None:
    town.take(person(2, "Zoé Neuf", duty="Rédacteur"))
    before = town.text()
    town.take(person(2, "Zoé Neuf", "zoe.neuf@mairie.example", duty="Rédacteur"))
    assert town.text() == before


@pytest.mark.parametrize("login", ["root", "nomade", "www-data"])
def test_a_login_is_never_a_system_or_the_management_account(town: Town, login: str) -> None:
    town.take(person(2, "Zoé Neuf", login, duty="Rédacteur"))
    assert town.data("teleworkers")[-1]["login"] == "zneuf"


def test_namesakes_without_logins_are_a_problem_only_where_it_matters(tmp_path: Path) -> None:
    text = sample.changed("Bruno Grand", "Anna Petit")
    assert "several teleworkers are called “Anna Petit”: anna, bruno" in Town(tmp_path, essai=text).refuses(
        *unchanged(), person(2, "Anna Petit")
    )


def test_two_duties_of_one_person_are_a_problem(town: Town) -> None:
    said = town.refuses(person(2, "Zoé", duty="Rédacteur"), person(3, "ZOE", duty="Gardien"))
    assert said.startswith("liste.csv:3:1: Zoé: the duty is “Gardien” here and “Rédacteur” in row 2")


# Contradictions


def test_f007_two_people_with_one_office_pc_or_laptop_are_a_problem(town: Town) -> None:
    people = (person(2, "Zoé", duty="Rédacteur"), person(3, "Luc", duty="Rédacteur"))
    machines = (laptop(2, "A", "N1"), laptop(3, "B", "N2"), desktop(2, "PC", "D1", address="198.51.100.30"))
    said = town.refuses(*people, *machines, pairing(2, "Zoé", "N1", "D1"), pairing(3, "Luc", "N2", "D1"))
    assert said == ("liste.csv:3:1: PC of Luc is also Zoé’s (row 2) (one laptop and one office PC for each teleworker)")
    assert "A of Luc is also Zoé’s" in town.refuses(
        *people, *machines, pairing(2, "Zoé", "N1"), pairing(3, "Luc", "N1")
    )


def test_several_laptops_of_one_person_are_told_and_none_is_picked(town: Town) -> None:
    plan = town.take(
        laptop(2, "A", "N1"),
        laptop(3, "B", "N2"),
        person(2, "Zoé", duty="Rédacteur"),
        pairing(2, "Zoé", "N1"),
        pairing(3, "Zoé", "N2"),
        partial=True,
    )
    assert "Zoé: several of one kind (laptops): A, B" in told(plan, Matter.UNPAIRED)
    assert len(town.data("laptops")) == 4
    assert len(town.data("posts")) == 2


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("Zoé", "PORTABLE-9", None), "no machine of this commune, in list or fleet, is called “PORTABLE-9”"),
        (("Zoé", "D1", None), "PC is not a laptop"),
        (("Zoé", "N1", "S1"), "essai-portable-1 is a laptop, not an office PC"),
    ],
)
def test_f007_a_pairing_that_cannot_be_is_a_problem(town: Town, pair: tuple[str, str, str], message: str) -> None:
    rows = (laptop(2, "A", "N1"), desktop(2, "PC", "D1"), person(2, "Zoé", duty="Rédacteur"))
    assert message in town.refuses(*rows, pairing(2, *pair))


# What the fleet says already


def test_an_office_pc_is_added_to_a_post_that_has_none(town: Town) -> None:
    before = town.text()
    town.take(*unchanged(), pairing(3, "bruno", "S2", "S4"))
    assert town.difference(before) == [
        "-   - {teleworker: bruno, laptop: essai-portable-2}",
        "+   - {teleworker: bruno, laptop: essai-portable-2, office_pc: essai-bureau-2}",
    ]


def test_another_laptop_is_a_matter_of_replace(town: Town) -> None:
    before = town.text()
    plan = town.take(*unchanged(), laptop(3, "NEUF", "N1"), pairing(3, "bruno", "N1"))
    assert town.difference(before) == [
        "+   - {name: essai-portable-3, os: debian-12, serial: N1, listed_as: NEUF}",
    ]
    assert told(plan, Matter.DECIDE) == [
        "Bruno Grand: the list says essai-portable-3, fleet.yml essai-portable-2: nomade replace changes a laptop"
    ]


def test_f007_a_machine_of_somebody_elses_post_is_a_matter_to_decide(town: Town) -> None:
    before = town.text()
    plan = town.take(*unchanged(), pairing(2, "bruno", "S2", "S3"))
    assert town.text() == before
    assert told(plan, Matter.DECIDE) == ["essai-bureau-1: anna’s post in fleet.yml, Bruno Grand’s in the list"]


def test_a_post_keeps_its_duty_when_the_list_gives_one_that_may_not_telework(town: Town) -> None:
    before = town.text()
    plan = town.take(person(2, "Anna Petit", duty="Gardien"))
    assert town.text() == before
    assert "which may not telework" in told(plan, Matter.DECIDE)[0]


def test_a_laptop_retired_in_the_list_is_told(town: Town) -> None:
    before = town.text()
    one, *rest = unchanged()
    plan = town.take(laptop(2, one.name, one.serial, fate=Fate.RETIRED), *rest)
    assert town.text() == before
    assert told(plan, Matter.DECIDE) == ["essai-portable-1: retired in the list, still an endpoint in fleet.yml"]


def test_what_the_fleet_is_is_not_changed_by_what_a_machine_runs_today(town: Town) -> None:
    before = town.text()
    plan = town.take(laptop(2, None, "S1", system="Debian GNU/Linux 12"), laptop(3, None, "S2", system="Windows 10"))
    assert [line for line in town.difference(before) if "missing" not in line] == []
    assert told(plan, Matter.DECIDE) == ["essai-portable-1: os is debian-13 in fleet.yml and debian-12 in the list"]


def test_five_hundred_people_are_paired_and_load(town: Town) -> None:
    path = town.workspace.commune("essai").fleet
    path.write_text(town.text().replace("10.77.9.0/29", "10.77.0.0/16"), encoding="utf-8")
    rows = [
        item
        for number in range(500)
        for item in (
            laptop(number + 2, f"P{number}", f"SN{number}X"),
            person(number + 2, f"Anne Durand{'abcdefghij'[number % 10]}", f"agent{number}", duty="Rédacteur"),
            pairing(number + 2, f"agent{number}", f"SN{number}X"),
        )
    ]
    plan = town.take(*rows, partial=True)
    assert len(load(town.workspace, "essai").posts) == 502
    assert len(named(plan, Sign.ADDED)) == 500 * 2  # laptops; posts and teleworkers share the login
