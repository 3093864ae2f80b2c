"""What the probes of backups make of answers that are cut, forged or odd: never a success that was not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolkit.probes import backup, backup_store

NOW = 1_795_555_361
DAY = 86_400


PLACE = {"address": "10.77.1.1", "port": 8022}


def answer(
    state: dict[str, Any], store: str = "null", service: str = "inactive", place: dict[str, Any] | None = None
) -> str:
    timers = "".join(f"nomade-backup{part}.timer active enabled\n" for part in ("", "-drill"))
    services = f"nomade-backup.service {service} static\nnomade-backup-drill.service inactive static\n"
    settings = f"settings\n{json.dumps({'store': place})}\n" if place is not None else ""
    body = f"{settings}record\nnull\nstate\n{json.dumps(state)}\nstore\n{store}\nend\n"
    return f"now {NOW}\n{timers}{services}{body}"


def test_the_repository_counts_more_than_what_the_endpoint_says() -> None:
    declared = {"success": {"time": NOW - DAY}}
    assert backup.parse(answer(declared))["success_age_days"] == 1
    assert backup.parse(answer(declared))["success_seen"] == "declared"
    emptied = backup.parse(answer(declared, "[]"))
    assert (emptied["success_age_days"], emptied["success_seen"]) == (backup.NEVER, "store")


def test_the_snapshot_made_to_be_deleted_is_no_backup() -> None:
    test = json.dumps([{"time": "2026-11-24T21:20:49.386193207Z", "tags": ["deletion-test"]}])
    assert backup.parse(answer({}, test))["success_age_days"] == backup.NEVER


def test_what_was_proven_of_another_store_is_not_proven_of_this_one() -> None:
    proven = {
        name: {"time": NOW, "started": NOW, "finished": NOW, "result": "ok"} for name in ("success", "run", "drill")
    }
    state = proven | {"restore": {"time": NOW}, "refusal": {"time": NOW}, "store": PLACE}
    here = backup.parse(answer(state, place=PLACE))
    assert (here["restore_age_days"], here["refusal_age_days"], here["last_drill"]) == (0, 0, "ok")
    unnamed = {name: value for name, value in state.items() if name != "store"}
    for known, place in (
        (state, PLACE | {"address": "198.51.100.60"}),
        (state, PLACE | {"port": 22}),
        (unnamed, PLACE),
    ):
        found = backup.parse(answer(known, place=place))
        assert {found[f"{name}_age_days"] for name in ("success", "restore", "refusal")} == {backup.NEVER}
        assert (found["success_seen"], found["last_run"], found["last_drill"]) == ("never", "never", "never")
    with pytest.raises(ValueError, match="without a store"):
        backup.parse(answer(state, place={}))


def test_a_date_in_the_future_is_no_date() -> None:
    assert backup.parse(answer({"restore": {"time": NOW + 40 * DAY}}))["restore_age_days"] == backup.NEVER
    assert backup.parse(answer({"restore": {"time": NOW + 60}}))["restore_age_days"] == 0


def test_an_attempt_without_end_is_running_or_interrupted() -> None:
    begun = {"run": {"started": NOW - 60, "finished": None, "result": "interrupted"}}
    assert backup.parse(answer(begun, service="activating"))["last_run"] == "running"
    assert backup.parse(answer(begun))["last_run"] == "interrupted"


@pytest.mark.parametrize("kept", range(1, 9))
def test_an_answer_that_is_cut_is_no_answer(kept: int) -> None:
    whole = answer({}).splitlines()
    with pytest.raises(ValueError, match=r"cut|missing|units|JSON|Expecting"):
        backup.parse("\n".join([*whole[:kept], "end"]) if kept > 4 else "\n".join(whole[:kept]))


@pytest.mark.parametrize("broken", ['{"success": 1}', '{"success": {"time": "soon"}}', "[]", '{"run": []}'])
def test_a_state_of_another_form_is_refused(broken: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — what is wrong differs
        backup.parse(answer({}).replace("state\n{}", f"state\n{broken}"))


TIED = 'restrict,from="10.77.1.2",command="/usr/local/libexec/nomade-backup-store poste-1"'


@pytest.mark.parametrize(
    "options",
    [
        "",
        "ssh-rsa AAAA someone",
        'command="/usr/local/libexec/nomade-backup-store poste-1"',
        'from="10.77.1.2",command="/usr/local/libexec/nomade-backup-store poste-1"',
        TIED.replace("10.77.1.2", "*"),
        TIED.replace("10.77.1.2", "10.77.1.2,198.51.100.1"),
        TIED.replace("nomade-backup-store poste-1", "sh"),
        TIED + ",port-forwarding",
        TIED.replace(",command", ",port-forwarding,command"),
    ],
)
def test_a_key_that_may_do_more_is_loose(options: str) -> None:
    units = "unit nomade-backup-store.socket active enabled\nunit nomade-backup-retention.timer active enabled\n"
    text = f"now {NOW}\n{units}append-only yes\nkey {TIED}\nkey {options}\ninstalled {NOW}\nretention\nnull\nend\n"
    assert backup_store.parse(text)["loose_keys"] == [options]
    assert backup_store.parse(text.replace(f"key {options}\n", ""))["loose_keys"] == []
