"""What an import did or would do, in lines for the terminal."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from toolkit.fleet.document import shown
from toolkit.i18n import _
from toolkit.imports.importing import Prepared
from toolkit.imports.model import Column, Place
from toolkit.imports.plan import Change, CommunePlan, Matter, Note, Plan, Sign

_FIRST = 3  # rows that are named for a reason
MAXIMUM = 30  # lines of one kind before the rest is only counted
_MARKS = {Sign.ADDED: "+", Sign.CHANGED: "~", Sign.MISSING: "-", Sign.BACK: "="}


def columns(read: Iterable[Column]) -> Iterator[str]:
    """Yield one line per column of the lists: what it was taken for, or that it was not read."""
    for column in dict.fromkeys(read):
        if column.field:
            yield f"  {column.header} → {column.field}"
        elif column.personal:
            yield _("  {header}: personal, not read").format(header=column.header)
        else:
            yield _("  {header}: not read").format(header=column.header)


def difference(prepared: Prepared) -> Iterator[str]:
    """Yield the unified difference of every fleet file that changes."""
    for file in prepared.files:
        name = shown(file.path)
        before, after = (text.decode("utf-8-sig").splitlines() for text in (file.before, file.after))
        yield from difflib.unified_diff(before, after, name, name, lineterm="")


def lines(prepared: Prepared, *, limit: int | None = MAXIMUM) -> Iterator[str]:
    """Yield the summary: per commune the counts, what changes, what is left to people; then what was left aside."""
    for part in prepared.plan.communes:
        if part.changes or part.notes:
            yield from _commune(part, prepared.plan, limit)
    changed = {file.commune for file in prepared.files}
    still = [part.commune for part in prepared.plan.communes if part.commune not in changed]
    if still:
        yield _("Nothing changes: {communes}").format(communes=", ".join(still))
    yield from _aside(prepared.plan, limit)


def _commune(part: CommunePlan, plan: Plan, limit: int | None) -> Iterator[str]:
    counts = Counter(sign for sign, _section, _name in {(one.sign, one.section, one.name) for one in part.changes})
    yield _("{commune}: {added} added, {changed} changed, {missing} missing, {back} found again").format(
        commune=part.commune,
        added=counts[Sign.ADDED],
        changed=counts[Sign.CHANGED],
        missing=counts[Sign.MISSING],
        back=counts[Sign.BACK],
    )
    for sign in Sign:
        yield from _capped(_changes(change for change in part.changes if change.sign is sign), limit)
    if part.installed:
        yield _("  system to be installed: {system} (new endpoints: {count})").format(
            count=part.installed, system=plan.options.system.value
        )
    if counts[Sign.MISSING]:
        yield _("  Missing machines stay in fleet.yml, marked missing_since: retire them, or find them.")
    for matter, title in _titles().items():
        told = [note for note in part.notes if note.matter is matter]
        if told:
            yield f"  {title.format(count=len(told))}"
            yield from _capped((f"    {_note(note)}" for note in told), limit)
    if part.unwritten:
        yield _("  people without a laptop, of whom nothing is kept: {count}").format(count=part.unwritten)


def _changes(changes: Iterable[Change]) -> list[str]:
    """Return one line per entry, its details together."""
    details: dict[tuple[Sign, str, str], list[str]] = {}
    for change in changes:
        told = details.setdefault((change.sign, change.section, change.name), [])
        told += [change.detail] if change.detail else []
    return [
        f"  {_MARKS[sign]} {_section(section)} {name}" + (f" ({', '.join(told)})" if told else "")
        for (sign, section, name), told in details.items()
    ]


def _section(section: str) -> str:
    return {
        "services": _("service"),
        "duties": _("duty"),
        "teleworkers": _("teleworker"),
        "laptops": _("laptop"),
        "office_pcs": _("office PC"),
        "fixed_posts": _("fixed post"),
        "posts": _("post"),
    }.get(section, section)


def _titles() -> dict[Matter, str]:
    return {
        Matter.COMPLETE: _("To complete in the list or in fleet.yml ({count}):"),
        Matter.DECIDE: _("To decide ({count}):"),
        Matter.UNPAIRED: _("Unpaired ({count}):"),
    }


def _note(note: Note) -> str:
    return note.text if note.place is None else f"{_at(note.place)}: {note.text}"


def _at(place: Place) -> str:
    return f"{place.file}:{place.row}"


def _aside(plan: Plan, limit: int | None) -> Iterator[str]:
    if plan.left_aside:
        yield _("Rows left aside ({count}):").format(count=len(plan.left_aside))
        yield from _capped(_reasons(plan.left_aside), limit)
    if plan.skipped:
        yield _("Entities that no commune has, skipped ({count}):").format(count=len(plan.skipped))
        yield from _capped(
            [_("  {entity} (rows: {rows})").format(entity=one.entity, rows=one.rows) for one in plan.skipped], limit
        )
    if plan.elsewhere:
        yield _("Rows of other communes, not asked for: {count}").format(count=plan.elsewhere)
    if plan.ignored:
        yield _("Personal columns, not read: {headers}").format(headers=", ".join(dict.fromkeys(plan.ignored)))


def _reasons(left_aside: Sequence[tuple[Place, str]]) -> list[str]:
    """Return one line per reason, most frequent first, with the first rows it holds for."""
    rows: dict[str, list[Place]] = {}
    for place, reason in left_aside:
        rows.setdefault(reason, []).append(place)
    return [
        f"  {len(places)} × {reason} ({', '.join(map(_at, places[:_FIRST]))}{', …' if len(places) > _FIRST else ''})"
        for reason, places in sorted(rows.items(), key=lambda item: -len(item[1]))
    ]


def _capped(items: Iterable[str], limit: int | None) -> Sequence[str]:
    every = list(items)
    if limit is None or len(every) <= limit:
        return every
    return [*every[:limit], _("    … and {count} more").format(count=len(every) - limit)]
