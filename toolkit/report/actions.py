"""What to do first: the same remedy for many machines is one action, worst and widest first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from toolkit.finding import EndpointStatus, Severity, Verdict
from toolkit.report.model import Action, ActionKind, Line, Machine, Remedy, State
from toolkit.report.wording import translator


def actions(machines: Iterable[Machine], language: str) -> tuple[Action, ...]:
    """Return what has to be done, in the order to do it: severity, then number of machines, then title.

    What only needs a declaration comes last, whatever its severity.
    """
    machines = tuple(machines)
    found = [*_of_machines(machines, language), *_of_controls(machines)]
    last = ActionKind.DECLARE

    def order(action: Action) -> tuple[bool, bool, int, int, str]:
        identity = action.kind is ActionKind.IDENTITY
        return action.kind is last, not identity, -action.severity.rank, -len(action.machines), action.title

    return tuple(sorted(found, key=order))


def _of_controls(machines: tuple[Machine, ...]) -> Iterator[Action]:
    grouped: dict[tuple[ActionKind, str], list[tuple[Machine, Line]]] = defaultdict(list)
    for machine in machines:
        for line in machine.lines:
            if line.is_open:
                grouped[ActionKind.CONTROL, line.role or line.control].append((machine, line))
            elif line.verdict is Verdict.MANUAL:
                grouped[ActionKind.DECLARE, line.control].append((machine, line))
    for (kind, _subject), members in grouped.items():
        yield _action(kind, members)


def _action(kind: ActionKind, members: list[tuple[Machine, Line]]) -> Action:
    lines = {line.control: line for _machine, line in members}
    spread = Counter(line.control for _machine, line in members)
    ordered = sorted(lines.values(), key=lambda line: (-line.severity.rank, -spread[line.control], line.control))
    remedies = tuple(Remedy(line.control, line.title, line.fix, line.severity) for line in ordered)
    names = tuple(dict.fromkeys(machine.name for machine, _line in members))
    worst = ordered[0]
    return Action(kind, worst.severity, worst.title, worst.fix, names, remedies, worst.role)


def _of_machines(machines: tuple[Machine, ...], language: str) -> Iterator[Action]:
    _ = translator(language)
    texts = {
        ActionKind.IDENTITY: (
            Severity.CRITICAL,
            _("A machine shows another identity than the one recorded"),
            _("Do not use it before the technician has seen it: it was reinstalled, or it is not the same machine."),
        ),
        ActionKind.ENROL: (
            Severity.HIGH,
            _("Put declared machines into service"),
            _("Give the machine to the technician, who enrols and prepares it (nomade enroll, nomade apply)."),
        ),
        ActionKind.CONTACT: (
            Severity.HIGH,
            _("Get in touch again with machines that are silent"),
            _("Switch it on and connect it to the internet for an hour; if it is lost, call the technician at once."),
        ),
        ActionKind.EVIDENCE: (
            Severity.MEDIUM,
            _("Check again what could not be checked"),
            _("The technician runs the audit again and looks at the checks marked “could not be checked”."),
        ),
    }
    for kind, (severity, title, fix) in texts.items():
        names = tuple(machine.name for machine in machines if _need(machine) is kind)
        if names:
            yield Action(kind, severity, title, fix, names)


def _need(machine: Machine) -> ActionKind | None:
    if machine.attempt is EndpointStatus.KEY_CHANGED:
        return ActionKind.IDENTITY
    if machine.attempt in (None, EndpointStatus.NOT_ENROLLED) and machine.collected_at is None:
        return ActionKind.ENROL
    if machine.attempt is not EndpointStatus.COLLECTED or machine.state is State.STALE:
        return ActionKind.CONTACT
    if any(line.verdict is Verdict.ERROR for line in machine.lines):
        return ActionKind.EVIDENCE
    return None
