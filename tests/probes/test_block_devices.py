"""Stacks of disks, partitions, LUKS, LVM, RAID and btrfs: what lies in clear is found wherever it is.

There is no device mapper where these tests run: stacks with LUKS and LVM have the form that lsblk 2.38 gives them, but
were put together here. `LOOP` and the form of `SUBVOLUMES` are what lsblk printed of a real ext4 and a real btrfs on
loop devices, their places renamed. Machines that boot, with LUKS and LVM, are in tests/vm.
"""

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


def facts(*disks: Device, behind: str = "") -> dict[str, object]:
    return parse(f"container none\n{behind}" + json.dumps({"blockdevices": list(disks)}))


def clear(*disks: Device, behind: str = "") -> object:
    return facts(*disks, behind=behind)["clear"]


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


SUBVOLUMES = ["/home", "/"]
LOOP = """{
   "name": "loop0",
   "type": "loop",
   "fstype": null,
   "uuid": null,
   "mountpoints": [
       "/snap/core22/1748"
   ],
   "path": "/dev/loop0",
   "hotplug": false,
   "parttype": null
}"""
SNAP: Device = json.loads(LOOP)
BEHIND = "behind loop0 /var/lib/snapd/snaps/core22_1748.snap\n"


def test_subvolumes_of_a_btrfs_inside_of_luks() -> None:
    """A swap file in it, as /proc/swaps names it, is no device of its own: it lies where its file system lies."""
    system = device("sda3_crypt", "crypt", "btrfs") | {"mountpoints": SUBVOLUMES}
    found = facts(device("sda", "disk", None, luks("sda3", system)))
    assert (found["root"], found["clear"], found["aside"]) == (True, [], [])
    bare = device("sda3", "part", "btrfs") | {"mountpoints": SUBVOLUMES}
    assert facts(device("sda", "disk", None, bare))["clear"] == ["/", "/home"]


def test_a_snap_lies_where_its_file_lies() -> None:
    assert clear(SYSTEM, SNAP, behind=BEHIND) == []
    assert clear(SYSTEM, SNAP) == ["/snap/core22/1748"], "what is not known to be encrypted is not"
    var = device("sdb", "disk", "ext4", at="/var")
    assert clear(SYSTEM, var, SNAP, behind=BEHIND) == ["/snap/core22/1748", "/var"]
    vault = device("srv-crypt", "crypt", "ext4", at="/var/lib")
    assert clear(SYSTEM, var, luks("sdc", vault), SNAP, behind=BEHIND) == ["/var"], "the deepest place counts"
    assert clear(SYSTEM, SNAP, behind="behind loop0 relative\n") == ["/snap/core22/1748"]


def test_compressed_memory_is_no_disk_until_it_spills_to_one() -> None:
    zram = device("zram0", "disk", "swap", at="[SWAP]")
    assert clear(SYSTEM, zram) == []
    aside = device("sdb1", "part", None) | {"path": "/dev/sdb1"}
    inside = device("spill", "crypt", None) | {"path": "/dev/dm-7"}
    assert clear(SYSTEM, zram, aside, behind="behind zram0 /dev/sdb1\n") == ["[SWAP]"]
    assert clear(SYSTEM, zram, luks("sdb", inside), behind="behind zram0 /dev/dm-7\n") == []
    assert clear(SYSTEM, zram, behind="behind zram0 /dev/unheard\n") == ["[SWAP]"]


def test_a_second_disk_in_clear_is_found_whether_it_is_mounted_or_not() -> None:
    mounted = device("sdb", "disk", None, device("sdb1", "part", "ext4", at="/srv"))
    assert facts(SYSTEM, mounted)["clear"] == ["/srv"]
    lying = device("sdb", "disk", None, device("sdb1", "part", "ntfs"), device("sdb2", "part", "swap"))
    found = facts(SYSTEM, lying)
    assert (found["clear"], found["aside"]) == ([], ["sdb1", "sdb2"])


@pytest.mark.parametrize(
    "disk",
    [
        luks("sdb1"),  # closed
        device("sdb1", "part", "LVM2_member"),
        device("sdb1", "part", "BitLocker"),
        device("sdb1", "part", None),
        device("sdb1", "part", "vfat") | {"parttype": "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"},
        device("sdb1", "part", "vfat") | {"parttype": "0xef"},
        device("sdb1", "part", "ext4") | {"hotplug": True},
        device("sr0", "rom", "iso9660"),
        luks("sdb1", device("data_crypt", "crypt", "ext4")),  # open, not mounted
    ],
    ids=lambda disk: f"{disk['name']} {disk['fstype']}",
)
def test_what_holds_nothing_in_clear_or_can_be_pulled_out_is_not_aside(disk: Device) -> None:
    assert facts(SYSTEM, disk)["aside"] == []


def test_the_second_half_of_a_mounted_btrfs_is_not_aside() -> None:
    halves = [device("sdb", "disk", "btrfs", at="/srv", uuid="same"), device("sdc", "disk", "btrfs", uuid="same")]
    assert facts(SYSTEM, *halves)["aside"] == []


def test_a_stick_that_was_plugged_in_is_no_disk_of_the_laptop() -> None:
    stick = device("sdb", "disk", None, device("sdb1", "part", "vfat", at="/media/camille/CLE")) | {"hotplug": True}
    assert clear(SYSTEM, stick) == []
    within = device("sdb", "disk", None, device("sdb1", "part", "vfat", at="/media/camille/CLE"))
    assert clear(SYSTEM, within) == ["/media/camille/CLE"], "a disk inside, mounted by its user"
    home = device("mmcblk0", "disk", None, device("mmcblk0p1", "part", "ext4", at="/home")) | {"hotplug": True}
    assert clear(SYSTEM, home) == ["/home"], "lsblk calls soldered memory hotplug too"


@pytest.mark.parametrize(
    "text", ["", "container none\n", "container none\nwhat\n{}", "container none\nbehind loop0\n{}"]
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"container|lsblk|device|Expecting"):
        parse(text)
