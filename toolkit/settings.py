"""The value of every role variable on one endpoint, and where it comes from. Inventory and evaluation both ask here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml

from toolkit import paths
from toolkit.errors import BadInputError
from toolkit.fleet.model import Fleet
from toolkit.i18n import _

Source: TypeAlias = Literal["default", "profile", "commune", "kind", "endpoint"]

_JINJA = ("{{", "{%", "{#")


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and the layer it was written in."""

    value: Any
    source: Source


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


def overrides(fleet: Fleet, endpoint: str, profile_settings: Mapping[str, object] | None = None) -> dict[str, Setting]:
    """Return what the layers above the roles' defaults say for one endpoint: profile < commune < kind < endpoint."""
    settings = fleet.settings
    layers: tuple[tuple[Source, Mapping[str, object]], ...] = (
        ("profile", profile_settings or {}),
        ("commune", settings.commune),
        ("kind", settings.of_kind(fleet.endpoint(endpoint).kind)),
        ("endpoint", settings.endpoints.get(endpoint, {})),
    )
    return {name: Setting(value, source) for source, layer in layers for name, value in layer.items()}


def effective(
    fleet: Fleet, endpoint_name: str, profile_settings: Mapping[str, object] | None = None
) -> dict[str, Setting]:
    """Return every setting of one endpoint: role default < profile < commune < kind < endpoint.

    A default that is an expression has no known value and is left out unless a layer above gives one.

    Raises:
        NothingEvaluatedError: the fleet has no such endpoint.
    """
    above = overrides(fleet, endpoint_name, profile_settings)
    defaults = {
        name: Setting(variable.default, "default")
        for name, variable in role_variables().items()
        if not variable.computed
    }
    return defaults | above
