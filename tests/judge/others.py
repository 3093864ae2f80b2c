"""Lynis, ssh-audit, systemd's exposure levels, and a port scan from a neighbour."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass

from tests.judge import Laptop

_REPORT = "/root/judge/lynis.dat"
_SSH_AUDIT_FINISHED = (
    0,
    1,
    2,
    3,
)  # 1 connection, 2 warnings, 3 failures: ssh-audit(1); a report is printed for 2 and 3
EXPOSURE_GOAL = 3.0


@dataclass(frozen=True, slots=True)
class Ssh:
    """What ssh-audit finds fault with, as `kind algorithm: reason`."""

    failures: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lynis:
    """Its version, its hardening index (0 to 100), and the tests that it still has a suggestion or a warning for."""

    version: str
    index: int
    open_tests: tuple[str, ...] = ()


def lynis(laptop: Laptop, timeout: float = 900) -> Lynis:
    """Have Lynis look at the laptop."""
    laptop.run("lynis", "audit", "system", "--quick", "--no-colors", "--report-file", _REPORT, timeout=timeout)
    return judge_lynis(laptop.run("cat", _REPORT))


def judge_lynis(report: str) -> Lynis:
    """Read a report of Lynis."""
    found = re.search(r"^hardening_index=(\d+)$", report, re.MULTILINE)
    version = re.search(r"^lynis_version=(\S+)$", report, re.MULTILINE)
    if not found or not version:
        raise RuntimeError("lynis: no index in its report")
    open_tests = re.findall(r"^(?:suggestion|warning)\[\]=([A-Z]+-\d+)\|", report, re.MULTILINE)
    return Lynis(version.group(1), int(found.group(1)), tuple(sorted(set(open_tests))))


def ssh_audit(address: str) -> Ssh:
    """Ask the sshd of `address` from this machine."""
    command = ["ssh-audit", "--json", "--no-colors", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode not in _SSH_AUDIT_FINISHED or not done.stdout.startswith("{"):
        raise RuntimeError(f"ssh-audit: {done.returncode}: {done.stdout[-300:]}{done.stderr[-300:]}")
    return judge_ssh(_plain(address), json.loads(done.stdout))


def _plain(address: str) -> str:
    """Return the report as text: version 2.5 gives no notes in JSON."""
    command = ["ssh-audit", "--no-colors", "--level=warn", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout


def judge_ssh(text: str, document: dict[str, object]) -> Ssh:
    """Read the `[fail]` and `[warn]` lines; `document` proves that algorithms were seen at all."""
    if not document.get("kex"):
        raise RuntimeError("ssh-audit saw no algorithm")
    notes: dict[str, list[str]] = {"fail": [], "warn": []}
    subject = ""
    for line in text.splitlines():
        if named := re.match(r"\((kex|key|enc|mac|cve|sec)\) (\S+)", line):
            subject = named.group(2)
        if noted := re.search(r"\[(fail|warn)\] (.+)", line):
            notes[noted.group(1)].append(f"{subject} : {noted.group(2).strip()}")
    return Ssh(tuple(notes["fail"]), tuple(notes["warn"]))


def ssh_audit_version() -> str:
    """Return the version of ssh-audit on this machine."""
    said = subprocess.run(["ssh-audit", "--help"], capture_output=True, text=True, check=False)
    found = re.search(r"v(\d+\.\d+\.\d+)", said.stdout + said.stderr)
    return found.group(1) if found else "?"


def exposures(laptop: Laptop) -> dict[str, float]:
    """Return the exposure level (0 to 10) of each service whose unit file is ours."""
    names = laptop.run("sh", "-c", "cd /etc/systemd/system && ls -d nomade-*.service 2>/dev/null || true").split()
    levels: dict[str, float] = {}
    for name in names:
        instance = name.replace("@.", "@judged.")  # a template is judged as one of its instances
        said = laptop.run("systemd-analyze", "security", "--no-pager", instance)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
        levels[name] = float(found.group(1)) if found else 10.0
    return levels


def open_ports(neighbour: Laptop, address: str) -> list[str]:
    """Return the ports of `address` that answer a machine on its access network, as `port/protocol`."""
    said = neighbour.run("nmap", "-n", "-Pn", "-sS", "--top-ports", "200", "--max-retries", "1", "-oG", "-", address)
    if "Status: Up" not in said:
        raise RuntimeError("nmap: no answer about the host")
    return re.findall(r"(\d+/open)/tcp", said)
