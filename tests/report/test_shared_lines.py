"""What the page says once for many machines still says of each its own name and evidence."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.report.sample import VALMONT, VALMONT_STATE, report
from toolkit.finding import Severity, Verdict
from toolkit.report import Look, render, wording


def test_equal_lines_keep_the_name_and_the_evidence_of_their_machine() -> None:
    one = report(VALMONT, VALMONT_STATE)
    line, source = next(
        (line, item) for item in one.machines for line in item.lines if line.is_open and line.role and line.probe
    )
    machines = tuple(replace(source, name=name, lines=(line,)) for name in ("poste-a", "poste-b", "<b>\x1b[31m"))
    page = render([replace(one, machines=machines, posts=(), actions=())], "html", Look())
    assert isinstance(page, str)
    for name in ("poste-a", "poste-b", "&lt;b&gt;"):
        assert f"nomade apply -l {name} -t {line.role}" in page
    linked = re.findall(r'href="#(m\d+e\d+)"', page)
    assert len(set(linked)) == len(machines)
    assert all(f'id="{anchor}"' in page for anchor in linked)
    assert not set("\ue000\ue001\x1b") & set(page)


def test_a_line_that_was_judged_by_an_older_catalogue_keeps_its_severity() -> None:
    one = report(VALMONT, VALMONT_STATE)
    line, source = next((line, item) for item in one.machines for line in item.lines if line.is_open)
    machines = tuple(
        replace(source, name=severity, lines=(replace(line, severity=severity),))
        for severity in (Severity.LOW, Severity.MEDIUM)
    )
    page = str(render([replace(one, machines=machines, posts=(), actions=())], "html", Look()))
    said = re.findall(r'<span class="how">(.*?)</summary>', page)
    assert len(said) == len(machines)
    assert all(wording.severity(machine.lines[0].severity, one.language) in " ".join(said) for machine in machines)


def test_the_page_of_many_machines_names_what_is_met_and_keeps_the_evidence_of_what_is_not() -> None:
    one = report(VALMONT, VALMONT_STATE)
    source = next(item for item in one.machines if any(line.is_open for line in item.lines) and item.sections)
    machines = tuple(replace(source, name=f"poste-{number}") for number in range(1, 41))
    small, large = (
        str(render([replace(one, machines=some, posts=(), actions=())], "html", Look()))
        for some in (machines[:1], machines)
    )
    met = next(line for line in source.lines if line.verdict is Verdict.PASS)
    wrong = next(line for line in source.lines if line.is_open)
    assert large.count(met.title) >= len(machines)
    assert large.count(wrong.title) >= len(machines)
    assert len(large) / len(machines) < len(small)
    linked = set(re.findall(r'href="#(m\d+e\d+)"', large))
    assert len(linked) >= len(machines)
    assert all(f'id="{anchor}"' in large for anchor in linked)
