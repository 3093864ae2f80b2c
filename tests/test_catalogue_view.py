"""`nomade controls` and `nomade profile`: what they print, in both languages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.catalogue import load
from toolkit.catalogue_view import page
from toolkit.cli import run
from toolkit.errors import ExitCode
from toolkit.i18n import set_language


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    set_language("fr")
    yield
    set_language(None)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(list(arguments)) == ExitCode.OK
    return capsys.readouterr().out


def test_list_has_every_control_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "controls", "list").splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(load().controls)
    assert "contrôles" in lines[-1]


def test_list_of_a_profile_is_its_selection_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(printed(capsys, "controls", "list", "--profile", "anssi-bp028-minimal", "-f", "json"))
    assert [row["id"] for row in rows] == [control.id for control in load().selected("anssi-bp028-minimal")]
    assert all(row["title"] == load().controls[row["id"]].title.fr for row in rows)


def test_every_control_can_be_shown_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    for language in ("fr", "en"):
        set_language(language)
        for control in load().controls.values():
            text = printed(capsys, "controls", "show", control.id)
            assert control.title[language] in text
            assert control.fix[language] in text
            assert all(item in text for items in control.references.values() for item in items)


def test_show_says_with_what_a_fact_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "controls", "show", "ssh-attempts-limited")
    assert "maxauthtries: at_most {setting: ssh_max_auth_tries}" in text


def test_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert [line.split()[0] for line in printed(capsys, "profile", "list").splitlines()] == list(load().profiles)
    text = printed(capsys, "profile", "show", "anssi-bp028-intermediary")
    assert "prolonge : anssi-bp028-minimal" in text
    assert "passwords-long" in text


@pytest.mark.parametrize("arguments", [["controls", "show", "nothing"], ["profile", "show", "nothing"]])
def test_unknown_names_are_bad_input(arguments: list[str]) -> None:
    assert run(arguments) == ExitCode.BAD_INPUT


def test_the_page_of_controls_is_up_to_date() -> None:
    written = (Path(__file__).parent.parent / "docs" / "controles.md").read_text(encoding="utf-8")
    assert written == "\n".join(page(load())) + "\n", "run: python -m toolkit.catalogue_view > docs/controles.md"
