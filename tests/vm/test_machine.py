"""What only a machine with disks, a kernel and a boot of its own can show."""

from __future__ import annotations

import json

import pytest

from tests.vm.story import ROLES, Story
from toolkit.catalogue import load
from toolkit.lab.virtual import images
from toolkit.probes.disk_unlock import COMMAND, parse

pytestmark = pytest.mark.vm


def to_be_proven_here() -> list[str]:
    """Return the controls of the roles applied here that containers cannot show both ways."""
    controls = load().controls.values()
    mine = [control for control in controls if control.role in ROLES.split(",")]
    return sorted(control.id for control in mine if "container" not in control.proven_in)


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
    assert story.shell("od -An -tx1 -N 33554432 /dev/vdc | head -2").split()[:16] == ["00"] * 16


def test_the_passphrase_is_typed_on_a_french_keyboard(story: Story) -> None:
    unpack = (
        "cd $(mktemp -d) && unmkinitramfs /boot/initrd.img-$(uname -r) . && find . -name 'tmpkbd*' -o -name '*.kmap*'"
    )
    keymap = story.shell(f"{unpack} | xargs zgrep -h -E '^keycode +16 ='")
    assert "U+0061" in keymap, "the key where a French keyboard has its A gives something else"


def test_a_chip_alone_is_a_finding_and_a_changed_machine_still_opens(story: Story) -> None:
    """TPM2 on the data volume: with a code it passes, without it is found; in another state the chip refuses."""
    passphrase = images.PASSPHRASE.encode()
    enrol = "umask 077; cat > /run/p; systemd-cryptenroll --unlock-key-file=/run/p --tpm2-device=auto --tpm2-pcrs=16"
    try:
        story.shell(f"export NEWPIN=1234; {enrol} --tpm2-with-pin=yes /dev/vdb", passphrase)
        assert parse(story.shell(COMMAND))["alone"] == []
        story.shell(f"{enrol} --wipe-slot=tpm2 /dev/vdb", passphrase)
        assert parse(story.shell(COMMAND))["alone"] == ["/dev/vdb"]
        opens = "cryptsetup open --test-passphrase --token-only --token-type systemd-tpm2 /dev/vdb"
        story.shell(opens)
        story.shell("tpm2_pcrextend 16:sha256=" + "ab" * 32)
        assert story.machine.run(["sh", "-c", opens], timeout=300).returncode != 0
        story.shell("cryptsetup open --test-passphrase --key-file - /dev/vdb", passphrase)
    finally:
        story.shell("rm -f /run/p; systemd-cryptenroll --wipe-slot=tpm2 /dev/vdb")


def test_a_machine_is_set_back_to_what_was_kept(story: Story) -> None:
    story.machine.save("kept")
    story.shell("echo changed > /root/changed && sync")
    story.machine.reset("kept")
    story.machine.wait()
    assert story.shell("ls /root") == ""
