"""The power fails in the middle of what changes a disk, on a machine with a kernel, disks and a boot of its own.

tests/escrow/test_power_cut.py and tests/roles/test_disk_program.py cut in many more places, on volumes in files. A boot
takes minutes here, so each release has one of the two.
"""

from __future__ import annotations

import pytest

from tests.vm.power import ClearVolume, Keys, cut
from tests.vm.story import Story
from toolkit.lab.virtual import images

pytestmark = pytest.mark.vm
PASSPHRASE = images.PASSPHRASE.encode()


@pytest.mark.parametrize("story", ["debian-13"], indirect=True)
def test_no_byte_is_lost_when_the_power_goes_while_a_disk_is_encrypted(story: Story) -> None:
    volume = ClearVolume(story, "/dev/vdd", "/srv/coupe")
    digest = volume.make()
    cut(story, "nomade-encrypt", "apply", "resize2fs", volume.request())  # made smaller, not encrypted yet
    assert volume.state() == "ext4"
    assert volume.digest() == digest, "the user has the files while nobody goes on"
    cut(story, "nomade-encrypt", "apply", "half-way", volume.request())
    assert volume.state() == "reencrypting"
    assert volume.go_on()["state"] == "encrypted"
    assert volume.state() == "crypto_LUKS"
    assert volume.digest() == digest


@pytest.mark.parametrize("story", ["debian-12"], indirect=True)
def test_the_passphrase_opens_and_the_record_is_true_after_every_cut(story: Story) -> None:
    keys = Keys.of_new_volume(story, "/dev/vdc")
    keys.cut("make", "luksAddKey")  # enrolment: the slot is there, nobody has its key
    assert keys.opens(PASSPHRASE)
    assert (keys.record(), len(keys.slots())) == ({}, 2)
    assert keys.call("make")["state"] == "made"
    assert keys.confirm()["confirmed"]
    assert len(keys.slots()) == 2, "the slot of the interrupted run is gone"

    first, asked = keys.key(), {keys.uuid: {"ciphertext_sha256": keys.record()["ciphertext_sha256"], "unlock": None}}
    keys.cut("make", "record", replace=asked)  # rotation: the new key opens, and nothing says so yet
    assert keys.opens(PASSPHRASE)
    assert keys.record()["escrowed"], "the former key is still the one that counts"
    assert keys.opens(first)
    assert keys.call("make", replace=asked)["state"] == "made"
    second = keys.key()

    keys.cut("confirm", "luksKillSlot")  # the former key is gone, and the record does not know
    assert keys.opens(PASSPHRASE)
    assert keys.opens(second)
    assert not keys.opens(first)
    assert keys.record()["escrowed"] is None
    assert keys.confirm()["confirmed"]
    assert keys.record()["superseded"] == []
    assert keys.slots() == {0, keys.record()["slot"]}
