"""Probes: one module per subject, each one read-only command and the pure parser of its output.

A module of this folder holds `PROBE`; the name of the module is the name of the probe.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from toolkit.probes._shared import ask, ask_units


@dataclass(frozen=True)
class Probe:
    """One question to an endpoint.

    `command` is POSIX sh, read-only, run as root with `LC_ALL=C`; it prints no secret. `parse` turns its output into
    facts (JSON values) and raises `ValueError` on anything it does not expect. `timeout` is in seconds, `limit` in
    bytes of output. A command that does not end with 0 has failed, whatever it printed.

    `shares` names questions of `_shared.SHARED` whose answers the command finds in variables; `units` are systemd units
    whose state it finds in `${units:?}`. Both are asked once for all probes.
    """

    name: str
    command: str
    parse: Callable[[str], dict[str, Any]]
    timeout: float = 10.0
    limit: int = 262_144
    shares: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def alone(self) -> str:
        """The command with all that it builds on, to be run without any other probe."""
        return "".join([*map(ask, self.shares), ask_units(self.units) if self.units else "", self.command])


@cache
def registry() -> Mapping[str, Probe]:
    """Return every probe of this folder by its name, in alphabetical order.

    Raises:
        ValueError: a module whose probe is not named like the module.
    """
    probes: dict[str, Probe] = {}
    for module in sorted(item.name for item in pkgutil.iter_modules(__path__) if not item.name.startswith("_")):
        probe: Probe = importlib.import_module(f"{__name__}.{module}").PROBE
        if probe.name != module:
            raise ValueError(f"toolkit/probes/{module}.py: PROBE is named {probe.name!r}")
        probes[module] = probe
    return MappingProxyType(probes)
