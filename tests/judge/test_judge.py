"""The judges' own parts: exclusions few and reasoned, outputs read right, the page not left behind."""

from __future__ import annotations

import xml.dom.minidom

import pytest

from tests.judge.openscap import LEVELS, MAXIMUM_EXCLUDED, Scan, parse, rules, tailoring
from tests.judge.others import Lynis, Ssh, judge_lynis, judge_ssh
from tests.judge.page import BEGIN, END, PAGE, Verdicts, render, virtual_lines

PREFIX = "xccdf_org.ssgproject.content_rule_"


def test_few_rules_are_excluded_and_each_has_its_reason() -> None:
    known = rules()
    assert len(known["excluded"]) <= MAXIMUM_EXCLUDED
    assert not set(known["excluded"]) & set(known["open"])
    for reason in (*known["excluded"].values(), *known["open"].values(), *known["lynis"].values()):
        assert len(reason.split()) >= 8, reason


def test_the_page_names_every_excluded_rule_with_its_reason() -> None:
    _, _, generated = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    generated, _, _ = generated.partition(END)
    missing = [rule for rule, reason in rules()["excluded"].items() if f"- `{rule}` : {reason}\n" not in generated]
    assert not missing, "run: make judge"
    assert "à expliquer" not in PAGE.read_text(encoding="utf-8")


def test_tailoring_leaves_out_what_is_excluded_and_changes_nothing_else() -> None:
    document = xml.dom.minidom.parseString(tailoring({"a": "l’un & l’autre", "b": "x"}))  # noqa: S318 — our own text
    profiles = document.getElementsByTagName("xccdf:Profile")
    assert [item.getAttribute("extends").rpartition("_")[2] for item in profiles] == list(LEVELS)
    for profile in profiles:
        selects = profile.getElementsByTagName("xccdf:select")
        assert [item.getAttribute("idref") for item in selects] == [f"{PREFIX}a", f"{PREFIX}b"]
        assert {item.getAttribute("selected") for item in selects} == {"false"}
    assert not document.getElementsByTagName("xccdf:refine-value")


def test_a_scan_counts_errors_against_the_endpoint() -> None:
    text = "".join(
        f"Title\r\tx\nRule\r\t{PREFIX}{rule}\nResult\r\t{result}\n\n"
        for rule, result in {"a": "pass", "b": "fail", "c": "error", "d": "notapplicable", "e": "pass"}.items()
    )
    scan = parse(text)
    assert scan.percent == pytest.approx(50)
    assert scan.of("fail", "error") == ["b", "c"]
    assert Scan().percent == 0


def test_ssh_audit_notes_are_read_with_their_algorithm() -> None:
    text = (
        "(kex) curve25519-sha256  -- [info] fine\n"
        "(mac) hmac-sha1          -- [fail] broken\n                        `- [warn] small\n"
    )
    assert judge_ssh(text, {"kex": [1]}) == Ssh(("hmac-sha1 : broken",), ("hmac-sha1 : small",))
    with pytest.raises(RuntimeError):
        judge_ssh("", {"kex": []})


def test_what_lynis_still_proposes_is_read_and_listed() -> None:
    report = (
        "lynis_version=3.0.8\nwarning[]=FIRE-4512|no rules|-|-|\nsuggestion[]=BOOT-5122|x|-|-|\n"
        "suggestion[]=BOOT-5122|again|-|-|\nhardening_index=85\n"
    )
    found = judge_lynis(report)
    assert found == Lynis("3.0.8", 85, ("BOOT-5122", "FIRE-4512"))
    text = "\n".join(virtual_lines("2026-01-01", Lynis("3.0.8", 60), found))
    assert "**60** avant, **85** après" in text
    assert "\n- `FIRE-4512` : **à expliquer**" in text
    with pytest.raises(RuntimeError, match="no index"):
        judge_lynis("lynis_version=3.0.8\n")


def test_a_rule_that_passed_before_and_fails_after_shows() -> None:
    keys = [(level, tailored) for level in LEVELS for tailored in (False, True)]
    before = Verdicts(scans={key: Scan({"a": "pass"}) for key in keys})
    after = Verdicts(scans={key: Scan({"a": "fail"}) for key in keys})
    text = render(before, after, {"OpenSCAP": "1"}, "2026-01-01")
    assert "plus après : `a`." in text
    assert "- `a` : **à expliquer**" in text
