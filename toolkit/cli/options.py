"""Options that several verbs share, so that they mean and are called the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from toolkit.i18n import _
from toolkit.workspace import Workspace, find

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _find(context: click.Context, _parameter: click.Parameter, value: Path | None) -> Workspace | None:
    if context.resilient_parsing:  # shell completion: no reason to complain about the folder
        return None
    if value is not None and (value / "nomade.yml").is_file():
        return Workspace(value.resolve())
    return find((value or Path.cwd()).resolve())


workspace = click.option(
    "-w",
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="NOMADE_WORKSPACE",
    callback=_find,
    help=_("Workspace folder (found by walking up to nomade.yml)."),
)
communes = click.option("-c", "--commune", "communes", multiple=True, help=_("Commune to work on (repeatable)."))
all_communes = click.option("--all-communes", is_flag=True, help=_("Work on every commune of the workspace."))
# For verbs that touch no endpoint: every commune is what they take anyhow, and saying so is not an error.
all_communes_anyhow = click.option(
    "--all-communes", is_flag=True, expose_value=False, help=_("Work on every commune of the workspace.")
)
limit = click.option("-l", "--limit", help=_("Only these endpoints: names separated by commas, * allowed."))
max_age = click.option(
    "--max-age",
    type=click.IntRange(1, 366),
    metavar="DAYS",
    help=_("Evidence older than this many days is stale (default: the commune's limit)."),
)


def _a_day(_context: click.Context, _parameter: click.Parameter, value: datetime | None) -> date | None:
    return value.date() if value else None


def day(name: str, text: str, *, required: bool = False) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Return an option that takes a day (2026-01-31) and gives a date."""
    kind = click.DateTime(["%Y-%m-%d"])
    return click.option(name, type=kind, callback=_a_day, metavar="DATE", required=required, help=text)


as_of = day("--as-of", _("As it was known at the end of this day (2026-01-31)."))
# One document per commune.
output = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help=_("File to write to, or a folder for several communes (standard output by default)."),
)

no_colour = click.option(
    "--no-color", "no_colour", is_flag=True, help=_("No colours (also with NO_COLOR, or when not on a terminal).")
)


def formats(names: Sequence[str], default: str = "table") -> Callable[[_Command], _Command]:
    """Return the option `--format`, one of `names`, handed over as `format_name`."""
    return click.option(
        "-f",
        "--format",
        "format_name",
        type=click.Choice(names),
        default=default,
        show_default=True,
        help=_("Format of the result."),
    )


_tags = click.option("-t", "--tags", help=_("Only these roles or topics: tags separated by commas."))
_differences = click.option("-D", "--diff", is_flag=True, help=_("Show the differences of files."))
_verbose = click.option("-v", "--verbose", count=True, help=_("Show Ansible's own output (repeat for more)."))
_evaluate = click.option("--eval", "evaluate", is_flag=True, help=_("Print the Ansible command instead of running it."))


def provisioning(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of every run of the playbooks."""
    for option in (_evaluate, _verbose, _differences, _tags, limit, all_communes, communes, workspace):
        command = option(command)
    return command


def touched_communes(workspace: Workspace, communes: tuple[str, ...], every: bool) -> list[str]:
    """Return the communes a command that touches endpoints may work on: several only when that was said.

    Raises:
        click.UsageError: several communes and neither `--commune` nor `--all-communes`.
        BadInputError: an unknown commune.
    """
    selected = workspace.select(communes)
    if len(selected) > 1 and not communes and not every:
        raise click.UsageError(
            _("several communes here: name one with --commune, or say --all-communes ({names})").format(
                names=", ".join(selected)
            )
        )
    return selected
