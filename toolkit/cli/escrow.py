"""`nomade escrow`: open a recovery key, have it replaced, prove what is kept, show who opened what."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.errors import BadInputError, ExitCode, NothingEvaluatedError, worst
from toolkit.i18n import _

if TYPE_CHECKING:
    from toolkit.escrow.opening import Asked, Kept
    from toolkit.escrow.sealed import Identities
    from toolkit.workspace import Workspace

FORMATS = ("table", "csv")

_file = click.Path(path_type=Path, dir_okay=False)
_identity = click.option("--identity", type=_file, help=_("age identity of the CIG or of the commune, kept offline."))
_volume = click.option(
    "--volume", help=_("Which volume, when there are several: its UUID (or how it begins) or device.")
)
_now = click.option("--now", is_flag=True, help=_("Replace at once: runs apply for these endpoints, this topic only."))


@click.group("escrow", help=_("Recovery keys: open one, have it replaced, prove what is kept, who opened what."))
def command() -> None:
    """Group of the verbs; the help text is the translated one above."""


@command.command(
    "open",
    help=_(
        "Show the recovery key of HOST to a technician who says why. It is written down, and the next apply replaces "
        "the key. With --header, write the copy of its disk's header to a file instead."
    ),
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("host")
@click.option(
    "--identity", type=_file, required=True, help=_("age identity of the CIG or of the commune, kept offline.")
)
@_volume
@click.option("--backup", is_flag=True, help=_("The password of its backup, instead of the key of a disk."))
@click.option("--header", is_flag=True, help=_("The copy of its disk's header, instead of the key."))
@click.option("--reason", help=_("Why, for the register (asked when not given)."))
@click.option("-o", "--output", type=_file, help=_("New file for the key, readable by you alone; else the terminal."))
def open_(
    workspace: Workspace,
    communes: tuple[str, ...],
    host: str,
    identity: Path,
    volume: str | None,
    backup: bool,
    header: bool,
    reason: str | None,
    output: Path | None,
) -> ExitCode:
    """Print the key on a terminal, or write it to a file; nowhere else."""
    from toolkit.escrow import opening, shown

    if header and (backup or output is None):
        raise click.UsageError(_("--header is for a disk, and goes to a file: give --output FILE, without --backup"))
    kept = _one([item for item in opening.of_host(workspace, communes, host, volume) if item.deposit.is_disk != backup])
    if output is None and not sys.stdout.isatty():
        raise click.UsageError(_("a key is shown on a terminal only, not in a pipe or a log: give --output FILE"))
    if output is not None and output.exists():
        raise BadInputError(_("{file}: already there; a key goes to a new file").format(file=output))
    said, keys = _reason(reason), _identities(identity)
    if header and output is not None:
        opening.write_new(output, opening.open_header(workspace, kept, keys, said))
        click.echo(output)
        click.echo(_("destroy this file after use: with the key of its day it opens the disk for ever"), err=True)
        return ExitCode.OK
    inside = opening.open_key(workspace, kept, keys, said)
    if output is not None:
        opening.write_new(output, inside.secret + "\n")
        click.echo(output)
    else:
        _print(shown.key(kept.deposit, inside.secret))
    if not backup:
        click.echo(_("this key is to be replaced: nomade apply --limit {host}").format(host=host), err=True)
        if opening.authorisation(kept.deposit) is None:
            click.echo(_("its host key is not pinned: a passphrase must be put on it for that"), err=True)
    return ExitCode.OK


@command.command("verify", help=_("Check all that is in escrow, without asking any endpoint; say what that proves."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@_identity
def verify(workspace: Workspace, communes: tuple[str, ...], identity: Path | None) -> ExitCode:
    """Exit 0: nothing wrong; 2: something is; 3: no laptop and no key."""
    from toolkit.escrow import shown
    from toolkit.escrow.verifying import verify as examine
    from toolkit.fleet import load_all

    config, fleets = load_all(workspace, workspace.select(communes))
    keys = _identities(identity) if identity else None
    codes = []
    for fleet in fleets:
        results = examine(workspace, config, fleet, keys)
        click.echo(f"{fleet.commune.name}")
        for result in results:
            _print(shown.result(result))
        wrong = any(result.problems for result in results)
        codes.append(
            ExitCode.NOT_COMPLIANT if wrong else ExitCode.OK if len(results) > 1 else ExitCode.NOTHING_EVALUATED
        )
    _print(["", *shown.limits(opened=keys is not None)], err=True)
    return worst(codes)


@command.command("rotate", help=_("Have the keys of HOST replaced by the next apply, or at once."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.argument("host")
@_identity
@_volume
@click.option("--reason", help=_("Why, for the register."))
@_now
def rotate(
    workspace: Workspace,
    communes: tuple[str, ...],
    host: str,
    identity: Path | None,
    volume: str | None,
    reason: str | None,
    now: bool,
) -> int:
    """Without an identity somebody must type a passphrase on the endpoint."""
    from toolkit.escrow import opening

    chosen = [item for item in opening.of_host(workspace, communes, host, volume) if item.deposit.is_disk]
    if not chosen:
        raise NothingEvaluatedError(_("nothing is in escrow for {host}").format(host=host))
    return _replace(workspace, chosen, identity, reason or _("rotation"), now)


@command.command(
    "rekey",
    help=_(
        "A recipient left or came: new keys for every volume that is encrypted to others than today's. The old files "
        "stay readable for who left, the old keys open nothing any more."
    ),
)
@options.workspace
@options.communes
@options.all_communes
@_identity
@click.option("--reason", help=_("Why, for the register."))
@_now
def rekey(
    workspace: Workspace,
    communes: tuple[str, ...],
    all_communes: bool,
    identity: Path | None,
    reason: str | None,
    now: bool,
) -> int:
    """The identity may be any that still opens the present files, for instance that of the leaver."""
    from toolkit.escrow import opening

    touched = options.touched_communes(workspace, communes, all_communes)
    concerned = opening.readable_by_leavers(workspace, touched)
    chosen = [item for item in concerned if item.deposit.is_disk]
    backups = sorted({item.deposit.endpoint for item in concerned if not item.deposit.is_disk})
    if backups:
        said = _("passwords of backups stay the same, the next apply encrypts them to today's recipients: {hosts}")
        click.echo(said.format(hosts=", ".join(backups)), err=True)
    if not chosen and not backups:
        click.echo(_("every key is encrypted to today's recipients: nothing to do"), err=True)
    if not chosen:
        return ExitCode.OK
    return _replace(workspace, chosen, identity, reason or _("recipients changed"), now)


@command.command("register", help=_("Show who opened which key, when and why; check that no line was changed."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@options.formats(FORMATS)
@options.output
def register(workspace: Workspace, communes: tuple[str, ...], format_name: str, output: Path | None) -> ExitCode:
    """Exit 0: the chain holds; 2: it does not. An empty register is no error: nobody opened anything."""
    from toolkit.escrow import register as book
    from toolkit.escrow import shown

    selected = workspace.select(communes)
    if format_name == "csv" and len(selected) > 1:
        raise click.UsageError(_("several communes do not share one document: name one with --commune"))
    broken = False
    for commune in selected:
        found = book.read(workspace, commune)
        broken = broken or bool(found.problems)
        if format_name == "csv":
            _deliver(book.as_csv(found), output)
        else:
            _print(shown.register(commune, found))
        _print([f"✗ {problem}" for problem in found.problems], err=True)
    return ExitCode.NOT_COMPLIANT if broken else ExitCode.OK


def _print(lines: Iterable[str], *, err: bool = False) -> None:
    for line in lines:
        click.echo(line, err=err)


def _one(found: Sequence[Kept]) -> Kept:
    if len(found) == 1:
        return found[0]
    if not found:
        raise NothingEvaluatedError(_("nothing of that kind is in escrow for this machine"))
    volumes = ", ".join(f"{item.deposit.device} ({item.deposit.uuid})" for item in found)
    raise click.UsageError(_("several keys, name one with --volume: {volumes}").format(volumes=volumes))


def _reason(given: str | None) -> str:
    from toolkit.report.plain import one_line

    if given is None and sys.stdin.isatty():
        given = str(click.prompt(_("Why (goes to the register)"), err=True))
    reason = one_line(given or "")
    if not reason:
        raise click.UsageError(_("say why with --reason: the register keeps it"))
    return reason


def _identities(file: Path) -> Identities:
    from toolkit.escrow.sealed import identities

    return identities(file, lambda: str(click.prompt(_("Passphrase of the identity"), hide_input=True, err=True)))


def _replace(workspace: Workspace, chosen: Sequence[Kept], identity: Path | None, reason: str, now: bool) -> int:
    from toolkit.escrow import opening

    keys = _identities(identity) if identity else None
    asked = opening.ask_replacement(workspace, chosen, keys, reason)
    for item in asked:
        click.echo(_asked(item))
    hosts = sorted({item.kept.deposit.endpoint for item in asked})
    communes = sorted({item.kept.commune for item in asked})
    if now:
        return _apply(workspace, communes, hosts)
    click.echo(_("next: nomade apply --limit {hosts}").format(hosts=",".join(hosts)), err=True)
    return ExitCode.OK


def _asked(item: Asked) -> str:
    deposit = item.kept.deposit
    how = (
        _("the next apply replaces it")
        if item.by_itself
        else _("the next apply replaces it once a passphrase is on the endpoint (roles/disk_encryption/README.md)")
    )
    return f"{deposit.endpoint}  {deposit.device}  {deposit.uuid} : {how}"


def _apply(workspace: Workspace, communes: list[str], hosts: list[str]) -> int:
    from toolkit.provision import Options, campaign

    wanted = Options(limit=",".join(hosts), tags="disk_encryption_escrow")
    return campaign.run(workspace, communes, wanted, show_changes=False, differences=False)


def _deliver(content: bytes, output: Path | None) -> None:
    from toolkit.files import write_atomically

    if output is None or str(output) == "-":
        click.echo(content, nl=False)
        return
    try:
        write_atomically(output, content, 0o640)
    except OSError as error:
        raise BadInputError(_("{file}: cannot be written: {error}").format(file=output, error=error.strerror)) from None
