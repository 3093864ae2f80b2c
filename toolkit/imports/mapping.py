"""Which column of a list says what, as the user wrote it or as it was recognised."""

from __future__ import annotations

from collections.abc import Mapping as ReadMapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Mapping:
    """Field → header of the column that says it."""

    columns: ReadMapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
