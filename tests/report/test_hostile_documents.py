"""Hostile texts of endpoints and people in the insurance page, the dossier and the yearly review: text, and no more."""

from __future__ import annotations

import itertools
import json
import subprocess
import unicodedata
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.report.sample import NOW
from tests.report.test_formats import HOSTILE, TAGS, TERMINAL, hostile_report
from toolkit import dossier, review
from toolkit.fleet import Regime
from toolkit.insurance import Criterion, Formula, Gap, Readiness
from toolkit.report import Look, insurance_views
from toolkit.review import Declared, Review, ServiceLine

ACTIONS = (b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/EmbeddedFile", b"/OpenAction")


def readiness(text: str) -> Readiness:
    """Return a commune before seven formulas, with `text` in every place that is not the product's own."""
    report = hostile_report(text)
    lines = tuple((machine, line) for machine in report.machines for line in machine.lines)
    gaps = (*(Gap(machine, line) for machine, line in lines), *(Gap(machine, None) for machine in report.machines))
    criterion = Criterion("ssh-keys-only", text, text, len(lines), gaps, lines)
    formulas = (
        Formula(number, text, number < 3, (criterion,), report.machines, report, number == 7) for number in range(1, 8)
    )
    return Readiness("val", text, "fr", NOW, 5, tuple(formulas))


def yearly(text: str) -> Review:
    numbers: dict[str, Any] = {item.name: 1 for item in fields(Review) if item.type == "int"}
    return Review(
        **numbers | {"year": 2026},
        commune="val",
        name=text,
        language="fr",
        generated_at=NOW,
        regime=Regime(),
        changes=(),
        services=(ServiceLine(text, 1, 1, 1),),
        fixed_posts={"kept": 1, "retired": 0, "unchanged": 0},
        declared=(Declared(text, 1, 1),),
        first=None,
        last=None,
    )


def words(document: bytes, path: Path) -> str:
    path.write_bytes(document)
    done = subprocess.run(["pdftotext", "-layout", str(path), "-"], check=True, capture_output=True, text=True)
    return " ".join(done.stdout.split())


def invisible(text: str) -> set[str]:
    return {sign for sign in text if unicodedata.category(sign) in {"Cc", "Cf"}} - set("\n\r\t\f\u00ad")


@pytest.mark.parametrize("text", [*HOSTILE, TERMINAL])
def test_f057_hostile_texts_are_text_on_the_insurance_page_and_in_the_review(text: str) -> None:
    for page, plain in (
        (insurance_views.page(readiness(text)), insurance_views.page(readiness("texte"))),
        (str(review.render(yearly(text), "html")), str(review.render(yearly("texte"), "html"))),
    ):
        assert sorted(TAGS.findall(page)) == sorted(TAGS.findall(plain))
        assert invisible(page) <= invisible(plain)
        assert page.count("texte") < plain.count("texte"), "the text is in the page"


def test_f055_terminal_commands_do_not_reach_who_reads_on_a_terminal_or_by_program() -> None:
    for shown in (
        insurance_views.text([readiness(TERMINAL)], Look()),
        insurance_views.document([readiness(TERMINAL)]),
        str(review.render(yearly(TERMINAL), "json")),
    ):
        assert invisible(shown) == set()
        assert "fin" in shown
    json.loads(insurance_views.document([readiness(TERMINAL)]))


@pytest.mark.parametrize("text", [HOSTILE[2], TERMINAL])
def test_f059_hostile_texts_are_text_in_the_dossier_and_the_review_on_paper(tmp_path: Path, text: str) -> None:
    made = dict(itertools.islice(dossier._files(readiness(text), hostile_report(text)), 2))
    printed = review.render(yearly(text), "pdf")
    assert isinstance(printed, bytes)
    for document in (made["dossier.pdf"], printed):
        assert [action for action in ACTIONS if action in document] == []
        shown = words(document, tmp_path / "document.pdf")
        assert invisible(shown) == set()
        assert (text.split()[0] if text is not TERMINAL else "fin") in shown
    assert invisible(made["insurance.json"].decode()) == set()
