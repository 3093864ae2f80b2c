"""Controls, profiles and references, read from their folders into one validated, immutable catalogue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from toolkit import paths
from toolkit.catalogue_files import read_folder
from toolkit.errors import BadInputError, Problem, ProblemsError
from toolkit.finding import Severity
from toolkit.i18n import _
from toolkit.probes import registry

Kind = Literal["laptop", "office_pc", "gateway"]
Scalar = bool | int | float | str
Words = Annotated[str, Field(min_length=3)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{2,62}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Text(_Model):
    """A text a user reads, in both languages."""

    fr: Words
    en: Words

    def __getitem__(self, language: str) -> str:
        return self.en if language == "en" else self.fr


class Operand(_Model):
    """A value that is known per endpoint: a role's setting, or a fact of the fleet file."""

    setting: str | None = None
    fleet: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Operand:
        if (self.setting is None) == (self.fleet is None):
            raise ValueError("say either setting or fleet")
        return self


class Expectation(_Model):
    """What one fact must be; all operators given must hold. A bare value in the file is `equals`."""

    equals: Operand | Scalar | None = None
    one_of: Operand | list[Operand | Scalar] | None = None
    at_least: Operand | int | float | None = None
    at_most: Operand | int | float | None = None
    contains: Operand | Scalar | list[Operand | Scalar] | None = None
    only: Operand | list[Operand | Scalar] | None = None
    absent: Literal[True] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_value(cls, value: Any) -> Any:
        if isinstance(value, dict) and not {"setting", "fleet"} & set(value):
            return value
        return {"equals": value}

    @model_validator(mode="after")
    def _something(self) -> Expectation:
        if not self.operators():
            raise ValueError("no operator")
        return self

    def operators(self) -> tuple[tuple[str, Any], ...]:
        """Return (operator, operand) for each operator given, in the order of this class."""
        return self._operators

    @cached_property
    def _operators(self) -> tuple[tuple[str, Any], ...]:
        # Once for each control: a fleet asks for it millions of times.
        given = ((name, getattr(self, name)) for name in type(self).model_fields)
        return tuple((name, operand) for name, operand in given if operand is not None)


class Question(_Model):
    """Which probe answers, where there is anything to ask, and what each fact of its answer must be."""

    probe: str
    where: dict[str, Expectation] = {}  # facts of the same answer: a machine without a desktop has no screen to lock
    expect: Annotated[dict[str, Expectation], Field(min_length=1)]

    @cached_property
    def asks_all_alike(self) -> bool:
        """Whether nothing in it is a setting or a fleet's fact, so that equal answers are judged equally."""
        expectations = (*self.where.values(), *self.expect.values())
        operands = [operand for expectation in expectations for _name, operand in expectation.operators()]
        parts = [part for item in operands for part in (item if isinstance(item, list) else [item])]
        return not any(isinstance(part, Operand) for part in parts)


class Examples(_Model):
    """Raw outputs of the probe that must pass, and that must fail; they run as tests."""

    passing: Annotated[list[str], Field(alias="pass", min_length=1)]
    failing: Annotated[list[str], Field(alias="fail", min_length=1)]
    settings: dict[str, Any] = {}
    fleet: dict[str, Any] = {}


class Declaration(Text):
    """How a control that no probe can answer is declared, and for how many months a declaration stands."""

    validity_months: Annotated[int, Field(ge=1, le=36)] = 12


class Control(_Model):
    """One security requirement. Either a probe answers it (`audit`) or a person declares it (`manual`)."""

    id: Id
    title: Text
    why: Text
    fix: Text
    severity: Annotated[Severity, Field(strict=False)]
    applies_to: Annotated[list[Kind], Field(min_length=1)]
    needs: list[str] = []  # facts of the fleet file without which it does not apply: an office PC nobody uses yet
    # `desktop` is a container with GNOME; an empty list, written: shown both ways nowhere yet.
    proven_in: list[Literal["container", "desktop", "vm"]] = []
    references: dict[str, list[str]] = {}
    role: str | None = None
    audit: Question | None = None
    examples: Examples | None = None
    holds_by_default: Text | None = None
    manual: Declaration | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Control:
        if (self.audit is None) == (self.manual is None):
            raise ValueError("say either audit or manual")
        if self.audit and not (self.examples and self.role and "proven_in" in self.model_fields_set):
            raise ValueError("an automatic control needs role, proven_in and examples")
        return self


class Selection(_Model):
    """Which controls a profile takes: all, by id, or all that refer to a document (at these levels, if any)."""

    all: bool = False
    controls: list[str] = []
    references: dict[str, list[str]] = {}


class Profile(_Model):
    """A named selection of controls, with the settings it asks for."""

    id: Id
    title: Text
    about: Text
    extends: str | None = None
    select: Selection = Selection()
    settings: dict[str, Any] = {}


class Item(_Model):
    """One recommendation of a document: our own short words for it, and its level if the document has levels.

    `gap` is what no control covers, and why: all of it when no control refers to it, else the rest.
    """

    title: Text
    level: str | None = None
    gap: Text | None = None


class Reference(_Model):
    """A document that controls refer to; `note` is printed with its coverage."""

    id: Id
    title: Text
    publisher: str
    levels: list[str] = []
    note: Text | None = None
    items: Annotated[dict[str, Item], Field(min_length=1)]


@dataclass(frozen=True)
class Catalogue:
    """Every control, profile and reference by id, in alphabetical order."""

    controls: Mapping[str, Control]
    profiles: Mapping[str, Profile]
    references: Mapping[str, Reference]

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all controls and profiles: two audits with the same one judged by the same rules."""
        parts = [item.model_dump(mode="json") for item in (*self.controls.values(), *self.profiles.values())]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def profile(self, name: str) -> Profile:
        """Return the profile `name`.

        Raises:
            BadInputError: there is none of that name.
        """
        if name not in self.profiles:
            raise BadInputError(
                _("unknown profile “{name}”; known: {known}").format(name=name, known=", ".join(self.profiles))
            )
        return self.profiles[name]

    def selected(self, name: str) -> tuple[Control, ...]:
        """Return the controls of the profile `name` and of those it extends, in order of id."""
        if name not in self._selected:
            chain, items = self.lineage(name), self.controls.values()
            self._selected[name] = tuple(
                item for item in items if any(self._takes(link.select, item) for link in chain)
            )
        return self._selected[name]

    @cached_property
    def _selected(self) -> dict[str, tuple[Control, ...]]:
        return {}  # by profile: every endpoint of a fleet is judged by the same controls

    def settings(self, name: str) -> dict[str, Any]:
        """Return the settings the profile `name` asks for, its own over those of the profiles it extends."""
        return {key: value for link in reversed(self.lineage(name)) for key, value in link.settings.items()}

    def lineage(self, name: str) -> tuple[Profile, ...]:
        """Return the profile `name`, then those it extends, nearest first."""
        chain = [self.profile(name)]
        while chain[-1].extends:
            chain.append(self.profile(chain[-1].extends))
        return tuple(chain)

    def _takes(self, select: Selection, control: Control) -> bool:
        if select.all or control.id in select.controls:
            return True
        return any(
            not levels or self.references[document].items[item].level in levels
            for document, levels in select.references.items()
            for item in control.references.get(document, [])
        )


@cache
def load() -> Catalogue:
    """Return the catalogue that comes with the product.

    Raises:
        ProblemsError: every problem of every file, with `file:line:column`.
    """
    return read(paths.controls_dir(), paths.profiles_dir(), paths.references_dir())


def read(controls: Path, profiles: Path, references: Path) -> Catalogue:
    """Read the three folders, one object per `*.yml`, whose name is its id. Raises as `load`."""
    problems: list[Problem] = []
    catalogue = Catalogue(
        read_folder(controls, Control, problems),
        read_folder(profiles, Profile, problems),
        read_folder(references, Reference, problems),
    )
    for control in catalogue.controls.values():
        problems += [_in_file(controls, control.id, text) for text in _control_problems(control, catalogue)]
    if problems:  # what names a control whose file is wrong is not wrong for that
        raise ProblemsError(problems)
    for profile in catalogue.profiles.values():
        problems += [_in_file(profiles, profile.id, text) for text in profile_problems(profile, catalogue)]
    if problems:
        raise ProblemsError(problems)
    return catalogue


def control_schema() -> dict[str, Any]:
    """Return the JSON Schema of a control file, for editors to complete; the id is the file's name, not in it."""
    schema = Control.model_json_schema()
    schema["properties"].pop("id")
    schema["required"].remove("id")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def _in_file(folder: Path, name: str, message: str) -> Problem:
    return Problem(str(folder / f"{name}.yml"), 1, 1, message)


def _control_problems(control: Control, catalogue: Catalogue) -> Iterator[str]:
    if control.audit and control.audit.probe not in registry():
        yield _("unknown probe “{name}”").format(name=control.audit.probe)
    for document, items in control.references.items():
        if document not in catalogue.references:
            yield _("unknown reference “{name}”").format(name=document)
            continue
        for item in items:
            if item not in catalogue.references[document].items:
                yield _("“{item}” is not an id of {name}").format(item=item, name=document)


def profile_problems(profile: Profile, catalogue: Catalogue) -> Iterator[str]:
    """Yield what is wrong with a profile of this catalogue: what it extends or selects that does not exist."""
    seen = {profile.id}
    current = profile
    while current.extends:
        if current.extends not in catalogue.profiles or current.extends in seen:
            yield _("extends “{name}”, which does not exist or leads back here").format(name=current.extends)
            return
        seen.add(current.extends)
        current = catalogue.profiles[current.extends]
    for name in profile.select.controls:
        if name not in catalogue.controls:
            yield _("unknown control “{name}”").format(name=name)
    for document, levels in profile.select.references.items():
        if document not in catalogue.references:
            yield _("unknown reference “{name}”").format(name=document)
        elif unknown := set(levels) - set(catalogue.references[document].levels):
            yield _("{name} has no level {levels}").format(name=document, levels=", ".join(sorted(unknown)))


if __name__ == "__main__":
    print(json.dumps(control_schema(), ensure_ascii=False, indent=2))  # noqa: T201 — its output is the schema file
