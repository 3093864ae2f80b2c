"""`nomade inventory`: lists into fleet files, fleet files into the Ansible inventory, and what they hold."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import options
from toolkit.errors import ExitCode
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


@command.command(
    help=_(
        "Print the Ansible inventory of the CIG’s backup stores, for playbooks/backup_store.yml; nothing is written."
    )
)
@options.workspace
def stores(workspace: Workspace) -> None:
    from toolkit.backup_inventory import render

    click.echo(render(workspace), nl=False)


@command.command(
    "import",
    help=_(
        "Merge lists of machines and people into fleet.yml: spreadsheets (.xlsx, .ods, CSV), GLPI exports, inventories "
        "of agents. Nothing is written when anything is wrong."
    ),
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--mapping", type=click.Path(path_type=Path, dir_okay=False), help=_("File that says which column is what.")
)
@click.option(
    "--save-mapping",
    type=click.Path(path_type=Path, dir_okay=False),
    help=_("Write what the columns were taken for into this file, to be corrected and given as --mapping."),
)
@click.option("-n", "--dry-run", is_flag=True, help=_("Show what would change in fleet.yml; write nothing."))
@click.option(
    "--system",
    type=click.Choice(["debian-12", "debian-13", "ubuntu-24.04"]),
    default="debian-12",
    show_default=True,
    help=_("System of new endpoints that run another one today."),
)
@click.option(
    "--partial", is_flag=True, help=_("The list is not the whole park: what it does not name is not missing.")
)
@click.option("--skip-unknown-entities", is_flag=True, help=_("Leave rows aside whose entity is no commune's."))
def import_(
    workspace: Workspace,
    communes: tuple[str, ...],
    files: tuple[Path, ...],
    mapping: Path | None,
    save_mapping: Path | None,
    dry_run: bool,
    system: str,
    partial: bool,
    skip_unknown_entities: bool,
) -> None:
    from toolkit.imports import importing, summary

    request = importing.Request(files, mapping, save_mapping, system, skip_unknown_entities, partial)
    prepared = importing.from_files(
        workspace,
        workspace.select(communes),
        request,
        lambda columns: click.echo("\n".join(summary.columns(columns)), err=True, nl=bool(columns)),
    )
    if dry_run:
        for line in summary.difference(prepared):
            click.echo(line)
    else:
        importing.write(workspace, prepared)
    for line in summary.lines(prepared, limit=None if dry_run else summary.MAXIMUM):
        click.echo(line)
    for file in prepared.files:
        said = _("{file}: would change") if dry_run else _("{file}: written; next: nomade inventory generate")
        click.echo(said.format(file=file.path), err=True)


@command.command(help=_("Write a spreadsheet for the commune to fill in (.xlsx, .ods or .csv), which import reads."))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def template(file: Path) -> None:
    from toolkit.imports.template import write_template

    write_template(file)
    click.echo(_("{file}: written").format(file=file), err=True)


@command.command(help=_("Show where the generated inventory and what was applied last are not what fleet.yml says."))
@options.workspace
@options.communes
@options.all_communes_anyhow
def diff(workspace: Workspace, communes: tuple[str, ...]) -> ExitCode:
    from toolkit.drift import Stage, compare

    titles = {
        Stage.GENERATED: _("{commune}: hosts.yml is not what fleet.yml says (nomade inventory generate):"),
        Stage.APPLIED: _("{commune}: what was applied last is not what fleet.yml says (nomade apply):"),
    }
    found = compare(workspace, workspace.select(communes))
    for commune, stage in dict.fromkeys((one.commune, one.stage) for one in found):
        click.echo(titles[stage].format(commune=commune))
        for one in found:
            if (one.commune, one.stage) == (commune, stage):
                click.echo(f"  {one.endpoint}")
                for detail in one.details:
                    click.echo(f"    {detail}")
    if not found:
        click.echo(_("Fleet, generated inventory and applied state agree."))
    return ExitCode.NOT_COMPLIANT if found else ExitCode.OK


@command.command(help=_("Show the facts and settings of one endpoint, where each comes from, and what it stands over."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("host")
@click.option("-a", "--all", "everything", is_flag=True, help=_("Also settings that are the role's default."))
def show(workspace: Workspace, communes: tuple[str, ...], host: str, everything: bool) -> None:
    from toolkit.explain import explain

    for line in explain(workspace, workspace.select(communes), host, everything=everything):
        click.echo(line)


@command.command(help=_("Draw each commune: gateway, services, posts, machines without a post."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["text", "svg"]),
    default="text",
    show_default=True,
    help=_("Text for the terminal, or a drawing (svg)."),
)
@options.output
def graph(workspace: Workspace, communes: tuple[str, ...], form: str, output: Path | None) -> None:
    from toolkit import graph as drawing

    selected = workspace.select(communes)
    to_file = output is not None and str(output) != "-"
    if form == "svg" and len(selected) > 1 and not to_file:
        raise click.UsageError(_("several communes do not share one document: name one with --commune"))
    documents = drawing.documents(workspace, selected, form)
    if output is not None and to_file:
        for path in drawing.write(documents, output, form):
            click.echo(path)
    else:
        click.echo("".join(documents.values()), nl=False)
