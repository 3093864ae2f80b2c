"""What `toolkit.insurance` found: as text for a terminal, as JSON, as a page. Renderers: they decide nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC
from typing import TYPE_CHECKING, Any

from toolkit.report import Look, dates, plain, wording
from toolkit.report.html_page import page as html_page
from toolkit.report.model import Line, Machine, Report
from toolkit.report.wording import translator

if TYPE_CHECKING:
    from toolkit.insurance import Criterion, Formula, Readiness

SCHEMA_VERSION = 1


def gaps(criterion: Criterion, language: str) -> list[str]:
    """Return why a criterion is not met, one line per reason: `non satisfait – attendu … : portable-1, portable-2`."""
    _ = translator(language)
    machines: dict[str, list[str]] = {}
    for item in criterion.gaps:
        said = [_("never checked")]
        if item.line is not None:
            said = [wording.verdict(item.line, language), *wording.details(item.line, language)]
        machines.setdefault(" – ".join(said), []).append(plain.one_line(item.machine.name))
    pattern = _("{reason}: {machines}")
    return [pattern.format(reason=reason, machines=", ".join(names)) for reason, names in machines.items()]


def headline(item: Readiness) -> str:
    """Return which formula a commune meets, and which its contract names."""
    _ = translator(item.language)
    total = len(item.formulas)
    if item.reached:
        said = _("Formula {number} of {total} is met").format(number=item.reached, total=total)
    else:
        said = _("No formula of {total} is met").format(total=total)
    if item.declared is None:
        return said
    return f"{said} ({_('contract: formula {number}').format(number=item.declared)})"


def warning(item: Readiness) -> str:
    """Return that the thresholds are not the contract's, when they are not; else an empty text."""
    _ = translator(item.language)
    if all(formula.own for formula in item.formulas):
        return ""
    return _("Thresholds of the formulas are fictional until the contract's are written in profiles/ of the workspace.")


def score(formula: Formula, language: str) -> str:
    """Return how many criteria are met, with how much of the commune that says something of."""
    _ = translator(language)
    met = _("{met} criteria met of {total}").format(
        met=sum(criterion.met for criterion in formula.criteria), total=len(formula.criteria)
    )
    return f"{met} – {wording.coverage(formula.report.coverage, language)}"


def text(found: Sequence[Readiness], look: Look) -> str:
    """Return one screen per commune: formulas, then what is missing for the next one, machine by machine."""
    return "\n".join(line for item in found for line in _text_lines(item))


def _text_lines(item: Readiness) -> Iterator[str]:
    language = item.language
    _ = translator(language)
    yield f"{plain.one_line(item.name)}  {dates.moment_text(item.generated_at, language)}"
    yield f"{headline(item)}."
    if said := warning(item):
        yield said
    yield ""
    for formula in item.formulas:
        sign = "✔" if formula.met else "✖"
        yield f"  {sign} {plain.one_line(formula.title)} – {score(formula, language)}"
    if item.next is not None:
        yield ""
        yield _("Missing for formula {number}:").format(number=item.next.number)
        yield from _missing(item.next, language)
    yield ""


def _missing(formula: Formula, language: str) -> Iterator[str]:
    for criterion in formula.criteria:
        if not criterion.met:
            yield f"  – {plain.one_line(criterion.title)} – {plain.one_line(criterion.fix)}"
            yield from (f"      {said}" for said in gaps(criterion, language))
    for machine in formula.away:
        yield f"  – {plain.one_line(machine.name)} – {wording.state(machine.state, language)}"


def document(found: Sequence[Readiness]) -> str:
    """Return the same as JSON, with the evidence behind each criterion: verdict, time, digest and what was compared."""
    body = {"schema_version": SCHEMA_VERSION, "communes": [_commune(item) for item in found]}
    return plain.escaped(json.dumps(body, ensure_ascii=False, indent=2)) + "\n"


def _commune(item: Readiness) -> dict[str, Any]:
    return {
        "commune": {"id": item.commune, "name": item.name},
        "language": item.language,
        "generated_at": _moment(item.generated_at),
        "declared": item.declared,
        "reached": item.reached,
        "thresholds_of_the_contract": all(formula.own for formula in item.formulas),
        "formulas": [_formula(formula, item.language) for formula in item.formulas],
    }


def _formula(formula: Formula, language: str) -> dict[str, Any]:
    return {
        "number": formula.number,
        "title": formula.title,
        "met": formula.met,
        "coverage": {**asdict(formula.report.coverage), "evaluated": formula.report.coverage.evaluated},
        "silent": [machine.name for machine in formula.away],
        "criteria": [_criterion(criterion, language) for criterion in formula.criteria],
    }


def _criterion(criterion: Criterion, language: str) -> dict[str, Any]:
    return {
        "control": criterion.control,
        "title": criterion.title,
        "met": criterion.met,
        "machines": criterion.applies,
        "missing": gaps(criterion, language),
        "evidence": [_evidence(machine, line) for machine, line in criterion.lines],
    }


def _evidence(machine: Machine, line: Line) -> dict[str, Any]:
    return {
        "endpoint": machine.name,
        "verdict": line.verdict.value,
        "stale": line.stale,
        "reason": line.reason,
        "checks": [asdict(check) for check in line.comparisons],
        "declaration": line.declaration or None,
        "probe": line.probe,
        "collected_at": _moment(machine.collected_at) if machine.collected_at else None,
        "digest": machine.digest,
    }


def _moment(moment: Any) -> str:
    return str(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def page(item: Readiness) -> str:
    """Return the page of one commune before its insurance contract."""
    return html_page("insurance.html.j2", item.language, item=item, views=Views(item.language))


class Views:
    """The words of this module for the template, in its language."""

    def __init__(self, language: str) -> None:
        self._language = language

    def headline(self, item: Readiness) -> str:
        return headline(item)

    def warning(self, item: Readiness) -> str:
        return warning(item)

    def gaps(self, criterion: Criterion) -> list[str]:
        return gaps(criterion, self._language)

    def score(self, formula: Formula) -> str:
        return score(formula, self._language)

    def coverage(self, report: Report) -> str:
        return wording.coverage(report.coverage, self._language)

    def shown(self, item: Readiness) -> Formula:
        """The formula whose criteria are printed: the contract's, else the one reached, else the first."""
        number = item.declared or item.reached or item.formulas[0].number
        return next((formula for formula in item.formulas if formula.number == number), item.formulas[-1])

    def count(self, criterion: Criterion) -> str:
        _ = translator(self._language)
        met = criterion.applies - len(criterion.gaps)
        return _("{met} machines of {total}").format(met=met, total=criterion.applies)

    def facts(self, criterion: Criterion) -> list[str]:
        """What was compared, one line per answer with the machines that gave it."""
        found: dict[str, list[str]] = {}
        for machine, line in criterion.lines:
            found.setdefault(self._fact(line), []).append(plain.one_line(machine.name))
        pattern = translator(self._language)("{reason}: {machines}")
        return [pattern.format(reason=said, machines=", ".join(names)) for said, names in found.items()]

    def _fact(self, line: Line) -> str:
        _ = translator(self._language)
        language = self._language
        said = [wording.verdict(line, language)]
        for check in line.comparisons:
            shown = {"expected": wording.expected(check, language), "found": wording.value(check.actual, language)}
            said.append(_("{fact}: expected {expected}, found {found}").format(fact=plain.one_line(check.key), **shown))
        if reason := wording.reason(line, language):
            said.append(reason)
        return " – ".join(said)
