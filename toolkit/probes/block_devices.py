"""Whether what is written to disk is encrypted: file systems and swap, followed down to their devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolkit.probes import Probe
from toolkit.probes._text import document

COMMAND = """
container=none
[ ! -s /run/systemd/container ] || read -r container </run/systemd/container || true
echo "container $container"
lsblk --json --output NAME,TYPE,FSTYPE,MOUNTPOINTS
"""

# container none
# {"blockdevices": [{"name": "sda", "type": "disk", "fstype": null, "mountpoints": [null], "children": [
#   {"name": "sda1", "type": "part", "fstype": "vfat", "mountpoints": ["/boot/efi"]},
#   {"name": "sda3", "type": "part", "fstype": "crypto_LUKS", "mountpoints": [null], "children": [
#     {"name": "root", "type": "crypt", "fstype": "ext4", "mountpoints": ["/"]}]}]}]}
CLEAR_BY_NATURE = ("/boot", "/boot/efi", "/efi")  # what the firmware and the boot loader read
REMOVABLE = ("rom",)
IN_MEMORY = "zram"  # compressed memory that serves as swap: no disk


def parse(text: str) -> dict[str, object]:
    """Return `root` and `clear`: whether / is on an encrypted device, and the mounts (and swap) that are not.

    A container has no disk of its own: what lsblk shows there is the host's, so nothing is taken for encrypted.
    """
    first, _, rest = text.partition("\n")
    if not first.startswith("container "):
        raise ValueError("no first line about containers")
    container = first.removeprefix("container ").strip()
    content = document(rest)
    if not isinstance(content, dict) or not isinstance(content.get("blockdevices"), list):
        raise ValueError("not the output of lsblk --json")
    mounts = list(_mounts(content["blockdevices"], encrypted=False))
    if container != "none":
        return {"container": container, "root": False, "clear": ["/"]}
    return {
        "container": container,
        "root": ("/", True) in mounts and ("/", False) not in mounts,
        "clear": sorted({place for place, encrypted in mounts if not encrypted and place not in CLEAR_BY_NATURE}),
    }


def _mounts(devices: list[Any], *, encrypted: bool) -> Iterator[tuple[str, bool]]:
    for device in devices:
        if not isinstance(device, dict):
            raise ValueError("a device that is not an object")
        below = encrypted or device.get("type") == "crypt"
        if device.get("type") not in REMOVABLE and not str(device.get("name")).startswith(IN_MEMORY):
            yield from ((place, below) for place in device.get("mountpoints") or [] if isinstance(place, str))
        yield from _mounts(device.get("children") or [], encrypted=below)


PROBE = Probe(name="block_devices", command=COMMAND, parse=parse)
