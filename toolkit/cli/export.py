"""`nomade export`: what is known of the machines, for the programs of others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.i18n import _, language

if TYPE_CHECKING:
    from toolkit.workspace import Workspace

# Written out, because importing them would load every report to print a help text; a test keeps it equal.
DATE_FORMATS = ("yyyy-mm-dd", "dd-mm-yyyy", "mm-dd-yyyy")


@click.group("export", help=_("Write what is known of the machines for other programs; touches no machine."))
def command() -> None:
    """Group of the programs exported to."""


@command.command(
    "glpi", help=_("A CSV for GLPI's data-injection plugin: state, tunnel address, compliance, dates; one per commune.")
)
@options.workspace
@options.communes
@options.all_communes
@click.option(
    "--dates",
    "date_format",
    type=click.Choice(DATE_FORMATS),
    default=DATE_FORMATS[0],
    show_default=True,
    help=_("How dates are written: as the model in GLPI says."),
)
@options.output
def glpi(
    workspace: Workspace, communes: tuple[str, ...], all_communes: bool, date_format: str, output: Path | None
) -> int:
    """Write one CSV per commune and print the paths, or the CSV itself."""
    from datetime import UTC, datetime

    from toolkit.glpi_export import export, write

    selected = options.touched_communes(workspace, communes, all_communes)
    to_file = output is not None and str(output) != "-"
    if len(selected) > 1 and not to_file:
        raise click.UsageError(_("several communes do not share one document: name one with --commune"))
    files = export(workspace, selected, language(), datetime.now(UTC), date_format)
    if output is not None and to_file:
        for path in write(files, output):
            click.echo(path)
        return 0
    click.echo(files[selected[0]], nl=False)
    return 0
