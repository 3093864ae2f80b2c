"""Findings as CSV for spreadsheets in French offices: `;`, UTF-8 with BOM, CRLF, and no cell is ever a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from toolkit.report import Look, dates, plain, wording
from toolkit.report.model import Line, Machine, Report
from toolkit.report.wording import translator

FORMAT = "csv"

# OWASP ASVS 5.0, 1.2.10: signs that make a spreadsheet compute a cell; their full-width twins do so in some too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(text: str) -> str:
    """Return a text that a spreadsheet shows as it is: an apostrophe goes before what would start a formula."""
    safe = plain.block(text.replace("\r\n", "\n").replace("\r", "\n"))
    return f"'{safe}" if text.startswith(FORMULA) or safe.startswith(FORMULA) else safe


def render(reports: Sequence[Report], look: Look) -> bytes:
    """Return one row per endpoint and control; an endpoint without findings has one row that says so."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
    language = reports[0].language if reports else "fr"
    writer.writerow(_header(language))
    for report in reports:
        for machine in report.machines:
            writer.writerows([cell(text) for text in row] for row in _rows(report, machine))
    return "\ufeff".encode() + stream.getvalue().encode("utf-8", "replace")


def _header(language: str) -> list[str]:
    _ = translator(language)
    return [
        *(_("Commune"), _("Teleworker"), _("Machine"), _("Kind"), _("State of the machine"), _("Control")),
        *(_("Title"), _("Severity"), _("Verdict"), _("Since"), _("Expected"), _("Found"), _("Remark")),
        *(_("What to do"), _("References"), _("Collected at"), _("Evidence (SHA-256)")),
    ]


def _rows(report: Report, machine: Machine) -> Iterator[list[str]]:
    language = report.language
    collected = dates.cell(machine.collected_at, language, clock=True) if machine.collected_at else ""
    start = [
        *(report.name, machine.teleworker or "", machine.name, wording.kind(machine.kind, language)),
        wording.state(machine.state, language),
    ]
    end = [collected, machine.digest or ""]
    for line in machine.lines:
        yield [*start, *_line(line, language), *end]
    if not machine.lines:
        remark = wording.attempt(machine.attempt, language) if machine.attempt else ""
        yield [*start, *[""] * 7, ": ".join(filter(None, (remark, machine.attempt_detail))), "", "", *end]


def _line(line: Line, language: str) -> list[str]:
    unmet = [check for check in line.comparisons if not check.met] or list(line.comparisons)
    remark = ": ".join(filter(None, (wording.reason(line, language), line.detail)))
    remark = " ; ".join(filter(None, (remark, wording.waiver(line, language))))
    return [
        *(line.control, line.title, wording.severity(line.severity, language), wording.verdict(line, language)),
        dates.cell(line.since, language) if line.since else "",
        ", ".join(f"{check.key}: {wording.expected(check, language)}" for check in unmet),
        ", ".join(f"{check.key}: {wording.value(check.actual, language)}" for check in unmet),
        *(remark, line.fix),
        ", ".join(f"{document} {' '.join(ids)}" for document, ids in line.references),
    ]
