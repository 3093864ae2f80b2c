"""What a container needs to pass for a machine: systemd as first process, its own network settings, no more rights."""

from __future__ import annotations

from pathlib import Path

from toolkit.lab import engine, topology

# What systemd and roles need short of --privileged: mounts, interfaces, routes, audit rules, reading all files. No
# device of this machine.
_CAPABILITIES = ("NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE", "SYS_NICE", "IPC_LOCK", "AUDIT_CONTROL", "DAC_READ_SEARCH")
# Mounted, not baked into the image: a change needs no new image.
BOOT = Path(__file__).with_name("boot.sh")
BOOT_INSIDE = "/usr/local/sbin/nomade-lab-boot"
# A LUKS2 volume in a file lets the role for disk encryption work where there is no device mapper; the technician who
# installed the laptop left the passphrase where that role reads it.
VOLUME = r"""set -eu
umask 077
mkdir -p /run/nomade
printf %s "$1" > /run/nomade/disk-passphrase
[ ! -e /srv/lab/disk.img ] || exit 0
mkdir -p /srv/lab
truncate -s 64M /srv/lab/disk.img.new
printf %s "$1" | cryptsetup luksFormat --type luks2 --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
  /srv/lab/disk.img.new -
mv /srv/lab/disk.img.new /srv/lab/disk.img
"""
# $1: address, $2: up or down, $3: default route's next hop or nothing
LINK = r"""
name=$(ip -o -4 address show | awk -v wanted="$1/" 'index($4, wanted) == 1 { print $2 }')
ip link set dev "$name" "$2"
[ -z "$3" ] || ip route replace default via "$3"
"""


def options(machine: topology.Machine, depot: str) -> list[str]:
    """Return the options of `docker create` for a stand-in, besides its name, first network and labels."""
    found = ["--hostname", machine.name, "--ip", machine.bench, "--device=/dev/net/tun"]
    found += [f"--cap-add={capability}" for capability in _CAPABILITIES]
    found += [f"--security-opt={item}" for item in ("seccomp=unconfined", "apparmor=unconfined")]
    found += ["--security-opt=systempaths=unconfined", "--cgroupns=host"]
    found += ["--tmpfs=/run:exec,mode=755", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw", "--shm-size=128m"]
    found += [f"--volume={BOOT}:{BOOT_INSIDE}:ro", "--entrypoint=sh", "--stop-signal=SIGRTMIN+3"]
    found += ["--env=container=docker"]
    if engine.cgroup_version() == "1":  # systemd from 256 on refuses version 1 of control groups unless told to
        found += ["--env=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"]
    return [*found, f"--env=NOMADE_LAB_PROXY=http://{depot}:3142", f"--env=NOMADE_LAB_ROUTER={machine.router}"]
