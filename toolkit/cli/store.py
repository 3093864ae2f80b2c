"""`nomade store`: the database of results: check it, thin it, move it, export evidence from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.i18n import _, language

if TYPE_CHECKING:
    from datetime import date

    from toolkit.fleet import Config
    from toolkit.store import Store
    from toolkit.store.retention import Rule
    from toolkit.workspace import Workspace


@click.group("store", help=_("The database of results: check it, thin it, move it, export evidence from it."))
def command() -> None:
    """Group of the verbs; the help text is the translated one above."""


@command.command("check", help=_("Read everything once and say what is damaged, altered or was cut off."))
@options.workspace
def check(workspace: Workspace) -> int:
    """Exit code 0 when nothing is wrong; an audit that was cut off is told and is not wrong."""
    from toolkit.errors import ExitCode
    from toolkit.report import dates
    from toolkit.store.health import examine

    store = _open(workspace)
    health = examine(store.database)
    counts = _("{url}: {runs} audits, {results} results, {evidence} pieces of evidence")
    shown = store.database.shown
    click.echo(counts.format(url=shown, runs=health.runs, results=health.results, evidence=health.evidence))
    for run in health.cut_off:
        said = _("{commune}: the audit of {started} is not complete: {count} machines are there, the last of {last}")
        started, last = (dates.moment_text(moment, language()) for moment in (run.started, run.last))
        click.echo(said.format(commune=run.commune, started=started, count=run.endpoints, last=last))
    for problem in health.problems:
        click.echo(problem)
    if not health.problems:
        click.echo(_("nothing is damaged"))
    return ExitCode.INTERNAL if health.problems else ExitCode.OK


@command.command("thin", help=_("Drop old results: everything stays for a while, then one a week, then one a month."))
@options.workspace
@click.option("-n", "--dry-run", is_flag=True, help=_("Say how many would be dropped; drop nothing."))
def thin(workspace: Workspace, dry_run: bool) -> int:
    """Apply the retention rule of nomade.yml to all communes."""
    from datetime import UTC, datetime

    from toolkit.fleet import load_config
    from toolkit.store import retention

    rule = _rule(load_config(workspace))
    found = retention.thin(_open(workspace).database, rule, datetime.now(UTC), dry_run=dry_run)
    said = (
        _("{dropped} of {results} results would be dropped") if dry_run else _("{dropped} of {results} results dropped")
    )
    click.echo(said.format(dropped=found.dropped, results=found.results))
    return 0


def thin_where_declared(workspace: Workspace) -> None:
    """Apply the retention rule to all communes if nomade.yml has one, and say what went; else nothing is dropped.

    Raises:
        StoreError: the database cannot be used. What is cut off half-way, the next call goes on with.
    """
    from datetime import UTC, datetime

    from toolkit.fleet import load_config
    from toolkit.store import retention

    config = load_config(workspace)
    if "retention" not in config.model_fields_set:
        return
    found = retention.thin(_open(workspace).database, _rule(config), datetime.now(UTC))
    if found.dropped:
        said = _("store: {dropped} of {results} results dropped, as “retention” of nomade.yml asks")
        click.echo(said.format(dropped=found.dropped, results=found.results), err=True)


def _rule(config: Config) -> Rule:
    from toolkit.store.retention import Rule

    kept = config.retention
    return Rule(kept.all_days, kept.weekly_days, kept.monthly_days)


@command.command("move", help=_("Copy everything into the empty database at URL (postgresql://… or sqlite:///…)."))
@click.argument("url")
@options.workspace
def move(workspace: Workspace, url: str) -> int:
    """Say it is done only when what was read back is the same; the old store stays."""
    from toolkit.store import open_store
    from toolkit.store.move import copy

    source, target = _open(workspace), open_store(url)
    for table in copy(source, target):
        said = _("{table}: {rows} rows, SHA-256 {digest}, the same on both sides")
        click.echo(said.format(table=table.table, rows=table.rows, digest=table.digest))
    said = _("done; now write in nomade.yml: store: {url}")
    click.echo(said.format(url=target.database.shown), err=True)
    return 0


@command.command("export", help=_("Write the newest evidence of a commune to a file for “nomade audit --from”."))
@options.workspace
@click.option("-c", "--commune", metavar="ID", help=_("Commune (needed when there are several)."))
@options.as_of
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help=_("File to write (private)."))
def export(workspace: Workspace, commune: str | None, as_of: date | None, output: Path) -> int:
    """Write raw outputs of machines: the file is readable by its owner only."""
    from datetime import UTC, datetime

    from toolkit import evidence_file, paris
    from toolkit.fleet import load_config

    chosen = workspace.select([commune] if commune else [])
    if len(chosen) > 1:
        message = _("several communes here: name one with --commune ({names})")
        raise click.UsageError(message.format(names=", ".join(chosen)))
    until = paris.end_of(as_of) if as_of else None
    evidence = _open(workspace).evidence(chosen[0], load_config(workspace).profile, until)
    count = evidence_file.write(output, chosen[0], evidence, datetime.now(UTC))
    click.echo(_("{file}: evidence of {count} machines").format(file=output, count=count))
    return 0


def _open(workspace: Workspace) -> Store:
    from toolkit.fleet import load_config
    from toolkit.store import open_store

    return open_store(load_config(workspace).store or workspace.store_url)
