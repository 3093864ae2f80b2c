"""Roles refuse values that would not stay data in the files they write (fault case F015), before touching anything."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from toolkit.paths import roles_dir

# One local "host" per case, so that one run of Ansible judges them all.
PLAYBOOK = """
- hosts: all
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact: {distribution: Debian, distribution_major_version: "12", cacheable: true}
    - ansible.builtin.include_role: {name: "{{ case_role }}", tasks_from: check}
"""

FACTS: dict[str, Any] = {
    "nomade_kind": "gateway",
    "nomade_management_account": "nomade",
    "nomade_setup_networks": ["198.18.80.0/24", "2001:db8::/64"],
    "nomade_management_addresses": ["198.18.81.0/24"],
    "nomade_gateway_endpoint": {"address": "198.18.82.1", "port": 51820},
    "nomade_gateway_tunnel_address": "10.77.80.1",
    "nomade_gateway_office_address": "198.18.83.1",
    "nomade_tunnel_network": "10.77.80.0/24",
    "nomade_office_network": "198.18.83.0/24",
    "nomade_teleworker": {"login": "cmartin", "name": "Claire Martin"},
    "nomade_peers": [],
}


def _peer(**changes: Any) -> dict[str, Any]:
    service = {"id": "depot", "address": "198.18.84.5", "port": 3142, "protocol": "tcp"}
    peer = {"name": "p", "tunnel_address": "10.77.80.2", "office_pc": {"address": "198.18.83.20", "port": 3389}}
    return {"nomade_peers": [peer | {"services": [service | changes.pop("service", {})]} | changes]}


def _store(**changes: Any) -> dict[str, Any]:
    store = {"port": 8022, "account": "nomade-store"} | changes
    clients = [{"name": "p", "address": "10.77.80.2"}]
    return {"nomade_backup_store": store, "nomade_backup_clients": clients}


GOOD = {
    "base": {"base_apt_proxy": "http://198.18.0.5:3142"},
    "accounts": {},
    "ssh": _peer(),
    "updates": {},
    "firewall": _peer() | _store(),
    "backup": _store() | {"nomade_kind": "laptop"},
    "desktop": {"nomade_kind": "laptop"},
    "backup_store": _store(),
    "backup_store-cig": _store(address="198.18.85.9")
    | {"nomade_kind": "store", "nomade_backup_clients": [{"name": "p", "address": "", "public": "/w"}]},
}
BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "nft-rule-in-a-setup-network": ("firewall", {"nomade_setup_networks": ["0.0.0.0/0 }; } #"]}),
    "nft-comment-closing-in-an-address": ("firewall", {"nomade_gateway_office_address": '10.0.0.1" accept comment "'}),
    "second-line-in-an-endpoint": (
        "firewall",
        {"nomade_gateway_endpoint": {"address": "198.18.82.1\n accept", "port": 51820}},
    ),
    "host-name-as-endpoint": ("firewall", {"nomade_gateway_endpoint": {"address": "vpn.example", "port": 51820}}),
    "no-network-to-manage-from": ("firewall", {"nomade_setup_networks": [], "nomade_management_addresses": []}),
    "rule-in-a-service-address": ("firewall", _peer(service={"address": "198.18.84.5 . 22, 10.0.0.0"})),
    "rule-in-a-service-port": ("firewall", _peer(service={"port": "22 accept"})),
    "port-beyond-the-last": ("firewall", _peer(service={"port": 70000})),
    "unknown-protocol": ("firewall", _peer(service={"protocol": "icmp"})),
    "rule-in-a-tunnel-address": ("firewall", _peer(tunnel_address="10.77.80.2 accept")),
    "quote-in-the-interface": ("firewall", {"firewall_tunnel_interface": 'wg" accept #'}),
    "network-in-outgoing": (
        "firewall",
        {"firewall_outgoing": [{"network": "any; accept", "protocol": "tcp", "ports": [80]}]},
    ),
    "sshd-option-in-an-account": ("ssh", {"ssh_extra_accounts": ["a\nPermitRootLogin yes"]}),
    "sshd-option-in-a-cipher": ("ssh", {"ssh_ciphers": ["aes256-ctr\nPermitRootLogin yes"]}),
    "jump-target-that-is-a-pattern": ("ssh", _peer(tunnel_address="*")),
    "apt-option-in-the-proxy": ("base", {"base_apt_proxy": 'http://a"; APT::Get::AllowUnauthenticated "true'}),
    "path-as-time-zone": ("base", {"base_timezone": "../../etc/shadow"}),
    "second-line-in-the-locale": ("base", {"base_locale": "fr_FR.UTF-8\nx"}),
    "root-as-teleworker": ("accounts", {"nomade_teleworker": {"login": "root", "name": "R"}}),
    "option-as-login": ("accounts", {"nomade_teleworker": {"login": "-G sudo", "name": "R"}}),
    "no-lockout-at-all": ("accounts", {"accounts_lockout_attempts": 0}),
    "apt-option-in-an-origin": ("updates", {"updates_origins": ['a"; }; APT::Get::AllowUnauthenticated "true']}),
    "perl-in-a-service": ("updates", {"updates_never_restart": ["x}) } = system('id'); #"]}),
    "ssh-option-in-the-store-s-account": ("backup", _store(account="a\nProxyCommand x") | {"nomade_kind": "laptop"}),
    "ssh-option-in-the-store-s-address": ("backup", _store(address="a\nProxyCommand x") | {"nomade_kind": "laptop"}),
    "second-key-in-the-store-s-key": ("backup", _store(host_key="ssh-rsa AAAA") | {"nomade_kind": "laptop"}),
    "option-as-path-to-save": ("backup", _store() | {"nomade_kind": "laptop", "backup_paths": ["--stdin"]}),
    "command-in-an-endpoint-s-name": (
        "backup_store",
        _store() | {"nomade_backup_clients": [{"name": 'p",command="sh', "address": "10.77.80.2"}]},
    ),
    "any-address-in-authorized-keys": (
        "backup_store",
        _store() | {"nomade_backup_clients": [{"name": "p", "address": "*"}]},
    ),
    "client-without-address-on-a-gateway": (
        "backup_store",
        _store() | {"nomade_backup_clients": [{"name": "p", "address": ""}]},
    ),
    "unit-option-in-the-store-s-address": (
        "backup_store",
        _store(address="198.18.85.9\nUser=root") | {"nomade_kind": "store"},
    ),
    "unit-option-in-the-store-s-path": ("backup_store", _store() | {"backup_store_path": "/srv/a\nUser=root"}),
    "retention-that-keeps-nothing": (
        "backup_store",
        _store() | {"backup_store_keep_daily": 0, "backup_store_keep_weekly": 0, "backup_store_keep_monthly": 0},
    ),
    "root-as-the-store-s-account": ("backup_store", _store(account="root")),
    "rule-in-the-store-s-port": ("firewall", _peer() | _store(port="22 accept")),
    "second-key-in-the-login-notice": ("desktop", {"desktop_login_notice": "a'\n[org/gnome/desktop/lockdown]"}),
    "quote-in-the-login-notice": ("desktop", {"desktop_login_notice": "a' b"}),
    "screen-that-never-locks": ("desktop", {"desktop_lock_idle": 0}),
    "rule-in-a-usb-class": ("desktop", {"desktop_usb_classes": ["01:*:* } \nallow"]}),
    "storage-among-the-usb-classes": ("desktop", {"desktop_usb_classes": ["01", "08"]}),
    "no-origin-of-updates": ("updates", {"updates_origins": []}),
}


def _run(folder: Path, cases: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Return, per case, whether its role accepted it."""
    (folder / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    inventory = {"all": {"hosts": cases, "vars": FACTS | {"ansible_python_interpreter": sys.executable}}}
    (folder / "hosts.json").write_text(json.dumps(inventory), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.json", "play.yml"]
    environment = os.environ | {"ANSIBLE_ROLES_PATH": str(roles_dir()), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    recap = re.findall(r"^(\S+) +: ok=(\d+) .*unreachable=0 +failed=(\d+)", done.stdout, re.MULTILINE)
    assert len(recap) == len(cases), done.stdout + done.stderr
    return {name: failed == "0" for name, _ok, failed in recap}


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    cases = {f"good-{name}": {"case_role": name.partition("-")[0]} | values for name, values in GOOD.items()}
    cases |= {name: {"case_role": role} | values for name, (role, values) in BAD.items()}
    return _run(tmp_path_factory.mktemp("values"), cases)


@pytest.mark.parametrize("role", GOOD)
def test_good_values_are_accepted(accepted: dict[str, bool], role: str) -> None:
    assert accepted[f"good-{role}"]


@pytest.mark.parametrize("case", BAD)
def test_f015_values_that_would_become_configuration_are_refused(accepted: dict[str, bool], case: str) -> None:
    assert not accepted[case]
