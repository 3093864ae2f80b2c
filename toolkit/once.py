"""Work done once for each object that many endpoints share. Machines set up by the same roles answer alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


class Once(Generic[Item, Made]):
    """What `work` makes of an object, remembered by its identity; for objects that nobody changes.

    At most `size` are remembered (and kept alive), so that a large fleet does not fill the memory.
    """

    def __init__(self, work: Callable[[Item], Made], size: int = 4096) -> None:
        self._work, self._size = work, size
        self._known: dict[int, tuple[Item, Made]] = {}

    def __call__(self, item: Item) -> Made:
        known = self._known.get(id(item))
        if known is None:
            if len(self._known) >= self._size:
                self._known.clear()
            known = self._known[id(item)] = (item, self._work(item))
        return known[1]
