"""`nomade controls`: the catalogue of controls, and what it covers."""

from __future__ import annotations

import click

from toolkit.cli import options
from toolkit.i18n import _, language


@click.group("controls", help=_("The controls: list them, explain one, show what they cover."))
def command() -> None:
    """Group of the verbs; the help text is the translated one above."""


@command.command("list", help=_("List the controls, all or those of one profile."))
@click.option("--profile", help=_("Only the controls of this profile."))
@options.formats(("table", "json"))
def list_controls(profile: str | None, format_name: str) -> None:
    import json

    from toolkit import catalogue_view
    from toolkit.catalogue import load

    if format_name == "json":
        rows = catalogue_view.control_rows(load(), profile, language())
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for line in catalogue_view.control_lines(load(), profile, language()):
        click.echo(line)


@command.command("show", help=_("Explain one control: why, what to do, how it is checked."))
@click.argument("control")
def show(control: str) -> None:
    from toolkit.catalogue import load
    from toolkit.catalogue_view import one_control

    for line in one_control(load(), control, language()):
        click.echo(line)


@command.command("coverage", help=_("Show which recommendations have controls, and why the others have none."))
@click.option("--reference", metavar="ID", help=_("Only this document (anssi-bp028, hygiene…)."))
@options.formats(("table", "json", "csv"))
def coverage(reference: str | None, format_name: str) -> None:
    import json

    from toolkit import catalogue_coverage
    from toolkit.catalogue import load

    if format_name == "json":
        data = catalogue_coverage.as_data(load(), language(), reference)
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
    elif format_name == "csv":
        click.echo(catalogue_coverage.as_csv(load(), language(), reference), nl=False)
    else:
        for line in catalogue_coverage.lines(load(), language(), reference):
            click.echo(line)
