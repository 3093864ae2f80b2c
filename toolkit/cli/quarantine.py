"""`nomade quarantine`: endpoints that reach only what mends them, until they are mended."""

from __future__ import annotations

from datetime import datetime

import click

from toolkit.cli import options
from toolkit.errors import ExitCode
from toolkit.i18n import _, language
from toolkit.workspace import Workspace


@click.group(
    name="quarantine",
    help=_(
        "Endpoints whose last audit breaks a critical control, or is too old: they reach updates and administration "
        "only, until a good audit. Off unless fleet.yml says quarantine: true."
    ),
)
def command() -> None:
    """Group of the quarantine's actions."""


@command.command(
    "list",
    help=_(
        "Show who is in quarantine, since when and why; asks no machine. 2 when somebody is, 3 when that was never "
        "decided, 4 when not in force."
    ),
)
@options.workspace
@options.communes
@options.all_communes_anyhow
def list_(workspace: Workspace, communes: tuple[str, ...]) -> ExitCode:
    """Print one line per endpoint."""
    from toolkit.errors import worst
    from toolkit.fleet import load
    from toolkit.quarantine import words
    from toolkit.quarantine.register import load as load_register

    codes = []
    for commune in workspace.select(communes):
        fleet, folder = load(workspace, commune), workspace.commune(commune)
        if fleet.quarantine and not folder.quarantine.exists():
            click.echo(words.undecided(fleet))
            codes.append(ExitCode.NOTHING_EVALUATED)
            continue
        register = load_register(folder)
        for line in words.lines(fleet, register, language()):
            click.echo(line)
        in_force = tuple(sorted(register.held)) == register.in_force
        codes.append(ExitCode.NOT_COMPLIANT if register.held else ExitCode.OK if in_force else ExitCode.UNREACHABLE)
    return worst(codes)


@command.command(
    help=_(
        "Decide from the store who belongs in quarantine, now, and tell gateways and desktops; audits do so by "
        "themselves. To be run by a scheduled task: audits that become too old are only seen by looking."
    )
)
@options.workspace
@options.communes
@options.all_communes
def apply(workspace: Workspace, communes: tuple[str, ...], all_communes: bool) -> ExitCode:
    """Say each change; 3 when nothing could be decided of somebody, 4 when a gateway could not be told."""
    return settle(workspace, options.touched_communes(workspace, communes, all_communes))


@command.command(
    help=_(
        "Let the endpoint HOST out of quarantine, or keep it out, for some days, whatever its audits say. Written to "
        "fleet.yml with the reason; the gateway is told at once."
    )
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("host")
@click.option("--reason", required=True, help=_("Why, for the history in fleet.yml."))
@click.option(
    "--days",
    type=click.IntRange(0, 31),
    default=7,
    show_default=True,
    help=_("For how many days after today; then its last audit counts again."),
)
def release(workspace: Workspace, communes: tuple[str, ...], host: str, reason: str, days: int) -> ExitCode:
    """Say what came of it."""
    from toolkit.quarantine.steps import release

    today = datetime.now().astimezone().date()
    fleet = release(workspace, workspace.select(communes), host, days=days, reason=reason, today=today)
    return settle(workspace, [fleet.commune.id])


def settle(workspace: Workspace, communes: list[str]) -> ExitCode:
    """Bring quarantine to what the store says; what happens goes to standard error."""
    from toolkit.quarantine import steps
    from toolkit.transport.ssh import SshTransport

    with SshTransport() as transport:
        return steps.settle(workspace, communes, transport, lambda line: click.echo(line, err=True))
