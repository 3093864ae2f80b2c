"""The value of every role variable on one endpoint, and where it comes from. Inventory and evaluation both ask here."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

from toolkit import paths
from toolkit.catalogue import Catalogue
from toolkit.catalogue_files import read_folder
from toolkit.catalogue_model import Profile
from toolkit.errors import Problem, ProblemsError
from toolkit.fleet.model import Fleet
from toolkit.fleet.parts import Kind
from toolkit.fleet.roles import role_variables

Source: TypeAlias = Literal["default", "profile", "commune", "kind", "endpoint"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and the layer it was written in."""

    value: Any
    source: Source


@cache
def of_profile(name: str) -> Mapping[str, object]:
    """Return the settings that a profile asks for, its own over those of the profiles it extends.

    Reads the profiles only: an inventory does not depend on controls.

    Raises:
        BadInputError: no such profile, or a profile file is wrong.
    """
    problems: list[Problem] = []
    profiles = read_folder(paths.profiles_dir(), Profile, problems)
    if problems:
        raise ProblemsError(problems)
    return Catalogue({}, profiles, {}).settings(name)


def overrides(fleet: Fleet, endpoint: str, profile_settings: Mapping[str, object] | None = None) -> dict[str, Setting]:
    """Return what the layers above the roles' defaults say for one endpoint: profile < commune < kind < endpoint."""
    layers = _layers(fleet, endpoint, profile_settings or {})
    return {name: Setting(value, source) for source, layer in layers for name, value in layer.items()}


def _layers(
    fleet: Fleet, endpoint: str, profile_settings: Mapping[str, object]
) -> tuple[tuple[Source, Mapping[str, object]], ...]:
    settings = fleet.settings
    return (
        ("profile", profile_settings),
        ("commune", settings.commune),
        ("kind", settings.of_kind(fleet.endpoint(endpoint).kind)),
        ("endpoint", settings.endpoints.get(endpoint, {})),
    )


def history(fleet: Fleet, endpoint: str, profile_settings: Mapping[str, object]) -> dict[str, list[Setting]]:
    """Return, by name, what each layer says of a setting, the general first: the last one is in force.

    A default that is an expression has no known value and is left out.

    Raises:
        NothingEvaluatedError: the fleet has no such endpoint.
    """
    found = {name: [setting] for name, setting in _defaults().items()}
    for source, layer in _layers(fleet, endpoint, profile_settings):
        for name, value in layer.items():
            found.setdefault(name, []).append(Setting(value, source))
    return found


def effective(
    fleet: Fleet, endpoint_name: str, profile_settings: Mapping[str, object] | None = None
) -> dict[str, Setting]:
    """Return every setting of one endpoint: role default < profile < commune < kind < endpoint.

    A default that is an expression has no known value and is left out unless a layer above gives one.

    Raises:
        NothingEvaluatedError: the fleet has no such endpoint.
    """
    return {**_defaults(), **overrides(fleet, endpoint_name, profile_settings)}


@cache
def _defaults() -> Mapping[str, Setting]:
    known = role_variables().items()
    return {name: Setting(variable.default, "default") for name, variable in known if not variable.computed}


@dataclass(frozen=True, slots=True)
class Layered:
    """What must be written for a commune, each kind and each endpoint, so that every endpoint has its own values."""

    commune: dict[str, Any]
    kinds: dict[Kind, dict[str, Any]]
    endpoints: dict[str, dict[str, Any]]


def layered(fleet: Fleet, profile_settings: Mapping[str, object]) -> Layered:
    """Return the values of `effective` as layers where the particular wins, without what a layer below says already."""
    defaults = {name: variable.default for name, variable in role_variables().items() if not variable.computed}
    commune = _beyond({**profile_settings, **fleet.settings.commune}, defaults)
    known = ChainMap(commune, defaults)
    kinds = {kind: _beyond(fleet.settings.of_kind(kind), known) for kind in Kind}
    endpoints = {
        name: _beyond(values, known.new_child(kinds[fleet.endpoint(name).kind]))
        for name, values in fleet.settings.endpoints.items()
    }
    return Layered(commune, kinds, endpoints)


def _beyond(layer: Mapping[str, Any], below: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sorted(layer.items()) if name not in below or below[name] != value}
