"""Reports as a terminal screen. Every text of a person or an endpoint passes `plain.one_line` first."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toolkit.finding import EndpointStatus, Verdict
from toolkit.report import Look, dates, plain, wording
from toolkit.report.judgement import state_counts
from toolkit.report.model import Action, Line, Machine, Post, Report, State
from toolkit.report.notes import notes
from toolkit.report.wording import translator

FORMAT = "table"

# More would not fit one screen together with the posts.
_ACTIONS_SHOWN = 8
_NAMES_SHOWN = 3
# Of one commune on one screen; with more communes, each has one line.
_POSTS_SHOWN = 12
_COMMUNES_ONE_BY_ONE = 3
# With more machines nobody reads them one by one: what is wrong is listed once, with those it concerns.
_MACHINES_ONE_BY_ONE = 6

_STYLES = {
    State.URGENT: "bold red",
    State.FAILING: "yellow",
    State.NEVER: "magenta",
    State.SILENT: "magenta",
    State.STALE: "magenta",
    State.UNCERTAIN: "cyan",
    State.COMPLIANT: "green",
}
_SIGNS = {
    State.URGENT: "✖",
    State.FAILING: "▲",
    State.NEVER: "○",
    State.SILENT: "◌",
    State.STALE: "◌",
    State.UNCERTAIN: "?",
    State.COMPLIANT: "✔",
}
_VERDICT_SIGNS = {
    Verdict.PASS: ("✔", "green"),
    Verdict.FAIL: ("✖", "red"),
    Verdict.ERROR: ("?", "cyan"),
    Verdict.MANUAL: ("✎", "cyan"),
    Verdict.NOT_APPLICABLE: ("–", "dim"),
}


def render(reports: Sequence[Report], look: Look) -> str:
    """Return all reports, one after the other: state, posts, what to do first, and the open findings."""
    console = _console(look)
    for report in reports:
        _summary(console, report)
        _findings(console, report, look)
    return _text(console)


def overview(reports: Sequence[Report], look: Look) -> str:
    """Return the same without the findings: one screen that answers "is my commune all right?".

    Of a large commune the posts that are worst off, the others counted; of many communes one line each.
    """
    console = _console(look)
    if len(reports) > _COMMUNES_ONE_BY_ONE:
        _communes(console, reports)
    else:
        for report in reports:
            _summary(console, report, brief=True)
    return _text(console)


def _communes(console: Console, reports: Sequence[Report]) -> None:
    language = reports[0].language
    _ = translator(language)
    table = _grid(_("Commune"), _("State"), _("Compliant"), _("Controls"), _("Machines"), _("What to do first"))
    for report in sorted(reports, key=lambda item: (item.state.rank, item.name)):
        items: Sequence[Post | Machine] = report.posts or report.machines
        good, counts = sum(item.state is State.COMPLIANT for item in items), report.coverage
        first = plain.one_line(report.actions[0].title) if report.actions else ""
        cells = (
            f"{good} / {len(items)}",
            f"{counts.evaluated} / {counts.expected}",
            f"{counts.endpoints_evaluated} / {counts.endpoints}",
            first,
        )
        table.add_row(Text(plain.one_line(report.name)), _state(report.state, language), *map(Text, cells))
    console.print(table)
    console.print(Text("\n" + _("Controls and machines: evaluated, of all. One commune: nomade status -c COMMUNE")))


def _console(look: Look) -> Console:
    # `_environ`: the look alone decides, not COLUMNS or FORCE_COLOR, so that equal data give equal text.
    return Console(
        file=io.StringIO(),
        width=look.width,
        color_system="standard" if look.colour else None,
        force_terminal=look.colour,
        no_color=not look.colour,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )


def _text(console: Console) -> str:
    stream = console.file
    assert isinstance(stream, io.StringIO)  # noqa: S101 — made above; says it to mypy
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def _state(state: State, language: str) -> Text:
    return Text(f"{_SIGNS[state]} {wording.state(state, language)}", style=_STYLES[state])


def _summary(console: Console, report: Report, *, brief: bool = False) -> None:
    language = report.language
    name, when = plain.one_line(report.name), dates.moment_text(report.generated_at, language)
    console.print(Text.assemble("\n", (name, "bold"), f"  {when}  {plain.one_line(report.profile_title)}"))
    headline = f"{_SIGNS[report.state]} {wording.sentence(report)}"
    console.print(Text(headline, style=_STYLES[report.state]))
    console.print(Text(f"{wording.coverage(report.coverage, language)} – {wording.score(report.coverage, language)}"))
    for note in notes(report):
        console.print(Text(note, style="cyan"))
    console.print()
    console.print(_posts(report, _POSTS_SHOWN if brief else None) if report.posts else _machines(report))
    if brief and (rest := report.posts[_POSTS_SHOWN:]):
        console.print(Text(_others(rest, language), style="dim"))
    _actions(console, report)


def _others(posts: Sequence[Post], language: str) -> str:
    _ = translator(language)
    counts = ", ".join(f"{number} {wording.state(state, language)}" for state, number in state_counts(posts).items())
    return _("… and {count} more posts: {states}").format(count=len(posts), states=counts)


def _grid(*titles: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in titles:
        table.add_column(Text(title), overflow="fold")
    return table


def _posts(report: Report, limit: int | None) -> Table:
    _ = translator(report.language)
    table = _grid(_("Teleworker"), _("State"), _("Since"), _("Laptop"), _("Office PC"), _("Gateway"))
    for post in report.posts[:limit]:
        since = dates.day(post.since, report.language) if post.since else ""
        parts = (_part(part, report.language) for part in (post.laptop, post.office_pc, post.gateway))
        table.add_row(Text(plain.one_line(post.teleworker)), _state(post.state, report.language), Text(since), *parts)
    for machine in _outside_posts(report)[:limit]:
        since = dates.day(machine.since, report.language) if machine.since else ""
        cells = [Text("–")] * 3
        cells[["laptop", "office_pc", "gateway"].index(machine.kind)] = _part(machine, report.language)
        table.add_row(Text(plain.one_line(machine.name)), _state(machine.state, report.language), Text(since), *cells)
    return table


def _outside_posts(report: Report) -> list[Machine]:
    used = {part.name for post in report.posts for part in _members(post)}
    return [machine for machine in report.machines if machine.name not in used]


def _members(post: Post) -> Iterator[Machine]:
    return (part for part in (post.laptop, post.office_pc, post.gateway) if part is not None)


def _part(machine: Machine | None, language: str) -> Text:
    return Text("–") if machine is None else _state(machine.state, language)


def _machines(report: Report) -> Table:
    _ = translator(report.language)
    table = _grid(_("Machine"), _("State"), _("Met"), _("Not met"), _("Not checked"), _("Not applicable"), _("Remark"))
    for machine in report.machines:
        counts = machine.coverage
        numbers = (counts.passed, counts.failed, counts.expected - counts.evaluated, counts.not_applicable)
        table.add_row(
            Text(plain.one_line(machine.name)),
            _state(machine.state, report.language),
            *(Text(str(number)) for number in numbers),
            Text(_attempt(machine, report.language)),
        )
    return table


def _attempt(machine: Machine, language: str) -> str:
    if machine.attempt in (None, EndpointStatus.COLLECTED):
        return ""
    said = wording.attempt(machine.attempt, language)
    return ": ".join(filter(None, (said, plain.one_line(machine.attempt_detail))))


def _actions(console: Console, report: Report) -> None:
    _ = translator(report.language)
    if not report.actions:
        return
    console.print(Text("\n" + _("What to do first"), style="bold"))
    for number, action in enumerate(report.actions[:_ACTIONS_SHOWN], start=1):
        console.print(_action(number, action, report))
    if more := len(report.actions) - _ACTIONS_SHOWN:
        console.print(Text(_("… and {count} more").format(count=more))) if more > 0 else None


def _action(number: int, action: Action, report: Report) -> Padding:
    severity = wording.severity(action.severity, report.language)
    title = plain.one_line(action.title) + (f" (+ {len(action.remedies) - 1})" if action.remedies[1:] else "")
    line = Text.assemble(
        f"{number}. ", (title, "bold"), f" ({severity}) – {plain.one_line(action.fix)} – {_named(action.machines)}"
    )
    return Padding(line, (0, 0, 0, 2))


def _findings(console: Console, report: Report, look: Look) -> None:
    if look.full or len(report.machines) <= _MACHINES_ONE_BY_ONE:
        _machine_by_machine(console, report, look)
    else:
        _control_by_control(console, report)


def _control_by_control(console: Console, report: Report) -> None:
    groups: dict[tuple[str, Verdict, bool], list[tuple[Line, str]]] = {}
    for machine in report.machines:
        for line in machine.lines:
            if line.is_open or line.verdict is Verdict.ERROR:
                groups.setdefault((line.control, line.verdict, line.waived), []).append((line, machine.name))
    if not groups:
        return
    _ = translator(report.language)
    most_first = sorted(
        groups.values(), key=lambda group: (-group[0][0].severity.rank, -len(group), group[0][0].control)
    )
    hint = _("What was found on one machine: nomade report post MACHINE -f table")
    shown = Text("\n").join([*(_shared(group, report) for group in most_first), Text(hint, style="dim")])
    console.print(Padding(shown, (1, 0, 0, 2)))


def _shared(group: Sequence[tuple[Line, str]], report: Report) -> Text:
    line, names = group[0][0], [name for _line, name in group]
    count = translator(report.language)("{count} of {total} machines: {names}").format(
        count=len(names), total=len(report.machines), names=_named(names)
    )
    return Text.assemble(_headline(line, report.language), (f" – {count}", "dim"))


def _machine_by_machine(console: Console, report: Report, look: Look) -> None:
    for machine in report.machines:
        lines = [line for line in machine.lines if look.full or line.is_open or line.verdict is Verdict.ERROR]
        if lines:
            title = plain.one_line(machine.name)
            console.print(Text.assemble("\n", (title, "bold"), "  ", _state(machine.state, report.language)))
            # One call for all: printing line by line was the largest part of what an audit costs this machine.
            shown = Text("\n").join(_line(line, report.language) for line in lines)
            console.print(Padding(shown, (0, 0, 0, 2)))


def _line(line: Line, language: str) -> Text:
    text = _headline(line, language)
    for remark in wording.details(line, language):
        text.append(f"\n  {remark}", style="dim")
    return text


def _headline(line: Line, language: str) -> Text:
    sign, style = _VERDICT_SIGNS[line.verdict]
    words = f"{wording.verdict(line, language)}, {wording.severity(line.severity, language)}"
    return Text.assemble((sign, style), f" {line.control}  {plain.one_line(line.title)} ({words})")


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(plain.one_line(name) for name in names[:_NAMES_SHOWN])
    return shown + (f" (+ {len(names) - _NAMES_SHOWN})" if names[_NAMES_SHOWN:] else "")
