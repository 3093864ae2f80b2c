"""Endpoints that hang, flood, lie, replay or break off cost themselves only. A real sshd, one behaviour an address."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests import sshd
from toolkit import collect
from toolkit.collect import Failure, build_script, new_nonce, read_sections
from toolkit.evaluate import Subject, evaluate
from toolkit.finding import EndpointStatus, Evidence, Section, SectionStatus, Verdict
from toolkit.probes import Probe, registry
from toolkit.transport.base import Route
from toolkit.transport.ssh import SshTransport

pytestmark = pytest.mark.skipif(sshd.available() is not None, reason=str(sshd.available()))

# What the endpoint runs instead of our script; REPLAY is a whole answer of an earlier audit.
BEHAVIOURS = {
    "hangs": "sleep 600",
    "drips": "while :; do printf x; sleep 0.2; done",
    "floods": "cat /dev/zero",
    "floods-errors": "cat /dev/zero >&2",
    "breaks-off": "kill -9 $PPID",
    "says-nothing": "true",
    "garbage": "head -c 300000 /dev/urandom",
    "replays": "cat REPLAY",
    "cuts": "sh | head -c 150",
}
PROBES = [Probe(name, f"echo {name}", lambda text: {"said": text.strip()}) for name in ("first", "second")]
LONGEST = 4.0  # seconds that one endpoint may take here
_MOMENT = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Route]]:
    folder = tmp_path_factory.mktemp("hostile")
    replay = folder / "earlier"
    replay.write_bytes(
        subprocess.run(["sh"], input=build_script(PROBES, new_nonce()).encode(), capture_output=True, check=True).stdout
    )
    names = [*BEHAVIOURS, "honest-1", "honest-2", "honest-3"]
    port = sshd.free_port()
    more = "".join(f"ListenAddress 127.0.3.{number}:{port}\n" for number, _name in enumerate(names, start=1))
    ends = "".join(
        f"Match LocalAddress 127.0.3.{number}\nForceCommand {command.replace('REPLAY', str(replay))}\n"
        for number, command in enumerate(BEHAVIOURS.values(), start=1)
    )
    (folder / "behaviours").write_text(ends)
    with sshd.running(folder, f"{more}Include {folder}/behaviours", port) as server:
        server.pin(*names)
        first = server.route()
        yield [
            Route(name, f"127.0.3.{number}", port, first.user, first.identity, first.known_hosts)
            for number, name in enumerate(names, start=1)
        ]


def test_a_fleet_of_hostile_endpoints_costs_only_themselves(
    routes: list[Route], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "LONGEST_RUN", LONGEST)
    start = time.monotonic()
    with SshTransport() as transport:
        answers = dict(collect.collect({route.alias: PROBES for route in routes}, routes, transport, parallel=12))
    # A worker each: all together take what the slowest is allowed, not the sum (and a machine under load some more).
    assert time.monotonic() - start < 4 * LONGEST
    for name in ("honest-1", "honest-2", "honest-3"):
        evidence = answers[name]
        assert isinstance(evidence, Evidence)
        assert {part.text for part in evidence.sections.values()} == {"first\n", "second\n"}
    for name in BEHAVIOURS:
        _proves_nothing(answers[name])


def _proves_nothing(answer: Evidence | Failure) -> None:
    if isinstance(answer, Failure):
        assert answer.status is EndpointStatus.UNREACHABLE
        assert answer.detail.isprintable()
    else:  # part of the answer may have come before it broke off; what did not is no answer
        assert any(part.status is not SectionStatus.OK for part in answer.sections.values())


def test_f050_a_whole_answer_of_an_earlier_audit_is_no_answer(routes: list[Route]) -> None:
    route = next(route for route in routes if route.alias == "replays")
    with SshTransport() as transport:
        answer = collect.collect_one(PROBES, route, transport)
    assert isinstance(answer, Failure)


def test_f050_parts_of_an_earlier_answer_do_not_enter_a_new_one() -> None:
    old, new = new_nonce(), new_nonce()
    earlier = subprocess.run(["sh"], input=build_script(PROBES, old).encode(), capture_output=True, check=True).stdout
    now = subprocess.run(["sh"], input=build_script(PROBES[:1], new).encode(), capture_output=True, check=True).stdout
    sections = read_sections(PROBES, earlier + now, new)
    assert sections["first"].status is SectionStatus.OK
    assert sections["second"].status is SectionStatus.MISSING


def test_f051_the_time_of_evidence_is_ours_whatever_the_clock_of_the_endpoint_says(routes: list[Route]) -> None:
    probe = Probe("clock", "echo 2099-01-01T00:00:00Z", lambda text: {"said": text})
    route = next(route for route in routes if route.alias == "honest-1")
    with SshTransport() as transport:
        answer = collect.collect_one([probe], route, transport)
    assert isinstance(answer, Evidence)
    assert abs(answer.collected_at.timestamp() - time.time()) < 60


@pytest.mark.parametrize("text", ["[" * 100_000, "{" * 100_000, '{"nftables":' * 50_000, "9" * 5_000, "\x00" * 1_000])
@pytest.mark.parametrize("name", sorted(registry()))
def test_deep_huge_and_invalid_answers_are_errors_or_failures_never_a_crash(name: str, text: str) -> None:
    from toolkit import catalogue

    known = catalogue.load()
    evidence = Evidence("poste", _MOMENT, {name: Section(name, SectionStatus.OK, 0, text)})
    subject = Subject("poste", "laptop", {}, {}, ())
    of_probe = {item.id for item in known.controls.values() if item.audit and item.audit.probe == name}
    verdicts = {item.verdict for item in evaluate(known, "nomade", evidence, subject) if item.control in of_probe}
    assert Verdict.PASS not in verdicts
