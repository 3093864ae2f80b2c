"""A run in words, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.i18n import _
from toolkit.provision.model import Change, EndpointRun, Run, State


def changes(run: Run, *, differences: bool) -> Iterator[str]:
    """Yield what each endpoint changed, or in check mode would: per role its files, other steps by name."""
    for endpoint in run.in_state(State.OK, State.CHANGED, State.FAILED):
        if not endpoint.changes:
            yield _("{name}: nothing to change").format(name=endpoint.name)
            continue
        pattern = _("{name}: {count} changes to make") if run.check else _("{name}: {count} changes made")
        yield pattern.format(name=endpoint.name, count=len(endpoint.changes))
        for change in endpoint.changes:
            yield from _change(change, differences)


def _change(change: Change, differences: bool) -> Iterator[str]:
    role = change.role or "—"
    if not change.files:
        yield f"  {role} · {change.task}"
    for name, text in zip(change.files, change.differences, strict=True):
        drifted = f" — {_('changed by hand')}" if name in change.by_others else ""
        yield f"  {role} : {name}{_size(text)}{drifted}"
        if differences:
            yield from ("    " + _printable(line) for line in text.splitlines())


def _size(difference: str) -> str:
    lines = [line for line in difference.splitlines() if not line.startswith(("+++", "---"))]
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    return f" (+{added} −{removed})" if added or removed else ""


def _printable(line: str) -> str:
    """Files are data: a control character in one must not reach the terminal."""
    return "".join(character if character.isprintable() or character == "\t" else "�" for character in line)


def outcome(run: Run, again: str = "") -> Iterator[str]:
    """Yield the closing lines: totals, those that failed with the reason, those not reached, apart.

    `again`: the command that does the rest, when it is neither `plan` nor `apply`.
    """
    done = run.in_state(State.OK, State.CHANGED)
    pattern = (
        _("{commune}: {done} of {all} endpoints checked, {changed} would change; nothing was changed")
        if run.check
        else _("{commune}: {done} of {all} endpoints done, {changed} changed")
    )
    changed = len(run.in_state(State.CHANGED))
    yield pattern.format(commune=run.commune, done=len(done), all=len(run.endpoints), changed=changed)
    yield from (f"  {endpoint.name} : {endpoint.note}" for endpoint in done if endpoint.note)
    yield from _drifted(run)
    yield from _listed(_("Failed:"), run.in_state(State.FAILED))
    absent = run.in_state(State.UNREACHABLE, State.NOT_ENROLLED)
    yield from _listed(_("Not reached, the others were finished:"), absent)
    if absent:
        names = ",".join(endpoint.name for endpoint in absent)
        verb = "plan" if run.check else "apply"
        command = again or f"nomade {verb} -c {run.commune} -l {names}"
        yield _("When they are back: {command}").format(command=command)
    if run.log is not None:
        yield _("Log: {log}").format(log=run.log)


def _drifted(run: Run) -> Iterator[str]:
    found = [
        f"  {endpoint.name} : {file}"
        for endpoint in run.endpoints
        for change in endpoint.changes
        for file in change.by_others
    ]
    if found:
        yield _("Changed by hand since the last run:") if run.check else _("Changed by hand, and put back:")
    yield from dict.fromkeys(found)  # two roles may bring the same file


def _listed(title: str, endpoints: tuple[EndpointRun, ...]) -> Iterator[str]:
    if endpoints:
        yield title
    yield from (f"  {endpoint.name} : {endpoint.error}" for endpoint in endpoints)
