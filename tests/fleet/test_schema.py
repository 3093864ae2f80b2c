"""The JSON Schema that editors complete fleet files with."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from tests.fleet import sample
from toolkit import waivers
from toolkit.fleet import past, schema, start


def test_the_schema_file_is_up_to_date() -> None:
    assert waivers.Revocation.__name__ == past.Revocation.__name__  # another file's, on the same base
    assert start.SCHEMA.read_text(encoding="utf-8") == schema.text(), "run: python -m toolkit.fleet.schema"


def test_the_schema_accepts_what_the_toolkit_accepts() -> None:
    document = yaml.safe_load(schema.text())
    jsonschema.Draft202012Validator.check_schema(document)
    checker = jsonschema.Draft202012Validator(document)
    checker.validate(yaml.safe_load(sample.FLEET))
    checker.validate(yaml.safe_load((start.SCHEMA.parent / "samples" / "fleet.yml").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("old", "new"),
    [("tunnel_network", "tunel_network"), ("debian-12", "debian-11"), ('"99003"', "99003"), ("port: 443", "port: 0")],
)
def test_f018_the_schema_refuses_what_the_toolkit_refuses(old: str, new: str) -> None:
    checker = jsonschema.Draft202012Validator(yaml.safe_load(schema.text()))
    assert not checker.is_valid(yaml.safe_load(sample.changed(old, new)))
