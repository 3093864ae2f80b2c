"""Judges that others wrote, run on a stand-in laptop before and after `nomade apply`: `python -m tests.judge`.

OpenSCAP with the ANSSI-BP-028 profiles of SCAP Security Guide, Lynis, ssh-audit, `systemd-analyze security` and nmap.
Their profiles and rules are taken as they come; `rules.yml` says which do not fit a telework laptop, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.lab.machines import Lab


@dataclass(frozen=True, slots=True)
class Laptop:
    """The judged stand-in."""

    lab: Lab
    name: str

    def run(self, *argv: str, stdin: bytes = b"", accepted: Sequence[int] = (0,), timeout: float = 900) -> str:
        """Run a command inside as root and return its output. Raises RuntimeError on an exit status not `accepted`."""
        done = self.lab.exec(self.name, argv, stdin=stdin, timeout=timeout)
        if done.returncode not in accepted:
            raise RuntimeError(f"{self.name}: {' '.join(argv)}: {done.returncode}: {done.stderr.decode()[-500:]}")
        return done.stdout.decode(errors="replace")
