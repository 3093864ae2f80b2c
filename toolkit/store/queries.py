"""The selects of the store, portable: window functions and common table expressions only.

`until` everywhere: as the store was at that moment (None: as it is).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, false, func, or_, select

from toolkit.finding import EndpointStatus
from toolkit.store.tables import endpoint_audits, evidence, findings, runs

_COLLECTED = EndpointStatus.COLLECTED.value
# Newest by evidence, not by run: stored evidence that is judged again later does not become newer by that.
_NEWEST_FIRST = (endpoint_audits.c.observed_at.desc(), endpoint_audits.c.id.desc())


def _known(commune: str, until: datetime | None) -> list[ColumnElement[Any]]:
    """What was known of a commune: evidence and attempts of by then, and no judgement that was made later."""
    conditions: list[ColumnElement[Any]] = [endpoint_audits.c.commune == commune]
    if until is not None:
        conditions.append(endpoint_audits.c.observed_at <= until)
        conditions.append(or_(endpoint_audits.c.rejudged_at.is_(None), endpoint_audits.c.rejudged_at <= until))
    return conditions


def latest_run(commune: str) -> Select[tuple[object, ...]]:
    """The newest run of a commune."""
    return select(runs).where(runs.c.commune == commune).order_by(runs.c.id.desc()).limit(1)


def _newest(commune: str, profile: str | None, until: datetime | None, *, collected: bool) -> Select[tuple[int]]:
    rank = func.row_number().over(partition_by=endpoint_audits.c.endpoint, order_by=_NEWEST_FIRST)
    ranked = select(endpoint_audits.c.id, rank.label("rank")).where(*_known(commune, until))
    if collected:
        ranked = ranked.where(endpoint_audits.c.status == _COLLECTED)
    if profile is not None:
        ranked = ranked.where(endpoint_audits.c.profile == profile)
    rows = ranked.subquery()
    return select(rows.c.id).where(rows.c.rank == 1)


def attempts(commune: str, until: datetime | None = None) -> Select[tuple[object, ...]]:
    """The newest attempt on each endpoint, whatever the profile."""
    chosen = endpoint_audits.c.id.in_(_newest(commune, None, until, collected=False))
    return select(endpoint_audits).where(chosen).order_by(endpoint_audits.c.endpoint)


def collected(commune: str, profile: str | None, until: datetime | None = None) -> Select[tuple[int]]:
    """The ids of the newest collected result of each endpoint."""
    return _newest(commune, profile, until, collected=True)


def of_run(run: int) -> Select[tuple[int]]:
    """The ids of the endpoint audits of one run."""
    return select(endpoint_audits.c.id).where(endpoint_audits.c.run == run)


def parts(ids: Select[tuple[int]] | list[int]) -> Select[tuple[object, ...]]:
    """The endpoint audits with these ids each with the body of its evidence."""
    same = and_(evidence.c.commune == endpoint_audits.c.commune, evidence.c.digest == endpoint_audits.c.digest)
    joined = endpoint_audits.outerjoin(evidence, same)
    columns = (*endpoint_audits.c, evidence.c.body)
    chosen = endpoint_audits.c.id.in_(ids)
    return select(*columns).select_from(joined).where(chosen).order_by(endpoint_audits.c.id)


def results(ids: Select[tuple[int]]) -> Select[tuple[object, ...]]:
    """The endpoint audits with these ids, without evidence."""
    return select(endpoint_audits).where(endpoint_audits.c.id.in_(ids))


def findings_of(ids: Select[tuple[int]] | list[int]) -> Select[tuple[object, ...]]:
    """The findings of these endpoint audits, in a stable order; what was compared as `checks_text`, JSON."""
    chosen = findings.c.endpoint_audit.in_(ids)
    columns = [column for column in findings.c if column is not findings.c.checks]
    return (
        select(*columns, cast(findings.c.checks, Text).label("checks_text"))
        .where(chosen)
        .order_by(findings.c.endpoint_audit, findings.c.control)
    )


def verdicts_in_time(commune: str, profile: str | None, until: datetime | None = None) -> Select[tuple[object, ...]]:
    """Each collected result with its verdicts as one text (toolkit/store/since.py), by endpoint, oldest first."""
    verdict = func.aggregate_strings(findings.c.control + " " + findings.c.verdict, ",")
    said = select(verdict).where(findings.c.endpoint_audit == endpoint_audits.c.id).scalar_subquery().label("verdicts")
    chosen = [*_known(commune, until), endpoint_audits.c.status == _COLLECTED]
    if profile is not None:
        chosen.append(endpoint_audits.c.profile == profile)
    return (
        select(endpoint_audits.c.endpoint, endpoint_audits.c.observed_at, said)
        .where(*chosen)
        .order_by(endpoint_audits.c.endpoint, endpoint_audits.c.observed_at, endpoint_audits.c.id)
    )


def silent_since(commune: str, until: datetime | None = None) -> Select[tuple[object, ...]]:
    """Per endpoint whose newest attempts failed: the moment of the first of these failures."""
    answered = (
        select(endpoint_audits.c.endpoint, func.max(endpoint_audits.c.observed_at).label("at"))
        .where(*_known(commune, until), endpoint_audits.c.status == _COLLECTED)
        .group_by(endpoint_audits.c.endpoint)
        .cte("answered")
    )
    source = endpoint_audits.outerjoin(answered, answered.c.endpoint == endpoint_audits.c.endpoint)
    later = func.coalesce(endpoint_audits.c.observed_at > answered.c.at, answered.c.at.is_(None), false())
    first = func.min(endpoint_audits.c.observed_at, type_=endpoint_audits.c.observed_at.type)
    return (
        select(endpoint_audits.c.endpoint, first.label("at"))
        .select_from(source)
        .where(*_known(commune, until), endpoint_audits.c.status != _COLLECTED, later)
        .group_by(endpoint_audits.c.endpoint)
    )


def to_judge_again(commune: str, prefer: str, until: datetime | None) -> Select[tuple[int]]:
    """The ids of each endpoint's newest collected result, by endpoint: of the profile `prefer`, else of any.

    A narrow profile asks little: its evidence would leave most controls of a wide one without an answer.
    """
    order = ((endpoint_audits.c.profile == prefer).desc(), *_NEWEST_FIRST)
    rank = func.row_number().over(partition_by=endpoint_audits.c.endpoint, order_by=order).label("rank")
    collected = endpoint_audits.c.status == _COLLECTED
    columns = (endpoint_audits.c.id, endpoint_audits.c.endpoint, rank)
    rows = select(*columns).where(*_known(commune, until), collected).subquery()
    return select(rows.c.id).where(rows.c.rank == 1).order_by(rows.c.endpoint)


def attempts_in_time(commune: str) -> Select[tuple[object, ...]]:
    """All attempts on the endpoints of a commune, oldest first."""
    chosen = select(endpoint_audits).where(endpoint_audits.c.commune == commune)
    return chosen.order_by(endpoint_audits.c.observed_at, endpoint_audits.c.id)


def failed_of(commune: str, controls: Sequence[str]) -> Select[tuple[object, ...]]:
    """Which of these controls failed in which result of a commune."""
    joined = findings.join(endpoint_audits, endpoint_audits.c.id == findings.c.endpoint_audit)
    chosen = (endpoint_audits.c.commune == commune, findings.c.control.in_(controls), findings.c.verdict == "fail")
    return select(findings.c.endpoint_audit, findings.c.control).select_from(joined).where(*chosen)
