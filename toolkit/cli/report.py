"""`nomade report`: the documents that say what is known of a commune or of one post."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.cli.report_documents import documents, output_or_folder, pseudonymise
from toolkit.i18n import _, language

if TYPE_CHECKING:
    from datetime import date

    from toolkit.report.model import Report
    from toolkit.workspace import Workspace

# Written out, because finding them by walking toolkit/report would import every renderer to print a help text; a test
# keeps it equal to what is there.
FORMATS = ("csv", "html", "json", "jsonl", "junit", "md", "pdf", "prom", "sarif", "table")
# Documents to keep or to print: a file, unless standard output is named.
_FILES = ("html", "pdf")


@click.group("report", help=_("Write what is known of a commune or of one post; touches no machine."))
def command() -> None:
    """Group of the kinds of report."""


@command.command("commune", help=_("The report of one commune (or of each): who is compliant, since when, what to do."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@options.max_age
@options.as_of
@options.formats(FORMATS, "html")
@output_or_folder
@pseudonymise
@options.no_colour
def commune(
    workspace: Workspace,
    communes: tuple[str, ...],
    max_age: int | None,
    as_of: date | None,
    format_name: str,
    output: Path | None,
    pseudonymise: bool,
    no_colour: bool,
) -> int:
    """Write one report per commune and print the paths, or the report itself."""
    reports = _reports(workspace, workspace.select(communes), pseudonymise, max_age=max_age, as_of=as_of)
    if output is None and format_name in _FILES:
        output = _folder(workspace, as_of)
    return _deliver(reports, format_name, output, no_colour=no_colour)


@command.command("post", help=_("The report of one machine's post only: HOST is a laptop, an office PC or a gateway."))
@click.argument("host")
@options.workspace
@options.communes
@options.all_communes_anyhow
@options.max_age
@options.as_of
@options.formats(FORMATS, "html")
@output_or_folder
@pseudonymise
@options.no_colour
def post(
    workspace: Workspace,
    communes: tuple[str, ...],
    host: str,
    max_age: int | None,
    as_of: date | None,
    format_name: str,
    output: Path | None,
    pseudonymise: bool,
    no_colour: bool,
) -> int:
    """Write the report of one post and print its path, or the report itself."""
    from toolkit.pseudonyms import of_commune
    from toolkit.report.commune import commune_of

    found = commune_of(workspace, workspace.select(communes), host)
    reports = _reports(workspace, [found], pseudonymise, host, max_age=max_age, as_of=as_of)
    if pseudonymise:
        host = of_commune(workspace, found).machine_name(host)
    if output is None and format_name in _FILES:
        folder = _folder(workspace, as_of) / found
        folder.mkdir(mode=0o750, exist_ok=True)
        output = folder
    return _deliver(reports, format_name, output, name=host, no_colour=no_colour, sheet=True)


def only_one(documents: Sized, format_name: str) -> None:
    """Refuse several communes in one document; a terminal table may show several."""
    if len(documents) > 1 and format_name != "table":
        raise click.UsageError(_("several communes do not share one document: name one with --commune"))


def _folder(workspace: Workspace, as_of: date | None) -> Path:
    """Return where pages go: those of a past day apart, so that nobody takes one for today's."""
    from toolkit.report.commune import default_folder

    folder = default_folder(workspace)
    if as_of is not None:
        folder /= as_of.isoformat()
        folder.mkdir(mode=0o750, exist_ok=True)
    return folder


def _reports(
    workspace: Workspace,
    communes: list[str],
    pseudonymise: bool,
    host: str | None = None,
    *,
    max_age: int | None = None,
    as_of: date | None = None,
) -> list[Report]:
    from datetime import UTC, datetime

    from toolkit.pseudonyms import without_names
    from toolkit.report.commune import reports

    found = reports(workspace, communes, language(), datetime.now(UTC), host=host, max_age=max_age, as_of=as_of)
    return without_names(workspace, found) if pseudonymise else found


def _deliver(
    reports: list[Report],
    format_name: str,
    output: Path | None,
    *,
    name: str | None = None,
    no_colour: bool,
    sheet: bool = False,
) -> int:
    from dataclasses import replace

    from toolkit.report import Look, render
    from toolkit.report.commune import write
    from toolkit.report.terminal import look

    if output is not None and str(output) != "-":
        for path in write(reports, format_name, output, name=name, look=Look(sheet=sheet)):
            click.echo(path)
        return 0
    only_one(reports, format_name)
    shown = replace(look(no_colour=no_colour, full=True), sheet=sheet)
    click.echo(render(reports, format_name, shown), nl=False)
    return 0


@command.command(
    "diff", help=_("What changed in a commune since a day: mended, got worse, new, machines come and gone.")
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@options.day("--since", _("Day from whose beginning on changes count (2026-01-31)."), required=True)
@options.formats(("json", "table"))
def diff(workspace: Workspace, communes: tuple[str, ...], since: date, format_name: str) -> int:
    """Print what changed; that something did is not a failure."""
    from datetime import UTC, datetime

    from toolkit import history_view

    found = history_view.differences(workspace, workspace.select(communes), since, language(), datetime.now(UTC))
    if format_name == "json":
        click.echo(history_view.document(found, language()), nl=False)
        return 0
    for line in history_view.lines(found, language()):
        click.echo(line)
    return 0


for document in documents():
    command.add_command(document)
