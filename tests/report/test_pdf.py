"""The PDF as poppler reads it: whole, tagged, the same for the same data, and only text of people in it."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from tests.report.sample import BOURG, BOURG_STATE, NOW, SMALL, TREND, WAIVERS, report
from tests.report.test_formats import HOSTILE, TERMINAL, hostile_report
from toolkit.errors import BadInputError
from toolkit.report import Look, render
from toolkit.report.model import Report


def pdf_of(of: Report, folder: Path) -> Path:
    document = render([of], "pdf")
    assert isinstance(document, bytes)
    path = folder / "report.pdf"
    path.write_bytes(document)
    return path


def read(program: str, *arguments: str) -> str:
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def words(path: Path) -> str:
    return " ".join(read("pdftotext", "-layout", str(path), "-").replace("\u00a0", " ").split())


def test_the_pdf_says_what_the_page_says_with_fonts_and_tags_of_its_own(tmp_path: Path) -> None:
    path = pdf_of(report(SMALL, waivers=WAIVERS, trend=TREND), tmp_path)
    shown = words(path)
    for said in (
        "Valmont-sur-Orge",
        "mardi 24 novembre 2026",
        "Que faire d’abord",
        "Le disque est chiffré",
        "Les dérogations",
    ):
        assert said in shown, said
    assert "Tagged: yes" in " ".join(read("pdfinfo", str(path)).split())
    fonts = read("pdffonts", str(path)).splitlines()[2:]
    assert fonts
    assert all(" yes yes " in line for line in fonts)  # embedded, and only the signs used


def test_f062_the_same_data_give_the_same_bytes_and_a_minute_changes_the_date_only(tmp_path: Path) -> None:
    first, second = (render([report(BOURG, BOURG_STATE)], "pdf") for _round in range(2))
    assert first == second
    later = words(pdf_of(report(BOURG, BOURG_STATE, now=NOW + timedelta(minutes=1)), tmp_path))
    assert later == words(pdf_of(report(BOURG, BOURG_STATE), tmp_path)).replace("14 h 05", "14 h 06")


@pytest.mark.parametrize("text", [HOSTILE[0], HOSTILE[2], TERMINAL])
def test_f059_hostile_texts_are_text_in_the_pdf(tmp_path: Path, text: str) -> None:
    path = pdf_of(hostile_report(text), tmp_path)
    body = path.read_bytes()
    for action in (b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/EmbeddedFile", b"/OpenAction"):
        assert action not in body
    if text is not TERMINAL:
        assert text.split()[0] in words(path)
    assert "\x1b" not in words(path)


def test_a_pdf_belongs_to_one_commune() -> None:
    with pytest.raises(BadInputError):
        render([report(), report(BOURG, BOURG_STATE)], "pdf")


def test_a_post_has_a_sheet_of_a_few_pages(tmp_path: Path) -> None:
    document = render([report(SMALL, waivers=WAIVERS)], "pdf", Look(sheet=True))
    assert isinstance(document, bytes)
    path = tmp_path / "sheet.pdf"
    path.write_bytes(document)
    shown = words(path)
    assert "Fiche de poste – Valmont-sur-Orge Nadia Benali" in shown
    assert "10 contrôles sur 10" in shown
    for said in ("Le disque est chiffré", "Confier le portable au technicien", "01 99 00 00 01", "Les dérogations"):
        assert said in shown, said
    assert int(read("pdfinfo", str(path)).split("Pages:")[1].split()[0]) <= 3


def test_of_many_machines_paper_has_what_is_not_met_in_one_line_each(tmp_path: Path) -> None:
    shown = words(pdf_of(report(waivers=WAIVERS), tmp_path))
    assert "Connexion SSH de root interdite – non satisfait – permitrootlogin : attendu no, constaté yes" in shown
    assert "accepté par Odile Ferrand" in shown
    assert "relevé brut" not in shown
