"""What logging in and choosing a password go through: the PAM stacks and the files their modules read."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import scalar, whole

# pam_pwquality reads pwquality.conf.d first (in order), then pwquality.conf, which wins: pwquality.conf(5).
COMMAND = r"""
set --
for file in /etc/pam.d/common-auth /etc/pam.d/common-account /etc/pam.d/common-password /etc/pam.d/common-session \
  /etc/security/pwquality.conf.d/*.conf /etc/security/pwquality.conf /etc/security/faillock.conf \
  /etc/security/pwhistory.conf; do
  [ ! -s "$file" ] || set -- "$@" "$file"
done
awk '
  FNR == 1 {
    place = FILENAME
    sub(/.*\/common-/, "", place)
    if (place ~ /pwquality/) place = "quality"
    if (place ~ /faillock/) place = "lockout"
    if (place ~ /pwhistory/) place = "history"
  }
  { gsub(/[ \t]+/, " ") }
  !/^ ?(#|$)/ { print place, $0 }
' "$@" </dev/null && echo end
"""

# auth auth requisite pam_faillock.so preauth
# password password requisite pam_pwquality.so retry=3
# password password requisite pam_pwhistory.so remember=24 use_authtok
# quality minlen = 15
# lockout deny = 5
# end
STACKS = ("auth", "account", "password", "session")
FILES = {"quality": "pam_pwquality", "lockout": "pam_faillock", "history": "pam_pwhistory"}
# What the modules do when nothing is written: pam_pwquality(8), pam_faillock(8), pam_pwhistory(8).
DEFAULTS = {
    "pam_pwquality": {"minlen": "8", "minclass": "0", "enforcing": "1"},
    "pam_faillock": {"deny": "3", "fail_interval": "900", "unlock_time": "600"},
    "pam_pwhistory": {"remember": "10"},
}


def parse(text: str) -> dict[str, object]:
    """Return which modules stand in the stacks, and `<module>.<option>` as it applies (0 when the module is absent)."""
    lines = whole(text)
    modules: dict[str, list[tuple[str, list[str]]]] = {stack: [] for stack in STACKS}
    options = {module: dict(values) for module, values in DEFAULTS.items()}
    for line in lines:
        place, _, rest = line.partition(" ")
        if place in modules:
            modules[place].append(_module(rest))
        else:
            options[FILES[_known(place)]] |= _option(rest)
    if not modules["auth"] or not modules["password"]:
        raise ValueError("no stack for logins or for passwords")
    return _facts(modules, options)


def _known(place: str) -> str:
    if place not in FILES:
        raise ValueError(f"unknown part {place!r}")
    return place


def _module(line: str) -> tuple[str, list[str]]:
    """Return the module and its arguments of `type control module arguments`; the control may be in brackets."""
    before, bracket, after = line.partition("]")
    words = after.split() if bracket and "[" in before else line.split()[2:]
    if line.startswith("@include"):
        return "@include", []
    if not words:
        raise ValueError(f"not a line of PAM: {line!r}")
    return words[0].rsplit("/", 1)[-1].removesuffix(".so"), words[1:]


def _option(line: str) -> dict[str, str]:
    name, _, value = line.partition("#")[0].partition("=")
    return {name.strip(): value.strip() or "1"}


def _facts(modules: dict[str, list[tuple[str, list[str]]]], options: dict[str, dict[str, str]]) -> dict[str, object]:
    facts: dict[str, object] = {stack: [name for name, _arguments in lines] for stack, lines in modules.items()}
    for module, values in options.items():
        lines = [arguments for stack in modules.values() for name, arguments in stack if name == module]
        for arguments in lines:
            values |= dict(argument.partition("=")[::2] for argument in arguments if "=" in argument)
        facts |= {f"{module}.{name}": scalar(value) if lines else 0 for name, value in values.items()}
    umasks = [argument for name, arguments in modules["session"] if name == "pam_umask" for argument in arguments]
    facts["umask"] = next((item[6:].rjust(3, "0")[-3:] for item in umasks if item.startswith("umask=")), "")
    return facts


PROBE = Probe(name="pam", command=COMMAND, parse=parse)
