"""How long an account may be let out beside the tunnel: the window to a captive portal, of the rules in force."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

UNBOUNDED = "unbounded"
_SET = "portal_window"


def seconds(entries: Iterable[Any], filtered: bool) -> int | str:
    """Return the longest time that rules or elements in force let an account out; 0 when none is, `unbounded` when no
    timeout ends it or nothing is filtered on the way out. `entries`: those of `nft --json list ruleset`.
    """
    if not filtered:
        return UNBOUNDED
    sets = [entry["set"] for entry in entries if "set" in entry and entry["set"].get("name") == _SET]
    rules = [entry["rule"]["expr"] for entry in entries if "rule" in entry]
    if any(_for_an_account(rule) for rule in rules):
        return UNBOUNDED
    times = [time for found in sets for time in (found.get("timeout"), *_elements(found))]
    return UNBOUNDED if not all(isinstance(time, int) and time > 0 for time in times) else max(times, default=0)


def _for_an_account(rule: list[Any]) -> bool:
    """Whether a rule lets an account out by another condition than the set."""
    matches = [part["match"] for part in rule if isinstance(part, dict) and isinstance(part.get("match"), dict)]
    named = [
        match for match in matches if match.get("left") in ({"meta": {"key": "skuid"}}, {"meta": {"key": "skgid"}})
    ]
    passes = any(isinstance(part, dict) and {"accept", "jump", "goto"} & set(part) for part in rule)
    return passes and any(match.get("right") != f"@{_SET}" for match in named)


def _elements(found: dict[str, Any]) -> Iterable[Any]:
    """The timeouts of a set's elements; an element without one has that of its set."""
    for item in found.get("elem", []):
        element = item.get("elem", {}) if isinstance(item, dict) else {}
        yield element.get("timeout", found.get("timeout"))
