"""What new accounts and logins get: login.defs."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import pairs, scalar, take

COMMAND = """
awk '/^[A-Z]/ { print $1, $2 }' /etc/login.defs
"""

# UMASK 022
# PASS_MAX_DAYS 99999
# ENCRYPT_METHOD YESCRYPT


def parse(text: str) -> dict[str, object]:
    """Return umask and home_mode (three and four octal digits, as text), pass_max_days, min_days and warn_days
    (days), and encrypt_method. Without HOME_MODE, useradd takes what the umask leaves: login.defs(5).
    """
    values = pairs(text)
    days, method = take(values, "PASS_MAX_DAYS", "ENCRYPT_METHOD")
    umask = values.get("UMASK", "022")  # shadow 4.17 (Debian 13) no longer writes its default
    return {
        "umask": umask.rjust(3, "0")[-3:],
        "home_mode": values.get("HOME_MODE", f"{0o777 & ~int(umask, 8):o}").rjust(4, "0"),
        "pass_max_days": scalar(days),
        "min_days": scalar(values.get("PASS_MIN_DAYS", "0")),
        "warn_days": scalar(values.get("PASS_WARN_AGE", "-1")),
        "encrypt_method": method,
    }


PROBE = Probe(name="login_defaults", command=COMMAND, parse=parse)
