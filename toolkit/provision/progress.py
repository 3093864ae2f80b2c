"""One line per endpoint on stderr: a live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

import click

from toolkit.i18n import _
from toolkit.provision.events import Tally


class Plain:
    """Print a line whenever an endpoint enters another role."""

    def __enter__(self) -> Self:
        self._roles: dict[str, str] = {}
        return self

    def __exit__(self, *_exception: object) -> None:
        return None

    def __call__(self, tally: Tally) -> None:
        doing = _doing(tally)
        if (tally.role or tally.unreachable or tally.failed) and self._roles.get(tally.name) != doing:
            self._roles[tally.name] = doing
            click.echo(f"{tally.name} : {doing} — {_counts(tally)}", err=True)


class Live:
    """Keep one row per endpoint on the screen."""

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live as Screen

        self._rows: dict[str, Tally] = {}
        self._screen = Screen(console=Console(stderr=True), refresh_per_second=4)
        self._screen.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.__exit__(kind, error, trace)

    def __call__(self, tally: Tally) -> None:
        from rich.table import Table
        from rich.text import Text

        self._rows[tally.name] = tally
        table = Table.grid(padding=(0, 2))
        for name, row in self._rows.items():
            table.add_row(Text(name), Text(_doing(row)), Text(_counts(row)))
        self._screen.update(table)


def best(verbose: bool) -> Plain | Live:
    """Return the display for this terminal; Ansible's own output would tear a live table."""
    return Live() if sys.stderr.isatty() and not verbose else Plain()


def _doing(tally: Tally) -> str:
    if tally.unreachable:
        return _("not reached")
    if tally.failed:
        return _("stopped in {role}").format(role=tally.role or "—")
    return tally.role or _("connecting")


def _counts(tally: Tally) -> str:
    return _("{ok} ok, {changed} changed, {failed} failed").format(
        ok=tally.ok, changed=tally.changed, failed=tally.failed
    )
