"""Put what pydantic found in words: one line each, in the user's language, at its place in the file."""

from __future__ import annotations

import typing
from types import UnionType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from toolkit.errors import Problem
from toolkit.fleet.document import Document, Path_, suggestion
from toolkit.fleet.text import (
    DAY_PATTERN,
    HOURS_PATTERN,
    INSEE_PATTERN,
    LOGIN_PATTERN,
    MAC_PATTERN,
    MOMENT_PATTERN,
    NAME_PATTERN,
)
from toolkit.i18n import _

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], document: Document) -> M | None:
    """Return the document's data as a model; on errors add them to `document.problems` and return None."""
    if document.data is None and not document.problems:
        document.report((), _("the file is empty"))
    if not isinstance(document.data, dict):
        if not document.problems:
            document.report((), _("a mapping (key: value) is expected"))
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        # A value the reader refused is None here: what the model thinks of it is not worth a second line.
        refused = {(problem.line, problem.column) for problem in document.problems}
        found = [_problem(model, document, detail) for detail in error.errors(include_url=False)]
        document.problems += [problem for problem in found if (problem.line, problem.column) not in refused]
    return None


def _problem(model: type[BaseModel], document: Document, detail: ErrorDetails) -> Problem:
    path = tuple(step for step in detail["loc"] if step != "[key]")
    key = str(path[-1]) if path else ""
    match detail["type"]:
        case "extra_forbidden":
            known = _keys(model, path[:-1])
            return document.problem(
                path,
                _("unknown key “{key}”").format(key=key),
                suggestion(key, known) or _("known: {known}").format(known=", ".join(known)),
                key=True,
            )
        case "missing":
            return document.problem(path[:-1], _("“{key}” is missing").format(key=key))
        case _other:
            message, hint = _words(document, path, detail)
            return document.problem(path, f"{_dotted(path)}: {message}" if path else message, hint)


def _dotted(path: Path_) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _words(document: Document, path: Path_, detail: ErrorDetails) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    value = detail["input"]
    if kind == "nomade":
        return str(context["message"]), ""
    if value is None:
        return _("a value is missing"), ""
    if kind == "string_pattern_mismatch":
        return _("“{value}” is not {wanted}").format(value=value, wanted=_pattern(str(context["pattern"]))), ""
    if kind in ("literal_error", "enum"):
        allowed = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        return _("one of these is expected: {allowed}").format(allowed=allowed), suggestion(
            str(value), allowed.split(", ")
        )
    if kind == "string_type":
        written = document.written(path)
        return _("text is expected"), _("quote it: {value}").format(value=f'"{written}"') if written else ""
    words = _KINDS.get(kind)
    return words(context) if words else str(detail["msg"]), ""


_KINDS: dict[str, typing.Callable[[dict[str, Any]], str]] = {
    "int_type": lambda _context: _("a whole number is expected"),
    "bool_type": lambda _context: _("true or false is expected"),
    "tuple_type": lambda _context: _("a list is expected"),
    "model_type": lambda _context: _("a mapping (key: value) is expected"),
    "model_attributes_type": lambda _context: _("a mapping (key: value) is expected"),
    "dict_type": lambda _context: _("a mapping (key: value) is expected"),
    "greater_than_equal": lambda context: _("at least {limit} is expected").format(limit=context["ge"]),
    "less_than_equal": lambda context: _("at most {limit} is expected").format(limit=context["le"]),
    "string_too_short": lambda _context: _("the text is empty"),
    "string_too_long": lambda context: _("at most {limit} characters are allowed").format(limit=context["max_length"]),
}


def _pattern(pattern: str) -> str:
    return {
        NAME_PATTERN: _("a name: lower-case letters a-z, digits and inner hyphens, at most 63"),
        LOGIN_PATTERN: _("a login: lower-case letters a-z, digits, - and _, at most 31, first a letter"),
        INSEE_PATTERN: _("an INSEE code: five characters"),
        MAC_PATTERN: _("a MAC address: 00:11:22:aa:bb:cc"),
        DAY_PATTERN: _('a date: "2026-01-31"'),
        MOMENT_PATTERN: _('a day and an hour: "2026-01-31 18:00"'),
        HOURS_PATTERN: _("hours from-to: 08:00-18:30"),
    }.get(pattern, pattern)


def _keys(model: type[BaseModel], path: Path_) -> list[str]:
    """Return the keys known at `path`: the fields of the model found by following it."""
    current: Any = model
    for step in path:
        if isinstance(step, str) and isinstance(current, type) and issubclass(current, BaseModel):
            current = _inner(current.model_fields[step].annotation) if step in current.model_fields else None
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return []
    return [field.alias or name for name, field in current.model_fields.items()]


def _inner(annotation: Any) -> Any:
    """Return the model inside `tuple[Model, ...]`, `Model | None` or `dict[str, Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (tuple, dict, typing.Union, UnionType, typing.Annotated):
        return next(
            (found for found in map(_inner, typing.get_args(annotation)) if isinstance(found, type)), annotation
        )
    return annotation
