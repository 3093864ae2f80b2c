"""Python's garbage collector, held while much is read at once."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Let no cycle be looked for meanwhile: also a decorator, `@collector_paused()`.

    Reading a fleet makes hundreds of thousands of objects that all stay and none of which is in a cycle: looking
    through them again and again took a third of the time (docs/decisions/0013-hosts-file.md).
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
