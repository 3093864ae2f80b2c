"""A small commune that is right, to be made wrong in one place by each test."""

from __future__ import annotations

from pathlib import Path

from toolkit.workspace import Workspace

CONFIG = """\
cig:
  name: CIG d’essai
management_addresses: [192.0.2.10/32]
setup_networks: [192.0.2.0/24]
escrow_recipients: [age16dhx9mk06zrd4ysa88g3r2g4n45eduwte95fjqkjgy0wt6gyjdgq3yj4ty]
"""

FLEET = """\
commune:
  id: essai
  name: Essai-le-Petit
  insee: "99003"
  escrow_recipients: [age16gglejryulsfmxg96lp7ygu36tr787vxkdxfyk0fqw8s838uyf5qn82awv]
gateway:
  name: essai-passerelle
  os: debian-12
  management: {address: 192.0.2.21}
  public: {address: 203.0.113.21}
  tunnel_network: 10.77.9.0/29
  office: {network: 198.51.100.0/24, address: 198.51.100.2}
services:
  - {id: accueil, name: Accueil}
applications:
  - {id: paie, name: Paie, address: 198.51.100.10, port: 443}
  - {id: depot, name: Dépôt, address: 198.51.100.11, port: 3142, everyone: true}
duties:
  - {id: redacteur, name: Rédacteur, service: accueil, eligible: true, applications: [paie]}
  - {id: gardien, name: Gardien, service: accueil, eligible: false}
teleworkers:
  - {login: anna, name: Anna Petit, duty: redacteur}
  - {login: bruno, name: Bruno Grand, duty: redacteur}
laptops:
  - {name: essai-portable-1, os: debian-13, management: {address: 192.0.2.31}, serial: S1, mac: "00:11:22:33:44:01"}
  - {name: essai-portable-2, os: debian-12, management: {address: 192.0.2.32}, serial: S2, mac: "00:11:22:33:44:02"}
office_pcs:
  - {name: essai-bureau-1, os: debian-12, management: {address: 192.0.2.41}, office_address: 198.51.100.20, serial: S3}
  - {name: essai-bureau-2, os: debian-13, management: {address: 192.0.2.42}, office_address: 198.51.100.21, serial: S4}
posts:
  - {teleworker: anna, laptop: essai-portable-1, office_pc: essai-bureau-1}
  - {teleworker: bruno, laptop: essai-portable-2}
"""


def workspace(folder: Path, **fleets: str) -> Workspace:
    """Write a workspace with one fleet file per keyword (commune id) and return it."""
    made = Workspace(folder)
    folder.mkdir(exist_ok=True)
    made.config_file.write_text(CONFIG, encoding="utf-8")
    for commune, text in fleets.items():
        path = made.commune(commune).fleet
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return made


def changed(old: str, new: str) -> str:
    """Return the sample with one piece replaced; the piece must be there."""
    assert old in FLEET
    return FLEET.replace(old, new, 1)


def other(commune: str, block: int) -> str:
    """Return another commune that shares nothing with the sample; `block` (1 to 9) picks its networks and serials."""
    swaps = {
        "essai": commune,
        "192.0.2.": f"192.0.{block + 2}.",
        "10.77.9.": f"10.78.{block}.",
        ":44:0": f":5{block}:0",
        "serial: S": f"serial: T{block}",
    }
    text = FLEET
    for old, new in swaps.items():
        text = text.replace(old, new)
    return text
