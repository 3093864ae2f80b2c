"""`nomade report fleet, insurance, dossier, verify, review`: for the CIG, the insurer and the staff committee."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.i18n import _, language

if TYPE_CHECKING:
    from datetime import datetime

    from toolkit.insurance import Readiness
    from toolkit.report.fleet_page import Entry
    from toolkit.workspace import Workspace

pseudonymise = click.option(
    "--pseudonymise",
    is_flag=True,
    help=_("Stable pseudonyms instead of people, logins and machines; no raw outputs, no contacts."),
)
output_or_folder = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help=_("File or folder to write to, - for standard output (HTML, PDF: reports/ of the workspace by default)."),
)


def documents() -> list[click.Command]:
    """Return the commands of this module, for the group `report`."""
    return [fleet, insurance, dossier, verify, review]


@click.command("fleet", help=_("One page over all communes, for the CIG alone: where to act first."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@options.formats(("html", "json"), "html")
@output_or_folder
@pseudonymise
def fleet(
    workspace: Workspace, communes: tuple[str, ...], format_name: str, output: Path | None, pseudonymise: bool
) -> int:
    """Write the page and print its path, or print the document; one commune after the other is read and let go."""
    from datetime import UTC, datetime

    from toolkit.fleet import load_config
    from toolkit.report import fleet_page
    from toolkit.report.commune import default_folder, write_each

    now, chosen = datetime.now(UTC), workspace.select(communes)
    entries = (_entry(workspace, commune, now, pseudonymise) for commune in chosen)
    of = fleet_page.overview(load_config(workspace).cig.name, language(), now, entries)
    folder = default_folder(workspace)
    linked = frozenset(commune for commune in chosen if (folder / f"{commune}.html").exists())
    if output is None and format_name == "html":
        # No commune can be called that: its page never takes the place of this one.
        output = folder / "_cig.html"
    document = fleet_page.document(of) if format_name == "json" else fleet_page.render(of, linked)
    if output is None or str(output) == "-":
        click.echo(document, nl=False)
        return 0
    for path in write_each({"_cig": document}, format_name, output):
        click.echo(path)
    return 0


def _entry(workspace: Workspace, commune: str, now: datetime, pseudonymise: bool) -> Entry:
    from toolkit.pseudonyms import without_names
    from toolkit.report.commune import reports
    from toolkit.report.fleet_page import entry_of

    found = reports(workspace, [commune], language(), now)
    return entry_of((without_names(workspace, found) if pseudonymise else found)[0])


@click.command("insurance", help=_("Which formula of the insurance contract each commune meets, and what is missing."))
@options.workspace
@options.communes
@options.all_communes_anyhow
@options.formats(("html", "json", "table"))
@options.output
@pseudonymise
@options.no_colour
def insurance(
    workspace: Workspace,
    communes: tuple[str, ...],
    format_name: str,
    output: Path | None,
    pseudonymise: bool,
    no_colour: bool,
) -> int:
    """Print or write one document per commune; 0 only when each meets the formula its fleet file names."""
    from datetime import UTC, datetime

    from toolkit.insurance import exit_code, readiness, without_names
    from toolkit.pseudonyms import of_commune
    from toolkit.report.commune import write_each

    found = readiness(workspace, workspace.select(communes), language(), datetime.now(UTC))
    if pseudonymise:
        found = [without_names(item, of_commune(workspace, item.commune)) for item in found]
    shown = {item.commune: _insurance(item, format_name, no_colour=no_colour) for item in found}
    if output is None or str(output) == "-":
        if len(shown) > 1 and format_name != "table":
            raise click.UsageError(_("several communes do not share one document: name one with --commune"))
        click.echo("\n".join(shown.values()), nl=False)
    else:
        for path in write_each(shown, {"table": "txt"}.get(format_name, format_name), output):
            click.echo(path)
    return exit_code(found)


def _insurance(item: Readiness, format_name: str, *, no_colour: bool) -> str:
    from toolkit.report import insurance_views as views
    from toolkit.report.terminal import look

    if format_name == "html":
        return views.page(item)
    return views.document([item]) if format_name == "json" else views.text([item], look(no_colour=no_colour))


@click.command("dossier", help=_("The insurer's dossier of one commune: PDF, evidence and a manifest of digests."))
@options.workspace
@options.communes
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help=_("Folder to make, which must not exist yet (by default below reports/ of the workspace)."),
)
@pseudonymise
def dossier(workspace: Workspace, communes: tuple[str, ...], output: Path | None, pseudonymise: bool) -> int:
    """Write the dossier of the one commune; print its folder and the digest of its manifest."""
    from datetime import UTC, datetime

    from toolkit.dossier import write

    chosen = workspace.select(communes)
    if len(chosen) != 1:
        raise click.UsageError(_("several communes do not share one document: name one with --commune"))
    written = write(workspace, chosen[0], language(), datetime.now(UTC), output, pseudonymise=pseudonymise)
    click.echo(written.folder)
    click.echo(_("Digest to tell the insurer apart from the dossier: {digest}").format(digest=written.digest), err=True)
    return 0


@click.command("verify", help=_("Check that no file of a dossier was changed, added or taken away."))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--digest", help=_("Digest that was told when the dossier was made: finds a manifest made anew."))
def verify(folder: Path, digest: str | None) -> int:
    """Print what is wrong with the dossier, or that it is whole; 2 when anything is wrong."""
    from toolkit.dossier import verify as check
    from toolkit.errors import ExitCode

    problems = check(folder, digest)
    for problem in problems:
        click.echo(problem)
    if problems:
        return ExitCode.NOT_COMPLIANT
    click.echo(_("{folder}: whole, as it was made").format(folder=folder))
    if digest is None:
        click.echo(_("With --digest, a manifest that was made anew would be found too."), err=True)
    return ExitCode.OK


@click.command(
    "review", help=_("Yearly review of telework, from what the fleet file declares; no activity of anybody.")
)
@options.workspace
@options.communes
@options.all_communes_anyhow
@click.option("--year", type=click.IntRange(2000, 2100), required=True, help=_("Year to look back on."))
@options.formats(("html", "json", "pdf"), "html")
@output_or_folder
def review(workspace: Workspace, communes: tuple[str, ...], year: int, format_name: str, output: Path | None) -> int:
    """Write one review per commune and print the paths, or the review itself."""
    from datetime import UTC, datetime

    from toolkit import review as reviews
    from toolkit.report.commune import default_folder, write_each

    found = reviews.reviews(workspace, workspace.select(communes), year, language(), datetime.now(UTC))
    shown = {f"{item.commune}-{year}": reviews.render(item, format_name) for item in found}
    if output is None and format_name != "json":
        output = default_folder(workspace)
    if output is not None and str(output) != "-":
        for path in write_each(shown, format_name, output):
            click.echo(path)
        return 0
    if len(shown) > 1:
        raise click.UsageError(_("several communes do not share one document: name one with --commune"))
    click.echo(next(iter(shown.values())), nl=False)
    return 0
