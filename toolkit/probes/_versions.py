"""The order of Debian package versions (deb-version(7)), so that no endpoint has to be asked for it."""

from __future__ import annotations

import re
from functools import lru_cache

_PARTS = re.compile(r"([^0-9]*)([0-9]*)")


@lru_cache(maxsize=65_536)  # a fleet has the same packages on every endpoint
def newer(candidate: str, installed: str) -> bool:
    """Return whether `candidate` is a later version than `installed`."""
    return _key(candidate) > _key(installed)


def _key(version: str) -> tuple[int, list[tuple[list[int], int]], list[tuple[list[int], int]]]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return int(epoch), _parts(upstream), _parts(revision)


def _parts(text: str) -> list[tuple[list[int], int]]:
    """Alternating non-digits and numbers; a tilde sorts before the end, letters before all other signs."""
    found = [(word, digits) for word, digits in _PARTS.findall(text) if word or digits]
    return [([*map(_weight, word), 0], int(digits or 0)) for word, digits in found] + [([0], 0)]


def _weight(sign: str) -> int:
    if sign == "~":
        return -1
    return ord(sign) if sign.isalpha() else ord(sign) + 256
