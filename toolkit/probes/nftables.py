"""The packet filter in force: policies, and what the rules let in or out from and to anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from toolkit.probes import Probe, _portal_window
from toolkit.probes._text import ABSENT, document

COMMAND = f"""
command -v nft >/dev/null || {{ echo {ABSENT}; exit 0; }}
nft --json list ruleset
"""

# {"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
#   {"table": {"family": "inet", "name": "nomade", "handle": 1}},
#   {"chain": {"family": "inet", "table": "nomade", "name": "input", "handle": 1, "type": "filter", "hook": "input",
#              "prio": 0, "policy": "drop"}},
#   {"rule": {"family": "inet", "table": "nomade", "chain": "input", "handle": 4, "expr": [
#     {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}},
#     {"accept": null}]}}]}
WATCHED = ("22", "3389")
ANYWHERE = frozenset({"*", "0.0.0.0/0", "::/0"})
HOOKS = ("input", "forward", "output")
RESTRICTING_META = frozenset({"iif", "iifname", "oif", "oifname", "mark", "skuid", "skgid", "iifgroup", "oifgroup"})


@dataclass(frozen=True)
class _Path:
    """What the rules on the way to a verdict ask of a packet."""

    protocol: str = ""
    ports: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    restricted: bool = False
    never: bool = False  # an empty set lets nothing through


@dataclass(frozen=True)
class _Ruleset:
    chains: dict[tuple[str, str, str], dict[str, Any]]
    rules: dict[tuple[str, str, str], list[list[Any]]]
    sets: dict[tuple[str, str, str], list[Any]]


def parse(text: str) -> dict[str, object]:
    """Return policies per hook, `<hook>_open` (accepted with no condition on interface or peer: `tcp/22`, `any`),
    `<hook>_logged` (something is), `<hook>_invalid_dropped` (packets of no connection), and `sources_<port>`: the
    addresses that reach a TCP port (`*` when the rule names none; `anywhere_<port>`: any does). `portal_seconds`: how
    long at most an account is let out by itself, or `unbounded`.
    """
    if text.strip() == ABSENT:
        nothing: dict[str, object] = {"installed": False, "portal_seconds": _portal_window.UNBOUNDED}
        for hook in HOOKS:
            nothing |= {f"{hook}_policy": "accept", f"{hook}_open": ["any"]}
            nothing |= {f"{hook}_logged": False, f"{hook}_invalid_dropped": False}
        for port in WATCHED:
            nothing |= {f"sources_{port}": ["*"], f"anywhere_{port}": True}
        return nothing
    content = document(text)
    ruleset = _ruleset(content)
    filtered = _policy(ruleset, "output") == "drop"
    facts: dict[str, object] = {"installed": True}
    facts["portal_seconds"] = _portal_window.seconds(content["nftables"], filtered)
    for hook in HOOKS:
        facts[f"{hook}_policy"] = policy = _policy(ruleset, hook)
        accepted = list(_accepted(ruleset, hook))
        opened = {name for path in accepted if not path.restricted for name in _names(path)}
        facts[f"{hook}_open"] = sorted(opened | ({"any"} if policy == "accept" else set()))
        rules = list(_reached(ruleset, hook))
        facts[f"{hook}_logged"] = any("log" in part for rule in rules for part in rule)
        facts[f"{hook}_invalid_dropped"] = any(_drops_invalid(ruleset, rule) for rule in rules)
        if hook == "input":
            facts |= {f"sources_{port}": _sources(accepted, port, policy) for port in WATCHED}
            facts |= {f"anywhere_{port}": bool(ANYWHERE & set(_sources(accepted, port, policy))) for port in WATCHED}
    return facts


def _ruleset(content: Any) -> _Ruleset:
    if not isinstance(content, dict) or not isinstance(content.get("nftables"), list):
        raise ValueError("not the output of nft --json list ruleset")
    ruleset = _Ruleset({}, {}, {})
    for entry in content["nftables"]:
        if not isinstance(entry, dict):
            raise ValueError("an entry is not an object")
        if "chain" in entry:
            ruleset.chains[_key(entry["chain"], "name")] = entry["chain"]
        elif "rule" in entry:
            chain = _key(entry["rule"], "chain")
            if not isinstance(entry["rule"].get("expr"), list):
                raise ValueError("a rule without expressions")
            ruleset.rules.setdefault(chain, []).append(entry["rule"]["expr"])
        elif "set" in entry:
            ruleset.sets[_key(entry["set"], "name")] = entry["set"].get("elem", [])
    return ruleset


def _key(item: Any, name: str) -> tuple[str, str, str]:
    if not isinstance(item, dict) or not all(isinstance(item.get(part), str) for part in ("family", "table", name)):
        raise ValueError("an entry without family, table or name")
    return item["family"], item["table"], item[name]


def _base(ruleset: _Ruleset, hook: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {
        key: item for key, item in ruleset.chains.items() if item.get("hook") == hook and item.get("type") == "filter"
    }


def _policy(ruleset: _Ruleset, hook: str) -> str:
    """`drop` when every packet of both IP versions meets a base chain that drops by default."""
    families = {key[0] for key, chain in _base(ruleset, hook).items() if chain.get("policy") == "drop"}
    return "drop" if "inet" in families or families >= {"ip", "ip6"} else "accept"


def _accepted(ruleset: _Ruleset, hook: str) -> Iterator[_Path]:
    """Every way to an accept verdict, through the chains that drop by default (one that accepts filters nothing)."""
    for key, chain in _base(ruleset, hook).items():
        if chain.get("policy") == "drop":
            yield from (path for path in _walk(ruleset, key, _Path(), frozenset()) if not path.never)


def _reached(ruleset: _Ruleset, hook: str) -> Iterator[list[dict[str, Any]]]:
    """Every rule of the chains that drop by default, and of those they jump to."""
    waiting = [key for key, chain in _base(ruleset, hook).items() if chain.get("policy") == "drop"]
    seen: set[tuple[str, str, str]] = set()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        for rule in ruleset.rules.get(key, []):
            yield rule
            targets = (part.get("jump") or part.get("goto") for part in rule)
            waiting += [(*key[:2], _target(target)) for target in targets if target]


def _drops_invalid(ruleset: _Ruleset, rule: list[dict[str, Any]]) -> bool:
    """Whether the rule drops packets in the state `invalid`, on no other condition."""
    matches = [part["match"] for part in rule if "match" in part]
    if len(matches) != 1 or not any("drop" in part for part in rule) or not isinstance(matches[0], dict):
        return False
    right = matches[0].get("right")
    values = right.get("set") if isinstance(right, dict) else right if isinstance(right, list) else [right]
    is_state = matches[0].get("left") == {"ct": {"key": "state"}} and matches[0].get("op") in ("in", "==")
    return is_state and isinstance(values, list) and "invalid" in values


def _walk(ruleset: _Ruleset, key: tuple[str, str, str], path: _Path, above: frozenset[Any]) -> Iterator[_Path]:
    if key in above:
        raise ValueError("chains that jump in a circle")
    for expressions in ruleset.rules.get(key, []):
        current = path
        for part in expressions:
            if not isinstance(part, dict) or len(part) != 1:
                raise ValueError("an expression that is not an object of one key")
            name, value = next(iter(part.items()))
            if name == "match":
                current = _narrow(ruleset, key, current, value)
            elif name == "accept":
                yield current
            elif name in ("jump", "goto"):
                yield from _walk(ruleset, (*key[:2], _target(value)), current, above | {key})
            elif name == "vmap":
                yield from _verdicts(ruleset, key, current, value, above)


def _target(value: Any) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("target"), str):
        raise ValueError("a jump without target")
    return str(value["target"])


def _verdicts(
    ruleset: _Ruleset, key: tuple[str, str, str], path: _Path, value: Any, above: frozenset[Any]
) -> Iterator[_Path]:
    if not isinstance(value, dict):
        raise ValueError("a verdict map that is not an object")
    data = value.get("data")
    elements = data.get("set") if isinstance(data, dict) else None
    if elements is None:  # a named verdict map: its elements are not in the rule, so nothing is known to be closed
        yield replace(path, restricted=path.restricted or _restricts(value.get("key")))
        return
    for element, verdict in _pairs(elements):
        narrowed = _narrow(ruleset, key, path, {"op": "==", "left": value.get("key"), "right": element})
        if "accept" in verdict:
            yield narrowed
        elif "jump" in verdict or "goto" in verdict:
            target = _target(verdict.get("jump") or verdict.get("goto"))
            yield from _walk(ruleset, (*key[:2], target), narrowed, above | {key})


def _pairs(elements: Any) -> list[tuple[Any, dict[str, Any]]]:
    if not isinstance(elements, list):
        raise ValueError("a verdict map that is not a list")
    for item in elements:
        if not isinstance(item, list) or len(item) != 2 or not isinstance(item[1], dict):
            raise ValueError("a verdict map of an unknown form")
    return [(element, verdict) for element, verdict in elements]


def _narrow(ruleset: _Ruleset, key: tuple[str, str, str], path: _Path, match: Any) -> _Path:
    if not isinstance(match, dict):
        raise ValueError("a match that is not an object")
    left, right = match.get("left"), match.get("right")
    positive = match.get("op") in ("==", "in")
    payload = left.get("payload") if isinstance(left, dict) else None
    field = payload.get("field") if isinstance(payload, dict) else None
    protocol = str(payload.get("protocol")) if isinstance(payload, dict) else ""
    if field == "dport":
        ports = _values(ruleset, key, right) if positive else ("any",)
        return replace(path, protocol=protocol, ports=ports, never=path.never or not ports)
    if field == "saddr" and positive:
        sources = _values(ruleset, key, right)
        return replace(path, sources=sources, restricted=True, never=path.never or not sources)
    if field in ("sport", "type", "code"):
        return replace(path, protocol=path.protocol or protocol)
    if positive and isinstance(left, dict) and left.get("meta") in ({"key": "l4proto"}, {"key": "nfproto"}):
        return replace(path, protocol="+".join(_values(ruleset, key, right)))
    if isinstance(left, dict) and "ct" in left:
        return replace(path, restricted=path.restricted or (positive and _known(ruleset, key, left, right)))
    return replace(path, restricted=path.restricted or (positive and _restricts(left)))


def _known(ruleset: _Ruleset, key: tuple[str, str, str], left: dict[str, Any], right: Any) -> bool:
    """Whether a condition on connection tracking only lets in what belongs to a known connection."""
    return left["ct"] == {"key": "state"} and set(_values(ruleset, key, right)) <= {"established", "related"}


def _restricts(left: Any) -> bool:
    """Whether a condition on `left` keeps strangers out: interface, mark, address."""
    if not isinstance(left, dict):
        return False
    if "concat" in left:
        return isinstance(left["concat"], list) and any(_restricts(part) for part in left["concat"])
    meta, payload = left.get("meta"), left.get("payload")
    if isinstance(meta, dict):
        return meta.get("key") in RESTRICTING_META
    return isinstance(payload, dict) and payload.get("field") in ("saddr", "daddr")


def _values(ruleset: _Ruleset, key: tuple[str, str, str], right: Any) -> tuple[str, ...]:
    if isinstance(right, str) and right.startswith("@"):
        return _values(ruleset, key, ruleset.sets.get((*key[:2], right[1:]), []))
    if isinstance(right, dict) and isinstance(right.get("set"), list):
        return _values(ruleset, key, right["set"])
    if isinstance(right, list):
        return tuple(value for element in right for value in _values(ruleset, key, element))
    if isinstance(right, dict) and isinstance(right.get("elem"), dict):
        return _values(ruleset, key, right["elem"].get("val"))
    if isinstance(right, dict) and isinstance(right.get("prefix"), dict):
        return (f"{right['prefix'].get('addr')}/{right['prefix'].get('len')}",)
    if isinstance(right, dict) and isinstance(right.get("range"), list):
        return ("-".join(str(end) for end in right["range"]),)
    if isinstance(right, str | int):
        return (str(right),)
    raise ValueError("a value of an unknown form")


def _names(path: _Path) -> list[str]:
    if path.ports:
        return [f"{path.protocol}/{port}" for port in path.ports]
    return [path.protocol or "any"]


def _covers(item: str, port: str) -> bool:
    low, _, high = item.partition("-")
    if item == "any" or item == port:
        return True
    return low.isdigit() and high.isdigit() and int(low) <= int(port) <= int(high)


def _sources(accepted: list[_Path], port: str, policy: str) -> list[str]:
    """The peers that reach TCP `port`; a rule with neither port nor state in it reaches every port."""
    if policy != "drop":
        return ["*"]
    found: set[str] = set()
    for path in accepted:
        if path.protocol in ("tcp", "th", "tcp+udp") and any(_covers(item, port) for item in path.ports):
            found |= set(path.sources or ("*",))
        elif not path.ports and not path.protocol and not path.restricted:
            found.add("*")
    return sorted(found)


PROBE = Probe(name="nftables", command=COMMAND, parse=parse)
