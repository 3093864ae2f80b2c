"""Tunnel addresses: given once, lowest first, never renumbered, rested before they are given again."""

from __future__ import annotations

from datetime import date, timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.fleet import sample
from toolkit.errors import BadInputError, ProblemsError
from toolkit.fleet import addresses, load
from toolkit.fleet.addresses import QUARANTINE, Addresses, allocate

TODAY = date(2026, 3, 1)
NETWORK = "10.77.9.0/29"


def given_to(laptops: list[str], before: Addresses = Addresses({}), today: date = TODAY) -> Addresses:  # noqa: B008
    return allocate(NETWORK, "gw", laptops, before, today)


def test_the_gateway_has_the_first_and_laptops_the_lowest_free() -> None:
    assert dict(given_to(["b", "a"]).tunnel) == {"gw": "10.77.9.1", "a": "10.77.9.2", "b": "10.77.9.3"}


def test_nobody_is_renumbered_by_newcomers() -> None:
    first = given_to(["m"])
    assert dict(given_to(["a", "m", "z"], first).tunnel) == {
        "gw": "10.77.9.1",
        "a": "10.77.9.3",
        "m": "10.77.9.2",
        "z": "10.77.9.4",
    }


def test_an_address_rests_before_somebody_else_gets_it() -> None:
    left = given_to(["b"], given_to(["a", "b"]))
    assert [(rest.address, rest.name, rest.since) for rest in left.freed] == [("10.77.9.2", "a", "2026-03-01")]
    soon = given_to(["b", "c"], left, TODAY + QUARANTINE - timedelta(days=1))
    assert soon.tunnel["c"] == "10.77.9.4"
    late = given_to(["b", "c"], left, TODAY + QUARANTINE)
    assert late.tunnel["c"] == "10.77.9.2"
    assert late.freed == ()


def test_a_laptop_that_comes_back_finds_its_address() -> None:
    left = given_to(["b"], given_to(["a", "b"]))
    back = given_to(["a", "b"], left, TODAY + timedelta(days=3))
    assert back.tunnel["a"] == "10.77.9.2"
    assert back.freed == ()


def test_a_renamed_gateway_keeps_the_first_address(tmp_path: Path) -> None:
    fleet = load(sample.workspace(tmp_path, essai=sample.FLEET), "essai")
    path = tmp_path / "addresses.yml"
    path.write_text(addresses.render(given_to(["essai-portable-1"])), encoding="utf-8")
    renamed = allocate(NETWORK, "essai-passerelle", ["essai-portable-1"], addresses.load(path, fleet), TODAY)
    assert dict(renamed.tunnel) == {"essai-passerelle": "10.77.9.1", "essai-portable-1": "10.77.9.2"}
    assert renamed.freed == ()


def test_a_full_network_is_said_and_not_overrun() -> None:
    assert len(given_to(list("abcde")).tunnel) == 6
    with pytest.raises(BadInputError, match=r"10\.77\.9\.0/29"):
        given_to(list("abcdef"))
    with pytest.raises(BadInputError):
        given_to(list("bcdefg"), given_to(list("abcde")))


def test_the_file_says_the_same_when_read_again(tmp_path: Path) -> None:
    fleet = load(sample.workspace(tmp_path, essai=sample.FLEET), "essai")
    wanted = allocate(NETWORK, "essai-passerelle", ["essai-portable-1"], given_to(["old"]), TODAY)
    path = tmp_path / "addresses.yml"
    path.write_text(addresses.render(wanted), encoding="utf-8")
    assert addresses.load(path, fleet) == wanted
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["tunnel"]["essai-portable-1"] == "10.77.9.3"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("tunnel:\n  essai-portable-1: 10.77.9.2\n  essai-portable-2: 10.77.9.2\n", 3),  # twice
        ("tunnel:\n  essai-portable-1: 10.77.9.1\n", 2),  # the gateway's
        ("tunnel:\n  essai-portable-1: 10.77.9.0\n", 2),  # network address
        ("tunnel:\n  essai-portable-1: 10.77.9.7\n", 2),  # broadcast address
        ("tunnel:\n  essai-portable-1: 10.77.10.2\n", 2),  # outside
        ("tunnel:\n  essai-portable-1: 10.77.9\n", 2),
        ("tunnel:\n  ../x: 10.77.9.2\n", 2),
        ("tunnel:\n  a: 10.77.9.2\n  a: 10.77.9.3\n", 3),
        ("tunel: {}\n", 1),
        ('tunnel: {a: 10.77.9.2}\nfreed:\n  - {address: 10.77.9.2, name: b, since: "2026-01-01"}\n', 3),
        ('freed:\n  - {address: 10.77.9.2, name: b, since: "yesterday"}\n', 2),
    ],
)
def test_f003_f005_f006_hand_edits_are_checked(tmp_path: Path, text: str, line: int) -> None:
    fleet = load(sample.workspace(tmp_path, essai=sample.FLEET), "essai")
    path = tmp_path / "addresses.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProblemsError) as refused:
        addresses.load(path, fleet)
    assert refused.value.problems[0].line == line


Names = st.sets(st.sampled_from([f"l{number}" for number in range(9)]), max_size=9)
Steps = st.lists(st.tuples(Names, st.integers(0, 120)), max_size=8)


@given(Steps)
def test_f003_f006_whatever_comes_and_goes_addresses_stay_unique_and_stable(steps: list[tuple[set[str], int]]) -> None:
    state, today = Addresses({}), TODAY
    last_owner: dict[str, tuple[str, date]] = {}
    for laptops, days in steps:
        today += timedelta(days=days)
        before = state
        state = allocate("10.77.9.0/26", "gw", laptops, before, today)
        assert set(state.tunnel) == {"gw", *laptops}
        assert len(set(state.tunnel.values())) == len(state.tunnel)
        assert all(IPv4Address(address) in IPv4Network("10.77.9.0/26") for address in state.tunnel.values())
        for name, address in state.tunnel.items():
            assert before.tunnel.get(name, address) == address
            owner, seen = last_owner.get(address, (name, today))
            assert owner == name or today - seen >= QUARANTINE
        last_owner |= {address: (name, today) for name, address in state.tunnel.items()}
