#!/usr/bin/python3 -I
# SPDX-License-Identifier: EUPL-1.2
"""Wake an office PC of this commune by a magic packet on the office network. Standard library only.

A laptop cannot send that packet through the tunnel, so it asks here: it connects (nomade-wake.socket), says nothing,
and the PC of its own post is woken. Who asks is its tunnel address, which WireGuard ties to its key; nothing that it
sends is read. The rules are those of the remote desktop: outside of its days and hours, or when it or the PC is in
quarantine, it is told so and nothing is woken.
Administration, whom no window binds, says what to wake and how long to wait for an answer:
`nomade-wake MAC ADDRESS SECONDS`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PLACES = Path("/etc/nomade/wake.json")
# Who may begin something now, from the program of the access windows (nomade_access.py).
CALLERS = Path("/run/nomade-access/callers.json")
# The port means nothing to the card, which looks for the pattern anywhere in the frame; 9 is the customary one.
PORT = 9
REPEATS = 3
PAUSE = 0.2  # seconds between two packets
SILENT = 3  # exit status: woken, and no answer in time
REFUSED = 4  # exit status: this gateway's firewall lets no such packet out


def magic_packet(mac: str) -> bytes:
    """Return the pattern a sleeping card waits for: six bytes of ones, then its address sixteen times.

    Raises:
        ValueError: `mac` is not twelve hexadecimal digits in pairs.
    """
    address = bytes.fromhex(mac.replace(":", "").replace("-", ""))
    if len(address) != 6:
        raise ValueError(f"not a MAC address: {mac}")
    return b"\xff" * 6 + address * 16


def send(mac: str, places: dict[str, Any]) -> None:
    """Send the packet to everybody on the office network, a few times: nothing confirms it."""
    packet = magic_packet(mac)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        out.bind((places["source"], 0))
        for repeat in range(REPEATS):
            time.sleep(PAUSE if repeat else 0)
            out.sendto(packet, (places["broadcast"], PORT))


def answers(address: str) -> bool:
    """Return whether the PC answers a ping within a second."""
    command = ["ping", "-n", "-q", "-c", "1", "-W", "1", address]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


def wake(mac: str, address: str, places: dict[str, Any], seconds: int) -> int:
    """Wake one PC and wait until it answers; a packet again every ten seconds, for a switch that learns slowly."""
    end = time.monotonic() + seconds
    send(mac, places)
    again = time.monotonic() + 10
    while time.monotonic() < end:
        if answers(address):
            return 0
        time.sleep(0.5)
        if time.monotonic() >= again:
            send(mac, places)
            again += 10
    return SILENT if seconds else 0


def refusal(callers: dict[str, Any], laptop: str, pc: str, now: float) -> str:
    """Return why a laptop wakes nothing at the moment `now` (Unix time): `held` or `closed`; empty when it may."""
    if {laptop, pc} & set(callers["held"]):
        return "held"
    if callers["open"] is not None and callers["open"].get(laptop, 0) <= now:
        return "closed"
    return ""


def asked(places: dict[str, Any], laptop: str, callers: dict[str, Any] | None) -> str:
    """Wake the PC of a laptop, if it may do so now, and return the line it is told; `callers` None: nobody may."""
    found = [pc for pc in places["pcs"] if laptop and pc.get("laptop") == laptop]
    if len(found) != 1 or callers is None:
        return "none"
    (pc,) = found
    refused = refusal(callers, laptop, pc["address"], time.time())
    if refused:
        sys.stderr.write(f"{pc['name']}: not woken by its laptop: {refused}\n")
        return refused
    send(pc["mac"], places)
    sys.stderr.write(f"{pc['name']}: woken by its laptop\n")
    return "sent"


def main(arguments: list[str]) -> int:
    """Serve the laptop of this connection, or the administrator who says what to wake; return an exit status."""
    places = json.loads(PLACES.read_text(encoding="utf-8"))
    if arguments:
        mac, address, seconds = arguments
        try:
            return wake(mac, address, places, int(seconds))
        except PermissionError:
            return REFUSED
    callers = json.loads(CALLERS.read_text(encoding="utf-8")) if CALLERS.exists() else None
    sys.stdout.write(asked(places, os.environ.get("REMOTE_ADDR", ""), callers) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
