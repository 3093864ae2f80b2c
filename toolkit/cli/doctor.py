"""`nomade doctor`: is this machine able to work, and is the workspace in order?"""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.errors import BadInputError, ExitCode
from toolkit.i18n import _

_MARKS = {"fine": "✓", "advice": "•", "problem": "✗"}


@click.command(help=_("Check this machine and the workspace, and say how to mend each problem."))
@click.option(
    "-w",
    "--workspace",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    envvar="NOMADE_WORKSPACE",
    help=_("Workspace folder (found by walking up to nomade.yml)."),
)
def command(folder: Path | None) -> ExitCode:
    from toolkit.doctor import State, examine
    from toolkit.workspace import find

    try:
        workspace = find((folder or Path.cwd()).resolve())
    except BadInputError:
        if folder is not None:
            raise
        workspace = None
    diagnoses = examine(workspace)
    for item in diagnoses:
        click.echo(f"{_MARKS[item.state]} {item.subject} : {item.found}")
        if item.remedy and item.state is not State.FINE:
            click.echo(f"    → {item.remedy}")
    return ExitCode.BAD_INPUT if any(item.state is State.PROBLEM for item in diagnoses) else ExitCode.OK
