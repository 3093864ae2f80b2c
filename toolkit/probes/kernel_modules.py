"""Which modules this machine refuses to load, and with which command line its kernel was started."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

# Words of the command line that protect or expose; the others name disks, consoles and whatever else the machine has.
WORDS = (
    "apparmor", "audit", "audit_backlog_limit", "init_on_alloc", "init_on_free", "iommu", "l1tf", "lockdown", "lsm",
    "mce", "mds", "mitigations", "module.sig_enforce", "nosmt", "page_alloc.shuffle", "page_poison", "pti",
    "randomize_kstack_offset", "rng_core.default_quality", "security", "slab_nomerge", "slub_debug",
    "spec_store_bypass_disable", "spectre_v2", "vsyscall",
)  # fmt: skip
# Without these a telework post stops working: start from an EFI partition, sound, headset, webcam, dock, printer, USB
# key, tunnel, firewall. The role kernel refuses to block them (a test keeps both lists equal).
NEEDED = frozenset((
    "bluetooth", "btusb", "cdc_ether", "fuse", "hid", "nf_tables", "overlay", "r8152", "snd", "snd_usb_audio",
    "squashfs", "thunderbolt", "uas", "usb_storage", "usbhid", "usblp", "uvcvideo", "vfat", "wireguard",
))  # fmt: skip
# Of a kernel that is not there modprobe prints the configuration only, without forty thousand aliases,
# which a slow machine with Debian 12 looks up for half a minute.
COMMAND = f"""
if command -v modprobe > /dev/null; then
  modprobe -c -S none | grep -E '^(install|blacklist) '
fi
printf 'command-line'
read -r words </proc/cmdline
set -f
for word in $words; do
  case $word in --) break ;; esac
  case ${{word%%=*}} in {"|".join(WORDS)}) printf ' %s' "$word" ;; esac
done
echo
echo end
"""

# blacklist dccp
# install dccp /bin/false
# command-line slab_nomerge pti=on audit=1
# end
_REFUSALS = ("/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true")


def parse(text: str) -> dict[str, object]:
    """Return as lists: `refused` (modules whose loading runs a program that does nothing), `needed_blocked` (of those a
    telework post needs, refused or not loaded by themselves), `command_line` (the words of `WORDS` the kernel got).
    """
    refused: set[str] = set()
    blacklisted: set[str] = set()
    command_line: list[str] | None = None
    for line in whole(text):
        word, _, rest = line.partition(" ")
        words = rest.split()
        if word == "command-line":
            command_line = words
        elif word == "install" and len(words) > 1:
            if words[1] in _REFUSALS:
                refused.add(words[0].replace("-", "_"))
        elif word == "blacklist" and len(words) == 1:
            blacklisted.add(words[0].replace("-", "_"))
        else:
            raise ValueError(f"not understood: {line!r}")
    if command_line is None:
        raise ValueError("no command line")
    blocked = NEEDED & (refused | blacklisted)
    return {"refused": sorted(refused), "needed_blocked": sorted(blocked), "command_line": command_line}


PROBE = Probe(name="kernel_modules", command=COMMAND, parse=parse)
