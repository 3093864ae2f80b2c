"""`nomade apply`: bring endpoints to the state that the fleet files describe."""

from __future__ import annotations

import click

from toolkit.cli import options
from toolkit.i18n import _
from toolkit.workspace import Workspace


@click.command(name="apply", help=_("Bring endpoints to the declared state; can be run again at any time."))
@click.option("-C", "--check", is_flag=True, help=_("Change nothing, say what would change."))
@options.provisioning
def command(
    workspace: Workspace,
    communes: tuple[str, ...],
    all_communes: bool,
    limit: str | None,
    tags: str | None,
    check: bool,
    diff: bool,
    verbose: int,
    evaluate: bool,
) -> int:
    from toolkit.provision import Options, campaign

    chosen = options.touched_communes(workspace, communes, all_communes)
    wanted = Options(limit=limit, tags=tags, check=check, diff=diff, verbosity=verbose)
    if evaluate:
        for line in campaign.commands(workspace, chosen, wanted):
            click.echo(line)
        return 0
    return campaign.run(workspace, chosen, wanted, show_changes=check or diff, differences=diff)
