"""Read a folder of YAML files, one object each, and say of every problem where it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from toolkit.errors import Problem
from toolkit.i18n import _

M = TypeVar("M", bound=BaseModel)
Place = tuple[int, int]

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML built without libyaml
    from yaml import SafeLoader as Loader  # type: ignore[assignment]


def read_folder(folder: Path, model: type[M], problems: list[Problem]) -> Mapping[str, M]:
    """Return the valid objects of `folder` by id (the file's name), and append what is wrong to `problems`."""
    found: dict[str, M] = {}
    for path in sorted(folder.glob("*.yml"), key=lambda path: path.stem):
        item = _read_file(path, model, problems)
        if item is not None:
            found[path.stem] = item
    return MappingProxyType(found)


@cache
def ids_with(folder: Path, key: str) -> frozenset[str]:
    """Return the ids of the files of `folder` that have `key` at the top level (every id, for an empty key).

    Only looks at how lines start: several times faster than reading the catalogue, for those who need no more.
    """
    return frozenset(
        path.stem
        for path in folder.glob("*.yml")
        if not key or any(line.startswith(f"{key}:") for line in path.read_text(encoding="utf-8").splitlines())
    )


def _read_file(path: Path, model: type[M], problems: list[Problem]) -> M | None:
    text = path.read_text(encoding="utf-8")
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        content = loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problems.append(Problem(str(path), line, column, str(error.problem)))
        return None
    problems += [Problem(str(path), *place, message) for place, message in _repeated(node)]
    if not isinstance(content, dict) or "id" in content:
        problems.append(Problem(str(path), 1, 1, _("expected a mapping without “id”: the file's name is the id")))
        return None
    try:
        return model.model_validate({"id": path.stem, **content})
    except ValidationError as error:
        problems += _translate(path, node, error)
        return None


def _translate(path: Path, node: yaml.Node | None, error: ValidationError) -> list[Problem]:
    """One problem per place and message; a union reports each of its members, the deepest place is the useful one."""
    found = {}
    for item in error.errors(include_url=False, include_context=False):
        names = [str(part) for part in item["loc"]]
        place, depth = _locate(node, item["loc"])
        found[place, item["msg"]] = f"{'.'.join(names[:depth] or names)}: {item['msg']}"
    return [Problem(str(path), *place, message) for (place, _message), message in found.items()]


def _locate(node: yaml.Node | None, keys: tuple[int | str, ...]) -> tuple[Place, int]:
    """Return where the deepest part of `keys` that exists starts, and how many parts that is."""
    place, depth = (1, 1), 0
    for key in keys:
        child = _child(node, key)
        if child is None:
            break
        place, depth = (child[0].start_mark.line + 1, child[0].start_mark.column + 1), depth + 1
        node = child[1]
    return place, depth


def _child(node: yaml.Node | None, key: Any) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((name, value) for name, value in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key]
    return None


def _repeated(node: yaml.Node | None) -> list[tuple[Place, str]]:
    """Return the keys that one mapping has twice: YAML would silently keep the last."""
    found: list[tuple[Place, str]] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                mark = key.start_mark
                found.append(((mark.line + 1, mark.column + 1), _("“{key}” twice").format(key=key.value)))
            seen.add(key.value)
            found += _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            found += _repeated(value)
    return found
