"""What a generated `hosts.yml` says of each host, with what its groups say: the particular wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


def variables(path: Path) -> dict[str, dict[str, Any]]:
    """Return the variables of every host of the file, expressions as they are written."""
    return variables_in(yaml.safe_load(path.read_text(encoding="utf-8")))


def variables_in(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the variables of every host of an inventory that has been read."""
    found: dict[str, dict[str, Any]] = {}
    for host, values in _walk(content["all"], {}):
        found.setdefault(host, {}).update(values)
    return found


def _walk(group: Mapping[str, Any], above: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    known = {**above, **group.get("vars", {})}
    for host, own in group.get("hosts", {}).items():
        yield host, {**known, **own}
    for child in group.get("children", {}).values():
        yield from _walk(child, known)
