"""Owner and permissions of the system's own settings, secrets and programs: who else may change or read them."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

# One stat for all; a name that is not there is left out. Links are followed: what they lead to is what counts.
COMMAND = """
stat -L -c '%A %a %U %n' -- /etc/passwd /etc/group /etc/shadow- /etc/gshadow- /etc/sudoers /etc/sudoers.d \\
  /etc/sudoers.d/* /etc/crontab /etc/cron.* /etc/cron.*/* /etc/systemd/system /etc/systemd/system/* \\
  /etc/systemd/system/*.d/* /usr/local/bin /usr/local/bin/* /usr/local/sbin /usr/local/sbin/* /usr/local/libexec \\
  /usr/local/libexec/* /etc/apt /etc/apt/* /etc/apt/*.d/* /etc/apt/keyrings/* /etc/pam.d /etc/pam.d/* /etc/security \\
  /etc/security/* /etc/login.defs /etc/profile /etc/profile.d /etc/profile.d/* /etc/bash.bashrc /etc/environment \\
  /etc/ssh/ssh_host_*_key /etc/ssh/sshd_config /etc/ssh/sshd_config.d /etc/ssh/sshd_config.d/* /etc/nftables.conf \\
  /var/log/journal/*/*.journal /var/log/auth.log /var/log/syslog /root /var/lib/nomade /etc/ld.so.preload 2>/dev/null
echo end
"""

# -rw-r--r-- 644 root /etc/passwd
# drwxr-xr-x 755 root /etc/cron.d
# -rw------- 600 root /etc/ssh/ssh_host_ed25519_key
# end
WRITE, CHANGE_OR_READ, ANY = 0o022, 0o027, 0o077
# Family, how its paths start, and the permissions that nobody but root may have. The first that fits counts.
FAMILIES: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("accounts", ("/etc/passwd", "/etc/group"), WRITE),
    ("password_copies", ("/etc/shadow-", "/etc/gshadow-"), CHANGE_OR_READ),
    ("sudo", ("/etc/sudoers",), CHANGE_OR_READ),
    ("schedule", ("/etc/cron",), WRITE),
    ("services", ("/etc/systemd/",), WRITE),
    ("programs", ("/usr/local/",), WRITE),
    ("packages", ("/etc/apt",), WRITE),
    ("authentication", ("/etc/pam.d", "/etc/security", "/etc/login.defs"), WRITE),
    ("sessions", ("/etc/profile", "/etc/bash.bashrc", "/etc/environment"), WRITE),
    ("host_keys", ("/etc/ssh/ssh_host_",), ANY),
    ("ssh_settings", ("/etc/ssh/",), WRITE),
    ("firewall", ("/etc/nftables.conf",), ANY),
    ("journal", ("/var/log/",), 0o007),  # readable by the group systemd-journal or adm
    ("root_home", ("/root",), ANY),
    ("own_state", ("/var/lib/nomade",), ANY),
    ("preloaded", ("/etc/ld.so.preload",), 0o7777),
)
NOT_ROOTS = ("journal",)  # rsyslog of Ubuntu writes as its own account


def parse(text: str) -> dict[str, object]:
    """Return per family the paths that others may change (or read, where that matters), and how many `_files` it has.

    Folders are judged by who may change them only: what is in them has rights of its own, but for home and state.
    """
    facts: dict[str, object] = {}
    loose: dict[str, list[str]] = {name: [] for name, _starts, _mask in FAMILIES}
    count = dict.fromkeys(loose, 0)
    for line in whole(text):
        shape, mode, owner, path = line.split(" ", 3)
        family, mask = _family(path)
        if shape.startswith("d") and family not in ("root_home", "own_state"):
            mask = WRITE
        count[family] += 1
        if shape[0] not in "-d":  # a masked unit leads to /dev/null
            continue
        if int(mode, 8) & mask or (owner != "root" and family not in NOT_ROOTS):
            loose[family].append(path)
    for name, paths in loose.items():
        facts |= {name: sorted(paths), f"{name}_files": count[name]}
    return facts


def _family(path: str) -> tuple[str, int]:
    for name, starts, mask in FAMILIES:
        if path.startswith(starts):
            return name, mask
    raise ValueError(f"not asked for: {path!r}")


PROBE = Probe(name="system_rights", command=COMMAND, parse=parse)
