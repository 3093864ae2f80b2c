"""`nomade audit`: ask every endpoint, judge the answers, keep and print them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.i18n import _, language

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolkit.audit import Progress
    from toolkit.errors import ExitCode
    from toolkit.finding import Audit
    from toolkit.policy import Policy
    from toolkit.workspace import Workspace

# Written out, because importing the renderers and the findings to print a help text is slow; tests keep them equal.
FORMATS = ("table", "csv", "json", "jsonl", "junit", "md", "prom", "sarif")
SEVERITIES = ("low", "medium", "high", "critical")
# Machines whose results wait in memory for the page, so that it need not read them back; about 70 kB each.
_AT_HAND = 1000


@click.command(
    "audit", help=_("Check endpoints against a profile, keep the result and print it. Changes nothing on them.")
)
@options.workspace
@options.communes
@options.all_communes
@options.limit
@click.option(
    "--from",
    "source",
    metavar="DATE|FILE",
    help=_("Judge again what is in the store (as of the end of this day) or in an exported file; asks no endpoint."),
)
@options.max_age
@click.option("--profile", help=_("Profile to judge by (default: the workspace's)."))
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    default="low",
    show_default=True,
    help=_("Least severity of a failure that makes the exit code 2."),
)
@options.formats(FORMATS)
@click.option("-o", "--output", type=click.Path(path_type=Path), help=_("File to write instead of standard output."))
@click.option(
    "--parallel", type=click.IntRange(1, 256), default=16, show_default=True, help=_("Endpoints asked at a time.")
)
@click.option(
    "--page",
    is_flag=True,
    help=_("Also write the page of each commune into reports/, as “nomade report commune” does."),
)
@options.no_colour
def command(
    workspace: Workspace,
    communes: tuple[str, ...],
    all_communes: bool,
    limit: str | None,
    source: str | None,
    max_age: int | None,
    profile: str | None,
    fail_on: str,
    format_name: str,
    output: Path | None,
    parallel: int,
    page: bool,
    no_colour: bool,
) -> int:
    """Print the findings of this run; 0 only when everything asked was answered and meets the profile."""
    from datetime import UTC, datetime

    from toolkit import paris
    from toolkit.audit import Request, each, outcome
    from toolkit.cli.store import thin_where_declared
    from toolkit.errors import worst
    from toolkit.finding import Severity
    from toolkit.policy import policies
    from toolkit.report.terminal import look

    request, now = Request(profile, limit, parallel), datetime.now(UTC)
    chosen = workspace.select(communes) if source else options.touched_communes(workspace, communes, all_communes)
    rules = policies(workspace, chosen, now, max_age)
    if source:
        from toolkit import rejudge

        audits = _told_again(rejudge.each(workspace, chosen, request, rejudge.source_of(source, paris.day_of(now))))
    else:
        audits = each(workspace, chosen, request, _say)
    codes = []
    at_hand: list[Audit] = []
    # A table is printed commune by commune; other formats, and a file, are one document of all.
    whole = format_name != "table" or output is not None
    for some in [list(audits)] if whole else ([audit] for audit in audits):
        text, code = outcome(some, rules, format_name, language(), output, look(no_colour=no_colour), Severity(fail_on))
        codes.append(code)
        if text is not None:
            click.echo(text, nl=False)
        if page:
            at_hand += some if sum(len(audit.endpoints) for audit in (*at_hand, *some)) <= _AT_HAND else ()
    if not source:
        codes += _quarantine(workspace, rules)
        thin_where_declared(workspace)
    if page:
        _write_pages(workspace, chosen, profile, max_age, at_hand)
    return worst(codes)


def _write_pages(
    workspace: Workspace, communes: Sequence[str], profile: str | None, max_age: int | None, at_hand: Sequence[Audit]
) -> None:
    """Write what is known now, judged by the same profile; the paths are no part of the audit's own document."""
    from datetime import UTC, datetime

    from toolkit.report.commune import default_folder, reports, write

    now = datetime.now(UTC)
    found = reports(workspace, communes, language(), now, max_age=max_age, profile=profile, at_hand=at_hand)
    for path in write(found, "html", default_folder(workspace)):
        click.echo(path, err=True)


def _quarantine(workspace: Workspace, rules: Mapping[str, Policy]) -> list[ExitCode]:
    """Let quarantine follow what was found; what a doubt means for the exit code, the audit itself says."""
    concerned = [name for name, rule in rules.items() if rule.quarantine or workspace.commune(name).quarantine.exists()]
    if not concerned:
        return []
    from toolkit.cli.quarantine import settle
    from toolkit.errors import ExitCode

    code = settle(workspace, concerned)
    return [] if code is ExitCode.NOTHING_EVALUATED else [code]


def _told_again(audits: Iterator[Audit]) -> Iterator[Audit]:
    for audit in audits:
        _say_again(audit)
        yield audit


def _say_again(audit: Audit) -> None:
    """Say that nothing was asked, and of when what was judged is."""
    from toolkit.report import dates

    moments = [part.evidence.collected_at for part in audit.endpoints if part.evidence]
    if not moments:
        said = _("{commune}: judged again: no evidence is there, nothing was asked")
        click.echo(said.format(commune=audit.commune), err=True)
        return
    first, last = (dates.moment_text(moment, language()) for moment in (min(moments), max(moments)))
    message = _(
        "{commune}: judged again with today’s controls, nothing was asked: {count} machines, evidence of {first} to "
        "{last}"
    )
    click.echo(message.format(commune=audit.commune, count=len(moments), first=first, last=last), err=True)


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
