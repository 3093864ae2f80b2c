"""NetworkManager itself, of both releases, calls the file that makes the tunnel follow the laptop's network."""

from __future__ import annotations

import pytest
import yaml

from tests.desktop.conftest import LAPTOPS, Hardened
from toolkit.paths import roles_dir

pytestmark = pytest.mark.lab

ROLE = roles_dir() / "vpn_client"
FILE = ROLE / "templates/dispatcher.j2"
# In place of the role's program: what it was called for, and which way out of the new network there was by then.
PROGRAM = r"""#!/bin/sh
ways=$(ip -4 route show default; ip -6 route show default)
echo "$1 $(echo "$ways" | sed -n 's/^default via \([^ ]*\) dev new[01] .*/\1/p')" >> /run/called
"""
# Two networks, one without IPv6 and one without IPv4; $1 and $2: the files.
NETWORKS = r"""
mkdir -p /usr/local/libexec
printf %s "$1" > /etc/NetworkManager/dispatcher.d/60-nomade-vpn
printf %s "$2" > /usr/local/libexec/nomade-vpn
chmod 755 /etc/NetworkManager/dispatcher.d/60-nomade-vpn /usr/local/libexec/nomade-vpn
clear() {
  nmcli connection delete four six > /dev/null 2>&1 || true
  for number in 0 1; do ip link delete "new$number" 2> /dev/null || true; done
  rm -f /etc/NetworkManager/dispatcher.d/60-nomade-vpn /usr/local/libexec/nomade-vpn /run/called
}
trap clear EXIT
for number in 0 1; do
  ip link add "new$number" type veth peer name "far$number"
  ip link set "far$number" up
  nmcli device set "new$number" managed yes
done
new="nmcli connection add type ethernet autoconnect no"
$new ifname new0 con-name four ipv6.method disabled \
  ipv4.method manual ipv4.addresses 10.20.0.50/24 ipv4.gateway 10.20.0.1 > /dev/null
$new ifname new1 con-name six ipv4.method disabled \
  ipv6.method manual ipv6.addresses fd20::50/64 ipv6.gateway fd20::1 > /dev/null
for network in four six; do
  nmcli connection up "$network" > /dev/null
  tries=100
  until [ "$(wc -l 2> /dev/null < /run/called)" = 2 ] || [ "$tries" -eq 0 ]; do tries=$((tries - 1)); sleep 0.1; done
  cat /run/called
  rm /run/called
  nmcli connection down "$network" > /dev/null
done
"""


@pytest.mark.parametrize("host", LAPTOPS)
def test_network_manager_says_when_a_network_is_there(hardened: Hardened, host: str) -> None:
    text = FILE.read_text(encoding="utf-8").replace("{{ ansible_managed }}", "a test")
    done = hardened.lab.exec(host, ["sh", "-euc", NETWORKS, "sh", text, PROGRAM])
    assert done.returncode == 0, done.stderr.decode()
    said = done.stdout.decode().split("\n")
    assert said == ["follow 10.20.0.1", "fit 10.20.0.1", "follow fd20::1", "fit fd20::1", ""]


# $1: what the role runs once its files are there; $2: the file.
NAMES = r"""
file=/etc/NetworkManager/conf.d/60-nomade-vpn.conf
trap 'rm -f "$file"; sh -euc "$1" sh make True' EXIT
asked() { busctl --json=short get-property org.freedesktop.NetworkManager /org/freedesktop/NetworkManager/DnsManager \
  org.freedesktop.NetworkManager.DnsManager Configuration; }
printf %s "$2" > "$file"
for action in check make make; do echo "$action $(sh -euc "$1" sh "$action" False 198.18.11.53)"; done
asked
"""


@pytest.mark.parametrize("host", LAPTOPS)
def test_network_manager_asks_names_where_the_commune_says_and_is_told_once(hardened: Hardened, host: str) -> None:
    script = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["__vpn_client_network_script"]
    file = "[global-dns]\n[global-dns-domain-*]\nservers=198.18.11.53\n"
    done = hardened.lab.exec(host, ["sh", "-euc", NAMES, "sh", script, file])
    assert done.returncode == 0, done.stderr.decode()
    check, make, again, asked, *_end = done.stdout.decode().splitlines()
    assert (check, make, again) == ("check changed", "make changed", "make ")
    assert "198.18.11.53" in asked
