"""What a reader must know beside the verdicts: of when and of what part they are, and what is accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from toolkit.report import dates, plain
from toolkit.report.model import Report, WaiverUse
from toolkit.report.wording import translator

_NAMES_SHOWN = 3


def notes(report: Report) -> Iterator[str]:
    """Yield one line each, in the report's language, harmless in a terminal; none when there is nothing to say."""
    _ = translator(report.language)
    if report.as_of:
        yield _("As it was known then: what came later is not in it.")
    if report.partial:
        yield _("Only part of the commune: the other machines were not asked, or the run was cut off.")
    yield from _rejudged(report, _)
    for use in report.expired_waivers:
        yield _waiver(use, _("Waiver EXPIRED on {date}: {title}"), report.language, _)
    for use in report.waivers:
        yield _waiver(use, _("Accepted until {date}: {title}"), report.language, _)


def _rejudged(report: Report, _: Callable[[str], str]) -> Iterator[str]:
    again = [machine for machine in report.machines if machine.rejudged_at and machine.collected_at]
    if not again:
        return
    when = max(machine.rejudged_at for machine in again if machine.rejudged_at)
    first, last = (choose(machine.collected_at for machine in again if machine.collected_at) for choose in (min, max))
    text = _("Judged again on {date}, without asking the machine: {count} of them, evidence of {first} to {last}.")
    language = report.language
    yield text.format(
        date=dates.day(when, language),
        count=len(again),
        first=dates.moment_text(first, language),
        last=dates.moment_text(last, language),
    )


def _waiver(use: WaiverUse, pattern: str, language: str, _: Callable[[str], str]) -> str:
    date = dates.date_text(use.waiver.until, language)
    said = [pattern.format(date=date, title=plain.one_line(use.title)), _machines(use, _)]
    by = _("{reason} ({approver})").format(
        reason=plain.one_line(use.waiver.reason), approver=plain.one_line(use.waiver.approver)
    )
    return " – ".join([*said, by])


def _machines(use: WaiverUse, _: Callable[[str], str]) -> str:
    if not use.machines:
        return _("fails on no machine at present")
    names = ", ".join(plain.one_line(name) for name in use.machines[:_NAMES_SHOWN])
    more = len(use.machines) - _NAMES_SHOWN
    return _("not met on:") + " " + (f"{names} (+ {more})" if more > 0 else names)
