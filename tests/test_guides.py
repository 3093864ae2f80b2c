"""Commands that the guides show exist, with the options shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from toolkit.cli import root

DOCS = Path(__file__).parent.parent / "docs"


def commands_of(page: Path) -> list[str]:
    """Return every `nomade …` command of a page's shell blocks, comments cut off, and of its inline code."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [part.strip() for block in blocks for line in block.splitlines() for part in line.split("&&")]
    inline = re.findall(r"`(nomade [^`]+)`", text)
    return [line for line in [*lines, *inline] if line.startswith("nomade ")]


def unknown_words(line: str) -> list[str]:
    """Return what of a command line is neither a verb nor an option of it."""
    verb: click.Command = root
    context = click.Context(root)
    wrong = []
    for word in shlex.split(line, comments=True)[1:]:
        if word.startswith("-"):
            known = {name for item in verb.params for name in item.opts} | set(context.help_option_names)
            wrong += [word] if word.partition("=")[0] not in known else []
        elif isinstance(verb, click.Group):
            found = verb.get_command(context, word)
            if found is None:
                return [word]
            verb, context = found, click.Context(found, parent=context)
    return wrong


@pytest.mark.parametrize("page", sorted(DOCS.glob("guide-*.md")), ids=lambda page: page.stem)
def test_commands_of_guides_exist(page: Path) -> None:
    lines = commands_of(page)
    assert lines
    assert {line: wrong for line in lines if (wrong := unknown_words(line))} == {}
