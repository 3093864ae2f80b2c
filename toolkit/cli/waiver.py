"""`nomade waiver`: accepted deviations of a commune, each with who accepted it, why and until when."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli import options
from toolkit.i18n import _, language

if TYPE_CHECKING:
    from toolkit.workspace import Workspace

KINDS = ("laptop", "office_pc", "gateway")

_commune = click.option("-c", "--commune", metavar="ID", help=_("Commune (needed when there are several)."))
_kind = click.option("--kind", type=click.Choice(KINDS), help=_("Only for this kind of machine."))
_endpoints = click.option("--endpoint", "endpoints", multiple=True, help=_("Only for this machine (repeatable)."))
_dry_run = click.option("-n", "--dry-run", is_flag=True, help=_("Show what the file would be; write nothing."))


@click.group("waiver", help=_("Accepted deviations: a waiver covers a failure until its last day and never hides it."))
def command() -> None:
    """Group of the verbs; the help text is the translated one above."""


@command.command("add", help=_("Accept that CONTROL fails for a while, in the commune or in a part of it."))
@click.argument("control")
@options.workspace
@_commune
@_kind
@_endpoints
@click.option("--reason", required=True, help=_("Why it is accepted."))
@click.option("--approver", required=True, help=_("Who accepts it, by name."))
@options.day("--until", _("Last day (2026-12-31); it ends at midnight in Paris."), required=True)
@options.day("--since", _("First day (today)."))
@_dry_run
def add(
    workspace: Workspace,
    control: str,
    commune: str | None,
    kind: str | None,
    endpoints: tuple[str, ...],
    reason: str,
    approver: str,
    until: date,
    since: date | None,
    dry_run: bool,
) -> int:
    """Write the waiver and print the file's path, or what the file would be."""
    from toolkit import paris, waiver_file

    now = _now()
    fields: dict[str, Any] = {"control": control, "endpoints": endpoints, "reason": reason, "approver": approver}
    fields |= {"kind": kind, "until": until, "since": since or paris.day_of(now)}
    fleet = _fleet(workspace, commune)
    _tell(workspace, fleet.commune.id, waiver_file.add(workspace, fleet, fields, now, dry_run=dry_run), dry_run)
    return 0


@command.command("revoke", help=_("Take back the waiver of CONTROL from today on; it stays in the file as history."))
@click.argument("control")
@options.workspace
@_commune
@_kind
@_endpoints
@click.option("--whole-commune", is_flag=True, help=_("The waiver of the whole commune."))
@click.option("--by", required=True, help=_("Who takes it back, by name."))
@click.option("--reason", help=_("Why it is taken back."))
@_dry_run
def revoke(
    workspace: Workspace,
    control: str,
    commune: str | None,
    kind: str | None,
    endpoints: tuple[str, ...],
    whole_commune: bool,
    by: str,
    reason: str | None,
    dry_run: bool,
) -> int:
    """Mark the waiver as revoked and print the file's path, or what the file would be."""
    from toolkit import paris, waiver_file

    now = _now()
    fleet = _fleet(workspace, commune)
    scope = (kind, endpoints) if kind or endpoints or whole_commune else None
    fields = {"date": paris.day_of(now), "by": by, "reason": reason}
    text = waiver_file.revoke(workspace, fleet, control, fields, now, scope=scope, dry_run=dry_run)
    _tell(workspace, fleet.commune.id, text, dry_run)
    return 0


@command.command("list", help=_("List the waivers: active, to come, expired; with --all also the revoked ones."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.option("--all", "every", is_flag=True, help=_("The revoked ones too."))
@options.formats(("table", "json"))
def list_waivers(workspace: Workspace, communes: tuple[str, ...], every: bool, format_name: str) -> int:
    """Print one line, or one object, per waiver."""
    import json

    from toolkit import waiver_view
    from toolkit.fleet import load

    now = _now()
    fleets = [load(workspace, commune) for commune in workspace.select(communes)]
    rows = waiver_view.rows(workspace, fleets, now, every=every)
    if format_name == "json":
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0
    for line in waiver_view.lines(rows, language()):
        click.echo(line)
    return 0


def _now() -> datetime:
    return datetime.now(UTC)


def _fleet(workspace: Workspace, commune: str | None) -> Any:
    from toolkit.fleet import load

    chosen = workspace.select([commune] if commune else [])
    if len(chosen) > 1:
        message = _("several communes here: name one with --commune ({names})")
        raise click.UsageError(message.format(names=", ".join(chosen)))
    return load(workspace, chosen[0])


def _tell(workspace: Workspace, commune: str, text: str, dry_run: bool) -> None:
    if dry_run:
        click.echo(text, nl=False)
        click.echo(_("nothing was written"), err=True)
    else:
        click.echo(workspace.commune(commune).waivers)
