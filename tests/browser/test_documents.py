"""The CIG's page, the insurance page, the post sheet and the yearly review in Chromium: axe, keyboard, filters."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.test_page import ARGUMENTS, RULES, open_all
from tests.report.real import COMMUNE, keep_real
from tests.report.sample import BOURG, BOURG_STATE, NOW, SMALL, WAIVERS, report
from toolkit import insurance, paths, review
from toolkit.report import Look, fleet_page, insurance_views, render
from toolkit.workspace import Workspace

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages as files."""
    folder = tmp_path_factory.mktemp("pages")
    root = folder / "demo"
    shutil.copytree(paths.demo_dir(), root, ignore=shutil.ignore_patterns(".nomade", "reports"))
    workspace, now = Workspace(root), datetime.now(UTC)
    keep_real(workspace, now)
    entries = [fleet_page.entry_of(item) for item in (report(waivers=WAIVERS), report(BOURG, BOURG_STATE))]
    shown = {
        "fleet": fleet_page.render(fleet_page.overview("CIG de la Vallée", "fr", NOW, entries)),
        "insurance": insurance_views.page(insurance.readiness(workspace, [COMMUNE], "fr", now)[0]),
        "review": review.render(review.reviews(workspace, [COMMUNE], now.year, "fr", now)[0], "html"),
    }
    shown["post"] = str(render([report(SMALL, waivers=WAIVERS)], "html", Look(sheet=True)))
    for name, text in shown.items():
        (folder / f"{name}.html").write_text(str(text), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in shown}


def opened(browser: Browser, path: Path, *, width: int = 1280, scheme: str = "light", script: bool = True) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]
        java_script_enabled=script,
    )
    page = context.new_page()
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("request", lambda request: noise.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    assert noise == []
    return page


NAMES = ("fleet", "insurance", "post", "review")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_violation(browser: Browser, pages: dict[str, Path], name: str, scheme: str) -> None:
    page = opened(browser, pages[name], scheme=scheme)
    open_all(page)
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_scrolls_sideways_at_320_pixels(browser: Browser, pages: dict[str, Path], name: str) -> None:
    page = opened(browser, pages[name], width=320)
    open_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.locator("h1").count() == 1


def test_filters_of_the_cig_s_page_work_by_keyboard_and_without_javascript(
    browser: Browser, pages: dict[str, Path]
) -> None:
    page = opened(browser, pages["fleet"], script=False)
    communes = page.locator("details.commune")
    assert [item.is_visible() for item in communes.all()] == [True, True]
    page.locator("#f-all").focus()
    for _step in range(len(page.locator(".filters input").all())):
        page.keyboard.press("ArrowRight")
        if page.locator("#f-urgent").is_checked():
            break
    assert page.locator("#f-urgent").is_checked()
    assert [item.is_visible() for item in communes.all()] == [True, False]
    communes.first.locator("summary").first.click()
    machines = page.locator("details.commune[open] .weak > li")
    shown = [item for item in machines.all() if item.is_visible()]
    assert len(machines.all()) > len(shown) == 1
    assert "urgent" in shown[0].inner_text()


def test_where_to_act_first_is_the_first_thing_that_tab_reaches(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["fleet"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#first"
    assert page.locator("h2").first.inner_text() == "Où agir d’abord"
