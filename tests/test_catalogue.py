"""The catalogue that comes with the product: complete, consistent, and every example judged as it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolkit.catalogue import Catalogue, Control, load, read
from toolkit.errors import ProblemsError
from toolkit.evaluate import Subject, judge_text
from toolkit.finding import Verdict

CATALOGUE = load()
AUTOMATIC = [control for control in CATALOGUE.controls.values() if control.audit]


def subject(control: Control) -> Subject:
    examples = control.examples
    assert examples is not None
    return Subject("poste", control.applies_to[0], examples.settings, examples.fleet)


def examples(which: str) -> list[Any]:
    return [
        pytest.param(control, text, id=f"{control.id}-{number}")
        for control in AUTOMATIC
        for number, text in enumerate(getattr(control.examples, which))
    ]


@pytest.mark.parametrize(("control", "text"), examples("passing"))
def test_pass_example_passes(control: Control, text: str) -> None:
    finding = judge_text(control, text, subject(control))
    assert finding.verdict is Verdict.PASS, finding


@pytest.mark.parametrize(("control", "text"), examples("failing"))
def test_fail_example_fails(control: Control, text: str) -> None:
    finding = judge_text(control, text, subject(control))
    assert finding.verdict is Verdict.FAIL, finding


def test_at_least_45_automatic_controls() -> None:
    assert len(AUTOMATIC) >= 45
