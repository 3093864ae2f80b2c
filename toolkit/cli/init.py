"""`nomade init`: make a workspace."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.i18n import _


@click.command(name="init", help=_("Make a workspace in FOLDER: configuration, a sample commune, .gitignore."))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    from toolkit.fleet.start import create

    made = create(folder)
    for path in made:
        click.echo(_("{file}: written").format(file=path))
    if not made:
        click.echo(_("{folder}: nothing to add").format(folder=folder), err=True)
