"""Peers of a live gateway: seen as they are, changed under a running transfer, shut out at once, lost, let in again.

The last module that touches the site: its laptop ends with another key than it began with.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.fleets import rewritten, with_line
from tests.e2e.network import reachable
from toolkit import fleet
from toolkit.fleet.addresses import load as load_addresses
from toolkit.fleet.parts import OfficePc
from toolkit.lab import engine
from toolkit.lab.machines import Lab
from toolkit.lost import journal
from toolkit.reach import enrolment, routes
from toolkit.transport.base import Route
from toolkit.transport.ssh import SshTransport
from toolkit.vpn import keys

pytestmark = pytest.mark.lab

COMMUNE = "pontlierre"
GATEWAY, LAPTOP, SPARE = "pontlierre-passerelle", "pontlierre-portable-1", "pontlierre-portable-9"
OFFICE_PC = "pontlierre-bureau-1"
# What of a gateway made anew carries tunnels; the rest of `nomade apply` has its own tests.
AGAIN = "ssh,vpn_gateway,vpn_client,firewall"
# A key of nobody: 32 bytes that WireGuard takes.
STRANGER = "U3RyYW5nZXItd2l0aG91dC1hLXByaXZhdGUta2V5IQA="
Done = subprocess.CompletedProcess[str]
Nomade = Callable[..., Done]


def sh(lab: Lab, host: str, script: str) -> str:
    done = lab.exec(host, ["sh", "-euc", script])
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def peers(lab: Lab, nomade: Nomade, code: int = 0) -> dict[str, dict[str, Any]]:
    """Return what `nomade vpn peers` says, by laptop (a key for who has none)."""
    done = nomade(lab.workspace, "vpn", "peers", "-c", COMMUNE, "-f", "json")
    assert done.returncode == code, done.stdout + done.stderr
    (gateway,) = json.loads(done.stdout)["gateways"]
    # A laptop's former keys are refused peers of the same name: what is not refused comes after them.
    rows = sorted(gateway["peers"], key=lambda peer: bool(peer["state"] != "revoked"))
    return {peer["laptop"] or peer["public_key"]: peer for peer in rows}


def verdict(lab: Lab, nomade: Nomade, control: str) -> str:
    done = nomade(lab.workspace, "audit", "-c", COMMUNE, "-l", GATEWAY, "-f", "json")
    (report,) = json.loads(done.stdout)["reports"]
    findings = report["endpoints"][0]["findings"]
    return str(next(item["verdict"] for item in findings if item["control"] == control))


def until(met: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, what
        time.sleep(1)


def active(lab: Lab, host: str = GATEWAY) -> bool:
    rows = [row.split() for row in sh(lab, host, "wg show wg-nomade latest-handshakes").splitlines()]
    return any(time.time() - int(row[1]) < 150 for row in rows)


class Transfer:
    """A download from the laptop to the gateway, through the tunnel, over one TCP connection, until the block ends."""

    TURNS, CHUNK, STOP = 3000, 20_000, "/run/nomade-test-stop"

    def __init__(self, lab: Lab, patience: float = 900) -> None:
        """`patience`: seconds after which a transfer that hangs is given up."""
        self._lab, self._patience = lab, patience
        self.way = inside(lab)
        self.received, self.code = b"", None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        each = f"[ ! -e {self.STOP} ] || break; head -c {self.CHUNK} /dev/zero | tr '\\0' x; sleep 0.2"
        script = f"for i in $(seq {self.TURNS}); do {each}; done; echo end\n"
        with SshTransport() as transport:
            result = transport.run(self.way, script, timeout=self._patience, limit=self.TURNS * self.CHUNK + 1000)
        self.received, self.code = result.stdout, result.exit_code

    def __enter__(self) -> Transfer:
        sh(self._lab, LAPTOP, f"rm -f {self.STOP}")
        self._thread.start()
        time.sleep(4)
        return self

    def __exit__(self, *_exception: object) -> None:
        sh(self._lab, LAPTOP, f"touch {self.STOP}")
        self._thread.join(self._patience + 30)

    @property
    def whole(self) -> bool:
        """Whether it went on to its end: every byte came, and the last word."""
        body, end = self.received[:-4], self.received[-4:]
        return self.code == 0 and end == b"end\n" and len(body) > 0 and len(body) % self.CHUNK == 0


def inside(lab: Lab) -> Route:
    """Return the laptop's route through the tunnel, wherever ordinary runs look for it."""
    loaded = fleet.load(lab.workspace, COMMUNE)
    tunnel = load_addresses(lab.workspace.commune(COMMUNE).addresses, loaded).tunnel
    ways = routes(lab.workspace, loaded)
    return replace(ways[LAPTOP], address=tunnel[LAPTOP], port=22, jump=ways[GATEWAY])


def woken(lab: Lab) -> str:
    """Return what the gateway says to a laptop that asks for its office PC to be woken."""
    address = load_addresses(lab.workspace.commune(COMMUNE).addresses, fleet.load(lab.workspace, COMMUNE)).tunnel
    return sh(lab, LAPTOP, f"bash -c 'exec 3<> /dev/tcp/{address[GATEWAY]}/9; head -n 1 <&3'")


def test_each_peer_is_shown_as_it_is(site: Lab, nomade: Nomade) -> None:
    until(
        lambda: active(site), 200, "no handshake"
    )  # a quiet laptop notices within two minutes that its gateway restarted
    laptop = peers(site, nomade)[LAPTOP]
    assert (laptop["state"], laptop["teleworker"]) == ("active", "ylegoff")
    assert laptop["received"] > 0


def test_a_peer_added_by_hand_is_an_orphan_and_a_finding(site: Lab, nomade: Nomade) -> None:
    control = "vpn-gateway-no-orphan-peer"
    assert verdict(site, nomade, control) == "pass"
    sh(site, GATEWAY, f"wg set wg-nomade peer {STRANGER} allowed-ips 192.0.2.77/32")
    try:
        assert peers(site, nomade, code=2)[STRANGER]["state"] == "orphan"
        assert verdict(site, nomade, control) == "fail"
    finally:
        sh(site, GATEWAY, f"wg set wg-nomade peer {STRANGER} remove")


def test_adding_rotating_and_removing_cuts_no_transfer(site: Lab, nomade: Nomade) -> None:
    folder = site.workspace.commune(COMMUNE)
    former = keys.known(folder).current[LAPTOP]
    spare = f"laptops:\n  - {{name: {SPARE}, os: debian-12, management: {{address: 192.0.2.9}}}}\n"
    added_to = with_line("laptops:", spare)
    with rewritten(site, added_to, COMMUNE), Transfer(site) as transfer:
        (folder.public / f"{SPARE}.wg.pub").write_text(STRANGER + "\n", encoding="utf-8")
        added = nomade(site.workspace, "vpn", "rotate", LAPTOP)
        assert added.returncode == 0, added.stderr
        assert peers(site, nomade)[SPARE]["state"] == "silent"
        removed = nomade(site.workspace, "vpn", "revoke", SPARE)
        assert removed.returncode == 0, removed.stderr
        assert peers(site, nomade)[SPARE]["state"] == "revoked"
    (folder.public / "revoked" / f"{SPARE}.wg.pub").unlink()
    assert transfer.whole, (transfer.code, len(transfer.received))
    known = keys.known(folder)
    assert known.current[LAPTOP] == sh(site, LAPTOP, "wg pubkey < /etc/wireguard/nomade.key") != former
    assert known.revoked[former] == LAPTOP
    assert sh(site, LAPTOP, "ls /etc/wireguard") == "nomade.conf\nnomade.key"


def test_outside_of_its_days_a_laptop_reaches_nothing_and_an_emergency_opens_at_once(site: Lab, nomade: Nomade) -> None:
    depot = fleet.load(site.workspace, COMMUNE).applications[0]
    target = (depot.address, depot.port)
    days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    today = int(sh(site, GATEWAY, "date +%u")) - 1
    other = days[(today + 3) % 7]
    regime = f'regime: {{enforced: true, grace: 0, hours: "00:00-23:59", weekdays: [{other}]}}\n'

    until(lambda: reachable(site, LAPTOP, target)[target], 60, "closed before it begins")
    with rewritten(site, with_line("regime:", regime), COMMUNE):
        assert nomade(site.workspace, "regime", "set", "emergency", "-c", COMMUNE).returncode == 0
        assert reachable(site, LAPTOP, target)[target]
        assert woken(site) == "sent"
        assert nomade(site.workspace, "regime", "set", "normal", "-c", COMMUNE).returncode == 0
        assert not reachable(site, LAPTOP, target)[target]
        assert woken(site) == "closed"
        assert "closed" in sh(site, GATEWAY, "journalctl -u nomade-gateway --no-pager -o cat")
        assert active(site), "administration keeps its way in"
        shown = nomade(site.workspace, "regime", "show", "-c", COMMUNE)
        assert "closed" in shown.stdout
    assert nomade(site.workspace, "apply", "-c", COMMUNE, "-l", GATEWAY, "-t", "vpn_gateway_access").returncode == 0
    assert reachable(site, LAPTOP, target)[target]


def test_f066_a_revoked_laptop_is_cut_off_at_once_and_its_attempts_are_counted(site: Lab, nomade: Nomade) -> None:
    former = keys.known(site.workspace.commune(COMMUNE)).current[LAPTOP]
    with Transfer(site, patience=120) as transfer:
        for _again in range(2):
            done = nomade(site.workspace, "vpn", "revoke", LAPTOP, "--reason", "essai")
            assert done.returncode == 0, done.stderr
        assert f"{former}\t(none)" in sh(site, GATEWAY, "wg show wg-nomade allowed-ips")
        assert f"{former}\t(none)" not in sh(site, GATEWAY, "wg show wg-nomade preshared-keys")
    assert not transfer.whole
    until(lambda: peers(site, nomade, code=2)[LAPTOP]["state"] == "trying", 60, "no attempt was counted")
    assert peers(site, nomade, code=2)[LAPTOP]["source"]
    assert verdict(site, nomade, "vpn-revoked-key-silent") == "fail"
    time.sleep(10)
    assert f"{former}\t0" in sh(site, GATEWAY, "wg show wg-nomade latest-handshakes"), "a refused key shook hands"
    _come_back(site, nomade, "vpn", "revoke", LAPTOP, "--undo")
    assert keys.known(site.workspace.commune(COMMUNE)).current[LAPTOP] != former


def _come_back(site: Lab, nomade: Nomade, *undo: str, also: str = "", tags: str = "vpn_client,vpn_gateway") -> None:
    done = nomade(site.workspace, *undo)
    assert done.returncode == 0, done.stderr
    apply = nomade(site.workspace, "apply", "-c", COMMUNE, "-l", f"{GATEWAY},{LAPTOP}{also}", "-t", tags)
    assert apply.returncode == 0, apply.stderr
    until(lambda: active(site), 60, "no tunnel with the new key")


def test_a_laptop_that_is_off_is_lost_its_office_pc_closed_and_all_of_it_found_again(site: Lab, nomade: Nomade) -> None:
    former = keys.known(site.workspace.commune(COMMUNE)).current[LAPTOP]
    loaded = fleet.load(site.workspace, COMMUNE)
    pc, address = loaded.endpoint(OFFICE_PC), inside(site).address
    assert isinstance(pc, OfficePc)
    desktop = (pc.office_address, 3389)
    assert reachable(site, LAPTOP, desktop)[desktop]
    site.pause(LAPTOP)
    try:
        first = nomade(site.workspace, "lost", LAPTOP, "--reason", "volé dans le train")
        assert first.returncode == 0, first.stderr
        assert first.stdout.strip().endswith(".pdf")
        again = nomade(site.workspace, "lost", LAPTOP)
        assert again.returncode == first.returncode
    finally:
        site.unpause(LAPTOP)
    known = journal.load(site.workspace, LAPTOP)
    assert known is not None
    assert {"written", "gateway", "office_pc", "trust"} <= set(known.done)
    assert f"{former}\t(none)" in sh(site, GATEWAY, "wg show wg-nomade allowed-ips")
    assert address not in sh(site, OFFICE_PC, "nft list ruleset"), "the office PC itself lets it in no more"
    _come_back(
        site,
        nomade,
        "lost",
        LAPTOP,
        "--found",
        also=f",{OFFICE_PC}",
        tags="vpn_client,vpn_gateway,remote_desktop_host,firewall",
    )
    assert reachable(site, LAPTOP, desktop)[desktop]


def test_f065_a_gateway_made_anew_takes_its_peers_from_the_inventory_and_is_learned_on_the_bench(
    site: Lab, nomade: Nomade
) -> None:
    folder, lab_keys = site.workspace.commune(COMMUNE), site.workspace.state / "lab"
    former = keys.known(folder).current
    engine.run("rm", "--force", "--volumes", site.container(GATEWAY))
    site.up([GATEWAY])
    first = ("--known-hosts", str(lab_keys / "known_hosts"), "--key", str(lab_keys / "bootstrap_ed25519"))
    refused = nomade(site.workspace, "enroll", "-c", COMMUNE, "-l", GATEWAY, *first)
    assert refused.returncode == 4, "another machine under a known name is no gateway of ours until somebody says so"
    subprocess.run(["ssh-keygen", "-q", "-R", GATEWAY, "-f", str(folder.known_hosts)], check=True, capture_output=True)
    for who in (GATEWAY, f"{LAPTOP},{OFFICE_PC}"):
        enrolled = nomade(site.workspace, "enroll", "-c", COMMUNE, "-l", who, *first)
        assert enrolled.returncode == 0, enrolled.stderr
    assert enrolment(site.workspace, COMMUNE)[LAPTOP].path == "bench", "no tunnel: it was looked for on the bench"
    apply = nomade(site.workspace, "apply", "-c", COMMUNE, "-l", f"{GATEWAY},{LAPTOP}", "-t", AGAIN)
    assert apply.returncode == 0, apply.stderr
    until(lambda: active(site), 60, "no handshake with the new gateway")
    known = keys.known(folder).current
    assert known[GATEWAY] != former[GATEWAY]
    assert known[LAPTOP] == former[LAPTOP], "a laptop keeps its key"
    assert peers(site, nomade)[LAPTOP]["state"] == "active"
