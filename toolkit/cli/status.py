"""`nomade status`: one screen that answers "is my commune all right?"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.i18n import _, language

if TYPE_CHECKING:
    from datetime import date

    from toolkit.workspace import Workspace


@click.command("status", help=_("Show in one screen who is compliant, since when and what to do; touches no machine."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@options.max_age
@options.as_of
@options.no_colour
def command(
    workspace: Workspace, communes: tuple[str, ...], max_age: int | None, as_of: date | None, no_colour: bool
) -> int:
    """Print the screen; the exit code is 0 only when everything is compliant on fresh evidence."""
    from datetime import UTC, datetime

    from toolkit.report.commune import reports
    from toolkit.report.judgement import exit_code
    from toolkit.report.table_text import overview
    from toolkit.report.terminal import look

    chosen, now = workspace.select(communes), datetime.now(UTC)
    found = reports(workspace, chosen, language(), now, max_age=max_age, as_of=as_of)
    click.echo(overview(found, look(no_colour=no_colour)), nl=False)
    return exit_code(found)
