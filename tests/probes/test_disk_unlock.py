"""Whether encrypted volumes hand discards on to the disk: now, from the next boot on, or by their own header."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.escrow import volumes
from toolkit.catalogue import load
from toolkit.evaluate import Subject, judge_text
from toolkit.finding import Verdict
from toolkit.probes import registry
from toolkit.probes.disk_unlock import COMMAND, parse


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("volume root UUID=1 none luks\nopen root refused\n", ["refused"]),
        ("volume root UUID=1 none luks,discard\nopen root allowed\n", ["allowed"]),
        ("volume root UUID=1 none luks,discard\nopen root refused\n", ["mixed"]),
        ("volume root UUID=1 none luks\nopen root allowed\n", ["mixed"]),
        ("volume root UUID=1 none luks\nflag /dev/sda3\nopen root allowed\n", ["allowed"]),
        ("volume root UUID=1 none luks\nvolume data UUID=2 none luks,discard\nopen root refused\nopen data allowed\n",
         ["allowed", "refused"]),
        ("volume data UUID=2 none luks,noauto\n", ["refused"]),  # not open now
        ("volume swap /dev/sda4 /dev/urandom swap,discard\nopen swap allowed\n", []),
        ("", []),
    ],
)  # fmt: skip
def test_what_holds_now_and_what_holds_from_the_next_boot_on(lines: str, found: list[str]) -> None:
    assert parse(f"{lines}end\n")["discards"] == found


def mapped(tmp_path: Path, table: str) -> str:
    """Return what the command prints where the kernel has a dm-crypt device: this one has no device mapper.

    The lines of the table are in the form of dm-crypt's documentation (Documentation/admin-guide/device-mapper).
    """
    (tmp_path / "dm-0" / "dm").mkdir(parents=True)
    (tmp_path / "dm-0" / "dm" / "uuid").write_text("CRYPT-LUKS2-3e0a8112093846ea988fd49c4195d505-root\n")
    tool = tmp_path / "dmsetup"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{table}END\n" if table else "#!/bin/sh\nexit 1\n")
    tool.chmod(0o755)
    command = COMMAND.replace("/sys/block", str(tmp_path)).replace("/run/systemd/container", "/nowhere")
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "encrypted": ""}
    return subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=True).stdout


TABLE = "root: 0 976773168 crypt aes-xts-plain64 :64:logon:cryptsetup:3e0a8112-d0 0 259:3 32768"


@pytest.mark.parametrize(
    ("options", "said"),
    [("", "refused"), (" 1 allow_discards", "allowed"), (" 2 allow_discards same_cpu_crypt", "allowed"),
     (" 1 no_read_workqueue", "refused")],
)  # fmt: skip
def test_an_open_volume_is_asked_of_the_device_mapper(tmp_path: Path, options: str, said: str) -> None:
    text = mapped(tmp_path, f"{TABLE}{options}\n")
    assert f"open root {said}\n" in text
    assert "logon" not in text


def test_a_device_mapper_that_does_not_answer_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        mapped(tmp_path, "")


@pytest.mark.skipif(not shutil.which("cryptsetup"), reason="needs cryptsetup")
def test_a_header_that_asks_for_discards_at_every_opening_is_seen(tmp_path: Path) -> None:
    """A real header, with the flag that `cryptsetup --persistent` writes when a volume is open, read by cryptsetup."""
    image = volumes.luks_image(tmp_path / "disk.img")
    command = COMMAND.replace("${encrypted?}", str(image)).replace("/run/systemd/container", "/dev/null/none")

    def flags() -> list[str]:
        text = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
        return re.findall(r"^flag (.*)$", text, re.MULTILINE)

    assert flags() == []
    volumes.rewrite_header(
        image, b'"keyslots_size":"16744448"', b'"keyslots_size":"16744448","flags":["allow-discards"]'
    )
    dumped = subprocess.run(["cryptsetup", "luksDump", image], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^Flags:\s+allow-discards", dumped, re.MULTILINE)
    assert flags() == [str(image)]


def test_the_probe_runs_on_this_machine() -> None:
    text = subprocess.run(["sh", "-c", registry()["disk_unlock"].alone], capture_output=True, text=True, check=True)
    assert isinstance(parse(text.stdout)["discards"], list)


def test_swap_of_a_boot_alone_is_no_volume_whose_discards_are_as_decided() -> None:
    text = "volume swap /dev/sda4 /dev/urandom swap,discard\nopen swap allowed\nend\n"
    subject = Subject("p1", "laptop", {"disk_encryption_discards": "refused"})
    assert judge_text(load().controls["disk-discards-as-decided"], text, subject).verdict is Verdict.NOT_APPLICABLE
