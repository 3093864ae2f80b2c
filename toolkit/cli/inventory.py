"""`nomade inventory`: check the fleet files, write the Ansible inventory, show what it holds."""

from __future__ import annotations

import click

from toolkit.cli import options
from toolkit.i18n import _
from toolkit.workspace import Workspace


@click.group(name="inventory", help=_("Fleet files: check them, write the Ansible inventory, show what it holds."))
def command() -> None:
    """Group of the inventory verbs; the help text is the translated one above."""


@command.command(help=_("Check nomade.yml and the fleet files; every problem is printed with its place."))
@options.workspace
@options.communes
@options.all_communes_anyhow
def validate(workspace: Workspace, communes: tuple[str, ...]) -> None:
    from toolkit.inventory import validate_all

    for fleet in validate_all(workspace, workspace.select(communes)):
        click.echo(
            _("{commune}: valid (posts: {posts}, endpoints: {endpoints})").format(
                commune=fleet.commune.id, posts=len(fleet.posts), endpoints=len(fleet.endpoints)
            )
        )


@command.command(help=_("Allocate tunnel addresses and write hosts.yml, for each commune."))
@options.workspace
@options.communes
@options.all_communes_anyhow
def generate(workspace: Workspace, communes: tuple[str, ...]) -> None:
    from toolkit.inventory import generate_all

    for path, changed in generate_all(workspace, workspace.select(communes)):
        click.echo(_("{file}: written").format(file=path) if changed else _("{file}: up to date").format(file=path))


@command.command(help=_("Show the settings of one endpoint and where each comes from."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("host")
@click.option("-a", "--all", "everything", is_flag=True, help=_("Also settings that are the role's default."))
def show(workspace: Workspace, communes: tuple[str, ...], host: str, everything: bool) -> None:
    from toolkit.inventory import explain

    for line in explain(workspace, workspace.select(communes), host, everything=everything):
        click.echo(line)


@command.command(help=_("Draw each commune: gateway, posts, machines without a post."))
@options.workspace
@options.communes
@options.all_communes_anyhow
def graph(workspace: Workspace, communes: tuple[str, ...]) -> None:
    from toolkit.fleet import load, tree

    for commune in workspace.select(communes):
        for line in tree.lines(tree.branches(load(workspace, commune))):
            click.echo(line)
