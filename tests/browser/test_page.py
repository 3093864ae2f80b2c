"""The page as a browser shows it: quiet, readable by keyboard, at 320 pixels, in the dark, and to axe."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.report.sample import SMALL, TREND, WAIVERS, report
from tests.report.test_formats import HOSTILE, TERMINAL, hostile_report
from toolkit.report import render
from toolkit.report.model import Report

pytestmark = pytest.mark.browser

ARGUMENTS = (
    "--no-sandbox",  # tests run as root in containers
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
RULES = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
        yield chromium
        chromium.close()


def opened(browser: Browser, folder: Path, shown: Report, *, width: int = 1280, scheme: str = "light") -> Page:
    """Open the page of a report from a file; anything said on the console, or fetched, fails the test at its end."""
    path = folder / "page.html"
    path.write_text(str(render([shown], "html")), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda request: noise.append(request.url) if request.url != path.as_uri() else None)
    page.on("dialog", lambda dialog: noise.append(dialog.message))
    page.goto(path.as_uri())
    assert noise == []
    return page


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(item => { item.open = true })")


def test_the_page_is_quiet_and_has_one_title_and_ordered_headings(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, report())
    assert page.locator("h1").all_inner_texts() == ["Valmont-sur-Orge"]
    levels = [
        int(level) for level in page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => h.tagName[1])")
    ]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert page.locator("h2").first.inner_text() == "Que faire d’abord"
    assert page.locator("html").get_attribute("lang") == "fr"


def test_axe_finds_no_violation_with_everything_open(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, report(SMALL, waivers=WAIVERS, trend=TREND))
    open_all(page)
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


def test_axe_finds_enough_contrast_in_the_dark(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, report(SMALL, waivers=WAIVERS, trend=TREND), scheme="dark")
    open_all(page)
    found = Axe().run(
        page, options={"resultTypes": ["violations"], "runOnly": {"type": "rule", "values": ["color-contrast"]}}
    )
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(
    "shown", [report(waivers=WAIVERS, trend=TREND), hostile_report("é" * 400)], ids=["sample", "long words"]
)
def test_nothing_scrolls_sideways_at_320_pixels(browser: Browser, tmp_path: Path, shown: Report) -> None:
    page = opened(browser, tmp_path, shown, width=320)
    open_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    beyond = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 321)"
    assert page.evaluate(f"{beyond}.filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 80))") == []


def test_details_open_by_keyboard_down_to_the_evidence(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, report())
    line = page.locator("details.line.r-fail").first
    line.locator("summary").focus()
    page.keyboard.press("Enter")
    assert line.get_attribute("open") is not None
    link = line.locator("a[href^='#m']")
    link.focus()
    page.keyboard.press("Enter")
    target = page.locator(str(link.get_attribute("href")))
    page.wait_for_timeout(200)
    assert target.evaluate("item => item.closest('details.evidence').open")
    target.locator("summary").focus()
    page.keyboard.press("Space")
    assert target.locator("pre").is_visible()


def test_the_first_tab_leads_to_what_to_do(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, report())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#first"


@pytest.mark.parametrize("text", [*HOSTILE, TERMINAL])
def test_f057_hostile_texts_are_shown_and_do_nothing(browser: Browser, tmp_path: Path, text: str) -> None:
    page = opened(browser, tmp_path, hostile_report(text))
    open_all(page)
    page.wait_for_timeout(50)
    assert page.locator("script, img, iframe, object, embed, form, base, link").count() == 0
    active = "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames().filter(a => /^on|style/.test(a)))"
    assert page.evaluate(active) == []
    addresses = page.evaluate("[...document.querySelectorAll('[href]')].map(e => e.getAttribute('href'))")
    assert all(address.startswith("#") for address in addresses)
    if text in HOSTILE:
        assert page.locator("h1").inner_text().replace("\u00a0", " ") == text


def test_state_is_in_words_beside_every_sign(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, report())
    for badge in page.locator(".posts .badge, .posts .part").all():
        assert badge.inner_text().strip()


def test_print_shows_every_action_and_leaves_the_details_out(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, report())
    page.emulate_media(media="print")
    assert page.locator("details.line.r-fail").first.is_visible()
    assert not page.locator("pre").first.is_visible()
    assert page.locator(".more .actions").is_visible()


def test_a_commune_nobody_checked_is_nowhere_green(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, report(now=report().generated_at + timedelta(days=400)))
    assert page.locator("main > section:not(.reading) .s-compliant").count() == 0


def test_the_history_is_drawn_and_said_in_words(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, report(trend=TREND))
    drawing = page.locator("svg.trend")
    assert drawing.get_attribute("role") == "img"
    assert drawing.locator("rect").count() == 3 * len(TREND)
    assert "23 novembre 2026" in drawing.locator("title").inner_html()
    page.locator("summary", has_text="en toutes lettres").click()
    assert page.locator("li", has_text="2 novembre 2026").first.is_visible()


def test_everything_is_there_without_javascript(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(str(render([report(waivers=WAIVERS, trend=TREND)], "html")), encoding="utf-8")
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(path.as_uri())
    for title in ("Que faire d’abord", "Les postes", "L’évolution", "Sans nouvelles récentes", "Les dérogations"):
        assert page.get_by_role("heading", name=title).is_visible(), title
    page.locator("details.line.r-fail summary").first.click()
    assert page.locator("details.line.r-fail dl").first.is_visible()
