"""Network cables of virtual machines: taps plugged into the bridges of the lab's networks."""

from __future__ import annotations

import hashlib
import subprocess

from toolkit.lab.virtual import disks


def name(lab: str, host: str, index: int) -> str:
    """Return the name of a tap: at most 15 characters, the kernel's limit."""
    return "nt" + hashlib.sha256(f"{lab}/{host}/{index}".encode()).hexdigest()[:10]


def plug(tap: str, bridge: str) -> None:
    """Make the tap and connect it; one that an interrupted run left is made anew."""
    unplug(tap)
    disks.run("ip", "tuntap", "add", "dev", tap, "mode", "tap")
    disks.run("ip", "link", "set", "dev", tap, "master", bridge, "up")


def unplug(tap: str) -> None:
    """Remove the tap if it is there."""
    subprocess.run(["ip", "link", "del", "dev", tap], capture_output=True, check=False)
