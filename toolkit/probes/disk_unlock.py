"""How encrypted volumes are opened at boot: with a secret somebody types, or by the machine alone."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

COMMAND = """
sed -n 's/^[[:space:]]*\\([^#[:space:]]\\)/volume \\1/p' /etc/crypttab 2>/dev/null
echo end
"""

# volume nvme0n1p3_crypt UUID=3e0a8112-0938-46ea-988f-d49c4195d505 none luks,discard
# volume cryptswap1 /dev/nvme0n1p4 /dev/urandom swap,cipher=aes-xts-plain64
# end
ASKED = frozenset({"none", "-", ""})
THROWN_AWAY = ("/dev/urandom", "/dev/random")  # a new key at each boot: swap
ALONE = ("tpm2-device=", "fido2-device=", "pkcs11-uri=", "keyscript=")


def parse(text: str) -> dict[str, object]:
    """Return how many `volumes` are opened at boot, and those that open `alone`: a key file, a chip without a code."""
    volumes, alone = 0, []
    for line in whole(text):
        mark, name, *fields = line.split()
        if mark != "volume":
            raise ValueError(f"not a volume: {line!r}")
        volumes += 1
        secret = fields[1] if len(fields) > 1 else ""
        options = fields[2].split(",") if len(fields) > 2 else []
        asked = secret in ASKED and not any(option.startswith(ALONE) for option in options)
        if not (asked or secret in THROWN_AWAY or "tpm2-pin=true" in options or "tpm2-pin=yes" in options):
            alone.append(name)
    return {"volumes": volumes, "alone": alone}


PROBE = Probe(name="disk_unlock", command=COMMAND, parse=parse)
