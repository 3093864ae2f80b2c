"""A preseed file: the answers for Debian's installer, in debconf's format (package, question, type, value)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.install_media.media import Laptop

# Fails where the root file system is not on an encrypted disk. Double quotes only: it stands in single ones.
ENCRYPTED = (
    'lsblk --raw --inverse --noheadings --output TYPE "$(findmnt --noheadings --output SOURCE /)" | grep -qx crypt'
)
# The disk's passphrase is not answered, nor the last confirmation before the disk is written: a person is there for
# both. So no secret is on the medium, in the installer's log or in the installed debconf database.
_TEMPLATE = """\
# Nomade: Debian on {name}. Not answered, so asked: Wi-Fi, passphrase of the disk, last confirmation.
d-i debian-installer/locale string {locale}
d-i keyboard-configuration/xkb-keymap select fr(latin9)
d-i keyboard-configuration/toggle select No toggling
d-i netcfg/get_hostname string {name}
d-i netcfg/hostname string {name}
d-i netcfg/get_domain string

# Nobody logs in as root; the management account is made at the end, as enrolment makes it.
d-i passwd/root-login boolean true
d-i passwd/root-password-crypted password !
d-i passwd/make-user boolean false

d-i clock-setup/utc boolean true
d-i time/zone string {timezone}
d-i clock-setup/ntp boolean true

# Encrypted (LUKS2), LVM inside, swap inside the LVM.
d-i partman-auto/method string crypto
d-i partman-auto-lvm/guided_size string max
d-i partman-auto-lvm/new_vg_name string nomade
d-i partman-auto/choose_recipe select atomic
d-i partman-auto-crypto/erase_disks boolean {overwrite}
d-i partman-lvm/device_remove_lvm boolean true
d-i partman-md/device_remove_md boolean true
d-i partman-lvm/confirm boolean true
d-i partman-lvm/confirm_nooverwrite boolean true
d-i partman-partitioning/confirm_write_new_label boolean true
d-i partman/choose_partition select finish
d-i partman-crypto/weak_passphrase boolean false

tasksel tasksel/first multiselect standard, desktop
d-i pkgsel/include string openssh-server sudo python3 cryptsetup-initramfs console-setup keyboard-configuration
d-i pkgsel/upgrade select full-upgrade
popularity-contest popularity-contest/participate boolean false
d-i grub-installer/only_debian boolean true
d-i grub-installer/with_other_os boolean false
d-i grub-installer/bootdev string default
d-i finish-install/reboot_in_progress note

# The first command stops the installation when the disk is not encrypted after all.
d-i preseed/late_command string {late}
"""


def files(laptop: Laptop) -> Mapping[str, str]:
    """Return `preseed.cfg`."""
    late = f"in-target sh -c '{ENCRYPTED}' && in-target sh -c 'echo {laptop.account_script} | base64 --decode | sh'"
    text = _TEMPLATE.format(
        name=laptop.name,
        locale=laptop.locale,
        timezone=laptop.timezone,
        overwrite="true" if laptop.overwrite else "false",
        late=late,
    )
    return {"preseed.cfg": text}
