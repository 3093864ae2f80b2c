"""The kernel role and the audit agree on what a telework post must keep."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from toolkit.paths import roles_dir
from toolkit.probes import registry
from toolkit.probes.kernel_modules import NEEDED, WORDS
from toolkit.probes.kernel_settings import PER_INTERFACE, SETTINGS


def role(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((roles_dir() / "kernel" / name / "main.yml").read_text(encoding="utf-8"))
    return content


def test_role_and_audit_name_the_same_needed_modules() -> None:
    assert set(role("vars")["__kernel_modules_needed"]) == NEEDED


def test_nothing_a_post_needs_is_refused() -> None:
    assert not NEEDED & set(role("defaults")["kernel_modules_refused"])


def test_the_audit_sees_every_boot_argument_of_the_role() -> None:
    assert {word.partition("=")[0] for word in role("defaults")["kernel_boot_arguments"]} <= set(WORDS)


def test_what_the_audit_reads_is_what_the_role_sets() -> None:
    set_by_role = {name.replace(".", "/") for name in role("defaults")["kernel_sysctl"]} | {"net/ipv4/ip_forward"}
    assert set(SETTINGS) | set(PER_INTERFACE) <= set_by_role


@pytest.mark.parametrize("word", ["kernel.modules_disabled", "user.max_user_namespaces"])
def test_desktop_breakers_are_not_in_the_defaults(word: str) -> None:
    assert word not in role("defaults")["kernel_sysctl"]


def test_one_interface_with_another_value_shows() -> None:
    facts = registry()["kernel_settings"].parse(
        "session/core=0\nnet/ipv4/conf/all/rp_filter=2\nnet/ipv4/conf/wlp2s0.7/rp_filter=0\nend\n"
    )
    assert facts["net.ipv4.conf.*.rp_filter"] == [0, 2]
    assert "net.ipv4.conf.*.send_redirects" not in facts
    assert facts["net.ipv6.conf.*.accept_redirects"] == []


def test_a_dash_in_a_module_s_name_is_an_underscore() -> None:
    facts = registry()["kernel_modules"].parse("install usb-storage /bin/true\ncommand-line\nend\n")
    assert facts["needed_blocked"] == ["usb_storage"]


def test_the_mount_on_top_counts() -> None:
    facts = registry()["mount_options"].parse("/tmp rw,nosuid,nodev\n/tmp rw\nend\n")  # noqa: S108 — their names
    assert facts == {"/dev/shm": None, "/tmp": ["rw"]}  # noqa: S108 — their names
