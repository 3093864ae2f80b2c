"""What only a machine with disks, a kernel and a boot of its own can show."""

from __future__ import annotations

import json

import pytest

from tests.escrow.volumes import decrypted, header_of
from tests.vm.story import Story
from toolkit import paths
from toolkit.catalogue import load
from toolkit.lab.virtual import images

pytestmark = pytest.mark.vm


def to_be_proven_here() -> list[str]:
    """Return the controls that say of themselves that this is where they are proven."""
    return sorted(control.id for control in load().controls.values() if "vm" in control.proven_in)


def test_every_stage_of_the_story_went_well(story: Story) -> None:
    codes = {name: done.returncode for name, done in story.stages.items() if not name.startswith("audit")}
    said = "\n".join(done.stderr[-800:] for done in story.stages.values() if done.returncode not in (0, 2, 3))
    assert codes == dict.fromkeys(codes, 0), said


@pytest.mark.parametrize("control", to_be_proven_here())
def test_the_control_fails_before_and_passes_after(story: Story, control: str) -> None:
    assert (story.verdicts("audit-before")[control], story.verdicts("audit-after")[control]) == ("fail", "pass")


def test_no_byte_of_the_user_is_lost(story: Story) -> None:
    assert len(story.digests) == 3
    assert len(set(story.digests)) == 1


def test_the_volumes_hold_argon2id_and_nothing_is_in_clear(story: Story) -> None:
    for device in ("/dev/vda3", "/dev/vdb"):
        header = json.loads(story.shell(f"cryptsetup luksDump --dump-json-metadata {device}"))
        assert {slot["kdf"]["type"] for slot in header["keyslots"].values()} == {"argon2id"}, device
    assert story.shell("swapon --show --noheadings") == ""
    assert story.shell("cmp -n 33554432 /dev/vdc /dev/zero") == "", "what was swapped out is still there"


def test_neither_a_key_nor_the_passphrase_is_left_anywhere(story: Story) -> None:
    commune = story.machine.endpoint.commune
    identity = paths.demo_dir() / "demo-identities" / f"{commune}.txt"
    escrow = story.lab.workspace.commune(commune).escrow
    sealed = [path for path in escrow.glob("*.age") if ".header." not in path.name]
    assert len(sealed) == len(list(escrow.glob("*.header.age"))) == 2  # root and data
    secrets = [images.PASSPHRASE.encode(), *(decrypted(path.read_text(encoding="utf-8"), identity) for path in sealed)]
    look = (
        "journalctl --all --output=cat > /var/tmp/journal; cd /dev/shm; cat > secrets; head -1 secrets > /run/planted; "
    )
    look += "grep -rlsaF -D skip -f secrets /boot /etc /root /run /tmp /usr/local /var/lib/nomade /var/log /var/tmp "
    look += "/proc/[0-9]*/cmdline /proc/[0-9]*/environ; rm secrets /run/planted /var/tmp/journal"
    assert story.shell(look, b"\n".join(secrets) + b"\n") == "/run/planted"  # so it would find others
    here = [*story.lab.workspace.root.rglob("*"), *story.artefacts.glob("vm-*"), story.machine.folder / "serial.log"]
    held = [path for path in here if path.is_file() and any(secret in path.read_bytes() for secret in secrets)]
    assert held == []


def test_the_passphrase_is_typed_on_a_french_keyboard(story: Story) -> None:
    unpack = (
        "cd $(mktemp -d) && unmkinitramfs /boot/initrd.img-$(uname -r) . && find . -name 'tmpkbd*' -o -name '*.kmap*'"
    )
    keymap = story.shell(f"{unpack} | xargs zgrep -h -E '^keycode +16 ='")
    assert "U+0061" in keymap, "the key where a French keyboard has its A gives something else"


def test_a_chip_alone_is_a_finding_and_a_changed_machine_still_opens(story: Story) -> None:
    """TPM2 on the data volume: with a code it passes, without it is found; in another state the chip refuses."""
    passphrase = images.PASSPHRASE.encode()
    enrol = "umask 077; cat > /run/p; systemd-cryptenroll --unlock-key-file=/run/p --tpm2-device=auto --tpm2-pcrs=7"
    try:
        story.shell(f"export NEWPIN=1234; {enrol} --tpm2-with-pin=yes /dev/vdb", passphrase)
        assert story.facts("disk_unlock")["alone"] == []
        story.shell(f"{enrol} --wipe-slot=tpm2 /dev/vdb", passphrase)
        assert story.facts("disk_unlock")["alone"] == ["/dev/vdb"]
        opens = "cryptsetup open --test-passphrase --token-only --token-type systemd-tpm2 /dev/vdb"
        story.shell(opens)
        story.shell("tpm2_pcrextend 7:sha256=" + "ab" * 32)
        assert story.machine.run(["sh", "-c", opens], timeout=300).returncode != 0
        story.shell("cryptsetup open --test-passphrase --key-file - /dev/vdb", passphrase)
    finally:
        story.shell("rm -f /run/p; systemd-cryptenroll --wipe-slot=tpm2 /dev/vdb")


def stacks(story: Story) -> tuple[object, object]:
    """Return whether the root is on an encrypted device, and what is not."""
    found = story.facts("block_devices")
    return found["root"], found["clear"]


def test_what_lies_aside_in_clear_is_found(story: Story) -> None:
    assert "vdd" not in story.facts("block_devices")["aside"]
    story.shell("mkfs.ext4 -q -F /dev/vdd; udevadm settle")
    assert "vdd" in story.facts("block_devices")["aside"]
    story.shell("wipefs -q -a /dev/vdd; udevadm settle")
    assert "vdd" not in story.facts("block_devices")["aside"]


def test_discards_are_refused_since_the_boot_that_followed_and_allowed_again_by_hand(story: Story) -> None:
    """The image's crypttab asks for them, as the installer's does."""
    assert story.facts("disk_unlock")["discards"] == ["refused"]
    name, passphrase = story.shell("sed -n 's/ .*//p' /etc/crypttab | head -1"), images.PASSPHRASE.encode()
    story.shell(f"cryptsetup refresh --allow-discards --key-file - {name}", passphrase)
    assert "mixed" in story.facts("disk_unlock")["discards"]
    story.shell(f"cryptsetup refresh --key-file - {name}", passphrase)
    assert story.facts("disk_unlock")["discards"] == ["refused"]


def test_a_header_that_was_lost_is_put_back_from_the_copy_that_the_commune_keeps(story: Story) -> None:
    """On the data volume, while it is open: the copy goes back over zeros, and the recovery key opens it."""
    commune = story.machine.endpoint.commune
    identity = paths.demo_dir() / "demo-identities" / f"{commune}.txt"
    uuid = story.shell("cryptsetup luksUUID /dev/vdb")
    escrow = story.lab.workspace.commune(commune).escrow
    header = header_of(escrow / f"{uuid}.header.age", identity)
    key = decrypted((escrow / f"{uuid}.age").read_text(encoding="utf-8"), identity)
    opens = ["cryptsetup", "open", "--test-passphrase", "--key-file=-", "/dev/vdb"]
    story.shell("cryptsetup luksHeaderBackup /dev/vdb --header-backup-file /run/own")
    try:
        story.shell("cat > /run/copy; dd if=/dev/zero of=/dev/vdb bs=1M count=1 conv=fsync status=none", header)
        assert story.machine.run(opens, stdin=key).returncode != 0
        story.shell("cryptsetup luksHeaderRestore --batch-mode /dev/vdb --header-backup-file /run/copy")
        assert story.machine.run(opens, stdin=key).returncode == 0
        assert story.machine.run(opens, stdin=images.PASSPHRASE.encode()).returncode != 0
    finally:
        story.shell(
            "cryptsetup luksHeaderRestore --batch-mode /dev/vdb --header-backup-file /run/own; rm /run/own /run/copy"
        )


def test_a_stack_is_followed_down_to_its_disk(story: Story) -> None:
    """File system on LVM on LUKS on a disk, and the same without LUKS, as this machine's own lsblk shows them."""
    volume = "pvcreate -q -ff -y $1; vgcreate -q essai $1; lvcreate -q -y -n v -l 100%FREE essai; udevadm settle"
    mount = f"set -e; {volume}; mkfs.ext4 -q /dev/essai/v; mkdir -p /srv/pile; mount /dev/essai/v /srv/pile"
    undo = "umount /srv/pile; vgremove -q -f essai; pvremove -q -ff -y $1"
    luks = "cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file=- /dev/vdc"
    try:
        story.shell(f"set -- /dev/vdc; {mount}")
        assert stacks(story) == (True, ["/srv/pile"])
        story.shell(f"set -- /dev/vdc; {undo}")
        story.shell(luks, b"essai")
        story.shell("cryptsetup open --key-file=- /dev/vdc pile", b"essai")
        story.shell(f"set -- /dev/mapper/pile; {mount}")
        assert stacks(story) == (True, [])
    finally:
        story.shell(f"set -- /dev/mapper/pile; {undo}; cryptsetup close pile; wipefs -q -a /dev/vdc")


def test_subvolumes_of_btrfs_are_followed_down_to_their_disk(story: Story) -> None:
    mount = "udevadm settle; mkdir -p /srv/pile; mount -o subvol=home"
    make = "mkfs.btrfs -q -f $1; mount $1 /mnt; btrfs -q subvolume create /mnt/home; umount /mnt"
    luks = "cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file=- /dev/vdd"
    try:
        story.shell(f"set -e; set -- /dev/vdd; {make}; {mount} $1 /srv/pile")
        assert stacks(story) == (True, ["/srv/pile"])
        story.shell("umount /srv/pile; wipefs -q -a /dev/vdd")
        story.shell(luks, b"essai")
        story.shell("cryptsetup open --key-file=- /dev/vdd pile", b"essai")
        story.shell(f"set -e; set -- /dev/mapper/pile; {make}; {mount} $1 /srv/pile")
        assert stacks(story) == (True, [])
    finally:
        story.shell("umount /srv/pile; cryptsetup close pile; wipefs -q -a /dev/vdd")


def test_a_machine_is_set_back_to_what_was_kept(story: Story) -> None:
    story.machine.save("kept")
    story.shell("echo changed > /root/changed && sync")
    story.machine.reset("kept")
    story.machine.wait()
    assert story.shell("ls /root") == ""
