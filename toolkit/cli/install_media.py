"""`nomade install-media`: the answers that install a laptop of the fleet anew, encrypted."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import options
from toolkit.errors import ExitCode
from toolkit.i18n import _
from toolkit.workspace import Workspace


@click.command(
    "install-media",
    help=_(
        "Write the answers that install laptop HOST anew: encrypted, in French, under its name, ready to be enrolled. "
        "The passphrase of the disk is in no file: the installer asks for it."
    ),
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("host")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("install-media"),
    show_default=True,
    help=_("Folder; the files go to a folder in it, named after HOST."),
)
@click.option(
    "--new-disk", is_flag=True, help=_("The disk never held data: do not write over all of it first (hours).")
)
def command(workspace: Workspace, communes: tuple[str, ...], host: str, output: Path, new_disk: bool) -> ExitCode:
    """Print the paths that were written."""
    from toolkit import install_media

    medium = install_media.prepare(workspace, communes, host, overwrite=not new_disk)
    for path in install_media.write(medium, output):
        click.echo(path)
    said = _("next: put them on the installer’s medium (docs/guide-chiffrement.md), install, then: {command}")
    key = workspace.management_key.relative_to(workspace.root)
    first_login = f"nomade enroll --limit {host} --user {medium.account} --key {key}"
    click.echo(said.format(command=first_login), err=True)
    return ExitCode.OK
