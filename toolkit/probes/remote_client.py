"""The laptop's way to its own office PC: which machine it calls, and which certificate it insists on."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import ABSENT, flag, pairs, take

COMMAND = f"""
launcher=/usr/local/bin/bureau-distance
certificate=/usr/local/share/nomade/office-pc.crt
[ -e "$launcher" ] || {{ echo {ABSENT}; exit 0; }}
said() {{ if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }}
echo "rights $(stat -c '%a %U %G' "$launcher" "$certificate" 2>/dev/null | sort -u | tr '\\n' ' ')"
echo "address $(sed -n 's/^address=//p' "$launcher" | tr -d "'")"
echo "strict $(said grep -q '/cert:deny,fingerprint:sha256:' "$launcher")"
echo "subject $(openssl x509 -noout -subject -nameopt multiline -in "$certificate" 2>/dev/null |
  sed -n 's/^ *commonName *= //p')"
echo "lasting $(said openssl x509 -noout -checkend 2592000 -in "$certificate")"
echo "client $(said command -v xfreerdp3 || true)$(said command -v xfreerdp || true)"
echo "end"
"""

# rights 644 root root 755 root root
# address 198.18.10.20
# strict yes
# subject valsorbe-bureau-1
# lasting yes
# client yesno
# end


def parse(text: str) -> dict[str, object]:
    """Return which `address` is called and the `subject` of the pinned certificate (`lasting`: for 30 days more)."""
    if text.strip() == ABSENT:
        return {"installed": False}
    names = ("rights", "address", "strict", "subject", "lasting", "client", "end")
    rights, address, strict, subject, lasting, client, _end = take(pairs(text), *names)
    if client not in ("yesno", "noyes", "yesyes", "nono"):
        raise ValueError("neither yes nor no about the client")
    return {
        "installed": True,
        "client": client != "nono",
        "rights": rights,
        "address": address,
        "strict": flag(strict),
        "subject": subject,
        "lasting": flag(lasting),
    }


PROBE = Probe(name="remote_client", command=COMMAND, parse=parse)
