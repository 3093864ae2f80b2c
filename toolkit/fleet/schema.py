"""The JSON Schema of `fleet.yml`, for editors: `python -m toolkit.fleet.schema` writes it beside this module."""

from __future__ import annotations

import json
from typing import Any

from toolkit.files import write_atomically
from toolkit.fleet.model import Fleet
from toolkit.fleet.start import SCHEMA


def text() -> str:
    """Return the schema as JSON text (draft 2020-12), the same for the same model."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Fleet.model_json_schema()}
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    write_atomically(SCHEMA, text())
