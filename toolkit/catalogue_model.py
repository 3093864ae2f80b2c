"""The shapes of the files of controls, profiles and references."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from toolkit.finding import Severity

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


def control_schema() -> dict[str, Any]:
    """Return the JSON Schema of a control file, for editors to complete; the id is the file's name, not in it."""
    schema = Control.model_json_schema()
    schema["properties"].pop("id")
    schema["required"].remove("id")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


if __name__ == "__main__":
    print(json.dumps(control_schema(), ensure_ascii=False, indent=2))  # noqa: T201 — its output is the schema file
