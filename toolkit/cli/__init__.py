"""The `nomade` command: one file per verb in this folder, found by walking it, imported when it is called."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
from typing import Any

import click

from toolkit import __version__
from toolkit.errors import ExitCode, NomadeError
from toolkit.i18n import LANGUAGES, _, set_language, speak_click

_HELPERS = {"options", "report_documents"}


def _names() -> list[str]:
    return sorted(item.name for item in pkgutil.iter_modules(__path__) if item.name not in _HELPERS)


def take_language(arguments: list[str]) -> list[str]:
    """Set the language from `--lang`, wherever it stands, and return the other arguments.

    Help texts are made while modules load and click parses, so the language must be known before that. A value that is
    not a language is left in place for click to refuse.
    """
    rest = list(arguments)
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        value = arguments[index + 1] if argument == "--lang" and index + 1 < len(arguments) else None
        if argument.startswith("--lang="):
            value = argument.partition("=")[2]
        if value in LANGUAGES:
            set_language(value)
            del rest[index : index + (2 if argument == "--lang" else 1)]
            break
    return rest


_arguments = take_language(sys.argv[1:])
speak_click()


class Verbs(click.Group):
    """A group whose commands are the modules of this folder: `lost.py` holds `command`, the verb `lost`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name.replace("_", "-") for name in _names()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = cmd_name.replace("-", "_")
        if name not in _names():
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{name}").command
        return command


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help=_("Telework posts for town halls: inventory, provisioning, audit, reports."),
)
@click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    expose_value=False,
    help=_("Language of messages and documents (French by default)."),
)
@click.version_option(__version__, prog_name="nomade")
def root() -> None:
    """Group of all verbs; the help text is the translated one above."""


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; every expected failure is one line on stderr."""
    try:
        result: Any = root.main(arguments, prog_name="nomade", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        return ExitCode.BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        click.echo(_("Interrupted."), err=True)
        return ExitCode.INTERRUPTED
    except NomadeError as error:
        click.echo(str(error), err=True)
        return error.exit_code
    return int(result) if result is not None else ExitCode.OK


def main() -> None:
    """Entry point of the `nomade` command."""
    # A fleet is many objects that live until the end, and few in circles: looking at all of them again and again for
    # garbage was a tenth of an audit.
    gc.set_threshold(50_000, 50, 50)
    try:
        code = run(_arguments)
    except Exception as error:  # the last resort: a traceback shown to the user is a bug, so say it is one
        click.echo(
            _("Internal error: {error} — please report it with the command you ran.").format(error=error), err=True
        )
        code = ExitCode.INTERNAL
    gc.freeze()  # the interpreter would look at all of them once more on its way out
    sys.exit(int(code))
