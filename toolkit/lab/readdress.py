"""Copy a lab workspace to other addresses, so that several labs run side by side."""

from __future__ import annotations

import ipaddress
import re
import shutil
from pathlib import Path

from toolkit.errors import BadInputError
from toolkit.files import write_atomically
from toolkit.i18n import _
from toolkit.lab import engine, networks
from toolkit.workspace import Workspace

# The demo's addresses are of the first block of each; a block is 4096 addresses (sixteen /24 networks).
_BLOCK = 4096
_BASES = (ipaddress.IPv4Network("198.18.0.0/20"), ipaddress.IPv4Network("10.77.0.0/20"))
BLOCKS = range(1, 32)  # what 198.18.0.0/15 has besides the demo's
_ADDRESS = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.]|/15)")
_TEXTS = ("nomade.yml", "lab.yml", "inventories/*/fleet.yml")


def readdress(source: Path, target: Path, block: int) -> Workspace:
    """Copy the workspace `source` to the new folder `target`, its addresses moved to `block` (1 to 31).

    Only what people write is copied: no state, no generated file. Addresses outside the demo's own ranges
    (198.18.0.0/20, 10.77.0.0/20) stay.

    Raises:
        BadInputError: the block does not exist.
    """
    if block not in BLOCKS:
        raise BadInputError(_("lab: there is no block {block}: 1 to 31").format(block=block))
    target.mkdir(parents=True, exist_ok=True)
    for pattern in _TEXTS:
        for file in sorted(source.glob(pattern)):
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(copy, move(file.read_text(encoding="utf-8"), block))
    for folder in source.glob("demo-identities"):
        shutil.copytree(folder, target / folder.name, dirs_exist_ok=True)
    return Workspace(target)


def move(text: str, block: int) -> str:
    """Return `text` with every address of the demo's ranges moved by `block` blocks."""

    def moved(match: re.Match[str]) -> str:
        try:
            address = ipaddress.IPv4Address(match.group())
        except ValueError:
            return match.group()
        return str(address + block * _BLOCK) if any(address in base for base in _BASES) else match.group()

    return _ADDRESS.sub(moved, text)


def free_block(start: int = 10) -> int:
    """Return the first block from `start` on that no docker network of this machine uses, kept for this process.

    Raises:
        BadInputError: all are used.
    """
    engine.ensure()
    used = networks.used_ranges()
    for block in BLOCKS:
        network = ipaddress.IPv4Network((int(_BASES[0].network_address) + block * _BLOCK, 20))
        if block >= start and not any(network.overlaps(other) for other in used) and engine.hold(f"block-{block}"):
            return block
    raise BadInputError(_("lab: every block of addresses is in use: end a lab first (nomade lab list --all)"))
