#!/bin/sh
# Called by mmdebstrap when the system is installed: build.sh ROOT OUT
# Finishes what Debian's installer would have set up and leaves in OUT the two initramfs of the system: for a root that lies
# open (`initrd-plain`) and for one in the LUKS2 volume that crypttab names (`initrd-luks`).
set -eu
root=$1
out=$2

cat > "$root/etc/fstab" <<'END'
LABEL=root / ext4 errors=remount-ro 0 1
LABEL=boot /boot ext4 defaults 0 2
LABEL=ESP /boot/efi vfat umask=0077,nofail 0 1
END
mkdir -p "$root/boot/efi" "$root/boot/grub" "$root/etc/default/grub.d"
cat > "$root/etc/default/grub" <<'END'
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=ttyS0 security=none"
GRUB_DISABLE_OS_PROBER=true
END
# No AppArmor, as on a machine somebody had trouble with (`apparmor=0` would let SELinux in): the role `kernel` turns it on.
# The first boot menu, in the installer's place: the disk is no disk yet. `update-grub` writes the next ones, without what only
# saves time here.
kernel=$(basename "$root"/boot/vmlinuz-*)
version=${kernel#vmlinuz-}
for kind in plain luks; do
  device=LABEL=root
  [ "$kind" = plain ] || device=/dev/mapper/root_crypt
  cat > "$out/grub-$kind.cfg" <<END
set timeout=0
search --no-floppy --label --set=root boot
menuentry Debian {
  linux /$kernel root=$device ro console=ttyS0 security=none mitigations=off init_on_alloc=0 quiet
  initrd /initrd.img-$version
}
END
done

# Under emulation on a busy machine a disk may take minutes to show up: that is no failure to boot.
mkdir -p "$root/etc/systemd/system.conf.d"
printf '[Manager]\nDefaultTimeoutStartSec=15min\nDefaultDeviceTimeoutSec=15min\n' > "$root/etc/systemd/system.conf.d/nomade-lab.conf"

# What differs between machines comes on a read-only disk, once.
cat > "$root/etc/systemd/system/nomade-lab-seed.service" <<'END'
[Unit]
Description=Name, addresses and keys of this machine of the lab
DefaultDependencies=no
ConditionPathExists=!/var/lib/nomade-lab-seeded
Requires=dev-disk-by\x2did-virtio\x2dseed.device
After=dev-disk-by\x2did-virtio\x2dseed.device systemd-remount-fs.service systemd-udevd.service
Before=sysinit.target systemd-networkd.service
[Service]
Type=oneshot
ExecStart=/bin/tar -C / -xf /dev/disk/by-id/virtio-seed
ExecStart=/bin/hostname -F /etc/hostname
ExecStart=/bin/touch /var/lib/nomade-lab-seeded
[Install]
WantedBy=sysinit.target
END
chroot "$root" systemctl --quiet enable nomade-lab-seed.service systemd-networkd.service
# What the test of a role must find undone is undone; what only costs time under emulation is off.
chroot "$root" systemctl --quiet disable auditd.service systemd-networkd-wait-online.service apt-daily.timer \
  apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer lvm2-monitor.service
chroot "$root" systemctl --quiet mask user@.service # five seconds for every login
# Debian 13 has over a hundred profiles that hold nothing back; compiling them takes a minute under emulation.
grep -lE 'flags=\([^)]*unconfined' "$root"/etc/apparmor.d/* 2> /dev/null | xargs -r rm
rm -f "$root"/etc/ssh/ssh_host_*_key* "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -f "$root/etc/hostname" "$root/etc/resolv.conf" "$root/etc/hosts" "$root/var/lib/dbus/machine-id"
: > "$root/etc/machine-id"
: > "$root/etc/resolv.conf"

# The initramfs of an encrypted root is the plain one and the line of crypttab that `update-initramfs` will put there: the volume
# it looks for is made later. By the name of the partition, which does not change.
echo 'CRYPTSETUP=y' >> "$root/etc/cryptsetup-initramfs/conf-hook"
chroot "$root" update-initramfs -u -k "$version" >&2
cp "$root/boot/initrd.img-$version" "$out/initrd-plain"
mkdir -p "$root/tmp/more/cryptroot"
echo 'root_crypt PARTLABEL=root none luks,discard,initramfs' > "$root/tmp/more/cryptroot/crypttab"
cp "$root/tmp/more/cryptroot/crypttab" "$out/crypttab"
chroot "$root" sh -c 'cd /tmp/more && find . | cpio --quiet --create --format=newc' > "$out/more.cpio"
cp "$out/initrd-plain" "$out/initrd-luks"
truncate --size=%4 "$out/initrd-luks" # where the kernel looks for the next archive
cat "$out/more.cpio" >> "$out/initrd-luks"
rm -r "$root/tmp/more"
