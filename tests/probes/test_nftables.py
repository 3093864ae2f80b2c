"""The ruleset is read for what it lets through, however the rules are written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolkit.probes.nftables import parse

TABLE = {"family": "inet", "table": "t"}


def port(number: Any, protocol: str = "tcp", op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"payload": {"protocol": protocol, "field": "dport"}}, "right": number}}


def source(address: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": address}}


def state(value: Any, op: str = "in") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"ct": {"key": "state"}}, "right": value}}


def meta(key: str, value: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"meta": {"key": key}}, "right": value}}


ACCEPT: dict[str, Any] = {"accept": None}


def facts(*rules: list[dict[str, Any]], policy: str = "drop", family: str = "inet", **more: Any) -> dict[str, Any]:
    """Return the facts of one input chain with these rules; `more`: further chains (name=rules) and sets."""
    table = TABLE | {"family": family}
    items: list[Any] = [
        {"chain": table | {"name": "in", "type": "filter", "hook": "input", "prio": 0, "policy": policy}}
    ]
    items += [{"rule": table | {"chain": "in", "expr": rule}} for rule in rules]
    for name, content in more.items():
        if name.startswith("set_"):
            items.append({"set": table | {"name": name, "type": "ipv4_addr", **({"elem": content} if content else {})}})
        else:
            items.append({"chain": table | {"name": name}})
            items += [{"rule": table | {"chain": name, "expr": rule}} for rule in content]
    return parse(json.dumps({"nftables": items}))


@pytest.mark.parametrize(
    ("rule", "opened"),
    [
        ([port(22), ACCEPT], ["tcp/22"]),
        ([port({"set": [80, 443]}), ACCEPT], ["tcp/443", "tcp/80"]),
        ([port({"range": [8000, 8100]}), ACCEPT], ["tcp/8000-8100"]),
        ([port(22, op="!="), ACCEPT], ["tcp/any"]),
        ([ACCEPT], ["any"]),
        ([meta("l4proto", "tcp"), ACCEPT], ["tcp"]),
        ([state("new"), port(22), ACCEPT], ["tcp/22"]),
        ([state("invalid", "!="), port(22), ACCEPT], ["tcp/22"]),
        ([state(["established", "new"]), ACCEPT], ["any"]),
        ([state(["established", "related"]), ACCEPT], []),
        ([state("established", "=="), ACCEPT], []),
        ([source("10.0.0.1"), port(22), ACCEPT], []),
        ([source("10.0.0.1", "!="), port(22), ACCEPT], ["tcp/22"]),
        ([meta("iifname", "wg-nomade"), ACCEPT], []),
        ([meta("iifname", "wg-nomade", "!="), port(22), ACCEPT], ["tcp/22"]),
        ([port(22), {"limit": {"rate": 6, "per": "minute"}}, ACCEPT], ["tcp/22"]),
        ([port(22), {"drop": None}], []),
        ([port(22), {"counter": {"packets": 0, "bytes": 0}}, ACCEPT], ["tcp/22"]),
    ],
)
def test_what_is_open_to_everybody(rule: list[dict[str, Any]], opened: list[str]) -> None:
    assert facts(rule)["input_open"] == opened


def test_conditions_hold_through_jumps_and_verdict_maps() -> None:
    jump = {"jump": {"target": "ssh"}}
    assert facts([jump], ssh=[[port(22), ACCEPT]])["input_open"] == ["tcp/22"]
    assert facts([source("10.0.0.1"), jump], ssh=[[port(22), ACCEPT]])["input_open"] == []
    verdicts = {"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["established", ACCEPT], ["new", jump]]}}}
    assert facts([verdicts], ssh=[[port(22), ACCEPT]])["input_open"] == ["tcp/22"]
    ports = {"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": {"set": [[25, ACCEPT]]}}}
    assert facts([ports])["input_open"] == ["tcp/25"]


def test_a_named_verdict_map_is_not_taken_for_closed() -> None:
    named = {"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": "@doors"}}
    assert facts([named])["input_open"] == ["any"]


def test_a_chain_that_accepts_by_default_filters_nothing() -> None:
    found = facts([source("10.0.0.1"), port(3389), ACCEPT], policy="accept")
    assert found["input_policy"] == "accept"
    assert found["input_open"] == ["any"]
    assert found["sources_3389"] == ["*"]


def test_one_ip_version_is_not_both() -> None:
    assert facts(family="ip")["input_policy"] == "accept"
    assert facts(family="inet")["input_policy"] == "drop"


def test_sources_of_a_port() -> None:
    rules = [
        [source("10.77.1.2"), port(3389), ACCEPT],
        [source({"prefix": {"addr": "10.9.0.0", "len": 24}}), port({"range": [3000, 4000]}), ACCEPT],
        [source("@set_a"), port(3389), ACCEPT],
        [source("@set_empty"), port(3389), ACCEPT],
    ]
    found = facts(*rules, set_a=["10.1.1.1"], set_empty=[])
    assert found["sources_3389"] == ["10.1.1.1", "10.77.1.2", "10.9.0.0/24"]
    assert found["anywhere_3389"] is False


@pytest.mark.parametrize("rule", [[port(3389), ACCEPT], [ACCEPT], [source("0.0.0.0/0"), port(3389), ACCEPT]])
def test_a_port_open_to_anyone_says_so(rule: list[dict[str, Any]]) -> None:
    assert facts(rule)["anywhere_3389"] is True


def test_no_rule_for_a_port_means_nobody() -> None:
    assert facts([source("10.0.0.1"), port(22), ACCEPT])["sources_3389"] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"nftables": {}}',
        '{"nftables": [1]}',
        '{"nftables": [{"rule": 1}]}',
        '{"nftables": [{"rule": {"family": "inet", "table": "t", "chain": "in"}}]}',
        '{"nftables": [{"chain": {"family": "inet"}}]}',
        '{"nftables": [',
        "[" * 100_000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — the reason differs
        parse(text)


@pytest.mark.parametrize(
    "expression", [{"vmap": []}, {"vmap": {"data": {"set": [1]}}}, {"jump": []}, {"match": 1}, 1, {}]
)
def test_a_rule_of_unknown_form_is_refused(expression: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — the reason differs
        facts([expression])


def test_chains_that_jump_in_a_circle_are_refused() -> None:
    circle = {"jump": {"target": "again"}}
    with pytest.raises(ValueError, match="circle"):
        facts([circle], again=[[circle]])


def way_out(*rules: list[dict[str, Any]], timeout: int | None = 300, elements: list[Any] | None = None) -> object:
    """Return `portal_seconds` of an output chain with these rules and a portal window."""
    window: dict[str, Any] = TABLE | {"name": "portal_window", "type": "uid", "elem": elements or []}
    chain = TABLE | {"name": "out", "type": "filter", "hook": "output", "prio": 0, "policy": "drop"}
    items: list[Any] = [{"chain": chain}, {"set": window | ({"timeout": timeout} if timeout else {})}]
    items += [{"rule": TABLE | {"chain": "out", "expr": rule}} for rule in rules]
    return parse(json.dumps({"nftables": items}))["portal_seconds"]


def test_the_portal_window_is_as_long_as_its_longest_element() -> None:
    window = [meta("skuid", "@portal_window"), {"jump": {"target": "portal_out"}}]
    assert way_out(window) == 300
    assert way_out(window, elements=[{"elem": {"val": 990, "timeout": 900, "expires": 880}}]) == 900
    assert way_out(window, elements=[{"elem": {"val": 990, "expires": 80}}]) == 300
    assert way_out(window, timeout=None) == "unbounded"
    assert way_out(window, timeout=None, elements=[990]) == "unbounded"


def test_an_account_let_out_for_good_is_no_window() -> None:
    assert way_out([meta("skuid", 990), ACCEPT]) == "unbounded"
    assert way_out([meta("skuid", "@others"), {"goto": {"target": "x"}}]) == "unbounded"
    assert way_out([meta("skuid", 990), {"drop": None}]) == 300
    assert facts()["portal_seconds"] == "unbounded"  # nothing is filtered on the way out
