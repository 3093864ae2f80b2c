"""USBGuard: whether it decides, and what its rules say of a plain keyboard, mouse, hub and stick."""

from __future__ import annotations

import re

from toolkit.probes import Probe
from toolkit.probes._text import whole

# The rules the daemon works with; where it does not run, those it would start with, in its order.
COMMAND = r"""
enabled=no
[ ! -e /etc/systemd/system/basic.target.wants/usbguard.service ] ||
  [ "$(readlink /etc/systemd/system/usbguard.service)" = /dev/null ] || enabled=yes
echo "enabled $enabled"
if [ "$enabled" = yes ]; then
  usbguard list-rules 2> /dev/null || cat /etc/usbguard/rules.conf /etc/usbguard/rules.d/*.conf 2> /dev/null |
    grep -E '^[[:space:]]*(allow|block|reject)'
fi
echo end
"""

# enabled yes
# 1: allow with-interface match-all { 09:*:* }
# 2: allow id 1d6b:0002 serial "" name "xHCI Host Controller" hash "jEP/…=" with-interface 09:00:00
# end
_RULE = re.compile(r"\s*(?:\d+: )?(allow|block|reject)\b(.*)")
# A rule about kinds of interfaces and nothing else.
_KINDS = re.compile(r"\s*(?:id \*:\* )?with-interface (?:([a-z-]+) )?(?:\{ ?([0-9a-f:* ]+?) ?\}|([0-9a-f:*]+))\s*")
_DEVICES = {"keyboard": "03:01:01", "mouse": "03:01:02", "hub": "09:00:00", "storage": "08:06:50"}


def parse(text: str) -> dict[str, object]:
    """Return `enabled`, `blocked` (of keyboard, mouse and hub those not let in) and `storage` (allow or block).

    Where the daemon is not enabled, nothing is blocked. A rule about one particular device decides nothing here.
    """
    head, *lines = whole(text) or [""]
    if head not in ("enabled yes", "enabled no"):
        raise ValueError("no word on the service")
    if head == "enabled no":
        return {"enabled": False, "blocked": [], "storage": "allow"}
    rules = [_rule(line) for line in lines]
    said = {name: _target(interface, rules) for name, interface in _DEVICES.items()}
    storage = said.pop("storage")
    return {
        "enabled": True,
        "blocked": sorted(name for name, word in said.items() if word != "allow"),
        "storage": storage,
    }


def _rule(line: str) -> tuple[str, str, list[str]] | None:
    rule = _RULE.fullmatch(line)
    if rule is None:
        raise ValueError(f"not a rule: {line!r}")
    target, rest = rule.groups()
    if not rest.strip():
        return target, "one-of", ["*:*:*"]
    kinds = _KINDS.fullmatch(rest)
    return (target, kinds[1] or "equals", (kinds[2] or kinds[3]).split()) if kinds else None


def _target(interface: str, rules: list[tuple[str, str, list[str]] | None]) -> str:
    for rule in rules:
        if rule is None:
            continue
        target, operator, patterns = rule
        hits = [_like(interface, pattern) for pattern in patterns]
        # A device with one interface: `all-of` and `equals` need every pattern to be it.
        met = {"none-of": not any(hits), "all-of": all(hits), "equals": all(hits), "equals-ordered": all(hits)}
        if met.get(operator, any(hits)):
            return "allow" if target == "allow" else "block"
    return "block"


def _like(interface: str, pattern: str) -> bool:
    parts = zip(interface.split(":"), pattern.split(":"), strict=False)
    return all(wanted in ("*", part) for part, wanted in parts)


PROBE = Probe(name="usb_guard", command=COMMAND, parse=parse)
