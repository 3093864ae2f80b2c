"""QEMU, and nothing else of this package talks to it: its arguments, its process, its monitor."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from toolkit.errors import NomadeError
from toolkit.i18n import _
from toolkit.lab.topology import Hardware
from toolkit.lab.virtual import disks

_PROGRAM = "qemu-system-x86_64"
_FIRMWARE = Path("/usr/share/OVMF")
_STOP_SECONDS = 20


@functools.cache
def accelerator() -> tuple[str, str]:
    """Return what runs a machine's instructions and the processor it shows: KVM where it starts a machine here."""
    command = [_PROGRAM, "-accel", "kvm", "-cpu", "host", "-machine", "q35", "-m", "128", "-nodefaults"]
    command += ["-display", "none", "-monitor", "stdio"]
    with contextlib.suppress(FileNotFoundError, subprocess.TimeoutExpired):
        done = subprocess.run(command, input=b"quit\n", capture_output=True, timeout=20, check=False)
        if done.returncode == 0:
            return "kvm", "host"
    # A named processor with single features added stalls under emulation, `max` does not; `la57` only makes it slower.
    return "tcg,thread=multi,tb-size=512", "max,la57=off"


def arguments(folder: Path, hardware: Hardware, drives: Sequence[Path], taps: Sequence[tuple[str, str]]) -> list[str]:
    """Return the command that starts a machine whose files are in `folder`; `taps` are (name, hardware address)."""
    accel, processor = accelerator()
    found = [_PROGRAM, "-accel", accel, "-machine", "q35", "-cpu", processor, "-nodefaults", "-display", "none"]
    found += [
        "-smp",
        str(hardware.processors),
        "-m",
        str(hardware.memory),
        "-device",
        "virtio-rng-pci",
        "-no-user-config",
    ]
    found += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={_FIRMWARE}/OVMF_CODE_4M.fd"]
    found += ["-drive", f"if=pflash,format=qcow2,unit=1,file={folder}/firmware.qcow2"]
    for index, drive in enumerate(drives):
        # No cache is flushed to this machine's disk: what the guest flushed survives its power cut, that is enough.
        found += ["-drive", f"if=none,id=d{index},file={drive},format=qcow2,cache=unsafe,discard=unmap"]
        found += ["-device", f"virtio-blk-pci,drive=d{index},serial=disk{index}"]
    found += ["-drive", f"if=none,id=seed,file={folder}/seed.tar,format=raw,readonly=on"]
    found += ["-device", "virtio-blk-pci,drive=seed,serial=seed"]
    for index, (tap, mac) in enumerate(taps):
        found += ["-netdev", f"tap,id=n{index},ifname={tap},script=no,downscript=no"]
        found += ["-device", f"virtio-net-pci,netdev=n{index},mac={mac},romfile="]
    if hardware.tpm:
        found += ["-chardev", f"socket,id=tpm,path={folder}/tpm.sock", "-tpmdev", "emulator,id=tpm0,chardev=tpm"]
        found += ["-device", "tpm-tis,tpmdev=tpm0"]
    serial = f"socket,id=serial,path={folder}/serial.sock,server=on,wait=off,logfile={folder}/serial.log"
    found += ["-chardev", serial, "-serial", "chardev:serial"]
    return [*found, "-qmp", f"unix:{folder}/monitor.sock,server=on,wait=off", "-pidfile", f"{folder}/pid", "-daemonize"]


def firmware(folder: Path) -> None:
    """Make the machine's own firmware variables, in a form that snapshots can hold."""
    disks.run("qemu-img", "convert", "-O", "qcow2", _FIRMWARE / "OVMF_VARS_4M.fd", folder / "firmware.qcow2")


def start_tpm(folder: Path) -> None:
    """Start the software TPM of a machine, made on first use. It ends when the machine does."""
    state = folder / "tpm"
    if not state.is_dir():
        state.mkdir(mode=0o700)
        disks.run("swtpm_setup", "--tpm2", "--tpmstate", state, "--createek", "--overwrite")
    socket_path = folder / "tpm.sock"
    socket_path.unlink(missing_ok=True)
    # Absolute paths: --daemon changes the folder.
    disks.run(
        "swtpm", "socket", "--tpm2", "--terminate", "--daemon", "--tpmstate", f"dir={state}",
        "--ctrl", f"type=unixio,path={socket_path}", "--pid", f"file={folder}/tpm.pid",
    )  # fmt: skip


def pid(folder: Path, program: str = _PROGRAM, file: str = "pid") -> int | None:
    """Return the process of a machine's `program` if it runs, told from another that got the same number."""
    try:
        number = int((folder / file).read_text(encoding="ascii"))
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    ours = words[0] == program.encode() and any(str(folder).encode() in word for word in words)
    return number if ours else None


def kill(folder: Path) -> None:
    """Cut the power: end the process at once. Nothing to end is not an error."""
    for program, file in ((_PROGRAM, "pid"), ("swtpm", "tpm.pid")):
        number = pid(folder, program, file)
        if number is None:
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
        deadline = time.monotonic() + _STOP_SECONDS
        while pid(folder, program, file) is not None and time.monotonic() < deadline:
            time.sleep(0.05)


def monitor(folder: Path, command: str) -> str:
    """Give one command to the machine's monitor and return what it says.

    Raises:
        NomadeError: the machine does not run, or its monitor says something to a command that succeeds silently.
    """
    try:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(120)
            stream.connect(str(folder / "monitor.sock"))
            with stream.makefile("rw", encoding="utf-8") as lines:
                lines.readline()  # the greeting
                _ask(lines, {"execute": "qmp_capabilities"})
                asked = {"execute": "human-monitor-command", "arguments": {"command-line": command}}
                return str(_ask(lines, asked)["return"]).strip()
    except (OSError, KeyError, ValueError) as error:
        raise NomadeError(
            _("{folder}: the machine’s monitor does not answer to “{command}”: {error}").format(
                folder=folder, command=command, error=error
            )
        ) from error


def _ask(stream: TextIO, question: Mapping[str, object]) -> dict[str, object]:
    stream.write(json.dumps(question) + "\n")
    stream.flush()
    while True:
        answer: dict[str, object] = json.loads(stream.readline())
        if "event" not in answer:
            return answer
