"""Stacks of disks, partitions, LUKS, LVM, RAID and btrfs: what lies in clear is found wherever it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolkit.probes.block_devices import parse

Device = dict[str, Any]


def device(
    name: str, kind: str, fstype: str | None, *children: Device, at: str | None = None, uuid: str = ""
) -> Device:
    found: Device = {"name": name, "type": kind, "fstype": fstype, "uuid": uuid or f"of-{name}", "mountpoints": [at]}
    return found | ({"children": list(children)} if children else {})


def luks(name: str, *inside: Device) -> Device:
    return device(name, "part", "crypto_LUKS", *inside)


def clear(*disks: Device) -> object:
    return parse("container none\n" + json.dumps({"blockdevices": list(disks)}))["clear"]


ROOT = device("sda3_crypt", "crypt", "ext4", at="/")
SYSTEM = device("sda", "disk", None, device("sda1", "part", "vfat", at="/boot/efi"), luks("sda3", ROOT))
HOME = device("vg-home", "lvm", "ext4", at="/home")


def test_logical_volumes_inside_of_an_encrypted_partition() -> None:
    swap = device("vg-swap", "lvm", "swap", at="[SWAP]")
    volumes = luks("sda3", device("sda3_crypt", "crypt", "LVM2_member", device("vg-root", "lvm", "ext4", at="/"), swap))
    assert clear(device("sda", "disk", None, volumes)) == []


def test_an_encrypted_logical_volume() -> None:
    opened = device("home_crypt", "crypt", "ext4", at="/home")
    member = device("sdb", "disk", "LVM2_member", device("vg-home", "lvm", "crypto_LUKS", opened))
    assert clear(SYSTEM, member) == []
    assert clear(SYSTEM, device("sdb", "disk", "LVM2_member", HOME)) == ["/home"]


def test_a_logical_volume_that_lies_on_an_encrypted_and_on_a_clear_disk() -> None:
    inside = luks("sdb1", device("sdb1_crypt", "crypt", "LVM2_member", HOME))
    assert clear(SYSTEM, device("sdb", "disk", None, inside), device("sdc", "disk", "LVM2_member", HOME)) == ["/home"]


def test_a_mirror_of_two_disks() -> None:
    opened = device("md0_crypt", "crypt", "ext4", at="/srv")
    mirror = device("md0", "raid1", "crypto_LUKS", opened)
    members = [device(name, "disk", "linux_raid_member", mirror) for name in ("sdb", "sdc")]
    assert clear(SYSTEM, *members) == []
    bare = device("md0", "raid1", "ext4", at="/srv")
    assert clear(SYSTEM, device("sdb", "disk", "linux_raid_member", bare)) == ["/srv"]


@pytest.mark.parametrize("first", [True, False])
def test_a_btrfs_with_one_device_in_clear(first: bool) -> None:
    """lsblk names the places of such a file system beside one of its devices, whichever that is."""
    places = ("/home", None) if first else (None, "/home")
    one = luks("sdb1", device("sdb1_crypt", "crypt", "btrfs", at=places[0], uuid="same"))
    other = device("sdc1", "part", "btrfs", at=places[1], uuid="same")
    assert clear(SYSTEM, device("sdb", "disk", None, one), device("sdc", "disk", None, other)) == ["/home"]
    both = device("sdc_crypt", "crypt", "btrfs", at=places[1], uuid="same")
    assert clear(SYSTEM, one, device("sdc", "disk", "crypto_LUKS", both)) == []


def test_a_btrfs_that_is_not_mounted_lends_its_places_to_no_other() -> None:
    mounted = luks("sdb1", device("sdb1_crypt", "crypt", "btrfs", at="/home", uuid="mine"))
    assert clear(SYSTEM, device("sdb", "disk", None, mounted), device("sdc", "disk", "btrfs", uuid="other")) == []
