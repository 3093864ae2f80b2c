"""Findings as JUnit XML for continuous integration: one suite per endpoint, and nothing green that was not checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Literal
from xml.etree import ElementTree

from toolkit.finding import EndpointStatus, Verdict
from toolkit.report import Look, plain, wording
from toolkit.report.model import Line, Machine, Report
from toolkit.report.wording import translator

FORMAT = "junit"

Outcome = Literal["failure", "error", "skipped"]

# XML 1.0, 2.2: what no document may hold, not even as a reference. Control signs are gone before (`plain`).
_FORBIDDEN = re.compile("[\ufffe\uffff\U0001fffe\U0001ffff]")


@dataclass(frozen=True, slots=True)
class _Case:
    """One test case; without an `outcome` it passed."""

    name: str
    outcome: Outcome | None = None
    kind: str = ""
    message: str = ""
    text: str = ""


def render(reports: Sequence[Report], look: Look) -> str:
    """Return one `testsuites` with a suite per endpoint; what does not apply is a property, not a test."""
    suites = [(report, machine, tuple(_cases(report, machine))) for report in reports for machine in report.machines]
    total = _counts([case for *_machine, cases in suites for case in cases])
    del total["skipped"]  # the root has none in Jenkins's schema
    root = ElementTree.Element("testsuites", {"name": "nomade", **total})
    for report, machine, cases in suites:
        root.append(_suite(report, machine, cases))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("", plain.block(text))


def _counts(cases: Sequence[_Case]) -> dict[str, str]:
    names: dict[str, Outcome] = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    numbers = {name: str(sum(case.outcome == outcome for case in cases)) for name, outcome in names.items()}
    return {"tests": str(len(cases)), **numbers, "time": "0"}


def _suite(report: Report, machine: Machine, cases: Sequence[_Case]) -> ElementTree.Element:
    place = f"{report.commune}.{machine.name}"
    attributes = {"name": _clean(machine.name), "package": _clean(report.commune), **_counts(cases)}
    if machine.collected_at:
        attributes["timestamp"] = machine.collected_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    suite = ElementTree.Element("testsuite", attributes)
    properties = ElementTree.SubElement(suite, "properties")
    counts = machine.coverage
    for name, value in (
        ("state", machine.state.value),
        ("controls_evaluated", str(counts.evaluated)),
        ("controls_expected", str(counts.expected)),
        ("controls_not_applicable", str(counts.not_applicable)),
        ("evidence_sha256", machine.digest or ""),
    ):
        ElementTree.SubElement(properties, "property", {"name": name, "value": value})
    for case in cases:
        _add(suite, case, _clean(place))
    return suite


def _add(suite: ElementTree.Element, case: _Case, place: str) -> None:
    item = ElementTree.SubElement(suite, "testcase", {"name": _clean(case.name), "classname": place, "time": "0"})
    if case.outcome:
        attributes = {"message": _clean(case.message)}
        if case.outcome != "skipped":
            attributes["type"] = _clean(case.kind)
        ElementTree.SubElement(item, case.outcome, attributes).text = _clean(case.text) or None


def _cases(report: Report, machine: Machine) -> Iterator[_Case]:
    """Yield whether the machine answered, then its controls. A machine never collected has the first one only."""
    language = report.language
    _ = translator(language)
    if machine.attempt is EndpointStatus.COLLECTED:
        yield _Case("endpoint-answers")
    else:
        said = wording.attempt(machine.attempt, language) if machine.attempt else _("never checked")
        yield _Case("endpoint-answers", "error", machine.attempt or "never", said, machine.attempt_detail)
    for line in machine.lines:
        if line.verdict is not Verdict.NOT_APPLICABLE:
            yield _case(line, language)


def _case(line: Line, language: str) -> _Case:
    outcome = _outcome(line)
    if outcome is None:
        return _Case(line.control)
    said = f"{line.title} – {wording.verdict(line, language)}"
    if waiver := wording.waiver(line, language):
        said = f"{said} ({waiver})"
    kind = line.reason if outcome == "error" else line.severity.value
    return _Case(line.control, outcome, kind, said, "\n".join(wording.details(line, language)))


def _outcome(line: Line) -> Outcome | None:
    if line.stale or line.verdict is Verdict.ERROR:
        return "error"
    if line.verdict is Verdict.FAIL:
        return "skipped" if line.waived else "failure"
    return "skipped" if line.verdict is Verdict.MANUAL else None
