#!/bin/sh
# Called by mmdebstrap when the system is installed: build.sh ROOT KEEP PACKAGE...
# Downloads the packages roles install, removes what must differ between machines, keeps copies for the depot in KEEP: of what
# is installed too, for a virtual machine has less.
set -eu
root=$1
keep=$2
shift 2

export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
mkdir -p "$keep/lists" "$keep/archives"
cp --preserve=timestamps "$root"/var/cache/apt/archives/*.deb "$keep/archives/"
apt-get clean
apt-get install --download-only --yes -o APT::Install-Recommends=false "$@"

cp --preserve=timestamps "$root"/var/lib/apt/lists/*InRelease "$keep/lists/"
cp --preserve=timestamps "$root"/var/cache/apt/archives/*.deb "$keep/archives/"
chmod -R a+rX "$keep"

rm -f "$root"/etc/ssh/ssh_host_*_key* "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -f "$root"/etc/hostname "$root"/etc/resolv.conf "$root"/etc/hosts
: > "$root"/etc/machine-id
rm -f "$root"/var/lib/dbus/machine-id

# Nobody sits at the console of a container.
for unit in console-getty.service systemd-firstboot.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
