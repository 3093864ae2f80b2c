"""An autoinstall file: the answers for Ubuntu's installer (24.04), which reads them as cloud-init's user data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from toolkit.install_media import preseed

if TYPE_CHECKING:
    from toolkit.install_media.media import Laptop

# This installer takes a passphrase from the file or from a person; a file would keep it on the medium and in
# /var/log/installer. So the page on storage is shown, where a person ticks the encryption and types the passphrase.
ASKED = ["network", "storage"]
_HEAD = """\
#cloud-config
# Nomade: Ubuntu on {name}. Asked: network, and storage: tick “Encrypt the LVM group with LUKS” and type the passphrase.
# An installation without encryption is stopped at its end.
"""


def files(laptop: Laptop) -> Mapping[str, str]:
    """Return `user-data` and the empty `meta-data` that cloud-init wants beside it."""
    content = yaml.safe_dump({"autoinstall": answers(laptop)}, allow_unicode=True, sort_keys=False, width=1_000_000)
    return {"user-data": _HEAD.format(name=laptop.name) + content, "meta-data": ""}


def answers(laptop: Laptop) -> dict[str, Any]:
    """Return the answers, in the installer's words."""
    target = ["curtin", "in-target", "--target=/target", "--", "sh", "-c"]
    return {
        "version": 1,
        "interactive-sections": ASKED,
        "locale": laptop.locale,
        "keyboard": {"layout": "fr", "variant": "latin9"},
        "timezone": laptop.timezone,
        # A password that no text gives: nobody logs in with one. The account is finished as enrolment makes it.
        "identity": {"realname": "Nomade", "hostname": laptop.name, "username": laptop.account, "password": "!"},
        "ssh": {"install-server": True, "allow-pw": False, "authorized-keys": [laptop.public_key]},
        "storage": {"layout": {"name": "lvm", "sizing-policy": "all"}},
        "packages": ["sudo", "python3", "cryptsetup-initramfs", "console-setup", "keyboard-configuration"],
        "updates": "security",
        "late-commands": [
            [*target, preseed.ENCRYPTED],
            [*target, f"echo {laptop.account_script} | base64 --decode | sh"],
        ],
    }
