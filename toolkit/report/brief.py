"""Four sentences after the headline, for elected officials: most urgent, known, direction, accepted."""

from __future__ import annotations

from collections.abc import Callable

from toolkit.finding import Severity
from toolkit.report import dates, wording
from toolkit.report.model import ActionKind, Report, TrendPoint
from toolkit.report.wording import translator


def brief(report: Report) -> tuple[str, ...]:
    """Return the four sentences; together with the headline they are the five lines."""
    _ = translator(report.language)
    return _urgent(report, _), _known(report, _), _direction(report, _), _accepted(report, _)


def _urgent(report: Report, _: Callable[[str], str]) -> str:
    pressing = [item for item in report.actions if item.severity in (Severity.HIGH, Severity.CRITICAL)]
    if not report.actions:
        return _("To do: nothing.")
    if not pressing:
        return _("To do: nothing urgent; {count} points for the technician.").format(count=len(report.actions))
    first = pressing[0]
    machines = len(first.machines)
    where = _("1 machine") if machines == 1 else _("{count} machines").format(count=machines)
    # The title of a control is what should be; without this word it would read as good news.
    unmet = _("Most urgent, not met: {title} ({where}).") if first.kind is ActionKind.CONTROL else ""
    return (unmet or _("Most urgent: {title} ({where}).")).format(title=first.title, where=where)


def _known(report: Report, _: Callable[[str], str]) -> str:
    return _("What is known: {coverage}.").format(coverage=wording.coverage(report.coverage, report.language))


def _direction(report: Report, _: Callable[[str], str]) -> str:
    if len(report.trend) < 2:
        return _("Progress: not enough history yet.")
    first, last = report.trend[0], report.trend[-1]
    text = _("Progress: {now} machines of {all_now} compliant, {before} of {all_before} on {date}.")
    return text.format(
        now=last.compliant,
        all_now=last.endpoints,
        before=first.compliant,
        all_before=first.endpoints,
        date=dates.date_text(first.day, report.language),
    )


def _accepted(report: Report, _: Callable[[str], str]) -> str:
    if not report.waivers and not report.expired_waivers:
        return _("Accepted risks: none.")
    parts = []
    if report.waivers:
        ends = report.waivers[0].waiver
        text = _("Accepted risks: {count}; the first acceptance ends on {date}")
        parts.append(text.format(count=len(report.waivers), date=dates.date_text(ends.until, report.language)))
    if report.expired_waivers:
        text = _("acceptances that have expired: {count}") if parts else _("Accepted risks: {count}, all expired")
        parts.append(text.format(count=len(report.expired_waivers)))
    return " ; ".join(parts) + "." if report.language == "fr" else "; ".join(parts) + "."


def trend_sentence(point: TrendPoint, language: str) -> str:
    """Return one day of the history in words."""
    _ = translator(language)
    text = _("{day}: {compliant} compliant, {failing} to be mended, {unknown} unknown, of {all} machines")
    return text.format(
        day=dates.date_text(point.day, language),
        compliant=point.compliant,
        failing=point.failing,
        unknown=point.unknown,
        all=point.endpoints,
    )
