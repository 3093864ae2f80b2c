"""What virtual machines are made of, before any is started: hardware, keys, console, processor."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit import paths
from toolkit.errors import BadInputError, NomadeError
from toolkit.lab import topology
from toolkit.lab.virtual import qemu, seed
from toolkit.lab.virtual.console import Console
from toolkit.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    shutil.copytree(paths.demo_dir(), tmp_path / "demo")
    return Workspace(tmp_path / "demo")


def say(workspace: Workspace, text: str) -> None:
    with (workspace.root / "lab.yml").open("a", encoding="utf-8") as file:
        file.write(text)


def test_the_lab_file_says_what_a_machine_is_made_of(workspace: Workspace) -> None:
    say(workspace, "virtual:\n  pontlierre-portable-1: {encrypted_root: true, disks: [256], tpm: true, memory: 768}\n")
    plan = topology.load(workspace)
    hardware = plan.machine("pontlierre-portable-1").hardware
    assert (hardware.encrypted_root, hardware.disks, hardware.tpm, hardware.memory) == (True, (256,), True, 768)
    assert plan.machine("pontlierre-bureau-1").hardware == topology.Hardware()


def test_a_machine_too_small_to_boot_is_refused_at_its_place(workspace: Workspace) -> None:
    say(workspace, "virtual:\n  pontlierre-portable-1: {memory: 64}\n")
    line = len((workspace.root / "lab.yml").read_text(encoding="utf-8").splitlines())
    with pytest.raises(BadInputError, match=rf"lab\.yml:{line}:"):
        topology.load(workspace)


def test_every_disk_and_cable_is_in_the_command(workspace: Workspace, tmp_path: Path) -> None:
    hardware = topology.Hardware(disks=(1, 2), tpm=True)
    drives = [tmp_path / f"disk{index}.qcow2" for index in range(3)]
    words = " ".join(qemu.arguments(tmp_path, hardware, drives, [("nt0", "52:54:00:00:00:01")]))
    assert all(str(drive) in words for drive in drives)
    assert "ifname=nt0" in words
    assert "tpm-tis" in words
    assert "OVMF_CODE" in words


def test_the_seed_gives_name_addresses_and_keys_to_root_alone(workspace: Workspace, tmp_path: Path) -> None:
    plan = topology.load(workspace)
    machine = plan.machine("pontlierre-portable-1")
    key = seed.host_key(tmp_path)
    seed.write(tmp_path / "seed.tar", "lab", machine, plan, "ssh-ed25519 AAAA\n", key, "root_crypt x none luks\n")
    with tarfile.open(tmp_path / "seed.tar") as archive:
        files = {item.name: item for item in archive.getmembers()}
        hosts = archive.extractfile("etc/hostname")
        assert hosts is not None
        assert hosts.read() == b"pontlierre-portable-1\n"
    assert files["etc/ssh/ssh_host_ed25519_key"].mode == 0o600
    assert len([name for name in files if name.startswith("etc/systemd/network/")]) == len(machine.attachments)
    assert (tmp_path / "seed.tar").stat().st_mode & 0o077 == 0
    assert seed.public_key(key) == seed.public_key(seed.host_key(tmp_path))  # the same on the next start


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        yield server


def test_the_console_waits_reads_on_and_types(tmp_path: Path, typed: socket.socket) -> None:
    log = tmp_path / "log"
    log.write_text("Please unlock disk root: \nagain: Please unlock disk data: ", encoding="utf-8")
    console = Console(log, tmp_path / "s")
    assert console.expect(r"unlock disk (\w+)", 1)[1] == "root"
    assert console.expect(r"unlock disk (\w+)", 1)[1] == "data"
    console.type("secret")
    with typed.accept()[0] as line:
        assert line.recv(100) == b"secret\r"
    with pytest.raises(NomadeError, match="again: Please unlock disk data:"):
        console.expect("unlock disk", 0.3)


def test_a_process_that_only_has_the_number_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        (tmp_path / "pid").write_text(f"{other.pid}\n", encoding="ascii")
        assert qemu.pid(tmp_path) is None
        qemu.kill(tmp_path)
        assert other.poll() is None
        other.terminate()


def test_the_accelerator_is_one_that_starts_a_machine(tmp_path: Path) -> None:
    accelerator, processor = qemu.accelerator()
    command = ["qemu-system-x86_64", "-accel", accelerator, "-cpu", processor, "-machine", "q35", "-nodefaults"]
    done = subprocess.run(
        [*command, "-display", "none", "-monitor", "stdio"],
        input=b"quit\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert accelerator == "kvm" or processor.startswith("max,")
