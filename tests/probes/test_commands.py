"""What commands say when what they read is not there or too much: never an answer that looks whole."""

from __future__ import annotations

import gzip
import os
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


INSTALLED = "Package: outil\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n"
OFFERED = (
    "Package: outil\nArchitecture: all\nVersion: 2\nDescription: x\n\nPackage: other\nArchitecture: all\nVersion: 3\n"
)


def _updates(folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "status").write_text(INSTALLED)
    command = registry()["pending_updates"].alone.replace("/var/lib/dpkg/status", str(folder / "status"))
    command = command.replace("/var/lib/apt/lists/", f"{folder}/")
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)


def test_updates_are_found_in_lists_that_are_text_or_packed(tmp_path: Path) -> None:
    (tmp_path / "a_debian-security_main_Packages").write_text(OFFERED)
    (tmp_path / "b_debian-security_contrib_Packages").touch()
    text = _updates(tmp_path)
    assert text.returncode == 0
    assert "outil 1 2" in text.stdout
    (tmp_path / "a_debian-security_main_Packages").unlink()
    (tmp_path / "a_debian-security_main_Packages.gz").write_bytes(gzip.compress(OFFERED.encode()))
    assert _updates(tmp_path).stdout == text.stdout


@pytest.mark.parametrize("name", ["c_debian-security_x_Packages", "c_debian-security_x_Packages.gz"])
def test_with_a_list_that_cannot_be_read_there_is_no_answer(tmp_path: Path, name: str) -> None:
    (tmp_path / "a_debian-security_main_Packages").write_text(OFFERED)
    (tmp_path / name).mkdir()
    assert _updates(tmp_path).returncode != 0


@pytest.mark.parametrize(("count", "status"), [(2, SectionStatus.OK), (700, SectionStatus.TRUNCATED)])
def test_more_loose_files_than_a_report_can_use_are_no_answer(
    tmp_path: Path, count: int, status: SectionStatus
) -> None:
    probe = registry()["loose_files"]
    command = probe.command.replace("-O0 / ", f"-O0 {tmp_path} ").replace("-path '/tmp/*'", "-path /nonexistent")
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


@pytest.mark.skipif(os.geteuid() != 0, reason="the files of the tunnel are root's")
@pytest.mark.parametrize(
    ("key", "other", "loose"), [(0o600, 0o600, []), (0o640, 0o600, ["key"]), (0o600, 0o644, ["conf"])]
)
def test_files_of_the_tunnel_are_loose_when_others_may_read_them(
    tmp_path: Path, key: int, other: int, loose: list[str]
) -> None:
    for name, mode in (("key", key), ("conf", other)):
        (tmp_path / f"nomade.{name}").touch(mode)
    probe = registry()["file_rights"]
    done = subprocess.run(
        ["sh", "-c", probe.alone.replace("/etc/wireguard", str(tmp_path))], capture_output=True, text=True, check=True
    )
    facts = probe.parse(done.stdout.replace(str(tmp_path), "/etc/wireguard"))
    assert facts["/etc/wireguard/nomade.key"] == f"{key:o} root root"
    assert facts["tunnel_open"] == [f"/etc/wireguard/nomade.{name}" for name in loose]
