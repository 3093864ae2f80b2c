"""From findings to the state of a machine, a post, a commune: pure, and never kinder than the evidence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from toolkit.errors import ExitCode, worst
from toolkit.finding import EndpointStatus, Severity, Verdict
from toolkit.report.model import Coverage, Line, Machine, Post, Report, State
from toolkit.store.state import EndpointState

# What nobody has answered: a control that could not be judged, and one that a person has still to declare.
_OPEN_QUESTIONS = (Verdict.ERROR, Verdict.MANUAL)


def _any_measured(lines: Iterable[Line]) -> bool:
    """Whether anything was seen on the machine: words about it alone are no compliance."""
    return any(line.verdict in (Verdict.PASS, Verdict.FAIL) and not line.declaration for line in lines)


def is_stale(collected_at: datetime, now: datetime, freshness_days: int | None) -> bool:
    """Return whether evidence is too old to vouch for today. Evidence from the future is no better."""
    if freshness_days is None:
        return False
    age = now - collected_at
    return age > timedelta(days=freshness_days) or age < -timedelta(days=1)


def machine_state(known: EndpointState | None, lines: Iterable[Line], *, stale: bool, history: bool = True) -> State:
    """Return the state of one machine from its newest attempt and the lines of its newest evidence.

    Without `history` (one run only), a machine that did not answer may have been checked before: it is silent.
    """
    lines = tuple(lines)
    if known is not None and known.attempt is EndpointStatus.KEY_CHANGED:
        return State.URGENT
    if known is not None and known.last is None and not history and known.attempt is EndpointStatus.UNREACHABLE:
        return State.SILENT
    if known is None or known.last is None:
        return State.NEVER
    severities = {line.severity for line in lines if line.is_open}
    if Severity.CRITICAL in severities:
        return State.URGENT
    if severities:
        return State.FAILING
    if known.attempt is not EndpointStatus.COLLECTED:
        return State.SILENT
    if stale:
        return State.STALE
    if not _any_measured(lines) or any(line.verdict in _OPEN_QUESTIONS for line in lines):
        return State.UNCERTAIN
    return State.COMPLIANT


def machine_since(state: State, known: EndpointState | None, lines: Iterable[Line]) -> datetime | None:
    """Return since when a machine is in its state; silent and stale count from the last evidence."""
    if known is None:
        return None
    if known.attempt is EndpointStatus.KEY_CHANGED:
        return known.silent_since
    if known.last is None or known.last.evidence is None:
        return None
    if state in (State.SILENT, State.STALE):
        return known.last.evidence.collected_at
    moments = [line.since for line in _deciding(state, lines) if line.since]
    if not moments:
        return None
    # It became bad with its first failure, and good only with its last success.
    return max(moments) if state is State.COMPLIANT else min(moments)


def _deciding(state: State, lines: Iterable[Line]) -> list[Line]:
    if state is State.URGENT:
        return [line for line in lines if line.is_open and line.severity is Severity.CRITICAL]
    if state is State.FAILING:
        return [line for line in lines if line.is_open]
    if state is State.UNCERTAIN:
        return [line for line in lines if line.verdict in _OPEN_QUESTIONS]
    return [line for line in lines if line.verdict is Verdict.PASS]


def coverage(lines: Iterable[Line], unknown: int) -> Coverage:
    """Count one machine. `unknown` is the number of controls that apply when it was never collected."""
    lines = tuple(lines)
    applying = [line for line in lines if line.verdict is not Verdict.NOT_APPLICABLE]
    judged = [line for line in applying if not line.stale]

    verdicts = [line.verdict for line in judged]
    passed, failed = verdicts.count(Verdict.PASS), verdicts.count(Verdict.FAIL)
    return Coverage(
        expected=len(applying) + unknown,
        passed=passed,
        failed=failed,
        error=verdicts.count(Verdict.ERROR),
        manual=verdicts.count(Verdict.MANUAL),
        stale=len(applying) - len(judged),
        unknown=unknown,
        waived=sum(line.waived for line in judged if line.verdict is Verdict.FAIL),
        declared=sum(bool(line.declaration) for line in judged if line.verdict is Verdict.PASS),
        not_applicable=len(lines) - len(applying),
        endpoints=1,
        endpoints_evaluated=int(passed + failed > 0),
    )


def worst_state(states: Iterable[State]) -> State:
    """Return the worst of some states; of none it is `NEVER`: nothing checked is not compliance."""
    return min(states, key=lambda state: state.rank, default=State.NEVER)


def post_since(state: State, post: Iterable[Machine | None]) -> datetime | None:
    """Return since when a post is in `state`, its worst machine's: bad since the first, good since the last."""
    moments = [part.since for part in post if part is not None and part.state is state and part.since is not None]
    if not moments:
        return None
    return max(moments) if state is State.COMPLIANT else min(moments)


def exit_code(reports: Iterable[Report]) -> ExitCode:
    """Return the exit code of the states shown: 0 only when all that was judged is met, on fresh evidence, everywhere.

    What a person has still to declare is not evaluated: no machine is compliant without it, no code changes for it.

    The rule is that of `toolkit.audit.exit_code`, with old evidence and machines never asked on top. Nothing evaluated
    at all is code 3 even when the reason is that nothing answered.
    """
    return worst(_report_code(report) for report in reports)


def _report_code(report: Report) -> ExitCode:
    if not report.coverage.evaluated and not report.coverage.stale:
        return ExitCode.NOTHING_EVALUATED
    return worst(_machine_code(machine) for machine in report.machines)


def _machine_code(machine: Machine) -> ExitCode:
    if any(line.is_open or line.verdict is Verdict.ERROR for line in machine.lines):
        return ExitCode.NOT_COMPLIANT
    if machine.state is State.COMPLIANT:
        return ExitCode.OK
    if machine.state is State.UNCERTAIN:  # errors are handled above: nothing was judged, or declarations are missing
        return ExitCode.OK if _any_measured(machine.lines) else ExitCode.NOTHING_EVALUATED
    return ExitCode.UNREACHABLE


def state_counts(items: Iterable[Post | Machine]) -> dict[State, int]:
    """Return how many are in each state, worst first, states without any left out."""
    seen = [item.state for item in items]
    return {state: seen.count(state) for state in State if state in seen}
