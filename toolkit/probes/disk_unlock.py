"""How encrypted volumes are opened at boot: with a secret somebody types, or by the machine alone."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

# Of each header's tokens only their kind and whether they ask for a code; the sealed keys stay where they are.
COMMAND = """
sed -n 's/^[[:space:]]*\\([^#[:space:]]\\)/volume \\1/p' /etc/crypttab 2>/dev/null
if command -v cryptsetup >/dev/null; then
  seen=
  for device in ${encrypted?}; do
    case " $seen " in *" $device "*) continue ;; esac
    seen="$seen $device"
    cryptsetup luksDump --dump-json-metadata "$device" 2>/dev/null | awk -F '"' -v device="$device" '
      /^  "/ { inside = ($2 == "tokens") }
      inside && /^      "type":/ { print "token", device, $4 }
      inside && /^      "tpm2-pin": *true/ { print "code", device }
    '
  done
fi
echo end
"""

# volume nvme0n1p3_crypt UUID=3e0a8112-0938-46ea-988f-d49c4195d505 none luks,discard
# volume cryptswap1 /dev/nvme0n1p4 /dev/urandom swap,cipher=aes-xts-plain64
# token /dev/nvme0n1p3 systemd-tpm2
# code /dev/nvme0n1p3
# end
ASKED = frozenset({"none", "-", ""})
THROWN_AWAY = ("/dev/urandom", "/dev/random")  # a new key at each boot: swap
ALONE = ("tpm2-device=", "fido2-device=", "pkcs11-uri=", "keyscript=")


# Kinds of tokens that give a key away without asking anybody, unless they say that they ask for a code.
GIVES_AWAY = ("systemd-tpm2", "clevis")


def parse(text: str) -> dict[str, object]:
    """Return how many `volumes` are opened at boot, and what opens `alone`: volumes with a key file, devices with a
    chip that needs no code.
    """
    volumes, alone = 0, []
    tokens: list[tuple[str, str, bool]] = []
    for line in whole(text):
        match line.split():
            case ["volume", name, *fields]:
                volumes += 1
                alone += [] if _asks(fields) else [name]
            case ["token", device, kind]:
                tokens.append((device, kind, False))
            case ["code", device] if tokens and tokens[-1][0] == device:
                tokens[-1] = (*tokens[-1][:2], True)
            case _:
                raise ValueError(f"neither a volume nor a token: {line!r}")
    found = {device for device, kind, code in tokens if kind in GIVES_AWAY and not code}
    return {"volumes": volumes, "alone": [*alone, *sorted(found)]}


def _asks(fields: list[str]) -> bool:
    """Tell whether somebody is asked; `fields` are those of crypttab after the name."""
    secret = fields[1] if len(fields) > 1 else ""
    options = fields[2].split(",") if len(fields) > 2 else []
    typed = secret in ASKED and not any(option.startswith(ALONE) for option in options)
    return typed or secret in THROWN_AWAY or "tpm2-pin=true" in options or "tpm2-pin=yes" in options


PROBE = Probe(name="disk_unlock", command=COMMAND, parse=parse, shares=("disks", "encrypted"))
