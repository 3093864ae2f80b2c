"""The same run over several communes, one after the other, each with its own lock, log and connections."""

from __future__ import annotations

from collections.abc import Sequence

import click

from toolkit.errors import BadInputError, ExitCode, NomadeError, NothingEvaluatedError, worst
from toolkit.provision import progress, summary
from toolkit.provision.model import Options, Run
from toolkit.provision.running import command_line, provision
from toolkit.workspace import Workspace


def run(
    workspace: Workspace, communes: Sequence[str], options: Options, *, show_changes: bool, differences: bool
) -> ExitCode:
    """Run over each commune and print: progress and outcome on stderr; on stdout the changes, with their differences.

    A commune that cannot be run is said and the next one is taken; the worst code stands for all. Raises
    NothingEvaluatedError when the limit names no endpoint of any of them.
    """
    codes: list[ExitCode] = []
    unmatched: NothingEvaluatedError | None = None
    for commune in communes:
        try:
            result = _one(workspace, commune, options)
            codes.append(result.code)
            if show_changes:
                _print_changes(result, differences)
        except NothingEvaluatedError as error:
            unmatched = error
        except NomadeError as error:
            if len(communes) == 1 or isinstance(error, BadInputError):
                raise
            click.echo(str(error), err=True)
            codes.append(error.exit_code)
    if unmatched is not None and not codes:
        raise unmatched
    return worst(codes)


def _one(workspace: Workspace, commune: str, options: Options) -> Run:
    verbose = options.verbosity > 0
    with progress.best(verbose) as display:
        result = provision(workspace, commune, options, display, _echo if verbose else lambda _text: None)
    for line in summary.outcome(result):
        click.echo(line, err=True)
    return result


def _print_changes(result: Run, differences: bool) -> None:
    for line in summary.changes(result, differences=differences):
        click.echo(line)


def _echo(text: str) -> None:
    click.echo(text, err=True)


def commands(workspace: Workspace, communes: Sequence[str], options: Options) -> list[str]:
    """Return, for each commune, the plain Ansible command of the same run (see `command_line`)."""
    return [command_line(workspace, commune, options) for commune in communes]
