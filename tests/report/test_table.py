"""What the table says of many machines at once."""

from __future__ import annotations

from dataclasses import replace

from tests.report.sample import VALMONT, VALMONT_STATE, report
from toolkit.report import Look, render


def test_a_fleet_is_listed_control_by_control_with_the_machines_it_concerns() -> None:
    one = report(VALMONT, VALMONT_STATE)
    line, source = next((line, item) for item in one.machines for line in item.lines if line.is_open)
    machines = tuple(replace(source, name=f"poste-{number}") for number in range(1, 9))
    text = render([replace(one, machines=machines, posts=())], "table", Look(width=300))
    assert isinstance(text, str)
    listed = [row for row in text.splitlines() if f" {line.control}  " in row]
    assert len(listed) == 1
    assert "8 machines sur 8 : poste-1, poste-2, poste-3 (+ 5)" in listed[0]
