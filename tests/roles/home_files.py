"""What the machines of `home.py` are furnished with: the role's own files, rendered from a generated inventory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.fleet import sample
from toolkit import inventory
from toolkit.paths import roles_dir

OFFICE_PC, TIME_SERVER = "192.168.1.20", "192.168.1.12"
PUBLIC, INTERNET = "203.0.113.21", "198.51.100.99"
TUNNEL_PORT = 51820
PLAYBOOK = """
- hosts: essai-portable-1
  connection: local
  gather_facts: false
  vars:
    role_path: "{{ roles_folder }}/vpn_client"
    __vpn_client_probe: {rc: 1}
  tasks:
    - ansible.builtin.import_role: {name: vpn_client, tasks_from: check}
    - ansible.builtin.import_role: {name: firewall, tasks_from: check}
    - ansible.builtin.copy:
        content: >-
          {%- set rules = roles_folder ~ '/firewall/templates/laptop.nft.j2' -%}
          {%- set found = {'laptop.rules': lookup('ansible.builtin.template', rules)} -%}
          {%- for item in __vpn_client_common_files + __vpn_client_laptop_files + __vpn_client_portal_files -%}
          {%- set text = item.content if item.content is defined
                         else lookup('ansible.builtin.template', role_path ~ '/templates/' ~ item.template) -%}
          {%- set _ = found.update({'laptop' ~ item.dest: text}) -%}
          {%- endfor -%}
          {{ found | to_json }}
        dest: laptop.json
        mode: "0600"
- hosts: essai-passerelle
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: firewall, tasks_from: check}
    - ansible.builtin.template:
        src: "{{ roles_folder }}/firewall/templates/gateway.nft.j2"
        dest: gateway.rules
        mode: "0600"
"""
# What systemd does for the relay, where there is none: it runs while the window's state is there, and of /proc it sees
# processes only.
RELAY_OF_SYSTEMD = """
as_the_unit() {
  exec unshare --mount sh -c 'mount -t proc -o subset=pid proc /proc && exec "$@"' sh \\
    setpriv --reuid 990 --regid 990 --clear-groups --inh-caps=-all --bounding-set=-all --pdeathsig KILL \\
    /usr/local/libexec/nomade-portal-relay
}
mkdir -p /run/nomade-portal-relay && chown 990 /run/nomade-portal-relay
while sleep 0.1; do
  if [ -e /run/nomade-portal/window.json ]; then
    [ -n "$relay" ] || { as_the_unit > /run/relay.log 2>&1 & relay=$!; }
  elif [ -n "$relay" ]; then
    kill "$relay"; wait "$relay"; relay=; rm -f /run/nomade-portal-relay/port
  fi
done
"""
# One TCP server per `address:port`: says its own name and sends back what comes. One UDP server likewise.
SERVE = """
import socket, sys, threading
def echo(connection, name):
    connection.sendall(name.encode() + b"\\n")
    while data := connection.recv(65536): connection.sendall(data)
def stream(place):
    listener = socket.create_server((place.rsplit(":", 1)[0], int(place.rsplit(":", 1)[1])))
    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=echo, args=(connection, sys.argv[1]), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
def datagrams(place):
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind((place.rsplit(":", 1)[0], int(place.rsplit(":", 1)[1])))
    def answer():
        while True: own.sendto(b"\\x24" + bytes(47), own.recvfrom(2048)[1])
    threading.Thread(target=answer, daemon=True).start()
for place in sys.argv[2:]:
    (datagrams if place.startswith("udp:") else stream)(place.removeprefix("udp:"))
print("ready", flush=True); sys.stdin.read()
"""
GATEWAY_ROUTES = """#!/bin/sh
set -e
ip address replace 10.77.9.1/32 dev wg-nomade
ip link set wg-nomade mtu 1420 up
ip route replace 10.77.9.0/29 dev wg-nomade
"""


def render(folder: Path) -> None:
    """Write the role's files of the laptop below `laptop/`, and both rulesets, from a generated inventory."""
    text = sample.changed(
        "office: {network: 198.51.100.0/24, address: 198.51.100.2}",
        "office: {network: 192.168.1.0/24, address: 192.168.1.2}",
    )
    text = text.replace("198.51.100.", "192.168.1.").replace(
        "  - {id: depot",
        f"  - {{id: heure, name: H, address: {TIME_SERVER}, port: 123, protocol: udp, everyone: true}}\n"
        "  - {id: depot",
    )
    made = sample.workspace(folder / "workspace", essai=text)
    inventory.generate_all(made, ["essai"])
    public = made.commune("essai").public
    public.mkdir(exist_ok=True)
    for name in ("laptop", "gateway"):
        key = folder / f"{name}.key"
        key.touch(mode=0o600)
        key.write_text(subprocess.run(["wg", "genkey"], capture_output=True, text=True, check=True).stdout)
    (folder / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    values = {
        "ansible_python_interpreter": sys.executable,
        "roles_folder": str(roles_dir()),
        "__vpn_client_gateway_key": public_key(folder / "gateway.key"),
        "vpn_client_keepalive": 5,
    }
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        str(made.commune("essai").hosts),
        "play.yml",
    ]
    environment = os.environ | {"ANSIBLE_ROLES_PATH": str(roles_dir()), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [*command, "-e", json.dumps(values)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name, content in json.loads((folder / "laptop.json").read_text(encoding="utf-8")).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        path.chmod(0o755)


def gateway_peers(laptop_key: Path) -> str:
    """Return the gateway's peers, in the form of the role's file."""
    peer = f"[Peer]\nPublicKey = {public_key(laptop_key)}\nAllowedIPs = 10.77.9.2/32\n"
    return f"[Interface]\nListenPort = {TUNNEL_PORT}\n{peer}"


def public_key(private: Path) -> str:
    done = subprocess.run(["wg", "pubkey"], input=private.read_text(), capture_output=True, text=True, check=True)
    return done.stdout.strip()
