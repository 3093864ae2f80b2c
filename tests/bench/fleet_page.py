"""The CIG's page for 10,000 endpoints against the same page for 100: size, and first contentful paint in Chromium."""

from __future__ import annotations

import statistics
import tempfile
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.bench import Row, compare
from tests.browser.test_page import ARGUMENTS
from tests.report.sample import NOW, machine, report
from toolkit.finding import EndpointStatus, Verdict
from toolkit.report import fleet_page
from toolkit.report.roster import Roster, RosterPost
from toolkit.store import CommuneState

LARGE, SMALL = 10_000, 100
GOAL_PAINT = 3.0
GOAL_SIZE = 10.0  # MB
_PER_COMMUNE = 50
_ROUNDS = 7
_PAINT = """() => new Promise(done => new PerformanceObserver(list => {
  const found = list.getEntries().find(entry => entry.name === 'first-contentful-paint');
  if (found) done(found.startTime);
}).observe({type: 'paint', buffered: true}))"""


def _entry(number: int) -> fleet_page.Entry:
    """Return one commune of fifty endpoints, half of which have something to be done on them."""
    commune, posts, known = f"commune-{number:03}", [], {}
    for index in range(_PER_COMMUNE // 2):
        laptop, office = f"{commune}-portable-{index:02}", f"{commune}-bureau-{index:02}"
        posts.append(RosterPost(f"Télétravailleur {number}-{index}", laptop, office, None))
        bad = {"disk_encrypted": Verdict.FAIL, "password_length": Verdict.FAIL} if index % 4 == 0 else {}
        status = EndpointStatus.UNREACHABLE if index % 7 == 1 else EndpointStatus.COLLECTED
        known[laptop] = machine(laptop, "laptop", age=timedelta(days=index), attempt=status, **bad)
        known[office] = machine(office, "office_pc", ssh_no_root_login=Verdict.FAIL)
    kinds = {name: "laptop" if "portable" in name else "office_pc" for name in known}
    roster = Roster(commune, f"Commune {number}", kinds, tuple(posts))
    return fleet_page.entry_of(report(roster, CommuneState(commune, known)))


def _page(endpoints: int, folder: Path) -> Path:
    entries = [_entry(number) for number in range(endpoints // _PER_COMMUNE)]
    path = folder / f"{endpoints}.html"
    path.write_text(fleet_page.render(fleet_page.overview("CIG", "fr", NOW, entries)), encoding="utf-8")
    return path


def _paint(browser: Browser, path: Path) -> float:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(path.as_uri(), wait_until="commit")
    seconds = float(page.evaluate(_PAINT)) / 1000
    page.close()
    return seconds


def run() -> list[Row]:
    """Open both pages in turns, the first round unmeasured, and compare their medians."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        large, small = (_page(endpoints, Path(name)) for endpoints in (LARGE, SMALL))
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
        rounds = [(_paint(browser, large), _paint(browser, small)) for _round in range(_ROUNDS + 1)][1:]
        browser.close()
        size = large.stat().st_size / 1e6
    ours, peer = (statistics.median(column) for column in zip(*rounds, strict=True))
    what = f"CIG page, {LARGE} endpoints"
    return [
        compare(f"{what}, first contentful paint / {SMALL} endpoints", ours, peer, GOAL_PAINT),
        compare(f"{what}, size / {GOAL_SIZE:.0f} MB", size, GOAL_SIZE, 1.0, "MB"),
    ]
