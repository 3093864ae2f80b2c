"""What commands say when what they read is not there or too much: never an answer that looks whole."""

from __future__ import annotations

import subprocess

import pytest

from toolkit.probes import registry


@pytest.mark.parametrize("name", ["pending_updates", "legacy_packages"])
def test_without_dpkg_s_database_there_is_no_answer(name: str) -> None:
    command = registry()[name].command
    assert "/var/lib/dpkg/status" in command
    done = subprocess.run(
        ["sh", "-c", command.replace("/var/lib/dpkg/status", "/nonexistent")], capture_output=True, check=False
    )
    assert done.returncode != 0


def test_more_loose_files_than_a_report_can_use_are_no_answer() -> None:
    command = registry()["loose_files"].command
    _find, pipe, rest = command.partition("2>/dev/null | awk")
    assert pipe
    for count, code in ((1000, 0), (1001, 1)):
        done = subprocess.run(["sh", "-c", f"seq {count} | awk{rest}"], capture_output=True, check=False)
        assert done.returncode == code
        assert done.stdout.endswith(b"end\n") == (code == 0)
