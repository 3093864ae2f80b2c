"""Since when a verdict holds, and results that are at hand instead of read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.store.test_store import DAY, audit, collected, silent
from toolkit.finding import Check, EndpointAudit, Verdict
from toolkit.store import Store
from toolkit.store.since import since

PASS, FAIL = Verdict.PASS, Verdict.FAIL


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([(0, "a pass"), (1, "a pass"), (2, "a pass")], {"a": 0}),
        ([(0, "a pass,b fail"), (1, "b fail,a pass"), (2, "a fail,b fail")], {"a": 2, "b": 0}),
        ([(0, "a pass"), (1, "a fail"), (2, "a pass"), (3, "a pass")], {"a": 2}),
        ([(0, "a pass"), (1, "b pass"), (2, "a pass,b pass")], {"a": 0, "b": 1}),  # nobody asked: nothing changed
        ([(0, "a pass"), (1, "a pass,b pass"), (2, "b pass")], {"b": 1}),  # it is asked no more
        ([(0, "a pass"), (0, "a fail")], {"a": 0}),  # judged again
        ([(0, "a pass"), (0, "a fail"), (1, "a fail")], {"a": 1}),  # on day 0 it was both
        ([(0, "a pass"), (0, "a fail"), (0, "a pass")], {"a": 0}),
        ([(0, "a pass"), (1, None)], {}),
        ([], {}),
    ],
)
def test_since_is_the_first_of_the_unbroken_row(said: list[tuple[int, str | None]], expected: dict[str, int]) -> None:
    moments = {control: DAY + timedelta(days=day) for control, day in expected.items()}
    assert since((DAY + timedelta(days=day), text) for day, text in said) == moments


def _odd(part: EndpointAudit) -> EndpointAudit:
    """What an endpoint and a fleet file may well say, and no database keeps as it is."""
    checks = (Check("port", "one_of", (1, 2), {"was": float("nan"), 3: ["x"]}, met=False),)
    findings = (replace(part.findings[0], checks=checks, detail="no\x00 \ud800", waived=True), *part.findings[1:])
    return replace(part, findings=findings)


def test_results_at_hand_give_the_state_that_reading_them_gives(store: Store) -> None:
    before, later = DAY, DAY + timedelta(days=1)
    store.save(audit(before, collected("p1", before, root=FAIL), collected("p3", before, root=PASS), silent("p2")))
    kept = [_odd(collected("p1", later, "two\n", root=PASS, umask=FAIL)), collected("p2", later, root=PASS)]
    store.save(audit(later, *kept, silent("p3")))
    assert store.state("val", "base", at_hand=kept) == store.state("val", "base")


def test_results_at_hand_are_nothing_where_newer_ones_are_kept(store: Store) -> None:
    at_hand = collected("p1", DAY, root=PASS)
    store.save(audit(DAY, at_hand))
    later = DAY + timedelta(minutes=5)
    store.save(audit(later, collected("p1", later, root=FAIL)))
    last = store.state("val", "base", at_hand=[at_hand]).endpoints["p1"].last
    assert last is not None
    assert last.findings[0].verdict is FAIL


def test_results_at_hand_are_not_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    at_hand = collected("p1", DAY, root=PASS)
    store.save(audit(DAY, at_hand, collected("p2", DAY, root=PASS)))
    read = []
    monkeypatch.setattr("toolkit.store.rows.unpack_sections", lambda body: read.append(body) or {})
    with pytest.raises(Exception, match="p2"):  # what is read has to fit its digest
        store.state("val", "base", at_hand=[at_hand])
    assert len(read) == 1
