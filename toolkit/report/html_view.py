"""What the page's template needs besides the report itself: groups, anchors, proportions. It decides no verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from markupsafe import Markup, escape

from toolkit.finding import Check, Section, Severity, Verdict
from toolkit.once import Once
from toolkit.report import dates, plain, wording
from toolkit.report.brief import brief
from toolkit.report.judgement import state_counts
from toolkit.report.model import Action, Line, Machine, Post, Report, State, WaiverUse
from toolkit.report.trend_chart import COLOURS, Chart, chart

# The rest of the list is one click away; more at once is not read.
_FIRST_ACTIONS = 5
# Stand for a machine's name and anchor in what many machines share; no text of an endpoint becomes markup by them.
_NAME, _ANCHOR = "\ue000", "\ue001"
_LISTED_ON_PAPER = 6
# Machines of which the page has what is met with its reasons, and every raw output; the sheet of a post always has.
_DETAILED_ON_PAGE = 30
# Characters of one raw output on the page; its digest covers all of it, the store has all of it.
_RAW_LIMIT, _RAW_LIMIT_OF_MANY = 20_000, 2_000


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of the bar under the headline, in hundredths of its width."""

    state: State
    start: float
    width: float

    @property
    def colour(self) -> str:
        """For readers that apply no style sheet to drawings; the page's own says it again, and for the dark."""
        return COLOURS[self.state]


def is_old(machine: Machine) -> bool:
    return any(line.stale for line in machine.lines)


@dataclass(frozen=True)
class View:
    """Answers for the template about one report."""

    report: Report
    _shared: dict[tuple[object, ...], str] = field(default_factory=dict)
    _outputs: dict[Section, Markup] = field(default_factory=dict)
    _compared: Once[tuple[Check, ...], str] = field(default_factory=lambda: Once(repr))

    def shared(self, machine: Machine, lines: Iterable[Line], render: Callable[[Line, str, str, bool], str]) -> Markup:
        """What the page says of these lines, each rendered once for all machines of which it says the same.

        Machines set up by the same roles differ in few lines, and rendering them was most of what a page costs.
        """
        name = str(escape(plain.one_line(machine.name)))
        anchors, language = self._evidence_anchors[machine.name], self.report.language
        said = []
        for line in lines:
            anchor = anchors.get(line.probe, "")
            key = (
                line.control,
                line.severity,
                line.probe,
                line.verdict,
                line.reason,
                line.detail,
                line.waived,
                line.stale,
                id(line.waiver),
                self._compared(line.checks),
                dates.day(line.since, language) if line.since else "",
                bool(anchor),
            )
            text = self._shared.get(key)
            if text is None:
                text = self._shared[key] = str(render(line, _NAME, _ANCHOR if anchor else "", self.is_detailed))
            said.append(text.replace(_ANCHOR, anchor) if anchor else text)
        return Markup("".join(said).replace(_NAME, name))  # noqa: S704 — rendered above

    def alike(self, lines: Iterable[Line], render: Callable[[Iterable[Line]], str]) -> Markup:
        """A list of which the titles and reasons are all that is said, rendered once for all machines that have it."""
        key = tuple((line.control, line.reason) for line in lines)
        if key not in self._shared:
            self._shared[key] = str(render(lines))
        return Markup(self._shared[key])  # noqa: S704 — rendered above

    def links(self, names: Iterable[str], render: Callable[[View, Machine], str]) -> Markup:
        """Links to machines, each rendered once: what there is to do names the same ones again and again."""
        return Markup(", ").join(self._link(name, render) for name in names)

    def _link(self, name: str, render: Callable[[View, Machine], str]) -> Markup:
        key = ("link", name)
        if key not in self._shared:
            self._shared[key] = str(render(self, self.machine(name)))
        return Markup(self._shared[key])  # noqa: S704 — rendered above

    def output(self, section: Section, render: Callable[[View, Section], str]) -> Markup:
        """One raw output, rendered once for all machines that printed the same."""
        if section not in self._outputs:
            self._outputs[section] = Markup(render(self, section))  # noqa: S704 — rendered here
        return self._outputs[section]

    @cached_property
    def headline(self) -> list[tuple[State | None, str]]:
        """The parts of the sentence, each with its state."""
        items: tuple[Post | Machine, ...] = self.report.posts or self.report.machines
        parts = wording.headline(self.report)
        if not items:
            return [(None, parts[0])]
        others = [state for state in state_counts(items) if state is not State.COMPLIANT]
        return list(zip([State.COMPLIANT, *others], parts, strict=True))

    @cached_property
    def bar(self) -> list[Segment]:
        """The posts (or machines) as stretches of one bar, best first as one reads."""
        items: tuple[Post | Machine, ...] = self.report.posts or self.report.machines
        segments, start = [], 0.0
        for state, number in reversed(state_counts(items).items()):
            width = round(100 * number / len(items), 3)
            segments.append(Segment(state, round(start, 3), width))
            start += width
        return segments

    @cached_property
    def remainder(self) -> str:
        """What stays outside of the three figures, in words; empty when nothing does."""
        return wording.remainder(self.report.coverage, self.report.language)

    def coverage(self, machine: Machine) -> str:
        """The score of one machine with its denominator."""
        return wording.machine_coverage(machine.coverage, self.report.language)

    @property
    def legend(self) -> list[tuple[State, str]]:
        """Each state and what it means, best first."""
        shown = [state for state in reversed(State) if state is not State.STALE or self.report.freshness_days]
        return [(state, wording.meaning(state, self.report)) for state in shown]

    @property
    def reading(self) -> tuple[str, ...]:
        """The paragraphs of “how to read this page”."""
        return wording.reading(self.report)

    @property
    def first_actions(self) -> tuple[Action, ...]:
        return self.report.actions[:_FIRST_ACTIONS]

    @property
    def other_actions(self) -> tuple[Action, ...]:
        return self.report.actions[_FIRST_ACTIONS:]

    @cached_property
    def _machines(self) -> dict[str, Machine]:
        return {machine.name: machine for machine in self.report.machines}

    @cached_property
    def _anchors(self) -> dict[str, str]:
        return {machine.name: f"m{number}" for number, machine in enumerate(self.report.machines, start=1)}

    def machine(self, name: str) -> Machine:
        return self._machines[name]

    def anchor(self, machine: Machine) -> str:
        """An id made here: a name of an endpoint never becomes part of an address."""
        return self._anchors[machine.name]

    def evidence_anchor(self, machine: Machine, probe: str | None) -> str | None:
        """The id of the raw output behind a line, if the machine sent one."""
        return self._evidence_anchors[machine.name].get(probe)

    @cached_property
    def _evidence_anchors(self) -> dict[str, dict[str | None, str]]:
        return {
            machine.name: {
                section.probe: f"{self.anchor(machine)}e{number}"
                for number, section in enumerate(self.sections(machine), start=1)
            }
            for machine in self.report.machines
        }

    def label(self, machine: Machine) -> str:
        """`portable (Claire Moreau)`, or the machine's name when nobody works on it."""
        kind = wording.kind(machine.kind, self.report.language)
        return f"{kind} ({machine.teleworker or machine.name})"

    def outside_posts(self) -> list[Machine]:
        """Machines that belong to no post."""
        parts = [part for post in self.report.posts for part in (post.laptop, post.office_pc, post.gateway)]
        used = {part.name for part in parts if part}
        return [machine for machine in self.report.machines if machine.name not in used]

    def todo(self, post: Post) -> list[Action]:
        """What there is to do on the machines of a post, the most pressing first."""
        names = {part.name for part in (post.laptop, post.office_pc, post.gateway) if part}
        return [action for action in self.report.actions if names & set(action.machines)]

    @property
    def without_news(self) -> list[Machine]:
        """Machines whose evidence is old or whose last attempt failed, the longest first."""
        found = [item for item in self.report.machines if item.state in (State.STALE, State.SILENT) or is_old(item)]
        return sorted(found, key=lambda item: (item.collected_at or self.report.generated_at, item.name))

    @cached_property
    def trend(self) -> Chart | None:
        return chart(self.report) if self.report.trend else None

    @property
    def is_small(self) -> bool:
        """Whether paper has what is met, and reasons and references: of many machines that is on the page only."""
        return len(self.report.machines) <= _LISTED_ON_PAPER

    @property
    def is_detailed(self) -> bool:
        """Whether the page has everything of every machine: a page of a hundred would be thirty megabytes."""
        return len(self.report.machines) <= _DETAILED_ON_PAGE

    def sections(self, machine: Machine) -> list[Section]:
        """The raw outputs that the page shows of a machine: all, or of many machines those behind what is not met."""
        if self.is_detailed:
            return list(machine.sections)
        behind = {line.probe for line in machine.lines if line.verdict in (Verdict.FAIL, Verdict.ERROR)}
        return [section for section in machine.sections if section.probe in behind]

    def short(self, line: Line) -> str:
        """One control on one line: its title, the verdict and what is behind it; what to do is said once, above."""
        said = (line.title, wording.verdict(line, self.report.language), *wording.details(line, self.report.language))
        return " – ".join(said)

    def titles(self, lines: list[Line]) -> str:
        return " · ".join(line.title for line in lines)

    @property
    def brief(self) -> tuple[str, ...]:
        """What comes after the headline, for those who read five lines."""
        return brief(self.report)

    def failing(self, machine: Machine) -> list[Line]:
        return [line for line in machine.lines if line.is_open]

    def accepted(self, machine: Machine) -> list[Line]:
        return [line for line in machine.lines if line.waived]

    def outdated(self, machine: Machine) -> list[Line]:
        """What was met too long ago to vouch for today."""
        return [line for line in machine.lines if line.stale and line.verdict is Verdict.PASS]

    def unchecked(self, machine: Machine) -> list[Line]:
        return [line for line in machine.lines if line.verdict in (Verdict.ERROR, Verdict.MANUAL)]

    def passing(self, machine: Machine) -> list[Line]:
        return [line for line in machine.lines if line.verdict is Verdict.PASS and not line.stale]

    def outside(self, machine: Machine) -> list[Line]:
        return [line for line in machine.lines if line.verdict is Verdict.NOT_APPLICABLE]

    def dots(self, severity: Severity) -> str:
        """The severity as filled dots, for those who compare at a glance; the word is beside them."""
        return "●" * (severity.rank + 1) + "○" * (len(Severity) - 1 - severity.rank)

    def shown(self, section: Section) -> str:
        return section.text[: self._raw_limit]

    @property
    def _raw_limit(self) -> int:
        return _RAW_LIMIT if self.is_detailed else _RAW_LIMIT_OF_MANY

    def waivers(self, expired: bool) -> tuple[WaiverUse, ...]:
        return self.report.expired_waivers if expired else self.report.waivers

    def is_cut(self, section: Section) -> bool:
        return len(section.text) > self._raw_limit
