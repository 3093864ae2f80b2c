"""Machines as neglected ones are found: what a fresh Debian has in order is put out of order, and back again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import yaml

from toolkit.catalogue import load
from toolkit.lab.machines import Lab

STATES: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_name("neglect.yml").read_text(encoding="utf-8"))
_SAVED = "/etc/passwd /etc/shadow /etc/group /etc/gshadow /var/lib/dpkg/status /usr/lib/os-release"
_SAVE = f"set -e; mkdir /run/neglect; cp --archive --parents {_SAVED} /run/neglect\n"
_RESTORE = "cp --archive /run/neglect/. / && rm -r /run/neglect\n"


@contextmanager
def neglected(lab: Lab) -> Iterator[None]:
    """Spoil every endpoint for the controls that apply to its kind; put everything back at the end."""
    machines = lab.plan().machines
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda machine: _run(lab, machine.name, _SAVE + _scripts(machine.kind, "spoil")), machines))
        try:
            yield
        finally:
            script = "set -e\n" + _RESTORE
            list(pool.map(lambda machine: _run(lab, machine.name, script + _scripts(machine.kind, "mend")), machines))


def _scripts(kind: str, part: str) -> str:
    controls = load().controls
    wanted = (state for name, state in STATES.items() if kind in controls[name].applies_to)
    return "".join(f"{state[part].rstrip()}\n" for state in wanted if part in state)


def _run(lab: Lab, host: str, script: str) -> None:
    done = lab.exec(host, ["sh"], stdin=script.encode(), timeout=300)
    assert done.returncode == 0, f"{host}: {done.stderr.decode(errors='replace')}"
