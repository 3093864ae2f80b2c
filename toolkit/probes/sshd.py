"""What the SSH server would do for a login: its effective configuration."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import ABSENT, scalar

# `sshd -T` refuses to answer when its configuration is broken or its separation folder is not there yet (stopped
# service): what cannot be read is a failure of the command, never an empty answer.
COMMAND = f"""
sshd=$(command -v sshd || command -v /usr/sbin/sshd) || {{ echo {ABSENT}; exit 0; }}
"$sshd" -T 2>/dev/null || {{ "$sshd" -T 2>&1 >/dev/null; exit 1; }}
"""

# port 22
# permitrootlogin without-password
# passwordauthentication yes
# ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com
# listenaddress 0.0.0.0:22
# listenaddress [::]:22
LISTS = frozenset({"ciphers", "macs", "kexalgorithms", "hostkeyalgorithms", "pubkeyacceptedalgorithms"})
REPEATED = frozenset(
    {"port", "listenaddress", "hostkey", "acceptenv", "allowusers", "allowgroups", "denyusers", "denygroups", "setenv",
     "subsystem", "authorizedkeysfile", "permitlisten", "permitopen", "authenticationmethods"}
)  # fmt: skip


def parse(text: str) -> dict[str, object]:
    """Return the keywords in lower case: integers as such, algorithm lists and repeatable keywords as lists."""
    if text.strip() == ABSENT:
        return {"installed": False}
    facts: dict[str, object] = {"installed": True}
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        if key in REPEATED:
            known = facts.setdefault(key, [])
            assert isinstance(known, list)  # noqa: S101 — set two lines above
            known.extend(value.split())
        elif key in facts:
            raise ValueError(f"{key} twice")
        elif key:
            facts[key] = value.split(",") if key in LISTS else scalar(value)
    if "permitrootlogin" not in facts or "passwordauthentication" not in facts:
        raise ValueError("not the output of sshd -T")
    return facts


PROBE = Probe(name="sshd", command=COMMAND, parse=parse)
