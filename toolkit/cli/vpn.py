"""`nomade vpn`: the peers of a gateway, shutting one out, giving one another key."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.errors import ExitCode
from toolkit.i18n import _, language
from toolkit.workspace import Workspace

if TYPE_CHECKING:
    from toolkit.vpn.peers import Gateway

FORMATS = ("table", "json")


@click.group(name="vpn", help=_("The tunnel’s gateway: who is a peer, shut one out, give one another key."))
def command() -> None:
    """Group of the tunnel's actions."""


@command.command(
    help=_(
        "Show each peer of the gateways: post, last handshake, traffic, state. Asks the gateways now; 0 only when each "
        "has the right peers and no others."
    )
)
@options.workspace
@options.communes
@options.all_communes
@click.option("--stored", is_flag=True, help=_("Show what the last audit saw; ask no machine."))
@options.formats(FORMATS)
@options.no_colour
def peers(
    workspace: Workspace,
    communes: tuple[str, ...],
    all_communes: bool,
    stored: bool,
    format_name: str,
    no_colour: bool,
) -> ExitCode:
    """Print the peers; problems of gateways go to standard error."""
    from datetime import UTC

    from toolkit.report.terminal import look
    from toolkit.transport.ssh import SshTransport
    from toolkit.vpn import peers, peers_text

    chosen = options.touched_communes(workspace, communes, all_communes or stored)
    if stored:
        found = peers.stored(workspace, chosen, datetime.now(UTC))
    else:
        with SshTransport() as transport:
            found = peers.live(workspace, chosen, transport)
    if format_name == "json":
        click.echo(peers_text.document(found), nl=False)
    else:
        click.echo(peers_text.table(found, language(), look(no_colour=no_colour)), nl=False)
    _complain(found)
    return peers.exit_code(found)


def _complain(found: list[Gateway]) -> None:
    for gateway in found:
        if gateway.problem:
            click.echo(gateway.problem, err=True)


@command.command(
    help=_(
        "Shut the laptop HOST out, at once: written down in fleet.yml, cut off on the running gateway, its key refused "
        "from now on. Run again, it does what could not be done before. --undo lets it in again, with another key."
    )
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("host")
@click.option("--reason", help=_("Why, for the history in fleet.yml."))
@click.option("--undo", is_flag=True, help=_("Let it in again once it has made another key."))
def revoke(workspace: Workspace, communes: tuple[str, ...], host: str, reason: str | None, undo: bool) -> ExitCode:
    """Say what was done; 4 when the gateway could not be reached."""
    from toolkit.transport.ssh import SshTransport
    from toolkit.vpn import revoke

    today = datetime.now().astimezone().date()
    fleet = revoke.find(workspace, workspace.select(communes), host)
    if undo:
        revoke.let_in_again(workspace, fleet, host, today=today)
        click.echo(
            _(
                "{name}: may come back: apply it on the set-up network, where it makes another key, then its gateway"
            ).format(name=host)
        )
        return ExitCode.OK
    fleet, keys = revoke.write_down(workspace, fleet, host, reason=reason or _("revoked"), today=today)
    click.echo(_("{name}: shut out in fleet.yml").format(name=host), err=True)
    with SshTransport() as transport:
        live = revoke.shut_out_live(workspace, fleet, keys, transport)
    click.echo(live.said, err=True)
    return live.code


@command.command(
    help=_(
        "Give the laptop HOST another key, made on it, without cutting it off: old and new are both accepted until the "
        "new one has shaken hands. Stopped anywhere, run it again."
    )
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("host")
def rotate(workspace: Workspace, communes: tuple[str, ...], host: str) -> ExitCode:
    """Say each step."""
    from toolkit.transport.ssh import SshTransport
    from toolkit.vpn import revoke
    from toolkit.vpn.rotate import rotate

    fleet = revoke.find(workspace, workspace.select(communes), host)
    with SshTransport() as transport:
        rotate(workspace, fleet, host, transport, lambda line: click.echo(line, err=True))
    return ExitCode.OK
