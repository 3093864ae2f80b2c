"""`nomade wake`: switch an office PC on from afar."""

from __future__ import annotations

import click

from toolkit.cli import options
from toolkit.errors import ExitCode
from toolkit.i18n import _
from toolkit.workspace import Workspace


@click.command(
    "wake",
    help=_(
        "Wake the office PC HOST: its gateway sends a magic packet on the office network, then waits for the PC to "
        "answer. Its network card’s address is mac: in fleet.yml; a PC with Windows is woken too."
    ),
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("host")
@click.option(
    "--wait",
    "seconds",
    type=click.IntRange(0, 600),
    default=90,
    show_default=True,
    metavar="SECONDS",
    help=_("How long to wait for its answer; 0: send the packet and leave."),
)
def command(workspace: Workspace, communes: tuple[str, ...], host: str, seconds: int) -> ExitCode:
    """Say what came of it; 4 when the gateway or the PC did not answer."""
    from toolkit.transport.ssh import SshTransport
    from toolkit.wake import waking

    fleet, pc = waking.find(workspace, workspace.select(communes), host)
    with SshTransport() as transport:
        click.echo(waking.wake(workspace, fleet, pc, seconds, transport), err=True)
    return ExitCode.OK
