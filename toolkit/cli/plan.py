"""`nomade plan`: what `apply` would change, and nothing is changed."""

from __future__ import annotations

import click

from toolkit.cli import options
from toolkit.i18n import _
from toolkit.workspace import Workspace


@click.command(name="plan", help=_("Say what apply would change on each endpoint; nothing is changed."))
@options.provisioning
def command(
    workspace: Workspace,
    communes: tuple[str, ...],
    all_communes: bool,
    limit: str | None,
    tags: str | None,
    diff: bool,
    verbose: int,
    evaluate: bool,
) -> int:
    from toolkit.provision import Options, campaign

    chosen = options.touched_communes(workspace, communes, all_communes)
    wanted = Options(limit=limit, tags=tags, check=True, diff=True, verbosity=verbose)
    if evaluate:
        for line in campaign.commands(workspace, chosen, wanted):
            click.echo(line)
        return 0
    return campaign.run(workspace, chosen, wanted, show_changes=True, differences=diff)
