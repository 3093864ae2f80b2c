"""How the gateway tells a key in two places from a laptop that moves."""

from __future__ import annotations

import pytest

from tests.vpn.test_attacks import places_program
from toolkit.probes.tunnel_keys import parse, read

places = places_program()
KEY = "SN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw="
ENDPOINTS = f"{KEY}\t203.0.113.9:51820\nTN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw=\t(none)\n"


def returns(path: str, minutes: int = 1) -> int:
    """Return the count after a key was seen in these places (a letter each), some minutes apart."""
    state: dict[str, object] = {}
    for number, place in enumerate(path):
        state = places.look(state, {KEY: place}, 1_000_000 + 60 * minutes * number)
    return len(state[KEY]["returns"])  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("aaaa", 0),
        ("abcdef", 0),
        ("ab", 0),
        ("aba", 1),
        ("ababab", 4),
        ("aabbaabb", 2),
        ("abcabc", 0),
        ("ababababab", 8),
    ],
)
def test_only_coming_back_counts(path: str, count: int) -> None:
    assert returns(path) == count


def test_a_day_at_two_places_is_no_copy() -> None:
    assert returns("ababab", minutes=31) < places.MANY  # half an hour between: at most two within the hour
    assert returns("abababab") >= places.MANY


def test_no_address_is_kept_and_another_port_is_the_same_place() -> None:
    seen = places.places(ENDPOINTS, b"secret")
    assert list(seen) == [KEY]
    assert "203.0.113.9" not in str(seen)
    assert places.places(ENDPOINTS.replace("51820", "4500"), b"secret") == seen
    assert places.places(ENDPOINTS, b"other") != seen


TEXT = f"now 1764000100 key 1763000000\nknown {KEY}\npeer {KEY} - 10.77.1.2/32 1764000000 5120 9000\n"


@pytest.mark.parametrize(
    ("lines", "watched", "copied"),
    [
        (f"watched - 1764000060\nreturns {KEY} 4\n", True, []),
        (f"watched - 1764000060\nreturns {KEY} 5\n", True, [KEY]),
        (f"watched - 1763990000\nreturns {KEY} 0\n", False, []),  # nobody looks any more
        ("", False, []),
    ],
)
def test_what_nobody_watches_is_no_proof(lines: str, watched: bool, copied: list[str]) -> None:
    facts = parse(f"{TEXT}{lines}end\n")
    assert (facts["watched"], facts["copied"]) == (watched, copied)


def test_the_limit_is_the_same_on_the_gateway_and_in_the_audit() -> None:
    keys = read(f"{TEXT}returns {KEY} {places.MANY}\nend\n")
    assert keys is not None
    assert keys.in_two_places == {KEY}
