"""The program that opens and closes on the gateway: as a pure function of schedule and moment, and as a ruleset."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.programs import module_of
from toolkit.paths import roles_dir

PARIS = ZoneInfo("Europe/Paris")
ANNA = {"name": "p1", "address": "10.77.9.2", "weekdays": [0, 1, 3], "hours": "08:00-18:00", "on_call": []}
SCHEDULE = {
    "enforced": True,
    "zone": "Europe/Paris",
    "grace": 15,
    "emergency_until": "",
    "peers": [ANNA],
    "maintenance": [{"address": "198.51.100.11", "port": 3142, "protocol": "tcp"}],
}


def _load() -> ModuleType:
    path = roles_dir() / "vpn_gateway" / "files" / "nomade_access.py"
    return module_of(path)


access = _load()


def at(civil: str, *, fold: int = 0, zone: ZoneInfo = PARIS) -> datetime:
    return datetime.fromisoformat(civil).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def state(civil: str, peer: dict[str, Any] | None = None, **changes: Any) -> str:
    return str(access.until(peer or ANNA, SCHEDULE | changes, at(civil))[0])


@pytest.mark.parametrize(
    ("civil", "expected"),
    [
        ("2026-03-02 07:59", "closed"),  # a Monday
        ("2026-03-02 08:00", "open"),
        ("2026-03-02 17:59", "open"),
        ("2026-03-02 18:00", "ending"),
        ("2026-03-02 18:14", "ending"),
        ("2026-03-02 18:15", "closed"),
        ("2026-03-04 10:00", "closed"),  # a Wednesday, not hers
        ("2026-03-05 10:00", "open"),
        ("2026-03-07 10:00", "closed"),
    ],
)
def test_days_hours_and_grace(civil: str, expected: str) -> None:
    assert state(civil) == expected


def test_the_end_is_said_in_universal_time() -> None:
    assert access.until(ANNA, SCHEDULE, at("2026-03-02 10:00"))[1] == datetime(2026, 3, 2, 17, tzinfo=UTC)
    assert access.until(ANNA, SCHEDULE, at("2026-07-06 10:00"))[1] == datetime(2026, 7, 6, 16, tzinfo=UTC)


# The last Sundays of March and October, at one in the morning UTC.
@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2027-03-28", "2027-10-31"])
def test_the_clock_on_the_wall_counts_when_it_changes(day: str) -> None:
    sunday = ANNA | {"weekdays": [6], "hours": "01:00-18:00"}
    for civil, expected in (("00:59", "closed"), ("01:00", "open"), ("17:59", "open"), ("18:00", "ending")):
        assert state(f"{day} {civil}", sunday) == expected
    start, end = at(f"{day} 01:00"), access.until(sunday, SCHEDULE, at(f"{day} 12:00"))[1]
    assert (end - start) == timedelta(hours=16 if "-03-" in day else 18)


@pytest.mark.parametrize("day", ["2026-10-25", "2027-10-31"])
def test_an_hour_that_comes_twice_is_given_whole(day: str) -> None:
    sunday = ANNA | {"weekdays": [6], "hours": "01:00-02:30"}
    first, second = at(f"{day} 02:15"), at(f"{day} 02:15", fold=1)
    assert second - first == timedelta(hours=1)
    assert access.until(sunday, SCHEDULE, first)[0] == access.until(sunday, SCHEDULE, second)[0] == "open"
    assert access.until(sunday, SCHEDULE, at(f"{day} 02:31", fold=1))[0] == "ending"


@pytest.mark.parametrize("day", ["2026-03-29", "2027-03-28"])
def test_an_hour_that_does_not_come_opens_nothing_for_long(day: str) -> None:
    sunday = ANNA | {"weekdays": [6], "hours": "02:30-04:00"}
    assert access.until(sunday, SCHEDULE, at(f"{day} 01:59"))[0] == "closed"
    assert access.until(sunday, SCHEDULE, at(f"{day} 03:45"))[0] == "open"
    assert access.until(sunday, SCHEDULE, at(f"{day} 04:00"))[0] == "ending"


def test_another_zone_has_its_own_hours() -> None:
    reunion = SCHEDULE | {"zone": "Indian/Reunion"}
    assert access.until(ANNA, reunion, datetime(2026, 7, 6, 4, tzinfo=UTC))[0] == "open"
    assert access.until(ANNA, SCHEDULE, datetime(2026, 7, 6, 4, tzinfo=UTC))[0] == "closed"


def test_an_emergency_opens_every_day_to_its_last_one_and_then_ends_by_itself() -> None:
    emergency = {"emergency_until": "2026-03-07"}  # a Saturday
    assert state("2026-03-04 10:00", **emergency) == "open"
    assert state("2026-03-07 17:59", **emergency) == "open"
    assert state("2026-03-08 10:00", **emergency) == "closed"
    assert state("2026-03-04 20:00", **emergency) == "closed"  # hours stay hours


def test_a_laptop_of_nobody_stays_closed_in_an_emergency_too() -> None:
    assert state("2026-03-04 10:00", ANNA | {"weekdays": []}, emergency_until="9999-12-31") == "closed"


def test_an_exception_opens_across_midnight_and_joins_the_window_after_it() -> None:
    night = ANNA | {"on_call": [{"from": "2026-03-01 20:00", "until": "2026-03-02 08:00"}]}
    assert state("2026-03-01 19:59", night) == "closed"
    assert state("2026-03-02 00:00", night) == "open"
    assert access.until(night, SCHEDULE, at("2026-03-02 00:00"))[1] == at("2026-03-02 18:00")


@given(moment=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))  # noqa: DTZ001 — made aware below
def test_what_is_open_now_is_still_open_just_before_its_end_and_not_at_it(moment: datetime) -> None:
    now = moment.replace(tzinfo=UTC)
    said, end = access.until(ANNA, SCHEDULE, now)
    if said == "open":
        assert access.until(ANNA, SCHEDULE, end - timedelta(seconds=1))[0] == "open"
        assert access.until(ANNA, SCHEDULE, end)[0] == "ending"
    if said == "closed":
        assert end is None


@given(moment=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))  # noqa: DTZ001 — made aware below
def test_never_more_than_the_days_of_the_week(moment: datetime) -> None:
    monday = moment.replace(hour=12, tzinfo=PARIS) - timedelta(days=moment.weekday())
    noon = [monday + timedelta(days=day) for day in range(7)]
    assert sum(access.until(ANNA, SCHEDULE, day.astimezone(UTC))[0] == "open" for day in noon) == 3


def _loaded(schedule: dict[str, Any], civil: str) -> str:
    """Load the rules in an empty network namespace, twice, and return what the kernel shows."""
    rules = access.ruleset(schedule, at(civil))
    script = 'printf "%s" "$1" | nft -f - && printf "%s" "$1" | nft -f - && nft list ruleset'
    command = ["unshare", "--net", "sh", "-c", script, "sh", rules]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.lab  # root and nft
def test_the_kernel_closes_by_itself_at_the_end() -> None:
    shown = _loaded(SCHEDULE, "2026-03-02 17:00")
    assert "10.77.9.2 timeout 1h expires" in shown
    assert "198.51.100.11 . 3142" in shown
    shown = _loaded(SCHEDULE, "2026-03-02 18:05")
    assert "10.77.9.2 timeout 10m expires" in shown.partition("set ending")[2]


@pytest.mark.lab  # root and nft
def test_nothing_is_taken_away_where_the_regime_is_not_enforced() -> None:
    assert _loaded(SCHEDULE | {"enforced": False}, "2026-03-04 10:00") == ""


@pytest.mark.parametrize(
    ("civil", "title"),
    [
        ("2026-03-02 12:00", ""),
        ("2026-03-02 17:44", ""),
        ("2026-03-02 17:45", "Fin de la plage de télétravail à 18:00"),
        ("2026-03-02 18:05", "Plage de télétravail terminée, coupure à 18:15"),
        ("2026-03-02 18:15", ""),
        ("2026-07-06 17:50", "Fin de la plage de télétravail à 18:00"),  # summer: the clock on the wall
    ],
)
def test_the_person_is_warned_before_the_end_and_before_the_cut(civil: str, title: str) -> None:
    said = access.warning(SCHEDULE, at(civil))
    assert said.partition("\n")[0] == title
    assert "urgence" in access.warning(SCHEDULE, at("2026-03-02 17:45"))


def test_nobody_is_warned_of_an_end_that_does_not_come() -> None:
    evening = at("2026-03-02 17:50")
    assert access.warning(SCHEDULE | {"enforced": False}, evening) == ""
    night = ANNA | {"on_call": [{"from": "2026-03-02 17:00", "until": "2026-03-03 08:00"}]}
    assert access.warning(SCHEDULE | {"peers": [night]}, evening) == ""
    assert access.warning({"enforced": False, "quarantine": []}, evening) == ""


def test_the_notice_is_shown_once_and_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = tmp_path / "shown"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {shown}\n', encoding="utf-8")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(access, "SCHEDULE", tmp_path / "access.json")
    monkeypatch.setattr(access, "NOTICE", tmp_path / "access")
    access.SCHEDULE.write_text(json.dumps(SCHEDULE), encoding="utf-8")
    for civil in ("2026-03-02 17:50", "2026-03-02 17:55"):
        access.warn(at(civil))
        assert access.NOTICE.read_text(encoding="utf-8").startswith("Fin de la plage")
    assert shown.read_text(encoding="utf-8") == "start --no-block nomade-reboot-notice.service\n"
    access.warn(at("2026-03-02 18:20"))
    assert not access.NOTICE.exists()
