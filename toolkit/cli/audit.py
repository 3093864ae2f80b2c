"""`nomade audit`: ask every endpoint, judge the answers, keep and print them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.i18n import _, language

if TYPE_CHECKING:
    from toolkit.audit import Progress
    from toolkit.workspace import Workspace

# Written out, because importing the renderers and the findings to print a help text is slow; tests keep them equal.
FORMATS = ("table", "json", "csv")
SEVERITIES = ("low", "medium", "high", "critical")


@click.command(
    "audit", help=_("Check endpoints against a profile, keep the result and print it. Changes nothing on them.")
)
@options.workspace
@options.communes
@options.all_communes
@options.limit
@click.option("--profile", help=_("Profile to judge by (default: the workspace's)."))
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    default="low",
    show_default=True,
    help=_("Least severity of a failure that makes the exit code 2."),
)
@click.option(
    "-f",
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help=_("Format of the result."),
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help=_("File to write instead of standard output."))
@click.option(
    "--parallel", type=click.IntRange(1, 256), default=16, show_default=True, help=_("Endpoints asked at a time.")
)
@click.option(
    "--no-color", "no_colour", is_flag=True, help=_("No colours (also with NO_COLOR, or when not on a terminal).")
)
def command(
    workspace: Workspace,
    communes: tuple[str, ...],
    all_communes: bool,
    limit: str | None,
    profile: str | None,
    fail_on: str,
    format_name: str,
    output: Path | None,
    parallel: int,
    no_colour: bool,
) -> int:
    """Print the findings of this run; 0 only when everything asked was answered and meets the profile."""
    from toolkit.audit import Request, deliver, exit_code, run
    from toolkit.finding import Severity
    from toolkit.report.terminal import look

    chosen = options.touched_communes(workspace, communes, all_communes)
    audits = run(workspace, chosen, Request(profile, limit, parallel), _say)
    text = deliver(audits, format_name, language(), output, look(no_colour=no_colour))
    if text is not None:
        click.echo(text, nl=False)
    return exit_code(audits, Severity(fail_on))


def _say(progress: Progress) -> None:
    words = {
        "collected": _("answered"),
        "unreachable": _("did not answer"),
        "not_enrolled": _("not enrolled yet"),
        "key_changed": _("HOST KEY CHANGED, not connected to"),
    }
    from toolkit.report.plain import one_line

    line = f"[{progress.done}/{progress.total}] {progress.endpoint}: {words[progress.status.value]}"
    click.echo(f"{line} ({one_line(progress.detail)})" if progress.detail else line, err=True)
