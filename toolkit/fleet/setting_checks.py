"""Settings of a fleet file are role variables: their names must exist and their values be of the declared type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.fleet.document import Document, Path_, suggestion
from toolkit.fleet.parts import Kind, Settings
from toolkit.fleet.roles import role_variables, specification
from toolkit.i18n import _

# Types of Ansible's argument specifications that YAML can show. Others (path, raw…) accept what str or any accepts.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}


def check(document: Document, given: Settings) -> None:
    """Add a problem for each setting that no role knows, or whose value is not what the role declares."""
    said = list(_given(given))
    known = role_variables() if said else {}  # the roles are not read for a fleet that sets nothing
    if not known:
        return
    for path, name, value in said:
        if name not in known:
            document.report(
                path,
                _("no role has a setting “{name}”").format(name=name),
                suggestion(name, list(known)),
                key=True,
            )
        else:
            _check_value(document, path, value, specification(known[name].role).get(name, {}))


def _given(given: Settings) -> Iterator[tuple[Path_, str, Any]]:
    layers: list[tuple[Path_, Mapping[str, Any]]] = [(("settings", "commune"), given.commune)]
    layers += [(("settings", kind.value), given.of_kind(kind)) for kind in Kind]
    layers += [(("settings", "endpoints", name), values) for name, values in given.endpoints.items()]
    for path, values in layers:
        for name, value in values.items():
            yield (*path, name), name, value


def _check_value(document: Document, path: Path_, value: Any, option: Mapping[str, Any]) -> None:
    expected = option.get("type", "raw")
    accepted = _TYPES.get(expected)
    name = path[-1]
    if value is None:
        document.report(path, _("{name}: a value is missing").format(name=name))
    elif accepted and (not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted)):
        document.report(path, _("{name}: a value of type {type} is expected").format(name=name, type=expected))
    elif option.get("choices") and value not in option["choices"]:
        allowed = ", ".join(str(choice) for choice in option["choices"])
        document.report(path, _("{name}: one of these is expected: {allowed}").format(name=name, allowed=allowed))
