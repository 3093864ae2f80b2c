"""The remote desktop server of an office PC: how it is protected, and who may open a session."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import ABSENT, flag, scalar, whole

COMMAND = f"""
[ -e /etc/xrdp/xrdp.ini ] && [ -e /etc/xrdp/sesman.ini ] || {{ echo {ABSENT}; exit 0; }}
for file in xrdp sesman; do
  awk -v file="$file" '
    /^[[:space:]]*[;#]/ {{ next }}
    /^\\[/ {{ section = $0; gsub(/[][]/, "", section); next }}
    section ~ /^(Globals|Channels|Security|Sessions)$/ && /=/ {{ print file "." section "." $0 }}
  ' "/etc/xrdp/$file.ini"
done
key=$(sed -n 's/^key_file=//p' /etc/xrdp/xrdp.ini | tail -n 1)
echo "key=$(stat -L -c '%a %U %G' "${{key:-/etc/xrdp/key.pem}}" 2>/dev/null)"
certificate=$(sed -n 's/^certificate=//p' /etc/xrdp/xrdp.ini | tail -n 1)
echo "subject=$(openssl x509 -noout -subject -nameopt multiline -in "${{certificate:-/etc/xrdp/cert.pem}}" 2>/dev/null |
  sed -n 's/^ *commonName *= //p')"
group=$(sed -n 's/^TerminalServerUsers=//p' /etc/xrdp/sesman.ini | tail -n 1)
members=$(getent group "${{group:-tsusers}}" | cut -d: -f4)
echo "members=$members"
stack=/etc/pam.d/xrdp-sesman
! grep -qs '^@include common-auth' "$stack" || stack="$stack /etc/pam.d/common-auth"
if grep -qsE '^auth[[:space:]].*pam_faillock\\.so +authfail' $stack; then echo counted=yes; else echo counted=no; fi
echo "limit=$(sed -n 's/^deny *= *//p' /etc/security/faillock.conf 2>/dev/null)"
for login in $(echo "$members" | tr , ' '); do
  echo "failures.$login=$(faillock --user "$login" 2>/dev/null | grep -c ' V$')"
done
echo end
"""

# xrdp.Globals.security_layer=tls
# xrdp.Channels.rdpdr=false
# sesman.Security.AllowRootLogin=false
# sesman.Sessions.IdleTimeLimit=900
# key=640 root xrdp
# subject=valsorbe-bureau-1
# members=cmartin
# counted=yes
# limit=5
# failures.cmartin=0
# end
FACTS = {
    "security_layer": "xrdp.Globals.security_layer",
    "encryption": "xrdp.Globals.crypt_level",
    "protocols": "xrdp.Globals.ssl_protocols",
    "certificate": "xrdp.Globals.certificate",
    "drives": "xrdp.Channels.rdpdr",
    "root": "sesman.Security.AllowRootLogin",
    "attempts": "sesman.Security.MaxLoginRetry",
    "group_check": "sesman.Security.AlwaysGroupCheck",
    "group": "sesman.Security.TerminalServerUsers",
    "idle": "sesman.Sessions.IdleTimeLimit",
    "sessions": "sesman.Sessions.MaxSessions",
    "remote_applications": "xrdp.Channels.rail",
    "video_player": "xrdp.Channels.xrdpvr",
}


def parse(text: str) -> dict[str, object]:
    """Return what xrdp and its session manager are told; an option that is not written is an empty text."""
    if text.strip() == ABSENT:
        return {"installed": False}
    lines = whole(text)
    values: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals:
            raise ValueError(f"not an option: {line!r}")
        values.setdefault(key.strip(), value.strip())
    if not {"key", "subject", "members"} <= set(values):
        raise ValueError("key, subject or members missing")
    facts: dict[str, object] = {name: scalar(values.get(place, "")) for name, place in FACTS.items()}
    facts["protocols"] = [item.strip() for item in values.get(FACTS["protocols"], "").split(",")]
    members = [login for login in values["members"].split(",") if login]
    facts |= _guesses(values)
    return facts | {"installed": True, "key": values["key"], "subject": values["subject"], "members": members}


def _guesses(values: dict[str, str]) -> dict[str, object]:
    """Return whether wrong passwords are counted, and who had too many since the last right one; nothing if unasked."""
    if "counted" not in values:
        return {}
    limit = scalar(values.get("limit") or "3")  # faillock.conf(5): 3 when nothing is written
    failures = {name[9:]: scalar(value) for name, value in values.items() if name.startswith("failures.")}
    if not isinstance(limit, int) or not all(isinstance(count, int) for count in failures.values()):
        raise ValueError("a number of wrong passwords is none")
    guessed = sorted(login for login, count in failures.items() if isinstance(count, int) and count >= limit)
    return {"counted": flag(values["counted"]), "locked_out": guessed}


PROBE = Probe(name="remote_desktop", command=COMMAND, parse=parse)
