"""Evidence: everything an endpoint prints is kept, nothing that did not come back whole looks well."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import collect as collect_module
from toolkit.collect import Failure, build_script, collect, collect_one, new_nonce, read_sections
from toolkit.errors import BadInputError, UnreachableError
from toolkit.finding import EndpointStatus, Evidence, Section, SectionStatus
from toolkit.probes import Probe, registry
from toolkit.probes._shared import SHARED
from toolkit.transport.base import HostKeyChangedError, NotEnrolledError, Result, Route
from toolkit.transport.local import LocalTransport


def probe(name: str, command: str, *, timeout: float = 10.0, limit: int = 10_000) -> Probe:
    return Probe(name=name, command=command, parse=lambda text: {"text": text}, timeout=timeout, limit=limit)


def route(name: str = "poste") -> Route:
    return Route(name, "127.0.0.1", 22, "root", Path("/nonexistent"), Path("/nonexistent"))


def ask(*probes: Probe) -> dict[str, Section]:
    evidence = collect_one(probes, route(), LocalTransport())
    assert isinstance(evidence, Evidence), evidence
    return dict(evidence.sections)


def outcome(section: Section) -> tuple[SectionStatus, int | None, str]:
    return section.status, section.exit_code, section.text


def test_each_section_has_its_own_output_and_exit_code() -> None:
    before = datetime.now(UTC)
    sections = ask(probe("one", "echo a; echo b >&2"), probe("two", "printf c; exit 3"), probe("three", "true"))
    assert outcome(sections["one"]) == (SectionStatus.OK, 0, "a\nb\n")
    assert outcome(sections["two"]) == (SectionStatus.FAILED, 3, "c")
    assert outcome(sections["three"]) == (SectionStatus.OK, 0, "")
    evidence = collect_one([probe("one", "echo a")], route(), LocalTransport())
    assert isinstance(evidence, Evidence)
    assert before <= evidence.collected_at <= datetime.now(UTC)


def test_commands_run_with_a_fixed_environment() -> None:
    section = ask(probe("one", 'echo "$LC_ALL $(pwd) $(umask)"; command -v sshd >/dev/null; cat'))["one"]
    assert section.text == "C / 0077\n"  # and `cat` found standard input empty: the script is not there to be eaten


def test_shell_syntax_in_one_command_stays_in_it() -> None:
    sections = ask(probe("bad", "}; echo '"), probe("quotes", """echo "it's" '$HOME'"""), probe("last", "echo end"))
    assert sections["bad"].status is SectionStatus.FAILED
    assert outcome(sections["quotes"]) == (SectionStatus.OK, 0, "it's $HOME\n")
    assert outcome(sections["last"]) == (SectionStatus.OK, 0, "end\n")


def test_binary_output_is_escaped_and_holds_no_nul() -> None:
    section = ask(probe("one", r"printf 'a\000\377\033[31mé'"))["one"]
    assert outcome(section) == (SectionStatus.OK, 0, "a\\x00\\xff\x1b[31mé")


def test_output_up_to_the_limit_is_whole_and_one_byte_more_is_not() -> None:
    sections = ask(
        probe("full", "head -c 5000 /dev/zero | tr '\\0' x", limit=5000),
        probe("over", "head -c 5001 /dev/zero | tr '\\0' x", limit=5000),
        probe("flood", "cat /dev/zero", limit=5000),
        probe("after", "echo fine"),
    )
    assert outcome(sections["full"]) == (SectionStatus.OK, 0, "x" * 5000)
    assert outcome(sections["over"]) == (SectionStatus.TRUNCATED, None, "x" * 5000)
    assert sections["flood"].status is SectionStatus.TRUNCATED
    assert outcome(sections["after"]) == (SectionStatus.OK, 0, "fine\n")


def test_hanging_command_costs_its_own_section_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect_module, "QUICK_SECONDS", 2)
    started = time.monotonic()
    sections = ask(
        probe("hang", "echo begun; sleep 60", timeout=1),
        probe("stubborn", "trap '' TERM; sleep 60; sleep 60", timeout=1),
        probe("orphan", "echo main; setsid sleep 15 & exit 0", timeout=1),
        probe("after", "echo fine"),
    )
    assert outcome(sections["hang"]) == (SectionStatus.TIMEOUT, 124, "begun\n")
    assert sections["stubborn"].status is SectionStatus.TIMEOUT
    assert sections["orphan"].status is SectionStatus.TIMEOUT  # something may still want to add to its output
    assert outcome(sections["after"]) == (SectionStatus.OK, 0, "fine\n")
    assert time.monotonic() - started < 20


def test_output_written_after_the_command_ended_stays_in_its_section() -> None:
    """What a command leaves running is waited for; a section is whole only when nothing can be added to it."""
    sections = ask(probe("late", "echo main; (sleep 1; echo late) & exit 0", timeout=5), probe("next", "echo next"))
    assert outcome(sections["late"]) == (SectionStatus.OK, 0, "main\nlate\n")
    assert outcome(sections["next"]) == (SectionStatus.OK, 0, "next\n")


def test_output_written_when_nobody_waits_any_more_is_in_no_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect_module, "QUICK_SECONDS", 1)
    sections = ask(
        probe("late", "echo main; (sleep 4; echo late) & exit 0", timeout=1), probe("next", "sleep 2; echo next")
    )
    assert sections["late"].status is SectionStatus.TIMEOUT
    assert outcome(sections["next"]) == (SectionStatus.OK, 0, "next\n")


def test_what_the_first_pass_ended_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect_module, "QUICK_SECONDS", 1)
    count = f"echo x >>{tmp_path}/count; echo fine"
    sections = ask(probe("once", count), probe("slow", "sleep 2; echo slow"))
    assert outcome(sections["once"]) == (SectionStatus.OK, 0, "fine\n")
    assert outcome(sections["slow"]) == (SectionStatus.OK, 0, "slow\n")
    assert (tmp_path / "count").read_text() == "x\n"


def sharing(name: str, share: str) -> Probe:
    return replace(probe(name, f'echo "{name} ${{{share}?}}"', timeout=1), shares=(share,))


def test_what_probes_share_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHARED, "news", f"echo x >>{tmp_path}/count; echo fine")
    sections = ask(sharing("one", "news"), probe("two", 'echo "${news-nothing}"'), sharing("three", "news"))
    assert outcome(sections["one"]) == (SectionStatus.OK, 0, "one fine\n")
    assert outcome(sections["three"]) == (SectionStatus.OK, 0, "three fine\n")
    assert (tmp_path / "count").read_text() == "x\n"


def test_a_shared_question_that_fails_or_hangs_costs_only_those_that_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect_module, "QUICK_SECONDS", 1)
    monkeypatch.setitem(SHARED, "broken", "echo half; exit 3")
    monkeypatch.setitem(SHARED, "stuck", "echo half; sleep 60")
    sections = ask(
        probe("before", "echo fine"), sharing("a", "broken"), sharing("b", "stuck"), sharing("c", "stuck"),
        probe("after", "echo fine"),
    )  # fmt: skip
    assert sections["a"].status is SectionStatus.FAILED
    assert {sections[name].status for name in "bc"} == {SectionStatus.TIMEOUT}
    assert "half" not in "".join(section.text for section in sections.values())
    assert {outcome(sections[name]) for name in ("before", "after")} == {(SectionStatus.OK, 0, "fine\n")}


def states(*units: str) -> str:
    return "".join(f"Id={unit}\nLoadState=loaded\nActiveState=active\nUnitFileState=\n\n" for unit in units)


@pytest.mark.parametrize("lost", [False, True])
def test_every_probe_is_given_the_states_of_its_own_units(monkeypatch: pytest.MonkeyPatch, *, lost: bool) -> None:
    def answer(units: Iterable[str]) -> str:
        return f"printf '%s' '{states(*units).rstrip()}'" + (" | sed 2d" if lost else "")

    monkeypatch.setattr(collect_module, "unit_states", answer)
    printing = probe("x", "printf '%s\\n\\n' \"${units:?}\"")
    wanted = {"one": ("a.service", "b.service"), "two": ("*",), "three": ("a.service", "c.timer")}
    sections = ask(
        *(replace(printing, name=name, units=units) for name, units in wanted.items()), probe("four", "echo fine")
    )
    for name, units in wanted.items():
        if lost:
            assert sections[name].status is SectionStatus.FAILED
        else:
            assert outcome(sections[name]) == (SectionStatus.OK, 0, states(*units) + "\n\n"), name
    assert outcome(sections["four"]) == (SectionStatus.OK, 0, "fine\n")


def test_every_byte_comes_back(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(bytes(range(1, 128)))
    assert ask(probe("bytes", f"cat {tmp_path}/bytes"))["bytes"].text.encode() == bytes(range(1, 128))


@pytest.mark.parametrize("word", ["begin other", "end mine", "exit 0"])
def test_output_cannot_forge_borders(word: str) -> None:
    """A command does not find the nonce: not in its environment, arguments, standard input or its ancestors' files."""
    hunt = (
        "n=$({ env; cat; tr '\\0' '\\n' < /proc/$PPID/cmdline; tr '\\0' '\\n' < /proc/$PPID/environ; } 2>/dev/null"
        " | grep -oE '[0-9a-f]{32}' | head -n 1); "
        f'printf "\\n%s {word}\\n" "${{n:-00000000000000000000000000000000}}"; exit 9'
    )
    sections = ask(probe("mine", hunt), probe("other", "echo genuine"))
    assert sections["mine"].status is SectionStatus.FAILED
    assert sections["mine"].exit_code == 9
    assert f"{'0' * 32} {word}" in sections["mine"].text
    assert outcome(sections["other"]) == (SectionStatus.OK, 0, "genuine\n")


def test_nonce_differs_from_run_to_run() -> None:
    assert len({new_nonce() for _ in range(100)}) == 100


def _printed(probes: Sequence[Probe], nonce: str) -> bytes:
    return LocalTransport().run(route(), build_script(probes, nonce), timeout=30, limit=1_000_000).stdout


def test_every_cut_of_the_whole_output_leaves_later_sections_missing() -> None:
    probes = [probe(name, f"echo {name} says something") for name in ("a", "b", "c")]
    nonce = new_nonce()
    whole = _printed(probes, nonce)
    for length in range(len(whole)):
        sections = read_sections(probes, whole[:length], nonce)
        for name in ("a", "b", "c"):
            end = whole.index(f"\n{nonce} end {name}\n".encode()) + len(f"\n{nonce} end {name}\n")
            assert (sections[name].status is SectionStatus.OK) == (length >= end)
    statuses = [section.status for section in read_sections(probes, whole[: len(whole) // 2], nonce).values()]
    assert statuses == [SectionStatus.OK, SectionStatus.TRUNCATED, SectionStatus.MISSING]


def test_script_that_arrives_incomplete_does_nothing(tmp_path: Path) -> None:
    script = build_script([probe("one", f"touch {tmp_path}/done")], new_nonce())
    for length in range(0, len(script) - len("main\n"), 7):
        LocalTransport().run(route(), script[:length], timeout=10, limit=1000)
    assert not (tmp_path / "done").exists()


@given(st.binary(max_size=300), st.integers(0, 300))
def test_whatever_comes_back_is_read_without_a_crash_and_not_ok(garbage: bytes, at: int) -> None:
    nonce = "0" * 32
    pieces = [f"\n{nonce} begin a\n".encode(), garbage, f"\n{nonce} end a\n".encode(), garbage]
    for output in (garbage, b"".join(pieces), b"".join(pieces)[at:], b"".join(reversed(pieces)), b"".join(pieces * 2)):
        assert read_sections([probe("a", "true")], output, nonce)["a"].status is not SectionStatus.OK


class Scripted:
    """A transport whose endpoints behave as their names say."""

    def run(self, route: Route, script: str, *, timeout: float, limit: int) -> Result:
        match route.alias:
            case "absent":
                raise UnreachableError("absent: no answer")
            case "new":
                raise NotEnrolledError("new: not pinned")
            case "swapped":
                raise HostKeyChangedError("swapped: changed")
            case "nosudo":
                return Result(1, b"", b"sudo: a password is required\x1b[31m\n")
            case "mute":
                return Result(None, b"", b"")
            case "nokey":
                raise BadInputError("key missing")
        return LocalTransport().run(route, script, timeout=timeout, limit=limit)


def test_endpoints_that_cannot_be_asked_do_not_stop_the_others() -> None:
    names = ["absent", "new", "swapped", "nosudo", "mute", "well"]
    found = dict(
        collect({name: [probe("one", "echo a")] for name in names}, [route(name) for name in names], Scripted())
    )
    assert {name: value.status for name, value in found.items() if isinstance(value, Failure)} == {
        "absent": EndpointStatus.UNREACHABLE,
        "new": EndpointStatus.NOT_ENROLLED,
        "swapped": EndpointStatus.KEY_CHANGED,
        "nosudo": EndpointStatus.UNREACHABLE,
        "mute": EndpointStatus.UNREACHABLE,
    }
    assert isinstance(found["well"], Evidence)
    nosudo = found["nosudo"]
    assert isinstance(nosudo, Failure)
    assert "a password is required" in nosudo.detail
    assert nosudo.detail.isprintable()


def test_unusable_own_key_stops_the_run() -> None:
    with pytest.raises(BadInputError):
        dict(collect({"nokey": [probe("one", "true")]}, [route("nokey")], Scripted()))


def test_all_real_probes_fit_in_one_script_that_dash_accepts() -> None:
    probes = list(registry().values())
    sections = ask(*probes)
    assert set(sections) == set(registry())
    assert not {name for name, section in sections.items() if section.status is SectionStatus.MISSING}
