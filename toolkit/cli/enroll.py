"""`nomade enroll`: first contact with endpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.errors import ExitCode, NothingEvaluatedError, worst
from toolkit.i18n import _
from toolkit.workspace import Workspace

if TYPE_CHECKING:
    from toolkit.enroll import Outcome, Trust
    from toolkit.fleet import Endpoint, Fleet
    from toolkit.transport.base import Route
    from toolkit.transport.known_hosts import HostKey

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(
    help=_(
        "First contact: verify the host key of each endpoint and pin it, create the management account, prove it by "
        "logging in anew. Endpoints enrolled already are only checked."
    )
)
@options.workspace
@options.communes
@options.all_communes
@options.limit
@click.option("--user", default="root", show_default=True, help=_("Account for the first login."))
@click.option("--key", type=_FILE, help=_("Private key for the first login."))
@click.option("--ask-password", is_flag=True, help=_("Ask for the password of the first login."))
@click.option("--fingerprint", help=_("Expected host key fingerprint, SHA256:… (one endpoint)."))
@click.option("--known-hosts", type=_FILE, help=_("File of expected host keys, by endpoint name or address."))
def command(
    workspace: Workspace,
    communes: tuple[str, ...],
    all_communes: bool,
    limit: str | None,
    user: str,
    key: Path | None,
    ask_password: bool,
    fingerprint: str | None,
    known_hosts: Path | None,
) -> ExitCode:
    from toolkit.enroll import Bootstrap, enroll
    from toolkit.fleet import load

    if key and ask_password:
        raise click.UsageError(_("give --key or --ask-password, not both"))
    fleets = [load(workspace, name) for name in options.touched_communes(workspace, communes, all_communes)]
    chosen = _selected(fleets, limit)
    trust = _trust(fingerprint, known_hosts, sum(len(endpoints) for _fleet, endpoints in chosen))
    password = (
        click.prompt(_("Password of {user}").format(user=user), hide_input=True, err=True) if ask_password else None
    )
    bootstrap = Bootstrap(user, key, password)
    outcomes = [
        outcome
        for fleet, endpoints in chosen
        for outcome in enroll(workspace, fleet, endpoints, bootstrap=bootstrap, trust=trust)
    ]
    for outcome in outcomes:
        _show(outcome)
    return worst([outcome.code for outcome in outcomes])


def _selected(fleets: list[Fleet], limit: str | None) -> list[tuple[Fleet, tuple[Endpoint, ...]]]:
    """Return the endpoints per commune; over several communes the limit has to match in one of them."""
    chosen = []
    nothing: NothingEvaluatedError | None = None
    for fleet in fleets:
        try:
            chosen.append((fleet, fleet.select(limit)))
        except NothingEvaluatedError as error:
            nothing = error
    if nothing and not chosen:
        raise nothing
    return chosen


def _trust(fingerprint: str | None, known_hosts: Path | None, count: int) -> Trust:
    from toolkit.enroll import by_asking, by_fingerprint, by_known_hosts

    if fingerprint and known_hosts:
        raise click.UsageError(_("give --fingerprint or --known-hosts, not both"))
    if fingerprint and count != 1:
        raise click.UsageError(_("--fingerprint is for one endpoint: choose it with --limit"))
    if fingerprint:
        return by_fingerprint(fingerprint)
    return by_known_hosts(known_hosts) if known_hosts else by_asking(_confirm)


def _confirm(route: Route, key: HostKey) -> bool:
    click.echo(
        _(
            "\n{endpoint} ({address} port {port}) shows the ed25519 host key\n    {fingerprint}\n"
            "Compare it with what the machine itself prints on its console:\n"
            "    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
        ).format(endpoint=route.alias, address=route.address, port=route.port, fingerprint=key.fingerprint),
        err=True,
    )
    return click.confirm(_("Is it the same?"), default=False, err=True)


def _show(outcome: Outcome) -> None:
    from toolkit.enroll import State

    words = {State.ENROLLED: _("enrolled"), State.ALREADY: _("enrolled already"), State.FAILED: _("NOT ENROLLED")}
    if outcome.state is State.FAILED:
        click.echo(outcome.detail, err=True)
    detail = "" if outcome.state is State.FAILED else outcome.detail
    click.echo(f"{outcome.endpoint:<24} {words[outcome.state]:<18} {detail}".rstrip())
