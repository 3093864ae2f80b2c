"""Judge evidence: catalogue × evidence × what is known of the endpoint → findings. Pure: no clock, disk or network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from toolkit import declared
from toolkit.catalogue import Catalogue
from toolkit.catalogue_model import Control, Expectation, Operand, Question
from toolkit.finding import Check, Evidence, Finding, Section, SectionStatus, Verdict
from toolkit.fleet.declarations import Declaration
from toolkit.once import Once
from toolkit.probes import Probe, registry

_SHORT = 32_768
"""Characters of an answer that is worth being remembered."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What the control machine knows of the endpoint it judges.

    `settings` are the role variables that provision it, `fleet` facts of the fleet file (toolkit/audit.py),
    `declarations` what people say of it.
    """

    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    fleet: Mapping[str, Any] = field(default_factory=dict)
    declarations: tuple[Declaration, ...] = ()


class _Outcome(NamedTuple):
    """What one control makes of one answer."""

    verdict: Verdict
    reason: str
    checks: tuple[Check, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A probe's facts, or the reason why there are none.

    `outcomes`: by the id of the control's object, which is there to keep it alive. Machines that are set up alike share
    an answer, so a control that asks the same of all of them is compared with it once.
    """

    facts: Mapping[str, Any] | None
    reason: str = "compared"
    detail: str = ""
    outcomes: dict[int, tuple[Control, _Outcome]] = field(default_factory=dict)


class _UnknownValueError(Exception):
    """The expected value is not known for this endpoint."""


def evaluate(catalogue: Catalogue, profile: str, evidence: Evidence, subject: Subject) -> tuple[Finding, ...]:
    """Return one finding per control of the profile, in order of control id.

    A control that is not for this kind of endpoint, or about something it has not (`where`), is `not_applicable`.
    Evidence that is missing, cut, late or not understood, and an expected value that is not known, are `error`: only
    facts that were read and compared pass, and what somebody declared, for as long as it stands on the day of the
    evidence.

    Raises:
        BadInputError: an unknown profile.
    """
    answers: dict[str, _Answer] = {}
    return tuple(_judge(control, evidence, subject, answers) for control in catalogue.selected(profile))


def applicable(control: Control, subject: Subject) -> bool:
    """Return whether `control` is for this endpoint at all."""
    if subject.kind not in control.applies_to:
        return False
    return not control.needs or all(subject.fleet.get(name) for name in control.needs)


def probes_for(catalogue: Catalogue, profile: str, subject: Subject) -> tuple[Probe, ...]:
    """Return the probes whose answers the profile needs of this endpoint, in order of name."""
    needs, known = _asked(catalogue.selected(profile))
    alike = subject.kind, frozenset(name for name in needs if subject.fleet.get(name))
    if alike not in known:
        controls = (item for item in catalogue.selected(profile) if applicable(item, subject))
        names = {control.audit.probe for control in controls if control.audit}
        known[alike] = tuple(registry()[name] for name in sorted(names))
    return known[alike]


# For the controls of a profile: the facts any of them needs, and what endpoints of a kind with some of these are asked.
_Alike = tuple[str, frozenset[str]]
_asked = Once[tuple[Control, ...], tuple[frozenset[str], dict[_Alike, tuple[Probe, ...]]]](
    lambda controls: (frozenset(name for control in controls for name in control.needs), {}), size=64
)


def judge_text(control: Control, text: str, subject: Subject) -> Finding:
    """Return the finding that one raw output of the control's probe leads to (examples, replays)."""
    probe = control.audit.probe if control.audit else ""
    return _judge_answer(control, _read(registry()[probe], Section(probe, SectionStatus.OK, 0, text)), subject)


def _judge(control: Control, evidence: Evidence, subject: Subject, answers: dict[str, _Answer]) -> Finding:
    if not applicable(control, subject):
        reason = "kind" if subject.kind not in control.applies_to else "no_post"
        return _finding(control, subject, Verdict.NOT_APPLICABLE, reason)
    if control.manual is not None:
        said = (item for item in subject.declarations if item.control == control.id)
        day = evidence.collected_at.date()
        return _finding(control, subject, *declared.judge(said, control.manual.validity_months, day))
    assert control.audit is not None  # noqa: S101 — the catalogue refuses a control with neither
    name = control.audit.probe
    if name not in answers:
        answers[name] = _read(registry()[name], evidence.sections.get(name))
    return _judge_answer(control, answers[name], subject)


def _read(probe: Probe, section: Section | None) -> _Answer:
    if section is None:
        return _Answer(None, SectionStatus.MISSING.value)
    if section.status is not SectionStatus.OK:
        return _Answer(None, section.status.value, _shown(section.text))
    try:
        understand = _understood_once if len(section.text) <= _SHORT else _understood
        return understand(probe.parse, section.text)
    except Exception as error:  # the text is the endpoint's: whatever it does to a parser, nothing was proven
        return _Answer(None, "unparsable", _shown(str(error)))


def _understood(parse: Callable[[str], dict[str, Any]], text: str) -> _Answer:
    return _Answer(parse(text))


# Machines that are set up alike answer alike: each short answer of a fleet is parsed once.
_understood_once = lru_cache(maxsize=1024)(_understood)


def _shown(text: str) -> str:
    return " ".join(text.split())[-200:]


def _judge_answer(control: Control, answer: _Answer, subject: Subject) -> Finding:
    known = answer.outcomes.get(id(control))
    if known is None:
        known = control, _outcome(control, answer, subject)
        if control.audit is not None and control.audit.asks_all_alike:
            answer.outcomes[id(control)] = known
    return _finding(control, subject, *known[1])


def _outcome(control: Control, answer: _Answer, subject: Subject) -> _Outcome:
    if answer.facts is None or control.audit is None:
        return _Outcome(Verdict.ERROR, answer.reason, detail=answer.detail)
    try:
        if not _asked_here(control.audit, answer.facts, subject):
            return _Outcome(Verdict.NOT_APPLICABLE, "not_here")
        checks = compare(control.audit.expect, answer.facts, subject)
    except _UnknownValueError as error:
        return _Outcome(Verdict.ERROR, "setting", detail=str(error))
    verdict = Verdict.PASS if checks and all(check.met for check in checks) else Verdict.FAIL
    return _Outcome(verdict, "compared", checks)


def _finding(
    control: Control, subject: Subject, verdict: Verdict, reason: str, checks: tuple[Check, ...] = (), detail: str = ""
) -> Finding:
    probe = control.audit.probe if control.audit else None
    return Finding(subject.name, control.id, control.severity, verdict, reason, checks, probe, detail)


def _asked_here(question: Question, facts: Mapping[str, Any], subject: Subject) -> bool:
    """Return whether the machine has what the question is about; a fact that is not there excuses nobody."""
    if not question.where:
        return True
    if missing := sorted(set(question.where) - set(facts)):
        raise _UnknownValueError(missing[0])
    return all(check.met for check in compare(question.where, facts, subject))


def compare(wanted: Mapping[str, Expectation], facts: Mapping[str, Any], subject: Subject) -> tuple[Check, ...]:
    """Return one check per wanted fact and operator. A fact that the answer does not have meets nothing."""
    checks = []
    for key, expectation in wanted.items():
        for operator, operand in expectation.operators():
            expected = _value(operand, subject)
            met = key in facts and holds(operator, facts[key], expected)
            checks.append(Check(key, operator, expected, facts.get(key), met))
    return tuple(checks)


def _value(operand: Any, subject: Subject) -> Any:
    if isinstance(operand, list):
        return [value for item in operand for value in _list(_value(item, subject))]
    if not isinstance(operand, Operand):
        return operand
    source, name = (subject.settings, operand.setting) if operand.setting else (subject.fleet, operand.fleet)
    if name is None or source.get(name) is None:
        raise _UnknownValueError(name)
    return source[name]


def holds(operator: str, actual: Any, expected: Any) -> bool:
    """Return whether `actual` (a fact) meets `expected`. Types must agree: the text "1" is not the number 1.

    `absent`: nothing there (None, empty text or list). `contains`: every expected value is in the list. `only`: the
    list has no other value than the expected ones. `at_least`, `at_most`: numbers.
    """
    if operator == "absent":
        return actual is None or actual in ("", [])
    if operator == "equals":
        return _same(actual, expected)
    if operator == "one_of":
        return any(_same(actual, value) for value in _list(expected))
    if operator in ("at_least", "at_most"):
        if not (_number(actual) and _number(expected)):
            return False
        return bool(actual >= expected if operator == "at_least" else actual <= expected)
    return isinstance(actual, list) and _lists(operator, actual, _list(expected))


def _lists(operator: str, actual: list[Any], expected: list[Any]) -> bool:
    if operator == "contains":
        return bool(expected) and all(any(_same(value, item) for item in actual) for value in expected)
    return operator == "only" and all(any(_same(item, value) for value in expected) for item in actual)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(actual: Any, expected: Any) -> bool:
    if _number(actual) and _number(expected):
        return bool(actual == expected)
    if isinstance(actual, list) and isinstance(expected, list):
        return sorted(map(repr, actual)) == sorted(map(repr, expected))
    return type(actual) is type(expected) and bool(actual == expected)
