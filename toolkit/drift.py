"""Three states of a fleet side by side: what fleet.yml says, what was generated from it, what was applied last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from toolkit import inventory
from toolkit.errors import BadInputError
from toolkit.files import write_atomically
from toolkit.fleet.document import shown
from toolkit.i18n import _
from toolkit.workspace import Workspace

Variables = Mapping[str, Any]

# How an endpoint is reached changes when it leaves the bench, and says nothing of how it is set up.
_OF_THE_WAY = ("ansible_", "nomade_ssh_")
_LONGEST = 60  # characters of a value that are shown

_Ranked = dict[str, tuple[int, Any]]
_HOST = 1000  # deeper than any group: what stands at the host itself


class Stage(StrEnum):
    """What fleet.yml is compared with."""

    GENERATED = "generated"
    APPLIED = "applied"


@dataclass(frozen=True, slots=True)
class Difference:
    """One endpoint that is not as fleet.yml says; `details` are lines in the user's language."""

    commune: str
    stage: Stage
    endpoint: str
    details: tuple[str, ...]


def record(workspace: Workspace, commune: str, names: Collection[str]) -> None:
    """Keep what some endpoints were just set up with: a digest and a copy of their variables, 0600.

    Raises:
        BadInputError: the inventory or the record cannot be read or written.
    """
    if not names:
        return
    of_hosts = variables(workspace.commune(commune).hosts)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entries = {
        name: {"applied": now, "digest": _digest(of_hosts[name]), "variables": of_hosts[name]}
        for name in sorted(names)
        if name in of_hosts
    }
    _write(workspace, commune, {**_known(workspace, commune), **entries})


def forget(workspace: Workspace, commune: str, name: str) -> None:
    """Forget what one endpoint was set up with; nothing when it never was. Raises as `record`."""
    kept = dict(_known(workspace, commune))
    if kept.pop(name, None):
        _write(workspace, commune, kept)


def _write(workspace: Workspace, commune: str, kept: Mapping[str, Mapping[str, Any]]) -> None:
    path = _record_file(workspace, commune)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomically(path, json.dumps(dict(sorted(kept.items())), ensure_ascii=False) + "\n", 0o600)
    except OSError as error:
        raise BadInputError(
            _("{file}: cannot be written: {reason}").format(file=shown(path), reason=error.strerror)
        ) from error


def _known(workspace: Workspace, commune: str) -> Mapping[str, Mapping[str, Any]]:
    try:
        return applied(workspace, commune)
    except BadInputError:  # worth nothing any more; what was just applied is
        return {}


def applied(workspace: Workspace, commune: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what was applied last, by endpoint: `applied` (ISO 8601, UTC), `digest`, `variables`.

    Raises:
        BadInputError: the record is damaged.
    """
    path = _record_file(workspace, commune)
    try:
        entries = json.loads(path.read_bytes())
        if all(_digest(entry["variables"]) == entry["digest"] and entry["applied"] for entry in entries.values()):
            found: Mapping[str, Mapping[str, Any]] = entries
            return found
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        pass
    raise BadInputError(
        _("{file}: damaged: delete it; the next “nomade apply” writes it again").format(file=shown(path))
    )


def compare(workspace: Workspace, communes: Sequence[str]) -> list[Difference]:
    """Return where the generated inventory and the last applied state are not what fleet.yml says. Writes nothing.

    Raises:
        BadInputError: a fleet file is wrong, or a file cannot be read.
    """
    found: list[Difference] = []
    for commune, texts in inventory.rendered(workspace, communes).items():
        wanted = _variables(texts[1], "hosts.yml")
        found += _generated(workspace, commune, texts, wanted)
        before = {name: entry["variables"] for name, entry in applied(workspace, commune).items()}
        found += _differences(commune, Stage.APPLIED, before, wanted)
    return found


def _generated(
    workspace: Workspace, commune: str, texts: tuple[str, str], wanted: Mapping[str, Variables]
) -> list[Difference]:
    folder = workspace.commune(commune)
    now = tuple(path.read_text(encoding="utf-8") if path.is_file() else "" for path in (folder.addresses, folder.hosts))
    if now == texts:
        return []
    found = list(_differences(commune, Stage.GENERATED, variables(folder.hosts) if now[1] else {}, wanted))
    return found or [Difference(commune, Stage.GENERATED, folder.hosts.name, (_("written differently"),))]


def _differences(
    commune: str, stage: Stage, before: Mapping[str, Variables], after: Mapping[str, Variables]
) -> Iterator[Difference]:
    absent = _("not generated yet") if stage is Stage.GENERATED else _("never applied")
    for name in [*after, *(name for name in before if name not in after)]:
        if name not in before:
            yield Difference(commune, stage, name, (absent,))
        elif name not in after:
            yield Difference(commune, stage, name, (_("no longer in fleet.yml"),))
        elif details := tuple(_details(before[name], after[name])):
            yield Difference(commune, stage, name, details)


def _details(before: Variables, after: Variables) -> Iterator[str]:
    for key in [*after, *(key for key in before if key not in after)]:
        if before.get(key) != after.get(key):
            yield f"{key}: {_change(before.get(key), after.get(key))}"


def _change(before: Any, after: Any) -> str:
    """Return a change on one line; of lists of named things (peers, say) only what comes, goes and changes."""
    old, new = _named(before), _named(after)
    if old is None or new is None or not (old or new):
        return f"{_short(before)} → {_short(after)}"
    signs = [f"+{name}" for name in new if name not in old] + [f"-{name}" for name in old if name not in new]
    signs += [f"~{name}" for name in new if name in old and old[name] != new[name]]
    return " ".join(signs) if len(signs) <= 5 else " ".join([*signs[:5], f"… ({len(signs)})"])


def _named(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, list) or not all(isinstance(item, dict) and "name" in item for item in value):
        return None
    return {str(item["name"]): item for item in value}


def _short(value: Any) -> str:
    text = _("none") if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def variables(path: Path) -> dict[str, dict[str, Any]]:
    """Return the variables of every host of a generated inventory, without those of the way to it.

    Raises:
        BadInputError: the file cannot be read, or is no inventory.
    """
    try:
        return _variables(path.read_text(encoding="utf-8"), shown(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(_("{file}: cannot be read: {reason}").format(file=shown(path), reason=error)) from error


def _variables(text: str, file: str) -> dict[str, dict[str, Any]]:
    found: dict[str, _Ranked] = {}
    try:
        _walk(_parsed(text)["all"], 0, {}, found)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise BadInputError(_("{file}: no inventory: run “nomade inventory generate”").format(file=file)) from error
    return {name: {key: value for key, (_depth, value) in values.items()} for name, values in found.items()}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # an older one, written as YAML
        return yaml.load(text, Loader=yaml.CSafeLoader)


def _walk(group: Mapping[str, Any] | None, depth: int, above: _Ranked, found: dict[str, _Ranked]) -> None:
    """Add the hosts of a group and the groups below it: what is nearer to a host wins, as it does in Ansible."""
    group = group or {}
    own = above | {key: (depth, value) for key, value in _set_up(group.get("vars")).items()}
    for name, values in (group.get("hosts") or {}).items():
        known = found.setdefault(name, {})
        nearest = own | {key: (_HOST, value) for key, value in _set_up(values).items()}
        known |= {key: ranked for key, ranked in nearest.items() if key not in known or ranked[0] >= known[key][0]}
    for child in (group.get("children") or {}).values():
        _walk(child, depth + 1, own, found)


def _set_up(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (values or {}).items() if not key.startswith(_OF_THE_WAY)}


def _digest(values: Variables) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _record_file(workspace: Workspace, commune: str) -> Path:
    return workspace.state / "applied" / f"{commune}.json"
