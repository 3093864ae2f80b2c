"""`nomade replace`: another machine for a teleworker, or the fate of a fixed post."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

import click

from toolkit.cli import options
from toolkit.errors import ExitCode
from toolkit.i18n import _
from toolkit.workspace import Workspace

if TYPE_CHECKING:
    from toolkit.replace import Change


@click.command(
    help=_(
        "Give a teleworker another machine: TARGET is a login, a laptop or an office PC, --by the machine that takes "
        "over. The old laptop is no peer of the gateway any more. Or write down the fate of a fixed post: --kept or "
        "--retired."
    )
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("target")
@click.option("--by", metavar="HOST", help=_("The machine that takes over; declared in fleet.yml, without a post."))
@click.option("--reason", help=_("Why, for the history in fleet.yml."))
@click.option("--kept", is_flag=True, help=_("The fixed post TARGET stays at the town hall."))
@click.option("--as", "office_pc", metavar="HOST", help=_("The office PC that a kept fixed post became."))
@click.option("--retired", is_flag=True, help=_("The fixed post TARGET has left; needs --disposal."))
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help=_("Day on which it left (today)."))
@click.option("--disposal", help=_("What was done with it: given away, destroyed with its disk…"))
@click.option("-n", "--dry-run", is_flag=True, help=_("Show what would change; write nothing."))
@click.option("-y", "--yes", is_flag=True, help=_("Do not ask."))
def command(
    workspace: Workspace,
    communes: tuple[str, ...],
    target: str,
    by: str | None,
    reason: str | None,
    kept: bool,
    office_pc: str | None,
    retired: bool,
    day: datetime | None,
    disposal: str | None,
    dry_run: bool,
    yes: bool,
) -> ExitCode:
    from toolkit import replace

    today = datetime.now().astimezone().date()
    chosen = workspace.select(communes)
    if [by is not None, kept, retired].count(True) != 1:
        raise click.UsageError(_("give one of --by, --kept and --retired"))
    if (disposal is None) is retired or (day and not retired) or (office_pc and not kept):
        raise click.UsageError(_("--disposal and --on go with --retired, --as with --kept"))
    if by is not None:
        change = replace.move(workspace, chosen, target, by, reason=reason or _("renewal of equipment"), today=today)
    else:
        fate: Literal["kept", "retired"] = "retired" if retired else "kept"
        left = (day.date() if day else today) if retired else None
        change = replace.decide(
            workspace, chosen, target, fate, office_pc=office_pc, retired_on=left, disposal=disposal
        )
    _show(change)
    if dry_run or not _agreed(change, yes):
        click.echo(_("nothing was written"), err=True)
        return ExitCode.OK
    replace.carry_out(workspace, change)
    if change.limit:
        said = _("next: nomade apply --commune {commune} --limit {limit}")
        click.echo(said.format(commune=change.fleet.commune.id, limit=",".join(change.limit)), err=True)
    return ExitCode.OK


def _agreed(change: Change, yes: bool) -> bool:
    return yes or change.is_done or click.confirm(_("Write this?"), err=True)


def _show(change: Change) -> None:
    import difflib

    from toolkit.fleet.document import shown

    for line in change.told:
        click.echo(line, err=True)
    before, after = (text.decode("utf-8-sig").splitlines() for text in (change.file.before, change.file.after))
    name = shown(change.file.path)
    for line in difflib.unified_diff(before, after, name, name, lineterm=""):
        click.echo(line)
