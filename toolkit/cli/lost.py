"""`nomade lost`: a laptop is lost or stolen, or was found again."""

from __future__ import annotations

from datetime import datetime

import click

from toolkit.cli import options
from toolkit.errors import ExitCode, worst
from toolkit.i18n import _
from toolkit.workspace import Workspace

_CONNECT_SECONDS = 6.0  # a lost laptop is off, most of the time


@click.command(
    "lost",
    help=_(
        "The laptop HOST is lost or stolen: shut it out at once, close its office PC to it, trust it no more, lock and "
        "wipe it when it answers, and write the incident file. Works while it is off. Run again, it goes on from where "
        "it stopped. Without HOST: go on with every laptop that is lost. --found undoes what can be undone."
    ),
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("host", required=False)
@click.option("--reason", help=_("What happened, for fleet.yml and the incident file."))
@click.option(
    "--known-since",
    "noticed",
    type=click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]),
    help=_("When somebody learned of it, local time (now): the 72-hour clocks start there."),
)
@click.option("--found", is_flag=True, help=_("It was found again."))
def command(
    workspace: Workspace,
    communes: tuple[str, ...],
    host: str | None,
    reason: str | None,
    noticed: datetime | None,
    found: bool,
) -> ExitCode:
    """Say each step on standard error; the path of the incident file goes to standard output."""
    from toolkit.lost import journal, steps
    from toolkit.transport.ssh import SshTransport

    chosen = workspace.select(communes)
    if found and host is None:
        raise click.UsageError(_("--found needs the laptop’s name"))
    codes = []
    with SshTransport(_CONNECT_SECONDS) as transport:
        if found and host is not None:
            return steps.found(workspace, chosen, host, transport, _say)
        for name in [host] if host else journal.open_losses(workspace):
            code, file = steps.lost(
                workspace,
                chosen,
                name,
                reason=reason or _("lost or stolen"),
                noticed=(noticed or datetime.now()).astimezone(),  # noqa: DTZ005 — local time, made aware here
                transport=transport,
                say=_say,
            )
            click.echo(file)
            codes.append(code)
    if not codes:
        click.echo(_("no laptop is lost"), err=True)
    return worst(codes) if codes else ExitCode.OK


def _say(line: str) -> None:
    click.echo(line, err=True)
