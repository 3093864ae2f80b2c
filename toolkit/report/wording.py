"""The words of reports: states, verdicts, reasons, comparisons and sentences, in the report's language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial
from typing import Any

from toolkit.declared import EXPIRED, UNMET
from toolkit.finding import Check, EndpointStatus, Severity, Verdict
from toolkit.i18n import translate
from toolkit.report import dates, plain
from toolkit.report.judgement import state_counts
from toolkit.report.model import Coverage, Line, Machine, Post, Report, State

# Longest value shown in a sentence; all of it is in the evidence.
_VALUE_LIMIT = 160


def translator(language: str) -> Callable[[str], str]:
    """Return the `_` of one language."""
    return partial(translate, language=language)


def state(value: State, language: str) -> str:
    _ = translator(language)
    return {
        State.URGENT: _("urgent"),
        State.FAILING: _("to be mended"),
        State.NEVER: _("never checked"),
        State.SILENT: _("no news"),
        State.STALE: _("check too old"),
        State.UNCERTAIN: _("not fully checked"),
        State.COMPLIANT: _("compliant"),
    }[value]


def verdict(line: Line, language: str) -> str:
    """Return the verdict with its overlays: an accepted or an old verdict is still named."""
    _ = translator(language)
    word = {
        Verdict.PASS: _("met"),
        Verdict.FAIL: _("not met"),
        Verdict.ERROR: _("could not be checked"),
        Verdict.NOT_APPLICABLE: _("not applicable"),
        Verdict.MANUAL: _("to be declared"),
    }[line.verdict]
    if line.declaration:
        word = {UNMET: _("declared not met"), EXPIRED: _("declaration expired")}.get(line.reason, _("declared as met"))
    if line.waived:
        word = _("{verdict}, accepted").format(verdict=word)
    return _("{verdict}, check too old").format(verdict=word) if line.stale else word


def severity(value: Severity, language: str) -> str:
    _ = translator(language)
    return {
        Severity.LOW: _("low"),
        Severity.MEDIUM: _("medium"),
        Severity.HIGH: _("high"),
        Severity.CRITICAL: _("critical"),
    }[value]


def kind(value: str, language: str) -> str:
    _ = translator(language)
    return {"laptop": _("laptop"), "office_pc": _("office PC"), "gateway": _("gateway")}.get(value, value)


def attempt(value: EndpointStatus, language: str) -> str:
    _ = translator(language)
    return {
        EndpointStatus.COLLECTED: _("it answered"),
        EndpointStatus.UNREACHABLE: _("it did not answer"),
        EndpointStatus.NOT_ENROLLED: _("it is not enrolled yet"),
        EndpointStatus.KEY_CHANGED: _("it shows another identity than the one recorded"),
    }[value]


def reason(line: Line, language: str) -> str:
    """Return why the verdict is not a comparison, or an empty text when it is one."""
    _ = translator(language)
    if said := line.declaration:
        return _declaration(said, language)
    return {
        "missing": _("the machine sent nothing for this check"),
        "failed": _("the command of this check failed on the machine"),
        "timeout": _("the machine took too long to answer this check"),
        "truncated": _("the answer was too long and was cut"),
        "unparsable": _("the answer was not understood"),
        "setting": _("the expected value is not known"),
        "not_asked": _("this check is newer than the last audit of the machine"),
        "undeclared": _("no command can check this: somebody has to declare it"),
        "declared": _("no command can check this: somebody has to declare it"),  # in stores of before declarations
        "kind": _("not meant for this kind of machine"),
        "not_here": _("the machine has nothing that this check is about"),
        "no_post": _("this machine is not part of a pair laptop and office PC"),
    }.get(line.reason, "" if line.reason == "compared" else plain.one_line(line.reason))


def _declaration(said: dict[str, Any], language: str) -> str:
    """Return who vouches for it, since when, until when and with what to show."""
    _ = translator(language)
    pattern = _("declared by {author} on {date}, valid until {end}")
    if not said.get("met"):
        pattern = _("declared not met by {author} on {date}")
    day, end = (dates.date_text(date.fromisoformat(said[name]), language) for name in ("date", "valid_until"))
    text = pattern.format(author=plain.one_line(said["author"]), date=day, end=end)
    return f"{text} ({plain.one_line(said['document'])})" if said.get("document") else text


def waiver(line: Line, language: str) -> str:
    """Return who accepted the failure, until when and why; empty when nobody did."""
    _ = translator(language)
    if not line.waived or line.waiver is None:
        return ""
    return _("accepted by {author} until {end}: {reason}").format(
        author=plain.one_line(line.waiver.approver),
        end=dates.date_text(line.waiver.until, language),
        reason=plain.one_line(line.waiver.reason),
    )


def details(line: Line, language: str) -> Iterator[str]:
    """Yield what is behind a verdict, one harmless line each: unmet comparisons, why there is none, who accepted it."""
    _ = translator(language)
    for check in line.comparisons:
        if not check.met:
            message = _("{fact}: expected {expected}, found {found}")
            shown = {"expected": expected(check, language), "found": value(check.actual, language)}
            yield message.format(fact=plain.one_line(check.key), **shown)
    if said := reason(line, language):
        yield ": ".join(filter(None, (said, plain.one_line(line.detail))))
    if accepted := waiver(line, language):
        yield accepted


def expected(check: Check, language: str) -> str:
    """Return what a comparison expected, in words."""
    _ = translator(language)
    shown = value(check.expected, language)
    pattern = {
        "one_of": _("one of: {value}"),
        "at_least": _("at least {value}"),
        "at_most": _("at most {value}"),
        "contains": _("contains {value}"),
        "only": _("nothing else than {value}"),
        "absent": _("nothing"),
    }.get(check.operator, "{value}")
    return pattern.format(value=shown)


def value(item: Any, language: str) -> str:
    """Return a fact (a JSON value from an endpoint) on one harmless, short line."""
    _ = translator(language)
    if item is None or item in ("", []):
        return _("nothing")
    if isinstance(item, bool):
        return _("yes") if item else _("no")
    if isinstance(item, list):
        text = ", ".join(value(part, language) for part in item)
    elif isinstance(item, dict):
        text = ", ".join(f"{plain.one_line(name)}: {value(part, language)}" for name, part in sorted(item.items()))
    elif isinstance(item, float) and language == "fr":
        text = str(item).replace(".", ",")
    else:
        text = plain.one_line(str(item))
    return text if len(text) <= _VALUE_LIMIT else text[: _VALUE_LIMIT - 1] + "…"


def since(moment: datetime | None, language: str) -> str:
    _ = translator(language)
    return _("since {date}").format(date=dates.day(moment, language)) if moment else ""


def coverage(counts: Coverage, language: str) -> str:
    """Return the score's denominators: controls evaluated of those that apply, machines evaluated of all."""
    _ = translator(language)
    return _("{evaluated} controls evaluated of {expected}, {machines} machines of {all}").format(
        evaluated=counts.evaluated,
        expected=counts.expected,
        machines=counts.endpoints_evaluated,
        all=counts.endpoints,
    )


def score(counts: Coverage, language: str) -> str:
    """Return how many evaluated controls are met, and what stays outside of that count."""
    _ = translator(language)
    first = _("{passed} met, {failed} not met").format(passed=counts.passed, failed=counts.failed)
    return " · ".join(filter(None, (first, remainder(counts, language))))


def machine_coverage(counts: Coverage, language: str) -> str:
    """Return the score of one machine with its denominator."""
    _ = translator(language)
    first = _("{evaluated} controls evaluated of {expected}").format(
        evaluated=counts.evaluated, expected=counts.expected
    )
    return f"{first} – {score(counts, language)}"


def remainder(counts: Coverage, language: str) -> str:
    """Return what is in no score, with its numbers; empty when there is nothing."""
    _ = translator(language)
    others = (
        (counts.declared, _("{count} of those met on declaration only")),
        (counts.waived, _("{count} of them accepted")),
        (counts.error, _("{count} could not be checked")),
        (counts.stale, _("{count} checked too long ago")),
        (counts.unknown, _("{count} never checked")),
        (counts.manual, _("{count} to be declared")),
        (counts.not_applicable, _("{count} not applicable (not counted)")),
    )
    return " · ".join(text.format(count=count) for count, text in others if count)


def headline(report: Report) -> tuple[str, ...]:
    """Return the state of the commune as the parts of one sentence; the first is about what is compliant."""
    items: tuple[Post | Machine, ...] = report.posts or report.machines
    _ = translator(report.language)
    if not items:
        return (_("Nothing is declared: nothing was checked"),)
    counts = state_counts(items)
    parts = [_compliant(counts.get(State.COMPLIANT, 0), len(items), bool(report.posts), _)]
    for each, number in counts.items():
        if each is not State.COMPLIANT:
            parts.append(_part(each, number, items, report))
    return tuple(parts)


def _compliant(number: int, total: int, posts: bool, _: Callable[[str], str]) -> str:
    if number == 0 and total == 1:
        text = _("The only post is not compliant") if posts else _("The only machine is not compliant")
    elif number == 0:
        text = _("No post of {total} is compliant") if posts else _("No machine of {total} is compliant")
    elif number == total == 1:
        text = _("The only post is compliant") if posts else _("The only machine is compliant")
    elif number == total:
        text = _("All {total} posts are compliant") if posts else _("All {total} machines are compliant")
    elif number == 1:
        text = _("1 post of {total} is compliant") if posts else _("1 machine of {total} is compliant")
    else:
        text = (
            _("{number} posts of {total} are compliant") if posts else _("{number} machines of {total} are compliant")
        )
    return text.format(number=number, total=total)


def _part(each: State, number: int, items: tuple[Post | Machine, ...], report: Report) -> str:
    _ = translator(report.language)
    oldest = min((item.since for item in items if item.state is each and item.since), default=None)
    if each is State.SILENT and oldest:
        date = dates.day(oldest, report.language)
        return _("{number} without news since {date}").format(number=number, date=date)
    text = {
        State.URGENT: _("{number} to be dealt with urgently"),
        State.FAILING: _("{number} to be mended"),
        State.NEVER: _("{number} never checked"),
        State.SILENT: _("{number} without news"),
        State.STALE: _("{number} checked too long ago"),
        State.UNCERTAIN: _("{number} not fully checked"),
    }[each]
    return text.format(number=number)


def sentence(report: Report) -> str:
    """Return the headline as one sentence."""
    return " ; ".join(headline(report)) + "." if report.language == "fr" else "; ".join(headline(report)) + "."


def meaning(value: State, report: Report) -> str:
    """Return what a state means, for somebody who never saw the page before."""
    _ = translator(report.language)
    return {
        State.COMPLIANT: _("Everything was checked or declared recently and is met."),
        State.UNCERTAIN: _(
            "What was checked is met, but some controls could not be checked or are still to be declared."
        ),
        State.STALE: _("The last check is older than {days} days: it says nothing of today any more.").format(
            days=report.freshness_days
        ),
        State.SILENT: _("The machine did not answer last time; the date is that of its last check."),
        State.NEVER: _("The machine is declared but was never checked."),
        State.FAILING: _("At least one control is not met."),
        State.URGENT: _("A critical control is not met, or the machine is not the one that was recorded."),
    }[value]


def reading(report: Report) -> tuple[str, ...]:
    """Return the paragraphs that say what the page promises and what it does not."""
    _ = translator(report.language)
    return (
        _("A post is compliant only when its laptop, its office PC and the commune's gateway all are."),
        _("Only what was checked counts: what is unknown, old or silent is never shown as compliant."),
        _("The evidence is what the machine declared of itself. The digest shows that it was not altered since."),
    )
