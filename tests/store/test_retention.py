"""What of the past is kept: nothing that says how things are now is ever dropped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.store.conftest import Opened
from tests.store.test_store import DAY, audit, collected, rows_of, silent
from toolkit.finding import Verdict
from toolkit.store import Store
from toolkit.store.health import examine
from toolkit.store.retention import Result, Rule, doomed, thin

RULE = Rule(all_days=90, weekly_days=366, monthly_days=1827)
NOW = DAY


def result(number: int, days: float, *, endpoint: str = "p1", profile: str = "base", answered: bool = True) -> Result:
    return Result(number, ("val", endpoint), profile, answered, NOW - timedelta(days=days))


def test_young_results_all_stay_then_one_a_week_then_one_a_month_then_the_newest_only() -> None:
    daily = [result(number, number) for number in range(3000)]
    kept = {item.id for item in daily} - set(doomed(daily, RULE, NOW))
    assert kept >= set(range(91))
    weeks = {(NOW - timedelta(days=number)).isocalendar()[:2] for number in range(91, 367)}
    assert len([number for number in kept if 90 < number <= 366]) == len(weeks)
    months = {
        ((NOW - timedelta(days=number)).year, (NOW - timedelta(days=number)).month) for number in range(367, 1828)
    }
    assert len([number for number in kept if 366 < number <= 1827]) == len(months)
    assert max(kept) <= 1827


def test_of_a_week_the_newest_evidence_stays_even_when_later_attempts_failed() -> None:
    week = [result(1, 204), result(2, 203), result(3, 202, answered=False), result(9, 1)]
    assert len({item.at.isocalendar()[:2] for item in week[:3]}) == 1
    assert doomed(week, RULE, NOW) == [1, 3]


def test_a_machine_silent_for_years_keeps_its_last_evidence_and_the_day_it_fell_silent() -> None:
    attempts = [result(number, 4000 - number, answered=number < 10) for number in range(4000)]
    kept = {item.id for item in attempts} - set(doomed(attempts, RULE, NOW))
    assert {9, 10, 3999} <= kept
    assert not kept & {*range(9), *range(11, 1500)}


def test_judging_again_does_not_push_the_first_judgement_out() -> None:
    first, again = result(1, 200), replace(result(2, 200), rejudged=True)
    assert doomed([first, again, result(3, 1)], RULE, NOW) == []


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.booleans(), st.floats(0, 3000)), max_size=60)
)
def test_the_newest_of_each_is_never_dropped_and_thinning_again_drops_nothing(
    drawn: list[tuple[str, str, bool, float]],
) -> None:
    results = [
        result(number, age, endpoint=endpoint, profile=profile, answered=answered)
        for number, (endpoint, profile, answered, age) in enumerate(drawn)
    ]
    gone = set(doomed(results, RULE, NOW))
    left = [item for item in results if item.id not in gone]
    assert doomed(left, RULE, NOW) == []
    newest: dict[object, Result] = {}
    for item in sorted(results, key=lambda item: (item.at, item.id)):
        newest["attempt", item.endpoint] = item
        if item.collected:
            newest["evidence", item.group] = item
    assert {item.id for item in newest.values()} <= {item.id for item in left}


def test_thinning_keeps_the_state_and_takes_out_what_nothing_refers_to(store: Store) -> None:
    for days in (400, 399, 200, 199, 3, 2):
        at = NOW - timedelta(days=days)
        store.save(audit(at, collected("p1", at, f"{days}\n", root=Verdict.PASS), silent("p2")))
    before = store.state("val")
    rule = Rule(all_days=90)
    assert thin(store.database, rule, NOW, dry_run=True).dropped > 0
    assert rows_of(store, "SELECT count(*) FROM endpoint_audits") == [(12,)]
    thinned = thin(store.database, rule, NOW)
    after = store.state("val")
    assert {name: item.last for name, item in after.endpoints.items()} == {
        name: item.last for name, item in before.endpoints.items()
    }
    assert after.endpoints["p2"].silent_since == before.endpoints["p2"].silent_since
    assert rows_of(store, "SELECT count(*) FROM endpoint_audits") == [(12 - thinned.dropped,)]
    kept = rows_of(store, "SELECT count(*) FROM endpoint_audits WHERE digest IS NOT NULL")
    assert rows_of(store, "SELECT count(*) FROM evidence") == kept
    assert examine(store.database).problems == ()
    assert thin(store.database, rule, NOW).dropped == 0


def test_audits_go_on_while_the_store_is_thinned(url: str, opened: Opened) -> None:
    """All find the same evidence, which thinning takes out whenever nothing refers to it at that moment."""
    old, rule = opened(url), Rule(all_days=1, weekly_days=1, monthly_days=1)
    for days in range(100, 200):
        at = NOW - timedelta(days=days)
        old.save(audit(at, collected("p0", at, f"{days % 5}", root=Verdict.PASS)))

    def record(_number: int) -> None:
        recording = opened(url).begin(audit(NOW))
        for step in range(10):
            at = NOW + timedelta(seconds=step)
            recording.add([collected("p0", at, f"{step % 5}", root=Verdict.PASS)], at)
        recording.finish(NOW)

    def thin_repeatedly() -> None:
        for _round in range(10):
            thin(opened(url).database, rule, NOW)

    with ThreadPoolExecutor(5) as pool:
        for done in [*(pool.submit(record, number) for number in range(4)), pool.submit(thin_repeatedly)]:
            done.result()
    thin(old.database, rule, NOW)
    health = examine(old.database)
    assert (health.problems, health.results, health.evidence, health.runs) == ((), 40, 5, 4)
