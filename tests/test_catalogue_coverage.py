"""What is covered is counted from the controls themselves, and what is not has a reason that is written down."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.catalogue import Catalogue, load
from toolkit.catalogue_coverage import Answer, counts, covered, page, proofs
from toolkit.cli import run
from toolkit.errors import ExitCode
from toolkit.i18n import set_language

CATALOGUE = load()
ROWS = covered(CATALOGUE, "fr")


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    set_language("fr")
    yield
    set_language(None)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["controls", "coverage", *arguments]) == ExitCode.OK
    return capsys.readouterr().out


def test_nothing_is_left_without_a_control_or_a_reason() -> None:
    assert [(row.document, row.item) for row in ROWS if row.answer is Answer.OPEN] == []


def test_at_least_150_controls() -> None:
    assert len(CATALOGUE.controls) >= 150


def test_a_control_counts_only_where_it_says_so() -> None:
    for row in ROWS:
        for name in (*row.automatic, *row.manual):
            control = CATALOGUE.controls[name]
            assert row.item in control.references[row.document]
            assert (name in row.automatic) is (control.audit is not None)


def test_every_reference_of_a_control_is_counted() -> None:
    seen = {(row.document, row.item, name) for row in ROWS for name in (*row.automatic, *row.manual)}
    given = {
        (document, item, control.id)
        for control in CATALOGUE.controls.values()
        for document, items in control.references.items()
        for item in items
    }
    assert seen == given


def test_numbers_add_up() -> None:
    found = counts(CATALOGUE, ROWS)
    assert sum(sum(numbers.values()) for numbers in found.values()) == len(ROWS)
    levels = [level for document, level in found if document == "anssi-bp028"]
    assert levels == ["minimal", "intermediary", "enhanced", "high"]


def test_without_controls_all_is_open_or_explained() -> None:
    rows = covered(Catalogue({}, CATALOGUE.profiles, CATALOGUE.references), "fr")
    assert {row.answer for row in rows} == {Answer.OPEN, Answer.EXPLAINED}
    assert len(rows) == len(ROWS)


def test_every_automatic_control_is_proven_in_one_place_or_said_not_to_be() -> None:
    found = proofs(CATALOGUE)
    places = [*found.container, *found.vm_only, *found.nowhere]
    assert sorted(places) == sorted(control.id for control in CATALOGUE.controls.values() if control.audit)
    assert set(places).isdisjoint(found.people)
    assert "disk-encrypted" in (*found.vm_only, *found.nowhere)


def test_table_says_what_covers_and_what_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys)
    minimal = [row for row in ROWS if row.document == "anssi-bp028" and row.level == "minimal"]
    assert f"minimal – {len(minimal)} recommandations : " in text
    assert all(f"{row.item} " in text and row.title in text for row in ROWS)
    proven = len(proofs(CATALOGUE).container)
    assert f"réussissent sur une machine préparée) : {proven}\n" in text


def test_one_document_in_each_format(capsys: pytest.CaptureFixture[str]) -> None:
    own = [row.item for row in ROWS if row.document == "anssi-nomadisme"]
    data = json.loads(printed(capsys, "--reference", "anssi-nomadisme", "-f", "json"))
    assert [item["item"] for item in data["recommendations"]] == own
    assert data["summary"][0]["total"] == len(own)
    text = printed(capsys, "--reference", "anssi-nomadisme", "-f", "csv")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))
    assert [row[1] for row in rows[1:]] == own
    assert {len(row) for row in rows} == {8}
    assert "anssi-bp028" not in printed(capsys, "--reference", "anssi-nomadisme")


def test_an_unknown_document_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["controls", "coverage", "--reference", "iso"]) == ExitCode.BAD_INPUT
    assert "anssi-bp028" in capsys.readouterr().err


def test_the_page_of_coverage_is_up_to_date() -> None:
    written = (Path(__file__).parent.parent / "docs" / "couverture.md").read_text(encoding="utf-8")
    current = "\n".join(page(CATALOGUE)) + "\n"
    assert written == current, "run: python -m toolkit.catalogue_coverage > docs/couverture.md"
