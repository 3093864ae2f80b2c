"""Iterables in pieces, so that a whole store never has to be in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of `size` items, the last one shorter; none when there is nothing."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
