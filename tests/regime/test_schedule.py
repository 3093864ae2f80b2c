"""From the fleet file to what the gateway is told."""

from __future__ import annotations

from pathlib import Path

from tests.fleet import sample
from toolkit.fleet import load
from toolkit.fleet.addresses import Addresses
from toolkit.regime.schedule import schedule

TUNNEL = Addresses({"essai-portable-1": "10.77.9.2", "essai-portable-2": "10.77.9.3"})
REGIME = 'regime: {enforced: true, weekdays: [tuesday, friday], hours: "08:00-18:00", mode: emergency}\n'
ON_CALL = 'on_call:\n  - {teleworker: bruno, from: "2026-12-24 18:00", until: "2026-12-25 08:00", reason: astreinte}\n'


def test_the_teleworkers_own_days_come_before_the_communes(tmp_path: Path) -> None:
    text = sample.changed(
        "anna, name: Anna Petit, duty: redacteur", "anna, name: A, duty: redacteur, weekdays: [monday]"
    )
    fleet = load(sample.workspace(tmp_path, essai=text + REGIME + ON_CALL), "essai")
    told = schedule(fleet, TUNNEL)
    assert (told["enforced"], told["zone"], told["emergency_until"]) == (True, "Europe/Paris", "9999-12-31")
    anna, bruno = told["peers"]
    assert (anna["address"], anna["weekdays"], anna["on_call"]) == ("10.77.9.2", [0], [])
    assert bruno["weekdays"] == [1, 4]
    assert bruno["on_call"] == [{"from": "2026-12-24 18:00", "until": "2026-12-25 08:00"}]


def test_nothing_is_told_of_people_where_nothing_is_enforced(tmp_path: Path) -> None:
    fleet = load(sample.workspace(tmp_path, essai=sample.FLEET), "essai")
    assert schedule(fleet, TUNNEL)["peers"] == []


def test_maintenance_is_what_the_fleet_file_says(tmp_path: Path) -> None:
    text = sample.changed("everyone: true", "everyone: true, maintenance: true")
    fleet = load(sample.workspace(tmp_path, essai=text + REGIME), "essai")
    assert schedule(fleet, TUNNEL)["maintenance"] == [{"address": "198.51.100.11", "port": 3142, "protocol": "tcp"}]
