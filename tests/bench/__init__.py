"""Speed, measured against a named peer on the same machine in the same run, and reported as a ratio."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: ours and the peer's, their ratio, and the ratio to stay at or under."""

    name: str
    ours: float
    peer: float
    ratio: float
    goal: float
    unit: str = "s"

    @property
    def met(self) -> bool:
        """Whether the goal was reached."""
        return self.ratio <= self.goal


def compare(name: str, ours: float, peer: float, goal: float, unit: str = "s") -> Row:
    """Return the row for two durations in seconds, or two amounts in another unit."""
    return Row(name, ours, peer, ours / peer, goal, unit)
