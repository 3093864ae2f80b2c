"""The JSON Schema of `fleet.yml`, for editors: `python -m toolkit.fleet.schema` writes it beside this module."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from itertools import pairwise
from textwrap import dedent
from typing import Any

from toolkit.files import write_atomically
from toolkit.fleet.model import Fleet
from toolkit.fleet.parts import Model
from toolkit.fleet.start import SCHEMA


def text() -> str:
    """Return the schema as JSON text (draft 2020-12), the same for the same model."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Fleet.model_json_schema()}
    package = f"{__package__}."  # others build on the same base, and may have a model of the same name
    models = {model.__name__: model for model in _below(Model) if model.__module__.startswith(package)}
    for name, definition in (*schema["$defs"].items(), (Fleet.__name__, schema)):
        for field, said in _said(models[name]).items() if name in models else ():
            key = models[name].model_fields[field].alias or field
            described = definition["properties"][key] | {"description": said}
            definition["properties"][key] = dict(sorted(described.items()))
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _below(model: type[Model]) -> Iterator[type[Model]]:
    for part in model.__subclasses__():
        yield part
        yield from _below(part)


def _said(model: type[Model]) -> dict[str, str]:
    """Return the text under each field. Asking pydantic for them would cost every command that reads a fleet."""
    found: dict[str, str] = {}
    for part in (part for part in reversed(model.__mro__) if issubclass(part, Model)):
        (declared,) = ast.parse(dedent(inspect.getsource(part))).body
        assert isinstance(declared, ast.ClassDef)  # noqa: S101 — that is what a model is
        for field, below in pairwise([*declared.body, ast.Pass()]):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                found.pop(field.target.id, None)  # declared anew: what was said of the inherited one is not of this
                if isinstance(below, ast.Expr):
                    found[field.target.id] = inspect.cleandoc(ast.literal_eval(below.value))
    return found


if __name__ == "__main__":
    write_atomically(SCHEMA, text())
