"""What the communes of the site ask for, changed for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from toolkit.lab.machines import Lab


@contextmanager
def rewritten(lab: Lab, change: Callable[[str], str], *communes: str) -> Iterator[None]:
    """Change the fleet files (of all communes when none is named); as before at the end."""
    paths = [lab.workspace.commune(name).fleet for name in communes or lab.workspace.communes()]
    before = {path: path.read_text(encoding="utf-8") for path in paths}
    try:
        for path, text in before.items():
            path.write_text(change(text), encoding="utf-8")
        yield
    finally:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")


def with_line(start: str, line: str) -> Callable[[str], str]:
    """Return a change that puts `line` in place of the one that begins with `start`."""

    def change(text: str) -> str:
        lines = text.splitlines(keepends=True)
        assert any(old.startswith(start) for old in lines), start
        return "".join(line if old.startswith(start) else old for old in lines)

    return change


def with_quarantine(text: str) -> str:
    """Have a fleet file ask for quarantine, with a way to the updates."""
    return text.replace("everyone: true}", "everyone: true, maintenance: true}") + "\nquarantine: true\n"
