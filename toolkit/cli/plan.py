"""`nomade plan`: what `apply` would change, and nothing is changed."""

from __future__ import annotations

import click

from toolkit.cli import options
from toolkit.i18n import _
from toolkit.workspace import Workspace


@click.command(name="plan", help=_("Say what apply would change on each endpoint; nothing is changed."))
@options.workspace
@options.communes
@options.all_communes
@options.limit
@click.option("-t", "--tags", help=_("Only these roles or topics: tags separated by commas."))
@click.option("-D", "--diff", is_flag=True, help=_("Show the differences of files."))
@click.option("-v", "--verbose", count=True, help=_("Show Ansible's own output (repeat for more)."))
@click.option("--eval", "evaluate", is_flag=True, help=_("Print the Ansible command instead of running it."))
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
