"""Changing a fleet file in place: what is asked for is there, every other character stays."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fleet import sample
from toolkit.errors import BadInputError
from toolkit.fleet.document import parse
from toolkit.fleet.edit import Append, Edit, Put, Remove, edit, on_one_line
from toolkit.fleet.start import SCHEMA
from toolkit.fleet.text import forbidden

SAMPLE = (SCHEMA.parent / "samples" / "fleet.yml").read_text(encoding="utf-8")
LAPTOP = {"name": "neuf", "os": "debian-12", "serial": "0123"}


def changed(text: str, *edits: Edit) -> str:
    return edit(text.encode(), edits, "fleet.yml").decode()


def difference(before: str, after: str) -> list[str]:
    """Return the lines that differ, with their sign."""
    return [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]


def test_an_item_looks_like_the_one_above_and_nothing_else_changes() -> None:
    assert difference(SAMPLE, changed(SAMPLE, Append("laptops", LAPTOP))) == [
        "+   - name: neuf",
        "+     os: debian-12",
        '+     serial: "0123"',
    ]
    assert difference(sample.FLEET, changed(sample.FLEET, Append("laptops", LAPTOP))) == [
        '+   - {name: neuf, os: debian-12, serial: "0123"}'
    ]


def test_comments_below_an_item_stay_with_it() -> None:
    lines = changed(SAMPLE, Append("laptops", LAPTOP)).splitlines()
    assert lines[lines.index("  - name: neuf") - 1].strip() == '# mac: "00:11:22:33:44:55"'


def test_a_section_is_made_where_it_belongs() -> None:
    text = changed(sample.FLEET, Append("fixed_posts", {"name": "PC 1"}), Append("fixed_posts", {"name": "yes"}))
    assert text == sample.FLEET + '\nfixed_posts:\n  - {name: PC 1}\n  - {name: "yes"}\n'


@pytest.mark.parametrize(
    "empty", ["posts: []  # none\n", "posts:   # none\n", "posts: # none\n\n", "posts: ~  # none\n"]
)
def test_an_empty_section_keeps_its_comment(empty: str) -> None:
    text = changed(f"a: 1\n{empty}b: 2\n", Append("posts", {"laptop": "x"}))
    assert "# none\n  - {laptop: x}\n" in text
    assert yaml.safe_load(text) == {"a": 1, "posts": [{"laptop": "x"}], "b": 2}


@pytest.mark.parametrize(
    "text",
    [
        "laptops:\n- name: a\n  os: b # c\n",
        "laptops:\n    -   name: a\n        os: b",
        "laptops: [{name: a, os: b}, ] # c",
        "laptops: [\n  {name: a, os: b}, # c\n  # d\n]\n",
        "laptops:\r\n  - name: a\r\n    os: b\r\n",
        "laptops:\n  - {name: a, os: }\n",
        "laptops:\n  - name: a\n    os:\n# end\n",
        "laptops:\n  - name: a\n    os: >-\n      b\n\n\n# end\n",
        "\ufefflaptops:\n  - name: é😀\n    os: b\n",
    ],
)
def test_every_way_of_writing_a_list(text: str) -> None:
    edits = [
        Append("laptops", LAPTOP),
        Put(("laptops", 0), "serial", "x"),
        Put(("laptops", 0), "mac", "y"),
        Put(("laptops", 0), "os", "c"),
        Append("laptops", {"name": "other"}),
    ]
    before = yaml.safe_load(text)["laptops"][0]
    after = changed(text, *edits)
    assert yaml.safe_load(after)["laptops"] == [
        before | {"os": "c", "serial": "x", "mac": "y"},
        LAPTOP,
        {"name": "other"},
    ]
    assert after.count("#") == text.count("#")
    assert after.count("\r\n") == (after.count("\n") if "\r\n" in text else 0)
    assert after.startswith("\ufeff") == text.startswith("\ufeff")


@pytest.mark.parametrize("text", ["- {a: 1, b: 2, c: 3}\n", "- a: 1 # x\n  b: 2 # y\n  c: 3 # z\n"])
@pytest.mark.parametrize("key", ["a", "b", "c", "d"])
def test_a_key_is_taken_away(text: str, key: str) -> None:
    whole = "list:\n" + "".join(f"  {line}\n" for line in text.splitlines()) + "rest: 1\n"
    left = {name: number for name, number in {"a": 1, "b": 2, "c": 3}.items() if name != key}
    assert yaml.safe_load(changed(whole, Put(("list", 0), key, None))) == {"list": [left], "rest": 1}


def test_the_last_key_of_braces_is_taken_away() -> None:
    assert changed("list:\n  - {a: 1}\n", Put(("list", 0), "a", None)) == "list:\n  - {}\n"


@pytest.mark.parametrize("text", ["{laptops: []}\n", "[]\n"])
def test_what_cannot_be_changed_in_place_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match=r"fleet\.yml"):
        changed(text, Append("laptops", LAPTOP))


@settings(max_examples=60)
@given(st.text().filter(lambda text: not forbidden(text)))
def test_f010_any_text_is_read_back_as_it_is(text: str) -> None:
    for around in ("a: {}\n", "a: {{k: {}, l: 1}}\n", "a: [{}, 1]\n"):
        document = parse(around.format(on_one_line(text)).encode(), "x")
        assert not document.problems
        data: Any = document.data["a"]
        assert (data["k"] if isinstance(data, dict) else data[0] if isinstance(data, list) else data) == text


@pytest.mark.parametrize(
    "text", ["NO", "on", "1e3", "012", "22:22", "2026-01-31", "~", "null", "", "- a", "a: b", "a #b"]
)
def test_f010_what_yaml_retypes_is_quoted(text: str) -> None:
    assert on_one_line(text) == f'"{text}"'


@pytest.mark.parametrize("text", ["debian-12", "État civil", "192.0.2.1", "Nogent-l’Abbé", "Aït", "VS-P-0001"])
def test_what_needs_no_quotes_has_none(text: str) -> None:
    assert on_one_line(text) == text


@pytest.mark.parametrize(
    ("before", "gone", "after"),
    [
        (
            "a: 1\nposts:\n  - x: 1\n    q: 2\n    # of x\n  # of z\n  - z: 3\n",
            [0],
            "a: 1\nposts:\n  # of z\n  - z: 3\n",
        ),
        ("posts:\n  - {x: 1}\n  - {q: 2}\n  - {z: 3}\nb: 1\n", [0, 2], "posts:\n  - {q: 2}\nb: 1\n"),
        ("posts: [{x: 1}, {q: 2}, {z: 3}]\n", [1], "posts: [{x: 1}, {z: 3}]\n"),
        ("posts: [{x: 1}, {q: 2}]\n", [1], "posts: [{x: 1}]\n"),
        ("a: 1\nposts:\n  - x: 1\nb: 2\n", [0], "a: 1\nb: 2\n"),
    ],
)
def test_items_are_taken_out_with_what_belongs_to_them(before: str, gone: list[int], after: str) -> None:
    assert changed(before, *(Remove("posts", index) for index in gone)) == after


def test_an_item_goes_where_another_one_comes() -> None:
    written = changed(
        sample.FLEET, Remove("laptops", 1), Append("laptops", LAPTOP), Put(("posts", 1), "laptop", "neuf")
    )
    assert [line[2:].strip()[:16] for line in difference(sample.FLEET, written) if "name:" in line] == [
        "- {name: essai-p", "- {name: neuf, o",
    ]  # fmt: skip
