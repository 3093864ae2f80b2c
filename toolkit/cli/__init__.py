"""The `nomade` command: one file per verb in this folder, found by walking it, imported when it is called."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any

import click

from toolkit import __version__
from toolkit.errors import ExitCode, NomadeError
from toolkit.i18n import LANGUAGES, _, set_language

_HELPERS = {"options"}


def _names() -> list[str]:
    return sorted(item.name for item in pkgutil.iter_modules(__path__) if item.name not in _HELPERS)


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


def _choose_language(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    set_language(value)
    return value


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help=_("Telework posts for town halls: inventory, provisioning, audit, reports."),
)
@click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    is_eager=True,
    expose_value=False,
    callback=_choose_language,
    help=_("Language of messages and documents (French by default)."),
)
@click.version_option(__version__, prog_name="nomade")
def root() -> None:
    """Group of all verbs; the help text is the translated one above."""


def _early_language(arguments: list[str]) -> None:
    # Help texts are made while click parses, so the language must be known before that.
    for index, argument in enumerate(arguments):
        if argument.startswith("--lang="):
            set_language(argument.partition("=")[2])
        elif argument == "--lang" and index + 1 < len(arguments):
            set_language(arguments[index + 1])


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
    except BrokenPipeError:
        return ExitCode.INTERNAL
    return int(result) if result is not None else ExitCode.OK


def main() -> None:
    """Entry point of the `nomade` command."""
    arguments = sys.argv[1:]
    _early_language(arguments)
    try:
        code = run(arguments)
    except Exception as error:  # the last resort: a traceback shown to the user is a bug, so say it is one
        click.echo(
            _("Internal error: {error} — please report it with the command you ran.").format(error=error), err=True
        )
        code = ExitCode.INTERNAL
    sys.exit(int(code))
