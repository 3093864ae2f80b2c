"""Who is in quarantine, as decided last: `inventories/<commune>/quarantine.json`; the inventory tells the gateway."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from toolkit.errors import BadInputError
from toolkit.files import write_atomically
from toolkit.fleet import Fleet
from toolkit.fleet.addresses import Addresses
from toolkit.fleet.document import shown
from toolkit.fleet.parts import Endpoint, Kind, OfficePc
from toolkit.i18n import _
from toolkit.workspace import CommuneFolder, Workspace


class Cause(StrEnum):
    """Why an endpoint is in quarantine."""

    CRITICAL = "critical"  # its last audit breaks a critical control
    STALE = "stale"  # its last audit is older than the limit
    NEVER = "never"  # it was never audited: unknown is not compliant


@dataclass(frozen=True, slots=True)
class Held:
    """One endpoint in quarantine. `controls`: the critical ones it breaks; `told`: whether its desktop was told why."""

    cause: Cause
    since: datetime
    controls: tuple[str, ...] = ()
    told: bool = False

    @property
    def reason(self) -> tuple[Cause, tuple[str, ...]]:
        """Return what is told of it."""
        return self.cause, self.controls


@dataclass(frozen=True, slots=True)
class Register:
    """`held` by name; `in_force`: whom the gateway was told of last; `to_clear`: released, desktop not told yet."""

    held: Mapping[str, Held] = field(default_factory=dict)
    in_force: tuple[str, ...] = ()
    to_clear: tuple[str, ...] = ()


def load(folder: CommuneFolder) -> Register:
    """Return what was decided last; nothing when that never happened.

    Raises:
        BadInputError: the file is damaged. It must not be taken for an empty one: that would release everybody.
    """
    try:
        raw: dict[str, Any] = json.loads(folder.quarantine.read_text(encoding="utf-8"))
        held = {name: _held(item) for name, item in raw["held"].items()}
        return Register(held, _names(raw["in_force"]), _names(raw["to_clear"]))
    except FileNotFoundError:
        return Register()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInputError(
            _(
                "{file}: damaged: put back the version in git, or run “nomade quarantine apply” after removing it"
            ).format(file=shown(folder.quarantine))
        ) from error


def _held(item: Mapping[str, Any]) -> Held:
    since = datetime.fromisoformat(item["since"])
    return Held(Cause(item["cause"]), since, _names(item["controls"]), item["told"] is True)


def _names(raw: Collection[str]) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(name, str) for name in raw):
        raise ValueError(raw)
    return tuple(raw)


def save(folder: CommuneFolder, register: Register) -> None:
    """Write the register, whole or not at all; an unchanged one is left alone.

    Raises:
        BadInputError: it cannot be written.
    """
    body = {
        "held": {
            name: {
                "cause": item.cause.value,
                "since": item.since.isoformat(timespec="seconds"),
                "controls": list(item.controls),
                "told": item.told,
            }
            for name, item in register.held.items()
        },
        "in_force": list(register.in_force),
        "to_clear": list(register.to_clear),
    }
    text = json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    path = folder.quarantine
    try:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text)
    except OSError as error:
        raise BadInputError(
            _("{file}: cannot be written: {reason}").format(file=shown(path), reason=error.strerror)
        ) from error


def facts(workspace: Workspace, fleet: Fleet, endpoint: Endpoint, addresses: Addresses) -> dict[str, Any]:
    """Return what a gateway is told: name and address of everybody held; nothing for others. Raises as `load`."""
    if endpoint.kind is not Kind.GATEWAY or not fleet.quarantine:
        return {}
    held = load(workspace.commune(fleet.commune.id)).held
    places = dict(addresses.tunnel) | {
        pc.name: pc.office_address for pc in fleet.office_pcs if isinstance(pc, OfficePc)
    }
    members = [{"name": name, "address": places[name]} for name in sorted(held) if name in places]
    return {"nomade_quarantine": members}
