"""`nomade inventory generate` for 1,000 posts against loading and dumping the same file with PyYAML's C loader."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.bench import Row, compare
from tests.fleet import sample
from toolkit import inventory

POSTS = 1_000
GOAL = 2.0
_ROUNDS = 5

_HEAD = """\
commune: {{id: {commune}, name: Grande-Ville, insee: "99999"}}
gateway:
  name: {commune}-passerelle
  os: debian-12
  management: {{address: {gateway}}}
  public: {{address: 203.0.113.21}}
  tunnel_network: {tunnel}
  office: {{network: 10.99.0.0/16, address: 10.99.0.1}}
services:
  - {{id: accueil, name: Accueil}}
applications:
  - {{id: paie, name: Paie, address: 10.99.255.1, port: 443}}
  - {{id: depot, name: Dépôt, address: 10.99.255.2, port: 3142, everyone: true}}
duties:
  - {{id: redacteur, name: Rédacteur, service: accueil, eligible: true, applications: [paie]}}
"""

_LAPTOP = """\
  - name: portable-{n}
    os: debian-13
    management: {{address: 172.20.{high}.{low}}}
    serial: PF{n:06d}
    model: ThinkPad X13
    mac: "00:11:22:00:{high:02x}:{low:02x}"
"""

_OFFICE_PC = """\
  - name: bureau-{n}
    os: debian-12
    management: {{address: 172.21.{high}.{low}}}
    office_address: 10.99.{next}.{low}
    serial: BU{n:06d}
"""


def fleet_of(posts: int, commune: str = "grande", index: int = 0) -> str:
    """Return a fleet file with that many posts, each with a laptop and an office PC.

    Communes of equal size (under 250 posts) with different `index` have nothing in common, whatever must be unique.
    """
    numbers = range(index * posts, (index + 1) * posts)
    places = [{"n": n, "high": n // 250, "low": n % 250 + 1, "next": n // 250 + 1} for n in numbers]
    parts = {
        "teleworkers": "  - {{login: agent{n}, name: Personne {n}, duty: redacteur}}\n",
        "laptops": _LAPTOP,
        "office_pcs": _OFFICE_PC,
        "posts": "  - {{teleworker: agent{n}, laptop: portable-{n}, office_pc: bureau-{n}}}\n",
    }
    tunnel = f"10.{64 + index // 256}.{index % 256}.0/{24 if posts < 250 else 16}"
    head = _HEAD.format(commune=commune, gateway=f"172.22.{index // 250}.{index % 250 + 1}", tunnel=tunnel)
    return head + "".join(
        f"{name}:\n" + "".join(part.format(**place) for place in places) for name, part in parts.items()
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run() -> list[Row]:
    """Measure, writing both files anew in every round."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = sample.workspace(Path(folder), grande=fleet_of(POSTS))
        commune = workspace.commune("grande")

        def ours() -> None:
            commune.hosts.unlink(missing_ok=True)
            commune.addresses.unlink(missing_ok=True)
            assert inventory.generate(workspace, "grande")

        def peer() -> None:
            content = yaml.load(commune.fleet.read_bytes(), Loader=yaml.CSafeLoader)
            (Path(folder) / "copy.yml").write_bytes(yaml.dump(content, Dumper=yaml.CSafeDumper, encoding="utf-8"))

        # In turns, so that whatever else the machine does disturbs both alike; the shortest is the least disturbed.
        rounds = [(_seconds(ours), _seconds(peer)) for _round in range(_ROUNDS)]
        best_ours, best_peer = (min(durations) for durations in zip(*rounds, strict=True))
        return [compare(f"inventory generate, {POSTS} posts / PyYAML C load + dump", best_ours, best_peer, GOAL)]
