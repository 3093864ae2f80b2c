"""`nomade retire`: a machine leaves the fleet; what the toolkit changed on it is put back first when that is asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.errors import ExitCode
from toolkit.i18n import _
from toolkit.workspace import Workspace

if TYPE_CHECKING:
    from toolkit.fleet import Endpoint, Fleet
    from toolkit.restoring import Restored
    from toolkit.retire import Leaving


@click.command(
    help=_(
        "End the life of a machine in the fleet: out of fleet.yml, no peer any more; history and keys in escrow stay. "
        "With --restore, what the toolkit changed on it is put back first: files, services, settings, then the tunnel "
        "and the management account."
    )
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("host")
@click.option("--restore", is_flag=True, help=_("Put back on the machine what the toolkit changed; it must be on."))
@click.option("--remove-packages", is_flag=True, help=_("With --restore: remove what roles installed too."))
@click.option("--reason", help=_("Why, for the history in fleet.yml."))
@click.option("-D", "--diff", is_flag=True, help=_("With --restore: show the differences of files."))
@click.option("-n", "--dry-run", is_flag=True, help=_("Show what would change; change nothing."))
@click.option("--eval", "evaluate", is_flag=True, help=_("Print the Ansible command instead of running it."))
@click.option("-y", "--yes", is_flag=True, help=_("Do not ask."))
def command(
    workspace: Workspace,
    communes: tuple[str, ...],
    host: str,
    restore: bool,
    remove_packages: bool,
    reason: str | None,
    diff: bool,
    dry_run: bool,
    evaluate: bool,
    yes: bool,
) -> ExitCode:
    from toolkit import retire

    chosen = workspace.select(communes)
    if (remove_packages or diff or evaluate) and not restore:
        raise click.UsageError(_("--remove-packages, --diff and --eval go with --restore"))
    fleet, endpoint = retire.find(workspace, chosen, host)
    restored = False
    if restore and endpoint is not None:
        if evaluate:
            _print_command(workspace, fleet, endpoint, remove_packages)
            return ExitCode.OK
        outcome = _put_back(workspace, fleet, endpoint, remove_packages, diff, dry_run, yes)
        if outcome is None:
            return ExitCode.OK
        if outcome.code or not (outcome.done or dry_run):
            return outcome.code
        if endpoint.name == fleet.gateway.name:
            _stays_declared(workspace, fleet, dry_run)
            return ExitCode.OK
        restored = True
    today = datetime.now().astimezone().date()
    why = reason or _("end of life")
    leaving = retire.leave(workspace, chosen, host, reason=why, today=today, restored=restored)
    _show(leaving)
    if dry_run or not (yes or restored or leaving.is_done or click.confirm(_("Write this?"), err=True)):
        click.echo(_("nothing was written"), err=True)
        return ExitCode.OK
    retire.carry_out(workspace, leaving)
    for line in leaving.remains:
        click.echo(f"- {line}", err=True)
    return ExitCode.OK


def _stays_declared(workspace: Workspace, fleet: Fleet, dry_run: bool) -> None:
    from toolkit import retire

    click.echo(_("{name} stays in fleet.yml: a commune has one gateway").format(name=fleet.gateway.name), err=True)
    if not dry_run:
        retire.forget(workspace, fleet.commune.id, fleet.gateway.name)


def _print_command(workspace: Workspace, fleet: Fleet, endpoint: Endpoint, packages: bool) -> None:
    from toolkit import restoring
    from toolkit.provision import command_line

    wanted = restoring.options(workspace, fleet, endpoint, packages=packages, check=False)
    click.echo(command_line(workspace, fleet.commune.id, wanted))


def _put_back(
    workspace: Workspace, fleet: Fleet, endpoint: Endpoint, packages: bool, diff: bool, dry_run: bool, yes: bool
) -> Restored | None:
    """Return how far the machine is back, None when the user did not want it."""
    from toolkit import restoring
    from toolkit.provision import progress, summary

    question = _("Put {name} back to what it was, and cut the way to it?").format(name=endpoint.name)
    wanted = restoring.options(workspace, fleet, endpoint, packages=packages, check=dry_run)
    if not (dry_run or yes or click.confirm(question, err=True)):
        click.echo(_("nothing was changed"), err=True)
        return None
    with progress.best(False) as display:
        outcome = restoring.restore(workspace, fleet, wanted, display)
    if outcome.run is not None:
        _echo(summary.changes(outcome.run, differences=diff), err=False)
        _echo(summary.outcome(outcome.run, f"nomade retire {endpoint.name} --restore"), err=True)
    _echo(restoring.told(outcome, packages=packages), err=True)
    return outcome


def _echo(lines: Iterator[str], *, err: bool) -> None:
    for line in lines:
        click.echo(line, err=err)


def _show(leaving: Leaving) -> None:
    import difflib

    from toolkit.fleet.document import shown

    for line in leaving.told:
        click.echo(line, err=True)
    before, after = (text.decode("utf-8-sig").splitlines() for text in (leaving.file.before, leaving.file.after))
    name = shown(leaving.file.path)
    for line in difflib.unified_diff(before, after, name, name, lineterm=""):
        click.echo(line)
