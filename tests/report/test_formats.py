"""Each format: readable by its readers, harmless with hostile texts, the same for the same data."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.report.sample import BOURG, BOURG_STATE, NOW, VALMONT, VALMONT_STATE, machine, report
from toolkit.cli.report import FORMATS
from toolkit.errors import BadInputError
from toolkit.finding import Section, SectionStatus, Verdict
from toolkit.report import Look, csv_table, dates, plain, render, renderers
from toolkit.report.model import Report
from toolkit.report.roster import Roster, RosterContact, RosterPost
from toolkit.store import CommuneState

SCHEMA = Path(csv_table.__file__).with_name("report.schema.json")
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<a href='javascript:alert(1)'>clic</a>",
    "{{ 7*7 }}{% include '/etc/passwd' %}",
    "</pre></details><h1>faux</h1>",
    '=HYPERLINK("http://x")',
)
TERMINAL = "\x1b]0;titre\x07\x1b[2J\x1b[31mrouge\x1b[0m\x9b5m\u202egnp\u202c\x08\x00fin"


TAGS = re.compile(r"</?[a-zA-Z!][^\s>]*")


# PDF is not text: tests/report/test_pdf.py.
TEXTS = tuple(name for name in FORMATS if name != "pdf")


def text_of(reports: list[Report], format: str, **look: object) -> str:
    document = render(reports, format, Look(**look))  # type: ignore[arg-type]
    return document.decode("utf-8-sig") if isinstance(document, bytes) else document


def hostile_report(text: str) -> Report:
    """Return a report with `text` in every place that people or endpoints fill in."""
    name = f"poste {text}"
    known = machine(name, "laptop", text=text, password_length=Verdict.FAIL, ssh_keys_only=Verdict.ERROR)
    assert known.last is not None
    assert known.last.evidence is not None
    sections = {**known.last.evidence.sections, text: Section(text, SectionStatus.OK, 0, text)}
    findings = tuple(
        replace(
            finding,
            detail=text,
            checks=tuple(replace(check, key=text, expected=[text], actual={text: text}) for check in finding.checks),
        )
        for finding in known.last.findings
    )
    last = replace(known.last, evidence=replace(known.last.evidence, sections=sections), findings=findings)
    known = replace(known, last=last, attempt_detail=text)
    contact = RosterContact(text, text, text, text, text)
    roster = Roster("val", text, {name: "laptop"}, (RosterPost(text, name, None, None),), (contact,))
    return report(roster, CommuneState("val", {name: known}))


def test_the_command_offers_exactly_the_formats_there_are() -> None:
    assert tuple(renderers()) == FORMATS


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInputError, match=r"csv, html, json, .*table"):
        render([report()], "docx")


@pytest.mark.parametrize("format", TEXTS)
def test_f062_same_data_same_report(format: str) -> None:
    assert render([report()], format) == render([report()], format)


@pytest.mark.parametrize("format", TEXTS)
def test_f062_only_the_date_of_the_report_differs_a_minute_later(format: str) -> None:
    def lines(now: datetime) -> list[str]:
        return text_of([report(now=now)], format).splitlines()

    before, after = lines(NOW), lines(NOW + timedelta(minutes=1))
    assert len(before) == len(after)
    different = [old for old, new in zip(before, after, strict=True) if old != new]
    assert len(different) == (0 if format in ("csv", "junit") else 1)


@pytest.mark.parametrize("format", [name for name in TEXTS if name != "html"])
def test_f055_terminal_commands_and_invisible_characters_do_not_reach_the_reader(format: str) -> None:
    shown = text_of([hostile_report(TERMINAL)], format, full=True)
    assert {sign for sign in shown if unicodedata.category(sign) in {"Cc", "Cf"}} <= set("\n\r\t")
    assert "fin" in shown
    if format not in ("json", "jsonl"):
        assert "titre" not in shown


def test_f055_the_page_has_no_control_characters_either() -> None:
    shown = text_of([hostile_report(TERMINAL)], "html")
    assert {sign for sign in shown if unicodedata.category(sign) in {"Cc", "Cf"}} <= set("\n\t")


@given(st.text())
def test_f055_cleaned_text_has_nothing_left_to_clean(text: str) -> None:
    assert plain.one_line(plain.one_line(text)) == plain.one_line(text)
    assert "\x1b" not in plain.block(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_f057_hostile_texts_are_in_the_page_as_text_only(text: str) -> None:
    page = text_of([hostile_report(text)], "html")
    harmless = text_of([hostile_report("texte")], "html")
    assert Counter(TAGS.findall(page)) == Counter(TAGS.findall(harmless))
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", page)[0]


def test_f057_the_policy_allows_our_style_and_nothing_else() -> None:
    page = text_of([report()], "html")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert style is not None
    assert policy is not None
    digest = b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert policy.group(1).replace("&#39;", "'").startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "<script" not in page
    assert " style=" not in page
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "url(" not in style.group(1)


def test_a_page_belongs_to_one_commune() -> None:
    with pytest.raises(BadInputError):
        render([report(), report(BOURG, BOURG_STATE)], "html")
    page = text_of([report(BOURG, BOURG_STATE)], "html")
    assert "valmont" not in page.lower()


def test_the_page_says_state_denominators_remedies_and_evidence() -> None:
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text_of([report()], "html"))).replace("\u00a0", " ")
    for words in (
        "2 postes sur 7 conformes",
        "1 sans nouvelles depuis le 12 novembre 2026",
        "Le mardi 24 novembre 2026, 14 h 05",
        "Confier le portable au technicien",
        "contrôles évalués, sur ceux à faire88 / 111",
        "déclaré par le poste",
        "permitrootlogin yes",
        "Le tunnel utilise WireGuard",
        "Les mots de passe des télétravailleurs expirent",
    ):
        assert words in page, words


def test_json_meets_its_schema_and_keeps_ids() -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()), format_checker=Draft202012Validator.FORMAT_CHECKER)
    validator.check_schema(validator.schema)
    document = json.loads(text_of([report(), report(BOURG, BOURG_STATE, freshness_days=None)], "json"))
    assert [error.message for error in validator.iter_errors(document)] == []
    endpoint = document["reports"][0]["endpoints"][0]
    assert endpoint["endpoint"] == "valmont-portable-02"
    assert endpoint["findings"][0]["control"] == "disk-encrypted"
    assert document["reports"][0]["coverage"]["expected"] > document["reports"][0]["coverage"]["evaluated"]


def test_the_schema_refuses_a_state_or_a_field_it_does_not_know() -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    document = json.loads(text_of([report()], "json"))
    document["reports"][0]["state"] = "perfect"
    assert not validator.is_valid(document)
    document["reports"][0]["state"] = "urgent"
    document["reports"][0]["surprise"] = 1
    assert not validator.is_valid(document)


@pytest.mark.parametrize("format", TEXTS)
def test_hostile_texts_break_no_format(format: str) -> None:
    for text in (*HOSTILE, TERMINAL, 'a;b\r\n"c"', ""):
        document = render([hostile_report(text)], format)
        assert document if isinstance(document, bytes) else document.encode()


def rows_of(document: str | bytes) -> list[list[str]]:
    assert isinstance(document, bytes)
    return list(csv.reader(io.StringIO(document.decode("utf-8-sig"), newline=""), delimiter=";"))


def test_csv_is_what_french_spreadsheets_open() -> None:
    document = render([report()], "csv")
    assert isinstance(document, bytes)
    assert document.startswith(b"\xef\xbb\xbfCommune;")
    assert b"\n" not in document.replace(b"\r\n", b"")
    rows = rows_of(document)
    assert {len(row) for row in rows} == {17}
    assert [row[5] for row in rows].count("disk-encrypted") == 11
    assert [row[2] for row in rows if not row[5]] == ["valmont-portable-07"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_f058_a_cell_that_would_compute_starts_with_an_apostrophe(start: str) -> None:
    for hidden in ("", "\x00", "\x1b[0m", "\u200b"):
        rows = rows_of(render([hostile_report(f"{hidden}{start}1+1")], "csv"))
        assert rows[1][0].startswith("'")
        assert rows[1][1].startswith("'")
    assert not [cell for row in rows for cell in row if cell.startswith(csv_table.FORMULA)]


@given(st.text())
def test_f058_no_text_becomes_a_formula(text: str) -> None:
    assert not csv_table.cell(text).startswith(csv_table.FORMULA)


def test_the_table_is_plain_without_colour_and_coloured_with_it() -> None:
    assert "\x1b" not in text_of([report()], "table")
    assert "\x1b[" in text_of([report()], "table", colour=True)


def test_the_table_never_exceeds_its_width() -> None:
    for width in (60, 100):
        assert max(map(len, text_of([report(), hostile_report("é" * 300)], "table", width=width).splitlines())) <= width


def test_every_report_speaks_english_too() -> None:
    page = text_of([report(language="en")], "html")
    assert '<html lang="en">' in page
    assert "2 posts of 7 are compliant" in page
    assert "What to do first" in text_of([report(language="en")], "table")


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 24, 13, 5, tzinfo=UTC), "24 novembre 2026, 14\u00a0h\u00a005"),
        (datetime(2026, 7, 31, 22, 0, tzinfo=UTC), "1er août 2026, 0\u00a0h\u00a000"),
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "29 mars 2026, 1\u00a0h\u00a059"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "29 mars 2026, 3\u00a0h\u00a000"),
    ],
)
def test_dates_are_french_in_the_zone_of_paris(moment: datetime, text: str) -> None:
    assert dates.moment_text(moment, "fr") == text


def test_nothing_known_is_said_so_in_every_format() -> None:
    empty = report(VALMONT, CommuneState(VALMONT.commune))
    assert "Aucun poste conforme sur 7" in text_of([empty], "table")
    assert "Aucun poste conforme sur 7" in text_of([empty], "html").replace("\u00a0", " ")
    assert len(rows_of(render([empty], "csv"))) == 1 + len(VALMONT_STATE.endpoints)
