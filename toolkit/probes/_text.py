"""Small readers that several parsers share. Each raises `ValueError` on text it does not expect."""

from __future__ import annotations

import json
from typing import Any

ABSENT = "absent"  # what a command prints when the program it asks is not installed: an answer, not a failure


def pairs(text: str, separator: str | None = None) -> dict[str, str]:
    """Return the `key<separator>value` lines of `text`; empty lines are skipped, a repeated key is refused."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        key, *rest = line.split(separator, 1)
        if not rest and separator is not None:
            raise ValueError(f"no {separator!r} in {line!r}")
        if key.strip() in found:
            raise ValueError(f"{key.strip()!r} twice")
        found[key.strip()] = rest[0].strip() if rest else ""
    if not found:
        raise ValueError("empty output")
    return found


def whole(text: str) -> list[str]:
    """Return the lines before the last one, which must be `end`: a cut output never looks whole."""
    *lines, last = text.strip().splitlines() or [""]
    if last != "end":
        raise ValueError("cut at the end")
    return lines


def scalar(text: str) -> str | int:
    """Return `text` as an integer when it is one, else as it is."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 19 else text


def take(values: dict[str, str], *names: str) -> list[str]:
    """Return the values of `names` in that order; a missing one is refused, so a cut output never looks whole."""
    missing = [name for name in names if name not in values]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    return [values[name] for name in names]


def flag(text: str) -> bool:
    """Return True for `yes`, False for `no`; anything else is refused."""
    if text not in ("yes", "no"):
        raise ValueError(f"neither yes nor no: {text!r}")
    return text == "yes"


def document(text: str) -> Any:
    """Return the JSON value of `text`; deep nesting is refused like any other broken document."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
