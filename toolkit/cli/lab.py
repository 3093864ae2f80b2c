"""`nomade lab`: a stand-in fleet in containers."""

from __future__ import annotations

import click

from toolkit.cli import options
from toolkit.i18n import _
from toolkit.workspace import Workspace


@click.group(name="lab", help=_("A stand-in fleet: one container per endpoint, on networks of this machine only."))
def command() -> None:
    """Group of the lab's actions."""


@command.command(help=_("Start the stand-in fleet of the workspace and wait until every endpoint answers."))
@options.workspace
@click.option("--only", "only", multiple=True, metavar="HOST", help=_("Only this endpoint (repeatable)."))
@click.option("--vm", "virtual", is_flag=True, help=_("Virtual machines with Debian’s own kernel, not containers."))
def up(workspace: Workspace, only: tuple[str, ...], virtual: bool) -> None:
    """Start, then list."""
    from toolkit.lab.machines import Lab

    stands = Lab(workspace).up(only, progress=lambda line: click.echo(line, err=True), virtual=virtual)
    for stand in stands:
        click.echo(_row(stand.name, stand.kind, stand.release, stand.state, stand.addresses))


@command.command(help=_("End the stand-in fleet of the workspace; ends nothing else."))
@options.workspace
def down(workspace: Workspace) -> None:
    """End the stand-ins and networks."""
    from toolkit.lab.machines import Lab

    ended = Lab(workspace).down()
    click.echo(_("{count} machines ended").format(count=ended), err=True)


@command.command("list", help=_("List the endpoints of the lab, their state and addresses."))
@click.option("--all", "every", is_flag=True, help=_("List the labs of this machine instead: name and workspace."))
@options.workspace
def list_(workspace: Workspace, every: bool) -> None:
    """Print one line per endpoint or per lab."""
    from toolkit.lab.machines import Lab, all_labs

    if every:
        for name, root in sorted(all_labs().items()):
            click.echo(f"{name}  {root}")
        return
    for stand in Lab(workspace).stands():
        click.echo(_row(stand.name, stand.kind, stand.release, stand.state, stand.addresses))


@command.command(help=_("Open a root shell in an endpoint of the lab."))
@options.workspace
@click.argument("host")
def shell(workspace: Workspace, host: str) -> None:
    """Become `docker exec`, or ssh to a virtual machine."""
    import os
    import sys

    from toolkit.lab.machines import Lab, named
    from toolkit.lab.virtual import machine

    lab = Lab(workspace)
    container = named(lab, host)
    if host in machine.hosts(lab.name):
        stand = lab.virtual(host)
        os.execvp("ssh", ["ssh", *stand.ssh_options(), f"root@{stand.endpoint.bench}"])  # noqa: S606
    terminal = ["--tty"] if sys.stdin.isatty() else []
    os.execvp("docker", ["docker", "exec", "--interactive", *terminal, container, "/bin/bash", "-l"])  # noqa: S606


def _row(name: str, kind: str, release: str, state: str, addresses: dict[str, str]) -> str:
    where = " ".join(f"{network}={address}" for network, address in addresses.items())
    return f"{name:<28}{kind:<11}{release:<10}{state:<9}{where}"
