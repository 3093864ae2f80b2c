"""The public variables of the roles: their defaults and what their argument specifications say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from toolkit import paths
from toolkit.errors import BadInputError
from toolkit.i18n import _

_JINJA = ("{{", "{%", "{#")


@dataclass(frozen=True, slots=True)
class Variable:
    """A public role variable. `computed` says that its default is an expression, so no value is known here."""

    role: str
    default: Any
    computed: bool


@cache
def role_variables(roles: Path | None = None) -> Mapping[str, Variable]:
    """Return every public role variable by name, read from `roles/*/defaults/main.yml` (once).

    Raises:
        BadInputError: a defaults file is not YAML.
    """
    variables: dict[str, Variable] = {}
    for path in sorted((roles or paths.roles_dir()).glob("*/defaults/main.yml")):
        try:
            defaults = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader) or {}
        except yaml.YAMLError as error:
            raise BadInputError(_("{file}: not valid YAML: {reason}").format(file=path, reason=error)) from error
        role = path.parent.parent.name
        for name, value in defaults.items():
            if not name.startswith("__"):
                variables[name] = Variable(role, value, _has_expression(value))
    return variables


def _has_expression(value: Any) -> bool:
    if isinstance(value, str):
        return any(mark in value for mark in _JINJA)
    if isinstance(value, dict):
        return any(_has_expression(item) for pair in value.items() for item in pair)
    return isinstance(value, list) and any(_has_expression(item) for item in value)


@cache
def specification(role: str, roles: Path | None = None) -> Mapping[str, Mapping[str, Any]]:
    """Return the options of a role by name, from its `meta/argument_specs.yml`; none when it has no such file."""
    path = (roles or paths.roles_dir()) / role / "meta" / "argument_specs.yml"
    if not path.is_file():
        return {}
    content = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    options: Mapping[str, Mapping[str, Any]] = content["argument_specs"]["main"].get("options") or {}
    return options
