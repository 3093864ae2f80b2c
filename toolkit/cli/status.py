"""`nomade status`: one screen that answers "is my commune all right?"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.i18n import _, language

if TYPE_CHECKING:
    from toolkit.workspace import Workspace


@click.command("status", help=_("Show in one screen who is compliant, since when and what to do; touches no machine."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.option(
    "--no-color", "no_colour", is_flag=True, help=_("No colours (also with NO_COLOR, or when not on a terminal).")
)
def command(workspace: Workspace, communes: tuple[str, ...], no_colour: bool) -> int:
    """Print the screen; the exit code is 0 only when everything is compliant on fresh evidence."""
    from datetime import UTC, datetime

    from toolkit.report.commune import reports
    from toolkit.report.judgement import exit_code
    from toolkit.report.table_text import overview
    from toolkit.report.terminal import look

    found = reports(workspace, workspace.select(communes), language(), datetime.now(UTC))
    click.echo(overview(found, look(no_colour=no_colour)), nl=False)
    return exit_code(found)
