"""What sudo is told: its defaults and the shape of its rules, all files together, aliases written out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolkit.probes import Probe
from toolkit.probes._text import ABSENT, document

COMMAND = f"""
command -v cvtsudoers >/dev/null || {{ echo {ABSENT}; exit 0; }}
cvtsudoers -e -f json /etc/sudoers 2>/dev/null
"""

# {"Defaults": [{"Options": [{"env_reset": true}]}, {"Options": [{"use_pty": true}, {"timestamp_timeout": "5"}]}],
#  "User_Specs": [{"User_List": [{"username": "nomade"}], "Host_List": [{"hostname": "ALL"}], "Cmnd_Specs": [
#    {"runasusers": [{"username": "ALL"}], "Options": [{"authenticate": false}], "Commands": [{"command": "ALL"}]}]}]}
FLAGS = ("env_reset", "use_pty", "visiblepw", "ignore_dot")
# Who configures the machine cannot work with these: they are facts of everybody, and `exempt` says who is not bound.
_BINDING = {"noexec": True, "requiretty": True, "umask": "0077"}
EDITORS = frozenset(
    {"ed", "emacs", "ex", "joe", "mcedit", "micro", "nano", "nvim", "pico", "vi", "view", "vim", "vim.tiny"}
)
PAGERS = frozenset({"less", "more", "most", "man"})


def parse(text: str) -> dict[str, object]:
    """Return the defaults, and lists about the rules: `without_password` (who), `negated`, `wildcards`, `editors`.

    A flag that is taken back for anybody counts as taken back. For `noexec`, `requiretty` and `umask` (octal text),
    which cannot bind who configures the machine, `exempt` lists those for whom one of them is not as ANSSI R39 asks.
    `timestamp_timeout` is in minutes (15 when not written: sudoers(5)), -1 when the password is asked once per boot.
    """
    if text.strip() == ABSENT:
        return {"installed": False}
    content = document(text)
    if not isinstance(content, dict) or not isinstance(content.get("User_Specs", []), list):
        raise ValueError("not the output of cvtsudoers")
    facts: dict[str, object] = {"installed": True, "timestamp_timeout": 15, "secure_path": False}
    facts |= {"noexec": False, "requiretty": False, "umask": "0022"} | dict.fromkeys(FLAGS, False)
    denied: set[str] = set()
    exempt: set[str] = set()
    for whom, name, value in _defaults(content):
        if name in FLAGS:
            facts[name] = value is True
            denied |= {name} if value is not True else set()
        elif name in _BINDING:
            exempt |= set(whom) if value != _BINDING[name] else set()
            facts |= {} if whom else {name: value}
        elif name == "secure_path":
            facts[name] = bool(value)
        elif name == "timestamp_timeout":
            facts[name] = float(value) if value is not False else 0
    facts |= dict.fromkeys(denied, False)
    rules = _rules(content.get("User_Specs", []))
    return facts | rules | {"exempt": sorted(exempt | set(rules["exempt"]))}


def _defaults(content: dict[str, Any]) -> Iterator[tuple[list[str], str, Any]]:
    """Yield for whom (everybody: nobody is named), option and value, in the order in which sudo takes them."""
    for entry in _objects(content.get("Defaults", [])):
        whom = [_name(user) for user in _objects(entry.get("Binding", []))]
        for option in _objects(entry.get("Options", [])):
            yield from ((whom, name, value) for name, value in option.items())


def _rules(specifications: Any) -> dict[str, list[str]]:
    names = ("without_password", "negated", "wildcards", "editors", "exempt")
    found: dict[str, set[str]] = {name: set() for name in names}
    for rule in _objects(specifications):
        users = [_name(user) for user in _objects(rule.get("User_List", []))]
        found["negated"] |= {name for name in users if name.startswith("!")}
        for part in _objects(rule.get("Cmnd_Specs", [])):
            options = _objects(part.get("Options", []))
            if any(option.get("authenticate") is False for option in options):
                found["without_password"] |= set(users)
            if any(option.get("noexec") is False for option in options):
                found["exempt"] |= set(users)
            for command in _objects(part.get("Commands", [])):
                _command(command, found)
    return {name: sorted(items) for name, items in found.items()}


def _command(command: dict[str, Any], found: dict[str, set[str]]) -> None:
    text = str(command.get("command", ""))
    if command.get("negated") is True:
        found["negated"].add(f"!{text}")
    program, _, arguments = text.partition(" ")
    if "*" in arguments or (program.startswith("/") and "*" in program):
        found["wildcards"].add(text)
    if program.rsplit("/", 1)[-1] in EDITORS | PAGERS:
        found["editors"].add(text)


def _name(user: dict[str, Any]) -> str:
    """Return `camille`, `%group` for a group, with `!` before it when everybody else is meant."""
    mark = "!" if user.get("negated") is True else ""
    if "username" in user:
        return f"{mark}{user['username']}"
    return f"{mark}%{next((str(value) for key, value in user.items() if key != 'negated'), '')}"


def _objects(items: Any) -> list[dict[str, Any]]:
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError("a part that is not a list of objects")
    return items


PROBE = Probe(name="sudo_rules", command=COMMAND, parse=parse)
