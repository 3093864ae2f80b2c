"""What commands say when what they read is not there or too much: never an answer that looks whole."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from toolkit.collect import collect_one
from toolkit.finding import Evidence, SectionStatus
from toolkit.probes import registry
from toolkit.transport.base import Route
from toolkit.transport.local import LocalTransport


@pytest.mark.parametrize("name", ["pending_updates", "legacy_packages", "package_states"])
def test_without_dpkg_s_database_there_is_no_answer(name: str) -> None:
    command = registry()[name].alone
    assert "/var/lib/dpkg/status" in command
    done = subprocess.run(
        ["sh", "-c", command.replace("/var/lib/dpkg/status", "/nonexistent")], capture_output=True, check=False
    )
    assert done.returncode != 0


@pytest.mark.parametrize(("count", "status"), [(2, SectionStatus.OK), (700, SectionStatus.TRUNCATED)])
def test_more_loose_files_than_a_report_can_use_are_no_answer(
    tmp_path: Path, count: int, status: SectionStatus
) -> None:
    probe = registry()["loose_files"]
    command = probe.command.replace("find / ", f"find {tmp_path} ").replace("-path '/tmp/*'", "-path /nonexistent")
    for number in range(count):
        (tmp_path / f"{number:0>100}").touch()
        (tmp_path / f"{number:0>100}").chmod(0o666)
    route = Route("poste", "", 22, "root", Path(), Path())
    answer = collect_one([replace(probe, command=command)], route, LocalTransport())
    assert isinstance(answer, Evidence)
    section = answer.sections["loose_files"]
    assert section.status is status
    assert section.text.endswith("end\n") == (status is SectionStatus.OK)
    assert section.text.count("file ") >= min(count, 300)
