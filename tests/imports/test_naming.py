"""Names made from what lists say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fleet import sample
from tests.fleet.conftest import _english as _english
from toolkit.errors import BadInputError
from toolkit.fleet import Kind, load
from toolkit.fleet.text import LOGIN_PATTERN, NAME_PATTERN, RESERVED_LOGINS
from toolkit.imports.naming import HostNames, given_login, login_of, new_id, spent_names


@pytest.mark.parametrize(
    ("name", "login"),
    [
        ("Claire Martin", "cmartin"),
        ("MARTIN Claire", "cmartin"),
        ("Martin, Claire", "cmartin"),
        ("LE GOFF Yann", "ylegoff"),
        ("Jean-Pierre Le Goff", "jlegoff"),
        ("Anaïs Aït-Ouarab", "aaitouarab"),
        ("Zoé L’Œillet", "zloeillet"),
        ("Łukasz Jørgensen", "ljorgensen"),
        ("Durand", "durand"),
        ("DURAND", "durand"),
        ("李 雷", "agent"),
        ("007 Bond", "bond"),
        ("Ro Ot", "rot"),
    ],
)
def test_a_login_is_initial_and_surname(name: str, login: str) -> None:
    assert login_of(name, ()) == login


@pytest.mark.parametrize("name", ["Root", "R Oot", "Sync", "W Ww-Data", "L Ist", "G Ames"])
def test_a_login_is_never_a_system_account(name: str) -> None:
    assert login_of(name, ()) not in RESERVED_LOGINS


def test_a_login_is_not_given_twice() -> None:
    assert login_of("Claire Martin", {"cmartin", "cmartin2"}) == "cmartin3"


@settings(max_examples=80)
@given(st.text(min_size=1, max_size=60), st.sets(st.sampled_from(["agent", "agent2", "a", "ab"])))
def test_any_name_makes_a_login(name: str, taken: set[str]) -> None:
    login = login_of(name, taken)
    assert re.fullmatch(LOGIN_PATTERN, login)
    assert login not in RESERVED_LOGINS | taken


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("cmartin", "cmartin"),
        ("CMARTIN", "cmartin"),
        ("MAIRIE\\cmartin", "cmartin"),
        ("cmartin@mairie.example", "cmartin"),
        ("claire.martin", "clairemartin"),
        ("root", None),
        ("-rf", None),
        ("12", None),
        ("@", None),
        ("é", "e"),
    ],
)
def test_f013_a_login_of_the_list_is_taken_only_if_it_is_one(text: str, login: str | None) -> None:
    assert given_login(text) == login


def test_ids_are_made_of_any_text() -> None:
    assert new_id("État civil / élections", (), "x") == "etat-civil-elections"
    assert new_id("État civil", {"etat-civil"}, "x") == "etat-civil-2"
    assert new_id("???", {"x"}, "x") == "x-2"
    assert re.fullmatch(NAME_PATTERN, new_id("a" * 100, {"a" * 60}, "x"))


def test_a_host_name_that_a_machine_had_is_not_given_again(tmp_path: Path) -> None:
    """Else a new laptop would inherit the tunnel address, the pinned key or the WireGuard key of an old one."""
    text = sample.FLEET + (
        "replaced:\n  - {teleworker: anna, from: essai-portable-3, to: essai-portable-1, "
        'date: "2026-01-01", reason: panne}\n'
    )
    workspace = sample.workspace(tmp_path / "w", essai=text)
    folder = workspace.commune("essai")
    folder.addresses.write_text(
        'tunnel: {}\nfreed:\n  - {address: "10.77.9.2", name: "essai-portable-4", since: "2026-01-01"}\n',
        encoding="utf-8",
    )
    folder.known_hosts.write_text("essai-portable-5 ssh-ed25519 AAAA\n", encoding="utf-8")
    folder.enrolment.write_text("essai-portable-6: {}\n", encoding="utf-8")
    folder.public.mkdir()
    (folder.public / "essai-portable-7.wg.pub").touch()
    fleet = load(workspace, "essai")
    spent = spent_names(fleet, folder)
    names = HostNames(fleet.commune, spent)
    assert [names.new(Kind.LAPTOP), names.new(Kind.LAPTOP)] == ["essai-portable-8", "essai-portable-9"]
    assert names.new(Kind.OFFICE_PC) == "essai-bureau-3"
    assert HostNames(fleet.commune, spent).new(Kind.LAPTOP) == "essai-portable-10"


def test_a_pattern_that_outgrows_a_host_name_is_told(tmp_path: Path) -> None:
    long = "e" * 55
    text = sample.FLEET.replace("id: essai\n", f"id: {long}\n")
    workspace = sample.workspace(tmp_path / "w", **{long: text})
    with pytest.raises(BadInputError, match="63 characters"):
        HostNames(load(workspace, long).commune, set()).new(Kind.LAPTOP)
