"""`nomade profile`: the named selections of controls."""

from __future__ import annotations

import click

from toolkit.i18n import _, language


@click.group("profile", help=_("The profiles: named selections of controls."))
def command() -> None:
    """Group of the verbs; the help text is the translated one above."""


@command.command("list", help=_("List the profiles."))
def list_profiles() -> None:
    from toolkit.catalogue import load
    from toolkit.catalogue_view import profile_lines

    for line in profile_lines(load(), language()):
        click.echo(line)


@command.command("show", help=_("Show one profile: its controls and settings."))
@click.argument("profile")
def show(profile: str) -> None:
    from toolkit.catalogue import load
    from toolkit.catalogue_view import one_profile

    for line in one_profile(load(), profile, language()):
        click.echo(line)
