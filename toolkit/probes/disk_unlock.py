"""How encrypted volumes are opened at boot: with a secret somebody types or by the machine alone; whether they hand
discards on to the disk.
"""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

# Of each header's tokens only their kind and whether they ask for a code; the sealed keys stay where they are. The
# device mapper names no key unless it is told to; of its table only names and whether discards are handed on are kept.
COMMAND = """
sed -n 's/^[[:space:]]*\\([^#[:space:]]\\)/volume \\1/p' /etc/crypttab 2>/dev/null
if command -v cryptsetup >/dev/null; then
  seen=
  for device in ${encrypted?}; do
    case " $seen " in *" $device "*) continue ;; esac
    seen="$seen $device"
    cryptsetup luksDump --dump-json-metadata "$device" 2>/dev/null | awk -F '"' -v device="$device" '
      /^  "/ { inside = ($2 == "tokens"); config = ($2 == "config") }
      config && /"allow-discards"/ { print "flag", device }
      inside && /^      "type":/ { print "token", device, $4 }
      inside && /^      "tpm2-pin": *true/ { print "code", device }
    '
  done
fi
open=
[ -s /run/systemd/container ] || for uuid in /sys/block/dm-*/dm/uuid; do  # those a container sees are another machine's
  [ ! -e "$uuid" ] || read -r kind <"$uuid" || continue
  case ${kind-} in CRYPT-*) open=yes ;; esac
done
if [ -n "$open" ]; then
  open=$(dmsetup table --target crypt) || exit 1
  printf '%s\\n' "$open" | awk '$4 == "crypt" {
    print "open", substr($1, 1, length($1) - 1), (/ allow_discards( |$)/ ? "allowed" : "refused")
  }'
fi
echo end
"""

# volume nvme0n1p3_crypt UUID=3e0a8112-0938-46ea-988f-d49c4195d505 none luks,discard
# volume cryptswap1 /dev/nvme0n1p4 /dev/urandom swap,cipher=aes-xts-plain64
# token /dev/nvme0n1p3 systemd-tpm2
# code /dev/nvme0n1p3
# flag /dev/nvme0n1p3
# open nvme0n1p3_crypt allowed
# end
ASKED = frozenset({"none", "-", ""})
THROWN_AWAY = ("/dev/urandom", "/dev/random")  # a new key at each boot: swap
ALONE = ("tpm2-device=", "fido2-device=", "pkcs11-uri=", "keyscript=")


# Kinds of tokens that give a key away without asking anybody, unless they say that they ask for a code.
GIVES_AWAY = ("systemd-tpm2", "clevis")


def parse(text: str) -> dict[str, object]:
    """Return how many `volumes` are opened at boot, how many of them are `lasting` (no swap of a boot), and more.

    `alone`: volumes with a key file, devices with a chip that needs no code. `discards`: what there is among the
    lasting ones: `allowed` (discards are handed on to the disk), `refused`, `mixed` (now one, from the next
    boot on the other). A header that asks for discards at every opening counts for all, as it does not say its name.
    """
    volumes, alone = 0, []
    at_boot: dict[str, bool] = {}
    now: dict[str, bool] = {}
    flagged = False
    tokens: list[tuple[str, str, bool]] = []
    for line in whole(text):
        match line.split():
            case ["volume", name, *fields]:
                volumes += 1
                at_boot |= {} if _thrown_away(fields) else {name: _discards(fields)}
                alone += [] if _asks(fields) else [name]
            case ["token", device, kind]:
                tokens.append((device, kind, False))
            case ["code", device] if tokens and tokens[-1][0] == device:
                tokens[-1] = (*tokens[-1][:2], True)
            case ["flag", _device]:
                flagged = True
            case ["open", name, "allowed" | "refused" as state]:
                now[name] = state == "allowed"
            case _:
                raise ValueError(f"neither a volume nor a token: {line!r}")
    found = {device for device, kind, code in tokens if kind in GIVES_AWAY and not code}
    states = {(at_boot[name] or flagged, now.get(name, at_boot[name] or flagged)) for name in at_boot}
    return {
        "volumes": volumes,
        "lasting": len(at_boot),
        "alone": [*alone, *sorted(found)],
        "discards": sorted({_STATES.get(state, "mixed") for state in states}),
    }


_STATES = {(True, True): "allowed", (False, False): "refused"}


def _thrown_away(fields: list[str]) -> bool:
    return len(fields) > 1 and fields[1] in THROWN_AWAY


def _discards(fields: list[str]) -> bool:
    return len(fields) > 2 and "discard" in fields[2].split(",")


def _asks(fields: list[str]) -> bool:
    """Tell whether somebody is asked; `fields` are those of crypttab after the name."""
    secret = fields[1] if len(fields) > 1 else ""
    options = fields[2].split(",") if len(fields) > 2 else []
    typed = secret in ASKED and not any(option.startswith(ALONE) for option in options)
    return typed or _thrown_away(fields) or "tpm2-pin=true" in options or "tpm2-pin=yes" in options


PROBE = Probe(name="disk_unlock", command=COMMAND, parse=parse, shares=("disks", "encrypted"))
