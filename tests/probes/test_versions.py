"""Debian's order of versions, checked against dpkg itself."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.probes._versions import newer

PAIRS = [
    ("1.0", "1.0"),
    ("1.0-1", "1.0-2"),
    ("1.0~rc1", "1.0"),
    ("1.0~~", "1.0~"),
    ("1:0.9", "2.0"),
    ("1.10", "1.9"),
    ("1.0a", "1.0+"),
    ("1.0", "1.0a"),
    ("3.0.16-1~deb12u1", "3.0.17-1~deb12u3"),
    ("2025b-0+deb12u1", "2025b-0+deb12u2"),
    ("1.0-1", "1.0"),
    ("1.0-0", "1.0"),
    ("1-2-3", "1-2-10"),
    ("0.0.1.2", "0.0.1"),
]


def dpkg_says_newer(candidate: str, installed: str) -> bool:
    return subprocess.run(["dpkg", "--compare-versions", candidate, "gt", installed], check=False).returncode == 0


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_known_pairs_are_ordered_as_dpkg_does(one: str, other: str) -> None:
    assert newer(one, other) is dpkg_says_newer(one, other)
    assert newer(other, one) is dpkg_says_newer(other, one)


versions = st.from_regex(r"\A([0-3]:)?[0-9][0-9a-c.+~]{0,6}(-[0-9a-c.+~]{1,4})?\Z")


@settings(max_examples=60, deadline=None)
@given(versions, versions)
def test_any_pair_is_ordered_as_dpkg_does(one: str, other: str) -> None:
    assert newer(one, other) is dpkg_says_newer(one, other)
