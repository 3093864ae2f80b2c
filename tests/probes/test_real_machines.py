"""What real machines answered, kept by `capture.py`: bare ones fail, provisioned ones pass, nothing is an error."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from toolkit.catalogue import load
from toolkit.evaluate import Subject, evaluate
from toolkit.finding import Evidence, Finding, Section, SectionStatus, Verdict
from toolkit.fleet.roles import role_variables

CATALOGUE = load()
SETTINGS = {name: variable.default for name, variable in role_variables().items()}
FILES = sorted((Path(__file__).parent / "data").glob("*.json"))


def judged(path: Path) -> list[Finding]:
    """Return the findings of one machine on the controls that containers can prove."""
    content = json.loads(path.read_text(encoding="utf-8"))
    sections = {name: Section(name, SectionStatus.OK, 0, text) for name, text in content["answers"].items()}
    evidence = Evidence(content["endpoint"], datetime(2026, 11, 24, tzinfo=UTC), sections)
    subject = Subject(content["endpoint"], content["kind"], SETTINGS, content["fleet"])
    return [
        finding
        for finding in evaluate(CATALOGUE, "nomade", evidence, subject)
        if "container" in CATALOGUE.controls[finding.control].proven_in
        and finding.verdict is not Verdict.NOT_APPLICABLE
    ]


def test_every_kind_of_machine_is_there_before_and_after() -> None:
    names = {path.stem for path in FILES}
    kinds = ("gateway", "laptop", "office_pc")
    assert {f"before-{release}-{kind}" for release in ("debian-12", "debian-13") for kind in kinds} <= names
    assert {path.stem.rpartition("-")[2] for path in FILES if path.stem.startswith("after")} == set(kinds)


@pytest.mark.parametrize("path", [path for path in FILES if path.name.startswith("before")], ids=lambda path: path.stem)
def test_a_bare_machine_fails_what_it_does_not_meet_by_itself(path: Path) -> None:
    for finding in judged(path):
        if not CATALOGUE.controls[finding.control].holds_by_default:
            assert finding.verdict is Verdict.FAIL, finding
        assert finding.verdict is not Verdict.ERROR, finding


@pytest.mark.parametrize("path", [path for path in FILES if path.name.startswith("after")], ids=lambda path: path.stem)
def test_a_provisioned_machine_passes(path: Path) -> None:
    assert [finding for finding in judged(path) if finding.verdict is not Verdict.PASS] == []
