"""How fast the tunnel carries with the role's rules at both ends, against the same tunnel without any rules."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.bench import Row, compare
from tests.roles.home import Home, standing

GOAL = 1 / 0.9  # time for the same amount: at least 90 % of the throughput
# Many short transfers: what else the machine does falls on some of them, and the best of each kind are compared.
_ROUNDS = 8
_SECONDS = 2
_SERVICE = "192.168.1.10", 443  # a declared application: reached through the rules, not around them


def _seconds_per_gigabit(home: Home, *direction: str) -> float:
    address, port = _SERVICE
    said = home.laptop.sh(f"iperf3 --json -c {address} -p {port} -t {_SECONDS} {' '.join(direction)}")
    return 1e9 / float(json.loads(said)["end"]["sum_received"]["bits_per_second"])


def _without_rules(home: Home) -> None:
    for name in ("laptop", "gateway"):
        home[name].sh("nft delete table inet nomade")


def _with_rules(home: Home) -> None:
    for name in ("laptop", "gateway"):
        home.load_rules(name)


def run() -> list[Row]:
    """Return one row per direction: the best of alternating transfers, in seconds per gigabit (root, wireguard-go)."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, standing(Path(folder)) as home:
        address, port = _SERVICE
        home["office"].sh(f"ip address add {address}/24 dev lan")
        home["office"].spawn("iperf3", "-s", "-B", address, "-p", str(port))
        home.load_rules("laptop")
        home.plug_in("hotel")
        home.start_tunnel("laptop")
        if not home.shaken(15):
            raise RuntimeError("no tunnel")
        for name, direction in (("tunnel up", ()), ("tunnel down", ("--reverse",))):
            pairs = []
            for _round in range(_ROUNDS):
                _with_rules(home)
                ours = _seconds_per_gigabit(home, *direction)
                _without_rules(home)
                pairs.append((ours, _seconds_per_gigabit(home, *direction)))
            best = [min(column) for column in zip(*pairs, strict=True)]
            rows.append(compare(f"{name} / without our rules", best[0], best[1], GOAL))
    return rows
