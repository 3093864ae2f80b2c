"""Keys of the tunnel: peers nobody configured, refused ones that try, the age of the own key; never a secret."""

from __future__ import annotations

import pytest

from toolkit.probes import registry
from toolkit.probes.tunnel_keys import Peer, read

ONE, TWO, THREE = (f"{letter}N7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw=" for letter in "STU")
TEXT = f"""now 1764000100 key 1763000000
known {ONE}
known {TWO}
refused {TWO}
peer {ONE} - 10.77.1.2/32 1764000000 5120 9000
peer {TWO} 203.0.113.9:51820 (none) 0 148 92
peer {THREE} - 10.77.1.9/32 0 0 0
end
"""


def facts(text: str) -> dict[str, object]:
    return dict(registry()["tunnel_keys"].parse(text))


def test_what_is_not_as_configured_is_named() -> None:
    found = facts(TEXT)
    assert found["key_age_days"] == 11
    assert (found["orphans"], found["missing"], found["attempts"], found["refused"]) == ([THREE], [], [TWO], 1)
    assert facts(TEXT.replace(f"peer {ONE} - 10.77.1.2/32 1764000000 5120 9000\n", ""))["missing"] == [ONE]


def test_where_a_refused_key_tried_from_is_kept_and_where_people_are_is_not() -> None:
    keys = read(TEXT)
    assert keys is not None
    assert keys.peers[0] == Peer(ONE, ("10.77.1.2/32",), 1764000000, 5120, 9000, False, None)
    assert (keys.peers[1].source, keys.peers[1].refused) == ("203.0.113.9:51820", True)


def test_no_tunnel_is_an_answer() -> None:
    assert facts("absent\n") == {"installed": False, "up": False}
    assert facts("down\n") == {"installed": True, "up": False}
    assert read("down\n") is None


@pytest.mark.parametrize(
    "text", ["", "now 1\nend\n", TEXT[: len(TEXT) // 2], TEXT.replace("now", "then"), TEXT.replace("peer", "pair")]
)
def test_a_cut_or_unknown_text_is_no_answer(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        facts(text)


def test_windows_say_when_they_were_last_looked_at() -> None:
    parse = registry()["access_windows"].parse
    assert parse("enforced yes\nquarantine yes\ntable no\nnow 100\nran 40\nto_hold\nheld\nend\n") == {
        "installed": True,
        "enforced": True,
        "loaded": False,
        "age": 60,
        "told": True,
        "free": [],
        "astray": [],
    }
    assert parse("absent\n")["loaded"] is False
    held = parse("enforced no\ntable no\nnow 1\nran 1\nto_hold 192.0.2.1,192.0.2.2,\nheld 192.0.2.2,192.0.2.3,\nend\n")
    assert held["told"] is False
    assert (held["free"], held["astray"]) == (["192.0.2.1"], ["192.0.2.3"])
    cut = "enforced yes\ntable yes\nnow 100\nran 1\n"
    wrong = cut + "to_hold 192.0.2.1,192.0\nheld\nend\n"
    for text in ("", cut, cut + "to_hold\nheld\n", wrong, cut.replace("yes", "perhaps") + "to_hold\nheld\nend\n"):
        with pytest.raises(ValueError):  # noqa: PT011 — any text that is no answer
            parse(text)
