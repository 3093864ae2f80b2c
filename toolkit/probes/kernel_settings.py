"""Settings of the running kernel, of every network interface, and the limit of memory dumps in a session."""

from __future__ import annotations

import re

from toolkit.probes import Probe
from toolkit.probes._text import scalar, whole

SETTINGS = (
    "dev/tty/ldisc_autoload",
    "fs/protected_fifos",
    "fs/protected_hardlinks",
    "fs/protected_regular",
    "fs/protected_symlinks",
    "fs/suid_dumpable",
    "kernel/core_pattern",
    "kernel/dmesg_restrict",
    "kernel/kptr_restrict",
    "kernel/perf_event_paranoid",
    "kernel/randomize_va_space",
    "kernel/sysrq",
    "kernel/unprivileged_bpf_disabled",
    "kernel/yama/ptrace_scope",
    "net/core/bpf_jit_harden",
    "net/ipv4/icmp_echo_ignore_broadcasts",
    "net/ipv4/icmp_ignore_bogus_error_responses",
    "net/ipv4/ip_forward",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_rfc1337",
    "net/ipv4/tcp_syncookies",
    "vm/mmap_min_addr",
)
PER_INTERFACE = (
    "net/ipv4/conf/*/accept_local",
    "net/ipv4/conf/*/accept_redirects",
    "net/ipv4/conf/*/accept_source_route",
    "net/ipv4/conf/*/log_martians",
    "net/ipv4/conf/*/route_localnet",
    "net/ipv4/conf/*/rp_filter",
    "net/ipv4/conf/*/secure_redirects",
    "net/ipv4/conf/*/send_redirects",
    "net/ipv4/conf/*/shared_media",
    "net/ipv6/conf/*/accept_redirects",
    "net/ipv6/conf/*/accept_source_route",
)
# sudo keeps dumps of what it runs from being made whatever the session allows: the limit is that of its sshd.
COMMAND = f"""
pid=$$
while read -r _ _ _ parent _ <"/proc/$pid/stat" && [ "${{parent:-0}}" -gt 1 ]; do
  pid=$parent
  read -r program <"/proc/$pid/comm"
  case $program in sshd*) break ;; esac
done
while read -r line; do
  case $line in 'Max core file size'*) set -- $line; echo "session/core=$6"; break ;; esac
done <"/proc/$pid/limits"
cd /proc/sys || exit
grep -s '' {" ".join(SETTINGS + PER_INTERFACE)}
echo end
"""

# session/core=0
# kernel/kptr_restrict:2
# net/ipv4/ip_local_port_range:32768	65535
# net/ipv4/conf/all/rp_filter:2
# net/ipv4/conf/eth0/rp_filter:2
# end


def parse(text: str) -> dict[str, object]:
    """Return each setting by its dotted name; one that interfaces have (`net.ipv4.conf.*.rp_filter`) as the list of the
    values in use. A setting this kernel does not have is left out; those of IPv6 are then empty: there is no IPv6.
    """
    facts: dict[str, object] = {}
    values: dict[str, set[str | int]] = {_dotted(name): set() for name in PER_INTERFACE if "ipv6" in name}
    for line in whole(text):
        path, *values_ = re.split("[:=]", line, maxsplit=1)
        if not values_:
            raise ValueError(f"not a setting: {line!r}")
        found = scalar(" ".join(values_[0].split()))
        parts = path.split("/")
        if parts[:1] == ["net"] and len(parts) == 5:
            values.setdefault(_dotted("/".join([*parts[:3], "*", parts[4]])), set()).add(found)
        else:
            facts[_dotted(path)] = found
    if "session.core" not in facts:
        raise ValueError("the limit of the session is missing")
    return facts | {name: sorted(found, key=repr) for name, found in values.items()}


def _dotted(path: str) -> str:
    return path.replace("/", ".")


PROBE = Probe(name="kernel_settings", command=COMMAND, parse=parse)
