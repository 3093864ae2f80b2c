"""Whether what is written to disk is encrypted: file systems and swap, followed down to their devices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.probes import Probe
from toolkit.probes._text import document

# The kernel says where a file lies that serves as a disk (a snap, an image), and to what disk compressed memory spills.
COMMAND = r"""
container=none
[ ! -s /run/systemd/container ] || read -r container </run/systemd/container || true
echo "container $container"
for file in /sys/block/loop*/loop/backing_file /sys/block/zram*/backing_dev; do
  [ -e "$file" ] && read -r path <"$file" && [ "$path" != none ] || continue
  device=${file#/sys/block/}
  echo "behind ${device%%/*} $path"
done
printf '%s\n' "${disks?}"
"""

# container none
# behind loop0 /var/lib/snapd/snaps/core22_1748.snap
# {"blockdevices": [{"name": "sda", "type": "disk", "fstype": null, "uuid": null, "mountpoints": [null], "children": [
#   {"name": "sda1", "type": "part", "fstype": "vfat", "uuid": "A2FB-37C2", "mountpoints": ["/boot/efi"]},
#   {"name": "sda3", "type": "part", "fstype": "crypto_LUKS", "uuid": "78e9f13c-…", "mountpoints": [null], "children": [
#     {"name": "root", "type": "crypt", "fstype": "ext4", "uuid": "3e0a8112-…", "mountpoints": ["/"]}]}]}]}
CLEAR_BY_NATURE = ("/boot", "/boot/efi", "/efi")  # what the firmware and the boot loader read
REMOVABLE = ("rom",)
IN_MEMORY = "zram"  # compressed memory that serves as swap: no disk
PLUGGED_IN = ("/media/", "/run/media/")  # where a desktop mounts what was plugged in
SWAP = "[SWAP]"
# What lsblk calls encrypted, or a part of something that is looked at by itself.
NO_FILE_SYSTEM = ("crypto_LUKS", "BitLocker", "LVM2_member", "linux_raid_member", "bcache")
FIRMWARE = (
    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
    "0xef",
)  # the EFI system partition (UEFI specification, 5.2 and 5.3)


@dataclass(frozen=True)
class _Device:
    """What lsblk says of one device, for one way down to it: whether it or one above it is encrypted, plugged in."""

    facts: dict[str, Any]
    encrypted: bool
    plugged: bool

    @property
    def name(self) -> str:
        return str(self.facts.get("name"))

    @property
    def kind(self) -> object:
        return self.facts.get("fstype")

    @property
    def places(self) -> set[str]:
        found = {place for place in self.facts.get("mountpoints") or [] if isinstance(place, str)}
        return {place for place in found if not (self.plugged and place.startswith(PLUGGED_IN))}


def parse(text: str) -> dict[str, object]:
    """Return `root` and `clear`: whether / is on an encrypted device, and the mounts (and swap) that are not.

    `aside`: devices with a file system or swap in clear that is not in use; what is plugged in does not count.
    A container has no disk of its own: what lsblk shows there is the host's, so nothing is taken for encrypted.
    """
    container, behind, content = _parts(text)
    if container != "none":
        return {"container": container, "root": False, "clear": ["/"]}
    devices = list(_devices(content["blockdevices"], encrypted=False, plugged=False))
    spread = _spread(devices)
    mounts = list(_mounts(devices, behind, spread))
    return {
        "container": container,
        "root": ("/", True) in mounts and ("/", False) not in mounts,
        "clear": sorted({place for place, encrypted in mounts if not encrypted and place not in CLEAR_BY_NATURE}),
        "aside": sorted({device.name for device in devices if _is_aside(device, spread)}),
    }


def _parts(text: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Return the kind of container, what lies behind loop devices and compressed memory by name, and lsblk's answer."""
    lines, start, rest = text.partition("{")
    first, *others = lines.splitlines() or [""]
    if not first.startswith("container "):
        raise ValueError("no first line about containers")
    behind = {}
    for line in filter(None, others):
        match line.split(maxsplit=2):
            case ["behind", name, path]:
                behind[name] = path
            case _:
                raise ValueError(f"not about a device: {line!r}")
    content = document(start + rest)
    if not isinstance(content, dict) or not isinstance(content.get("blockdevices"), list):
        raise ValueError("not the output of lsblk --json")
    return first.removeprefix("container ").strip(), behind, content


def _spread(devices: Iterable[_Device]) -> dict[object, set[str]]:
    """Return the places of each btrfs by UUID: of one on several devices lsblk names them beside one of these only."""
    found: dict[object, set[str]] = {}
    for device in devices:
        if device.kind == "btrfs" and device.facts.get("uuid"):
            found.setdefault(device.facts["uuid"], set()).update(device.places)
    return found


def _everywhere(device: _Device, spread: Mapping[object, set[str]]) -> set[str]:
    others = spread.get(device.facts.get("uuid"), set()) if device.kind == "btrfs" else set()
    return device.places | others


def _mounts(
    devices: Sequence[_Device], behind: Mapping[str, str], spread: Mapping[object, set[str]]
) -> Iterator[tuple[str, bool]]:
    """Return each place with whether a device that holds a part of it is encrypted, once per such device."""
    used = [
        (place, device)
        for device in devices
        if not device.name.startswith(IN_MEMORY)
        for place in sorted(_everywhere(device, spread))
    ]
    in_files = {device.name for _place, device in used if device.name in behind and not device.encrypted}
    found = [(place, device.encrypted) for place, device in used if device.name not in in_files]
    yield from found
    for place, device in used:
        if device.name in in_files:
            yield place, _on_encrypted(behind[device.name], found)
    for path in (path for name, path in behind.items() if name.startswith(IN_MEMORY)):
        spilled = [device.encrypted for device in devices if device.facts.get("path") == path]
        yield SWAP, bool(spilled) and all(spilled)


def _on_encrypted(file: str, mounts: Iterable[tuple[str, bool]]) -> bool:
    """Return whether a file lies on an encrypted file system: on the deepest of the places that lead to it."""
    around = [(place, encrypted) for place, encrypted in mounts if f"{file}/".startswith(f"{place.rstrip('/')}/")]
    deepest = max((place for place, _encrypted in around), key=len, default=None)
    return deepest is not None and all(encrypted for place, encrypted in around if place == deepest)


def _is_aside(device: _Device, spread: Mapping[object, set[str]]) -> bool:
    used = device.encrypted or device.plugged or _everywhere(device, spread) or device.facts.get("children")
    holds = device.kind and device.kind not in NO_FILE_SYSTEM and device.facts.get("parttype") not in FIRMWARE
    return bool(holds) and not used and device.facts.get("type") != "loop" and not device.name.startswith(IN_MEMORY)


def _devices(devices: list[Any], *, encrypted: bool, plugged: bool) -> Iterator[_Device]:
    """Return every device but drives of discs."""
    for facts in devices:
        if not isinstance(facts, dict):
            raise ValueError("a device that is not an object")
        device = _Device(facts, encrypted or facts.get("type") == "crypt", plugged or facts.get("hotplug") is True)
        if facts.get("type") not in REMOVABLE:
            yield device
        yield from _devices(facts.get("children") or [], encrypted=device.encrypted, plugged=device.plugged)


PROBE = Probe(name="block_devices", command=COMMAND, parse=parse, shares=("disks",))
