"""Whether what is written to disk is encrypted: file systems and swap, followed down to their devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolkit.probes import Probe
from toolkit.probes._text import document

COMMAND = r"""
container=none
[ ! -s /run/systemd/container ] || read -r container </run/systemd/container || true
echo "container $container"
printf '%s\n' "${disks?}"
"""

# container none
# {"blockdevices": [{"name": "sda", "type": "disk", "fstype": null, "uuid": null, "mountpoints": [null], "children": [
#   {"name": "sda1", "type": "part", "fstype": "vfat", "uuid": "A2FB-37C2", "mountpoints": ["/boot/efi"]},
#   {"name": "sda3", "type": "part", "fstype": "crypto_LUKS", "uuid": "78e9f13c-…", "mountpoints": [null], "children": [
#     {"name": "root", "type": "crypt", "fstype": "ext4", "uuid": "3e0a8112-…", "mountpoints": ["/"]}]}]}]}
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
    mounts = list(_mounts(content["blockdevices"]))
    if container != "none":
        return {"container": container, "root": False, "clear": ["/"]}
    return {
        "container": container,
        "root": ("/", True) in mounts and ("/", False) not in mounts,
        "clear": sorted({place for place, encrypted in mounts if not encrypted and place not in CLEAR_BY_NATURE}),
    }


def _mounts(devices: list[Any]) -> Iterator[tuple[str, bool]]:
    """Return each place with whether a device that holds a part of it is encrypted, once per such device."""
    found = list(_devices(devices, encrypted=False))
    # Of a btrfs on several devices lsblk names the places beside one of them only.
    spread: dict[object, set[str]] = {}
    for device, _encrypted in found:
        if device.get("fstype") == "btrfs" and device.get("uuid"):
            spread.setdefault(device["uuid"], set()).update(_places(device))
    for device, encrypted in found:
        parts = spread.get(device.get("uuid"), set()) if device.get("fstype") == "btrfs" else set()
        yield from ((place, encrypted) for place in sorted(parts | _places(device)))


def _places(device: dict[str, Any]) -> set[str]:
    return {place for place in device.get("mountpoints") or [] if isinstance(place, str)}


def _devices(devices: list[Any], *, encrypted: bool) -> Iterator[tuple[dict[str, Any], bool]]:
    """Return every device that stays in the machine, with whether it or one above it is encrypted."""
    for device in devices:
        if not isinstance(device, dict):
            raise ValueError("a device that is not an object")
        below = encrypted or device.get("type") == "crypt"
        if device.get("type") not in REMOVABLE and not str(device.get("name")).startswith(IN_MEMORY):
            yield device, below
        yield from _devices(device.get("children") or [], encrypted=below)


PROBE = Probe(name="block_devices", command=COMMAND, parse=parse, shares=("disks",))
