"""Reading YAML: what is refused, and where the finger points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import NomadeError, ProblemsError
from toolkit.fleet.document import MAX_DEPTH, Document, parse
from toolkit.fleet.text import forbidden, is_age_recipient


def problems(text: str | bytes) -> list[str]:
    """Return the problems of a text as lines, whether they stop the reading or not."""
    raw = text if isinstance(text, bytes) else text.encode()
    try:
        return [str(problem) for problem in parse(raw, "f.yml").problems]
    except ProblemsError as error:
        return [str(problem) for problem in error.problems]


def read(text: str) -> Document:
    document = parse(text.encode(), "f.yml")
    assert not document.problems
    return document


def test_plain_data_is_read_as_written() -> None:
    text = 'a: texte\nb: 12\nc: [true, false, null, ~, -3, 1.5]\nd: {e: "012", f: "NO"}\ng:\nh: 10.0.0.1\ni: 1-2\n'
    assert read(text).data == {
        "a": "texte",
        "b": 12,
        "c": [True, False, None, None, -3, 1.5],
        "d": {"e": "012", "f": "NO"},
        "g": None,
        "h": "10.0.0.1",
        "i": "1-2",
    }


@pytest.mark.parametrize(
    "value",
    ["NO", "no", "yes", "On", "off", "y", "N", "012", "0o14", "0x1F", "0b1", "1_000", "1e3", "1.5e3", "+5", "5.", ".5",
     ".inf", "22:22", "08:30", "190:20:30.15", "2026-01-31", "2026-01-31 10:00:00", "Null", "TRUE", "=", "9" * 30,
     "0.00001", "10000000000000000.0"],
)  # fmt: skip
def test_f010_values_that_yaml_retypes_are_refused_with_the_way_out(value: str) -> None:
    (line,) = problems(f"a: ok\nb: {value}\n")
    assert line.startswith("f.yml:2:4: ")
    assert f'"{value}"' in line


@pytest.mark.parametrize("value", ["NO", "012", "22:22", "1e3", "2026-01-31"])
def test_f010_the_same_values_quoted_are_text(value: str) -> None:
    assert read(f'a: "{value}"').data == {"a": value}


def test_f010_a_retyped_key_is_refused() -> None:
    assert problems("on: x")[0].startswith("f.yml:1:1: ")
    assert '"12"' in problems("12: x")[0]


@pytest.mark.parametrize(
    "text",
    ["a: !!python/object/apply:os.system [x]", "a: !unsafe x", "a: !vault x", "a: !!str x", "a: !<plain> x",
     "%TAG ! tag:x,2000:\n---\na: !foo b", "a: !!map {b: c}", "!!python/name:os.system x: y"],
)  # fmt: skip
def test_f009_every_tag_is_refused(text: str) -> None:
    assert any("tags" in line for line in problems(text))


def test_f009_no_alias_bomb_goes_off() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(30))
    found = problems(bomb)
    assert 0 < len(found) < 1000
    assert problems("a: &a [*a]")


@pytest.mark.parametrize(
    "text", ["- " * 50_000, "[" * 50_000, "{a: " * 50_000, "a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH]
)
def test_deep_nesting_is_a_problem_and_not_a_crash(text: str) -> None:
    assert problems(text)


def test_f011_duplicate_keys_point_at_the_second() -> None:
    assert problems("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")[0].startswith("f.yml:4:3: ")
    assert [line.split(": ")[0] for line in problems("a: 1\na: 2\na: 3\n")] == ["f.yml:2:1", "f.yml:3:1"]


def test_merge_keys_are_refused() -> None:
    assert problems("b:\n  <<: {a: 1}\n")[0].startswith("f.yml:2:3: ")


def test_a_key_longer_than_yaml_can_write_is_refused() -> None:
    assert problems(f'settings: {{"{"k" * 300}": 1}}')


@pytest.mark.parametrize("text", ["? [a]\n: b", "? {a: b}\n: c", "~: x", "1.5: x"])
def test_keys_that_are_not_text_are_refused(text: str) -> None:
    assert problems(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: x\nb: 'y", "f.yml:2:"),
        ("a: [1, 2\nb: 3\n", "f.yml:2:"),
        ("a: b: c\n", "f.yml:1:"),
        ("a:\n\t- b\n", "f.yml:2:"),
        ("a: 1\n---\nb: 2\n", "f.yml:2:"),
        ("a: @x\n", "f.yml:1:"),
        ("a: {b: c\n", "f.yml:"),
        ("a: 1\n b: 2\n", "f.yml:2:"),
        ("a: *x\n", "f.yml:1:"),
    ],
)
def test_broken_yaml_is_one_line_with_its_place(text: str, place: str) -> None:
    (line,) = problems(text)
    assert line.startswith(place)
    assert "\n" not in line


def test_bytes_that_are_not_utf8_are_placed() -> None:
    assert problems("a: x\nb: é\n".encode("latin-1"))[0].startswith("f.yml:2:4: ")


@pytest.mark.parametrize(
    "piece",
    ["\x00", "\x1b[2J", "\x07", "\x85", "\u202e", "\u2066", "\u200b", "\u2028", "\ufeff", "\uffff", "\n[Peer]",
     "\r", "\t", "{{ 1 }}", "{% if %}", "{# x #}", "#jinja2:block_start_string:'x'"],
)  # fmt: skip
def test_f002_f014_control_characters_and_templates_are_refused_in_any_text(piece: str) -> None:
    import json

    assert problems(f"b: ok\na: {json.dumps('x' + piece)}")[0].startswith("f.yml:2:4: ")
    assert problems(f"{json.dumps('x' + piece)}: a")[0].startswith("f.yml:1:1: ")


def test_f002_a_raw_nul_or_escape_is_placed_by_line() -> None:
    assert problems("a: x\nb: y\x00\n")[0].startswith("f.yml:2:5: ")
    assert problems("a: x\nb: y\x1b\n")[0].startswith("f.yml:2:5: ")


def test_f002_invisible_tag_characters_are_refused() -> None:
    assert forbidden("Anna\U000e0041") == "U+E0041"


def test_ordinary_french_text_passes() -> None:
    for text in ("État civil — « accueil », l’été", "Cœur-sur-Oise", "N° 12 (bis) / 50 % #1 {a}", "😀"):
        assert forbidden(text) is None


def test_problems_point_at_keys_values_and_missing_places() -> None:
    document = read("a:\n  - {b: 1, c: 2}\n")
    assert str(document.problem(("a", 0, "c"), "m")) == "f.yml:2:15: m"
    assert str(document.problem(("a", 0, "c"), "m", key=True)) == "f.yml:2:12: m"
    assert str(document.problem(("a", 0, "zz", "y"), "m")) == "f.yml:2:5: m"
    assert document.written(("a", 0, "b")) == "1"


@given(st.text())
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        document = parse(text.encode(errors="surrogatepass"), "f.yml")
    except NomadeError:
        return
    assert document.problems or forbidden_free(document.data)


@given(st.text(alphabet="ab01:-?[]{}&*!|>'\"%@` \n#,<=~.ynoNO", max_size=60))
def test_any_yaml_like_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        document = parse(text.encode(), "f.yml")
    except NomadeError:
        return
    assert document.problems or forbidden_free(document.data)


def forbidden_free(data: object) -> bool:
    """Return whether no text in `data` has anything forbidden in it."""
    if isinstance(data, str):
        return forbidden(data) is None
    if isinstance(data, dict):
        return all(forbidden_free(key) and forbidden_free(value) for key, value in data.items())
    return all(map(forbidden_free, data)) if isinstance(data, list) else True


def test_age_recipients_are_checked_to_the_last_character() -> None:
    good = "age16dhx9mk06zrd4ysa88g3r2g4n45eduwte95fjqkjgy0wt6gyjdgq3yj4ty"
    assert is_age_recipient(good)
    assert not is_age_recipient(good[:-1] + "q")
    assert not is_age_recipient(good.replace("9mk", "9mm"))
    assert not is_age_recipient("AGE-SECRET-" + "KEY-1" + "Q" * 58)
    assert not is_age_recipient("ssh-ed25519 AAAA")
