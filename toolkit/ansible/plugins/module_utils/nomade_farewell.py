# SPDX-License-Identifier: EUPL-1.2
# Runs on endpoints, where everything is plain paths.
# ruff: noqa: PTH103, PTH114, PTH118, PTH119, PTH120, PTH123, PTH211
"""The last step: tunnel, sudo rule, management account and what was written down go, without anybody at the other end.

It cuts the connection that asks for it, so a service of its own does it, at every start until it is through.
"""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Iterator
from typing import Any

from ansible.module_utils import nomade_ledger
from ansible.module_utils.nomade_restore import Steps, is_last

HOME = "/var/lib/nomade-farewell"
UNIT = "/etc/systemd/system/nomade-farewell.service"
WANTED = "/etc/systemd/system/multi-user.target.wants/nomade-farewell.service"
COMMENT = "Nomade management"  # of the account that enrolment makes; another one of that name is left alone
_UNIT_TEXT = """\
# Written by Nomade (retire --restore): what cuts the connection that asks for it. Takes itself away at the end.
[Unit]
Description=Take away what Nomade was reached by
After=local-fs.target

[Service]
Type=oneshot
ExecStart=/bin/sh /var/lib/nomade-farewell/script

[Install]
WantedBy=multi-user.target
"""
# All of it is read before the first line is run, since it removes itself; each line may have been done before.
_SCRIPT = """\
main() {{
sleep 3
{steps}
rm -f /etc/systemd/system/sysinit.target.wants/nomade-guard.service /etc/systemd/system/nomade-guard.service
rm -rf /var/lib/nomade
{account}
sync
rm -f {wanted} {unit}
systemctl daemon-reload
rm -rf {home}
}}
main
"""
_ACCOUNT = """\
rm -f /etc/sudoers.d/nomade
if number=$(id -u -- {name} 2>/dev/null); then
loginctl terminate-user {name}
pkill -KILL -u {name}
sleep 1
userdel --force --remove -- {name}
systemctl reset-failed "user@$number.service" "user-runtime-dir@$number.service"
fi
rm -rf /root/.ansible/tmp
rmdir /root/.ansible"""
# What programs of roles made by themselves: keys that never left.
_MADE = ("/etc/wireguard/nomade.key", "/etc/nomade", "/var/lib/nomade-backup-store")


def way_in() -> bool:
    """Tell whether somebody could still administer the machine without the management account."""
    shadow = _shadow()
    if _usable(shadow.get("root", "")):
        return True
    members = {name for group in ("sudo", "admin", "wheel") for name in nomade_ledger.groups().get(group, [])}
    return any(_usable(shadow.get(name, "")) for name in members)


def _shadow() -> dict[str, str]:
    with open("/etc/shadow", encoding="utf-8") as stream:
        return {line.split(":")[0]: line.split(":")[1] for line in stream if line.count(":") >= 2}


def _usable(password: str) -> bool:
    return password.startswith("$")


def ours(account: str) -> bool:
    """Tell whether enrolment made the account."""
    try:
        return pwd.getpwnam(account).pw_gecos.split(",")[0] == COMMENT
    except KeyError:
        return False


def say_farewell(steps: Steps, account: str, purge: list[str]) -> str:
    """Write down the last step, durably, and start it apart from this connection.

    Returns “done”, or “waits” when nothing was done: nobody else could administer the machine. An account that
    enrolment found there stays, and `steps.left` says so.
    """
    mine = ours(account)
    if mine and not way_in():
        return "waits"
    steps.changed += [facts["path"] for facts in steps.kept if is_last(facts["path"])]
    (steps.changed if mine else steps.left).append(account)
    if steps.check:
        return "done"
    lines = [*_tunnel(steps), *_keys(), *_packages(purge), *_folders(steps)]
    script = _SCRIPT.format(
        steps="\n".join(lines),
        account=_ACCOUNT.format(name=shlex.quote(account)) if mine else ":",
        wanted=WANTED,
        unit=UNIT,
        home=HOME,
    )
    os.makedirs(HOME, mode=0o700, exist_ok=True)
    nomade_ledger.write(HOME + "/script", script.encode())
    nomade_ledger.write(UNIT, _UNIT_TEXT.encode())
    if not os.path.islink(WANTED):
        os.makedirs(os.path.dirname(WANTED), exist_ok=True)
        os.symlink(UNIT, WANTED)
    steps.run(["systemctl", "daemon-reload"])
    steps.run(["systemctl", "start", "--no-block", "nomade-farewell.service"])
    return "done"


def _tunnel(steps: Steps) -> Iterator[str]:
    names = [os.path.basename(facts["path"]) for facts in steps.kept if is_last(facts["path"])]
    for name in sorted(name for name in names if name.endswith((".service", ".timer"))):
        yield f"systemctl --quiet disable --now {shlex.quote(name)}"
    for path, value in steps.kernel_values(last=True):
        yield f"echo {shlex.quote(value)} >{shlex.quote(path)}"
    for facts in steps.kept:
        if is_last(facts["path"]) and facts["kind"] == "file":
            yield from _put_back(facts)


def _put_back(facts: dict[str, Any]) -> Iterator[str]:
    path = shlex.quote(facts["path"])
    if not facts["existed"]:
        yield f"rm -f -- {path}"
    elif "content" in facts:
        first = shlex.quote(os.path.join(nomade_ledger.folder_of(facts["path"]), "original"))
        rights = f"chown {facts['uid']}:{facts['gid']} {path} && chmod {facts['mode']} {path}"
        yield f"[ ! -e {first} ] || {{ cp -- {first} {path} && {rights}; }}"


def _packages(purge: list[str]) -> Iterator[str]:
    if purge:
        words = " ".join(shlex.quote(name) for name in purge)
        yield f"DEBIAN_FRONTEND=noninteractive apt-get -qq --yes purge --auto-remove {words}"


def _keys() -> Iterator[str]:
    """Keys of the tunnel and of backups were made here and are of no use to anybody any more."""
    yield "rm -rf " + " ".join(_MADE)
    yield "[ -e /usr/bin/wg ] || rmdir /etc/wireguard 2>/dev/null"


def _folders(steps: Steps) -> Iterator[str]:
    made = [facts["path"] for facts in steps.kept if facts["kind"] == "directory" and not facts["existed"]]
    for path in sorted(made, key=len, reverse=True):
        yield f"rmdir -- {shlex.quote(path)} 2>/dev/null"
