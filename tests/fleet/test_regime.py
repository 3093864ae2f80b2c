"""Days, hours, exceptions and revocations of a fleet file: what is refused, and who is a peer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit import host_facts
from toolkit.errors import ProblemsError
from toolkit.fleet import Fleet, load
from toolkit.fleet.addresses import Addresses
from toolkit.fleet_facts import facts_of

REVOKED = 'revoked:\n  - {endpoint: essai-portable-1, date: "2026-03-02", reason: volé}\n'
TUNNEL = {"essai-portable-1": "10.77.9.2", "essai-portable-2": "10.77.9.3"}


def fleet(folder: Path, text: str) -> Fleet:
    return load(sample.workspace(folder, essai=text), "essai")


def problem(folder: Path, text: str) -> str:
    with pytest.raises(ProblemsError) as caught:
        fleet(folder, text)
    (found,) = caught.value.problems
    return str(found)


@pytest.mark.parametrize(
    ("added", "place"),
    [
        ("regime: {days: 2, weekdays: [monday, tuesday, friday]}\n", "3 days a week"),
        ('regime: {until: "2026-12-31"}\n', "emergency"),
        ('regime: {hours: "18:00-08:00"}\n', "before they begin"),
        (
            'on_call:\n  - {teleworker: anna, from: "2026-12-24 18:00", until: "2026-12-24 08:00", reason: x}\n',
            "before it begins",
        ),
        ('on_call:\n  - {teleworker: zoe, from: "2026-12-24 18:00", until: "2026-12-25 08:00", reason: x}\n', "zoe"),
        ('on_call:\n  - {teleworker: anna, from: "2026-12-24", until: "2026-12-25 08:00", reason: x}\n', "an hour"),
        ('revoked:\n  - {endpoint: essai-bureau-1, date: "2026-03-02", reason: x}\n', "essai-bureau-1"),
        ("regime: {weekdays: [lundi]}\n", "monday"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path: Path, added: str, place: str) -> None:
    found = problem(tmp_path, sample.FLEET + added)
    assert place in found
    assert ":" + str(len(sample.FLEET.splitlines()) + added.count("\n")) + ":" in found


def test_an_enforced_regime_needs_days_for_everybody_who_has_a_post(tmp_path: Path) -> None:
    text = sample.changed(
        "anna, name: Anna Petit, duty: redacteur", "anna, name: A, duty: redacteur, weekdays: [monday]"
    )
    assert "bruno" in problem(tmp_path, text + "regime: {enforced: true}\n")
    loaded = fleet(tmp_path / "given", text + "regime: {enforced: true, weekdays: [tuesday, friday]}\n")
    assert loaded.teleworker("anna").weekdays == ("monday",)


def test_a_revoked_laptop_is_no_peer_and_its_office_pc_lets_nobody_in(tmp_path: Path) -> None:
    loaded = fleet(tmp_path, sample.FLEET + REVOKED)
    assert [laptop.name for laptop in loaded.peers] == ["essai-portable-2"]
    pc = loaded.endpoint("essai-bureau-1")
    assert "nomade_laptop" not in host_facts.of_endpoint(loaded, pc, Addresses(TUNNEL))


def test_what_was_found_is_a_peer_again(tmp_path: Path) -> None:
    loaded = fleet(tmp_path, sample.FLEET + REVOKED.replace("reason: volé", 'reason: volé, found: "2026-03-09"'))
    assert len(loaded.peers) == 2
    pc = loaded.endpoint("essai-bureau-1")
    assert host_facts.of_endpoint(loaded, pc, Addresses(TUNNEL))["nomade_laptop"]["name"] == "essai-portable-1"


def test_controls_do_not_expect_the_office_pc_to_let_a_revoked_laptop_in(tmp_path: Path) -> None:
    from toolkit.fleet import load_config

    workspace = sample.workspace(tmp_path, essai=sample.FLEET + REVOKED)
    loaded = load(workspace, "essai")
    facts = facts_of(load_config(workspace), loaded, loaded.endpoint("essai-bureau-1"), TUNNEL)
    assert "laptop_address" not in facts
