"""`nomade doctor`: is this machine able to work, and is the workspace in order?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.errors import BadInputError, ExitCode
from toolkit.i18n import _

if TYPE_CHECKING:
    from toolkit.doctor import Diagnosis

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
@click.option(
    "--on", "host", metavar="HOST", help=_("Ask the laptop HOST and its gateway why its tunnel does not carry.")
)
def command(folder: Path | None, host: str | None) -> ExitCode:
    from toolkit.doctor import State, examine
    from toolkit.workspace import find

    if host:
        return _on(folder, host)

    try:
        workspace = find((folder or Path.cwd()).resolve())
    except BadInputError:
        if folder is not None:
            raise
        workspace = None
    diagnoses = examine(workspace)
    _show(diagnoses)
    return ExitCode.BAD_INPUT if any(item.state is State.PROBLEM for item in diagnoses) else ExitCode.OK


def _on(folder: Path | None, host: str) -> ExitCode:
    from toolkit.doctor_laptop import examine
    from toolkit.transport.ssh import SshTransport
    from toolkit.workspace import find

    with SshTransport() as transport:
        diagnoses, code = examine(find((folder or Path.cwd()).resolve()), host, transport)
    _show(diagnoses)
    return code


def _show(diagnoses: list[Diagnosis]) -> None:
    for item in diagnoses:
        click.echo(f"{_MARKS[item.state]} {item.subject} : {item.found}")
        if item.remedy and item.state != "fine":
            click.echo(f"    → {item.remedy}")
