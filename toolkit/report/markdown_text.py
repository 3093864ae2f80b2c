"""Reports as Markdown (CommonMark with tables), for wikis: what people and endpoints wrote stays plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from toolkit.finding import Verdict
from toolkit.report import Look, dates, plain, wording
from toolkit.report.model import Action, Line, Machine, Report
from toolkit.report.wording import translator

FORMAT = "md"

# CommonMark 2.4: a backslash takes its meaning from any of these; `://`, `@` and `www.` make links without brackets.
_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~&@$]|:(?=//))")
_FIRST = re.compile(r"^(\d*)([-+=.)])")
_WEB = re.compile(r"\b(www)\.", re.IGNORECASE)


def text(value: str) -> str:
    """Return a text as one line that Markdown shows sign by sign, in a table cell or anywhere else in a line."""
    shown = _SIGNS.sub(r"\\\1", plain.one_line(value))
    return _FIRST.sub(r"\1\\\2", _WEB.sub(r"\1\.", shown))


def render(reports: Sequence[Report], look: Look) -> str:
    """Return one document: state, coverage, what to do, posts, and per machine what is not met or not known."""
    return "\n".join(line for report in reports for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    language = report.language
    _ = translator(language)
    yield f"# {text(report.name)}\n"
    yield f"{dates.moment_text(report.generated_at, language)} – {text(report.profile_title)}\n"
    yield f"**{text(wording.sentence(report))}**\n"
    yield f"{wording.coverage(report.coverage, language)} – {wording.score(report.coverage, language)}\n"
    if report.actions:
        yield f"## {_('What to do first')}\n"
        yield from (_action(number, item, report) for number, item in enumerate(report.actions, start=1))
        yield ""
    if report.posts:
        yield f"## {_('The posts')}\n"
        yield from _posts(report)
    yield f"## {_('Machine by machine')}\n"
    for machine in report.machines:
        yield from _machine(machine, language)
    yield f"## {_('Accepted differences from the doctrine')}\n"
    yield from (f"- **{text(item.title)}**: {text(item.doctrine)} {text(item.reason)}" for item in report.deviations)
    yield ""


def _action(number: int, item: Action, report: Report) -> str:
    names = ", ".join(text(name) for name in item.machines)
    severity = wording.severity(item.severity, report.language)
    return f"{number}. **{text(item.title)}** ({severity}) – {text(item.fix)} – {names}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _head(*titles: str) -> Iterator[str]:
    yield _row(*titles)
    yield _row(*("---" for _title in titles))


def _posts(report: Report) -> Iterator[str]:
    language = report.language
    _ = translator(language)
    yield from _head(_("Teleworker"), _("State"), _("Since"), _("Laptop"), _("Office PC"), _("Gateway"))
    for post in report.posts:
        parts = (
            wording.state(part.state, language) if part else "–" for part in (post.laptop, post.office_pc, post.gateway)
        )
        since = dates.day(post.since, language) if post.since else ""
        yield _row(text(post.teleworker), wording.state(post.state, language), since, *parts)
    yield ""


def _machine(machine: Machine, language: str) -> Iterator[str]:
    _ = translator(language)
    yield f"### {text(machine.name)} – {wording.state(machine.state, language)}\n"
    yield f"{wording.machine_coverage(machine.coverage, language)}\n"
    shown = [line for line in machine.lines if line.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE) or line.stale]
    if shown:
        yield from _head(_("Control"), _("Verdict"), _("Severity"), _("Remark"), _("What to do"))
        yield from (_finding(line, language) for line in shown)
        yield ""


def _finding(line: Line, language: str) -> str:
    remark = " ; ".join(text(item) for item in wording.details(line, language))
    verdict, severity = wording.verdict(line, language), wording.severity(line.severity, language)
    return _row(f"{text(line.title)} (`{line.control}`)", verdict, severity, remark, text(line.fix))
