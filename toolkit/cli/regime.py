"""`nomade regime`: when telework takes place, and who may work outside of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import click

from toolkit.cli import options
from toolkit.errors import ExitCode, worst
from toolkit.i18n import _, language
from toolkit.workspace import Workspace

if TYPE_CHECKING:
    from toolkit.fleet import Fleet


@click.group(name="regime", help=_("When telework takes place: days and hours, emergencies, exceptions."))
def command() -> None:
    """Group of the regime's actions."""


@command.command(
    "set",
    help=_(
        "Set the regime of communes, and tell their gateways at once. emergency: every day of the week, to --until; "
        "normal: the days of each teleworker. Hours stay hours. Written to fleet.yml with its reason."
    ),
)
@options.workspace
@options.communes
@options.all_communes
@click.argument("mode", type=click.Choice(["normal", "emergency"]))
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help=_("Last day of the emergency; the normal regime holds again by itself."),
)
@click.option("--reason", help=_("Why, for the history in fleet.yml."))
def set_(
    workspace: Workspace,
    communes: tuple[str, ...],
    all_communes: bool,
    mode: Literal["normal", "emergency"],
    until: datetime | None,
    reason: str | None,
) -> ExitCode:
    """Say what came of it per commune; 4 when a gateway could not be reached."""
    from toolkit.regime import change

    chosen = options.touched_communes(workspace, communes, all_communes)
    today = datetime.now().astimezone().date()
    fleets = change.set_mode(
        workspace,
        chosen,
        mode,
        until=until.date() if until else None,
        reason=reason or {"normal": _("end of the emergency"), "emergency": _("emergency")}[mode],
        today=today,
    )
    return _tell(workspace, fleets)


@command.command(
    help=_(
        "Let the teleworker LOGIN work outside of the windows, for on-call duty: --from and --until are local times "
        '("2026-12-24 18:00"). Written to fleet.yml; the gateway is told at once.'
    )
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("login")
@click.option("--from", "start", required=True, metavar="MOMENT", help=_("From when, local time."))
@click.option("--until", required=True, metavar="MOMENT", help=_("Until when, local time."))
@click.option("--reason", help=_("Why, for the history in fleet.yml."))
def allow(
    workspace: Workspace, communes: tuple[str, ...], login: str, start: str, until: str, reason: str | None
) -> ExitCode:
    """Say what came of it."""
    from toolkit.regime import change

    chosen = workspace.select(communes)
    return _tell(workspace, [change.allow(workspace, chosen, login, start, until, reason or _("on call"))])


def _tell(workspace: Workspace, fleets: list[Fleet]) -> ExitCode:
    from toolkit.regime.change import tell

    codes = []
    for fleet in fleets:
        code, said = tell(workspace, fleet)
        click.echo(said, err=True)
        codes.append(code)
    return worst(codes)


@command.command(help=_("Show the regime, and who may telework on which days and hours; asks no machine."))
@options.workspace
@options.communes
@options.all_communes_anyhow
def show(workspace: Workspace, communes: tuple[str, ...]) -> None:
    """Print one block per commune."""
    from toolkit import inventory
    from toolkit.fleet import load_all
    from toolkit.regime import text
    from toolkit.regime.view import windows

    now = datetime.now(UTC)
    _config, fleets = load_all(workspace, workspace.select(communes))
    for fleet in fleets:
        found = windows(fleet, inventory.allocated(workspace, fleet), now)
        click.echo("\n".join(text.lines(fleet, found, language())))
