"""The power fails in the middle of a change of recovery keys, on a machine with a kernel and disks of its own.

tests/escrow/test_power_cut.py cuts before each of all changes; here the file systems and the boot are real.
"""

from __future__ import annotations

import pytest

from tests.vm.power import Keys
from tests.vm.story import Story
from toolkit.lab.virtual import images

pytestmark = pytest.mark.vm
PASSPHRASE = images.PASSPHRASE.encode()


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
