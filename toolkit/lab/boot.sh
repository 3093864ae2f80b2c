#!/bin/sh
# First process of a stand-in: make the container look like an installed machine, then become systemd.
set -eu

# Docker mounts its own files here; a machine owns them and roles replace them.
for file in /etc/hosts /etc/hostname /etc/resolv.conf; do
  umount "$file"
done

# Settings of the kernel that all containers share stay out of reach; those of this network stay in it.
mount --bind /proc/sys /proc/sys
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,bind,ro /proc/sys
mount -o remount,bind,rw /proc/sys/net
echo 0 > /proc/sys/net/ipv4/ip_forward

if [ ! -s /etc/hostname ]; then # first start: what the Debian installer leaves
  hostname > /etc/hostname
  printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n' "$(hostname)" > /etc/hosts
  : > /etc/resolv.conf
  printf 'Acquire::http::Proxy "%s";\nAcquire::Languages "none";\nAPT::Install-Recommends "false"; // no kernel packages in a container\n' \
    "$NOMADE_LAB_PROXY" > /etc/apt/apt.conf
  # Indexing manual pages and forcing every file to disk take longer than installing the packages.
  rm -f /var/lib/man-db/auto-update
  echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/nomade-lab
  ssh-keygen -A
fi
if [ -n "${NOMADE_LAB_ROUTER:-}" ]; then
  ip route replace default via "$NOMADE_LAB_ROUTER"
fi
mkdir -p /run/lock

exec env -u NOMADE_LAB_PROXY -u NOMADE_LAB_ROUTER /sbin/init
