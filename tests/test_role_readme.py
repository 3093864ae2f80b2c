"""The README of every role: its generated tables are up to date, and every value says what it is for and why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from toolkit.catalogue import Catalogue, load
from toolkit.i18n import set_language
from toolkit.paths import roles_dir
from toolkit.role_readme import COMMAND, TO_WRITE, reasons, render, roles

SECTIONS = ["## Ce qu'il change", "## Variables", "## Contrôles", "## Ce qu'il ne fait pas"]
each_role = pytest.mark.parametrize("role", roles(), ids=lambda role: role.name)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


@pytest.fixture(autouse=True)
def french() -> None:
    set_language("fr")


def text(role: Path) -> str:
    return (role / "README.md").read_text(encoding="utf-8")


@each_role
def test_the_tables_are_up_to_date(role: Path, catalogue: Catalogue) -> None:
    assert render(role, catalogue) == text(role), f"run: {COMMAND}"


@each_role
def test_every_variable_says_what_it_is_for(role: Path) -> None:
    assert TO_WRITE not in text(role)
    assert [name for name, reason in reasons(text(role)).items() if len(reason) < 10] == []


@each_role
def test_the_page_says_what_the_role_does_and_what_it_leaves(role: Path) -> None:
    headings = [line.replace("’", "'") for line in text(role).splitlines() if line.startswith("## ")]
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS


def test_a_new_value_or_variable_makes_the_page_stale(tmp_path: Path, catalogue: Catalogue) -> None:
    role = tmp_path / "vpn_client"
    shutil.copytree(roles_dir() / "vpn_client", role)
    with (role / "defaults" / "main.yml").open("a") as defaults:
        defaults.write("vpn_client_new: [a, b]\n")
    specs = role / "meta" / "argument_specs.yml"
    specs.write_text(specs.read_text() + "      vpn_client_new: {type: list, elements: str, description: New.}\n")
    added = f"| `vpn_client_new` | liste | `a`, `b` | {TO_WRITE} |"
    assert set(render(role, catalogue).splitlines()) - set(text(role).splitlines()) == {added}


def test_a_page_without_markers_gets_them_and_keeps_its_words(tmp_path: Path, catalogue: Catalogue) -> None:
    role = tmp_path / "vpn_gateway"
    shutil.copytree(roles_dir() / "vpn_gateway", role)
    plain = "# R\n\n## Variables\n\n| variable | raison |\n|---|---|\n| `vpn_gateway_mtu` | comme eux |\n\nAprès.\n"
    (role / "README.md").write_text(plain)
    made = render(role, catalogue)
    assert "| `vpn_gateway_mtu` | nombre | 1420 | comme eux |" in made
    assert "Après." in made
    assert "| `vpn-gateway-" in made.partition("## Contrôles")[2]
    (role / "README.md").write_text(made)
    assert render(role, catalogue) == made
