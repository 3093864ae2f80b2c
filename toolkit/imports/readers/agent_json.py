"""The JSON that GLPI's own agent writes: GLPI's public inventory format (glpi-project/inventory_format), one machine.

Its schema forbids nothing below a section, and agents of every version add keys: only what is read has to be right.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toolkit.errors import Problem
from toolkit.i18n import _
from toolkit.imports import agents, bounds
from toolkit.imports.mapping import Mapping
from toolkit.imports.model import Reading
from toolkit.imports.readers import Reader

_BLANK = b" \t\r\n"
_UTF_8_MARK = b"\xef\xbb\xbf"


def recognises(head: bytes, _path: Path) -> bool:
    """Return whether a file starts as a JSON object does."""
    return head.removeprefix(_UTF_8_MARK).lstrip(_BLANK).startswith(b"{")


def read(data: bytes, file: str, _mapping: Mapping | None = None) -> Reading:
    """Return the one machine of an agent's JSON; values of the wrong kind are problems, each with its name.

    Raises:
        ProblemsError: not JSON, too large or too deep, not an agent's inventory.
    """
    agents.check_size(data, file)
    document = _document(data, file)
    content = document.get("content")
    if not isinstance(content, dict):
        raise agents.refused(file, _("no “content”: not an inventory of GLPI's agent"))
    found, problems = agents.Found(), list[Problem]()
    found.not_a_computer = str(document.get("itemtype", "Computer")) != "Computer"
    found.partial = document.get("partial") is True
    found.tag = _scalar(document.get("tag"))
    for name, value in content.items():
        if len(problems) >= bounds.PROBLEMS:
            break
        _section(found, str(name), value, file, problems)
    if problems and not found.not_a_computer and not found.partial:
        return Reading(problems=tuple(problems[: bounds.PROBLEMS]))
    return agents.reading(found, file)


def _document(data: bytes, file: str) -> dict[str, Any]:
    try:
        document = json.loads(data.removeprefix(_UTF_8_MARK).decode("utf-8"))
    except json.JSONDecodeError as error:
        message = _("not JSON ({error})").format(error=error.msg)
        raise agents.refused(file, message, error.lineno, error.colno) from error
    except RecursionError as error:
        raise agents.refused(file, _("values nested too deep: not read")) from error
    except ValueError as error:  # not UTF-8, or a number of thousands of digits
        raise agents.refused(file, _("not JSON in UTF-8")) from error
    return document if isinstance(document, dict) else {}


def _section(found: agents.Found, name: str, value: Any, file: str, problems: list[Problem]) -> None:
    section = name.upper()
    if agents.PERSONAL.get(section) == frozenset() and value:
        found.personal.add(section)
    if section not in agents.READ and section not in agents.PERSONAL:
        return
    for entry in value[: agents.ENTRIES] if isinstance(value, list) else [value]:
        if not isinstance(entry, dict):
            message = _("content.{name}: “{value}” is no section of an inventory").format(
                name=name, value=_short(entry)
            )
            problems.append(Problem(file, 1, 1, message, _("an object or a list of objects")))
            return
        _entry(found, section, {str(key).upper(): item for key, item in entry.items()}, file, problems)


def _entry(found: agents.Found, section: str, entry: dict[str, Any], file: str, problems: list[Problem]) -> None:
    found.personal |= {f"{section}/{key}" for key in agents.PERSONAL.get(section, ()) if entry.get(key)}
    texts: agents.Section = {}
    for key in sorted(agents.READ.get(section, frozenset()) & entry.keys()):
        text = _scalar(entry[key])
        if text is not None:
            texts[key] = text
        elif entry[key] is not None:
            name = f"content.{section.lower()}.{key.lower()}"
            message = _("{name}: “{value}” is no text").format(name=name, value=_short(entry[key]))
            problems.append(Problem(file, 1, 1, message, _("a text, a number, true or false")))
    if section in agents.READ:
        found.keep(section, texts)


def _scalar(value: Any) -> str | None:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if isinstance(value, str | int | float) else None


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)[:60]


READER = Reader("agent_json", recognises, read)
