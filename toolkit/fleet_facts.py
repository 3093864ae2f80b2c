"""What the fleet file says of one endpoint that a control may compare with (`{fleet: name}`, `needs: [name]`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit import backup_facts
from toolkit.fleet import Config, Fleet, Kind
from toolkit.fleet.model import Endpoint, Gateway, OfficePc
from toolkit.wake.places import PORT as WAKE_PORT
from toolkit.wake.places import is_asked

FACTS = frozenset(
    {
        "name",  # of the endpoint, in the inventory
        "management_account",  # the account the toolkit logs in with
        "teleworker",  # login of the one person who works here
        "office_pc_address",  # laptop: address of its own office PC
        "office_pc_name",  # laptop: name of its own office PC
        "laptop_address",  # office PC: tunnel address of the laptop that may open a session
        "escrow_recipients",  # laptop, office PC: age recipients of the CIG and of the commune
        "escrow_volumes",  # UUIDs of the endpoint's volumes whose keys the commune keeps (toolkit/escrow/deposits.py)
        "escrow_kept",  # SHA-256 of the encrypted keys of its volumes as the commune keeps them
        "escrow_unread",  # those of them that were not read since they were made
        "escrow_headers",  # SHA-256 of the encrypted copies of its volumes' headers as the commune keeps them
        "peer_networks",  # gateway: tunnel addresses of its peers (`Fleet.peers`), as /32
        "jump_targets",  # gateway: address:port of the sshd of each endpoint behind it
        "quarantine",  # gateway: true when it holds endpoints that do not meet the policy
        "regime_enforced",  # gateway: true when it closes outside of the days and hours of telework
        "vpn_door",  # gateway: protocol/port of the tunnel
        "listening_ports",  # TCP ports that an endpoint may offer to a network
        "backup_store",  # gateway: true when it keeps the backups of its commune
        "backup_clients",  # gateway that keeps backups: names of the endpoints that send them
    }
)


def facts_of(config: Config, fleet: Fleet, endpoint: Endpoint, tunnel: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the facts of `FACTS` that exist for this endpoint; `tunnel` holds tunnel addresses by name."""
    facts: dict[str, Any] = {"name": endpoint.name, "management_account": config.management_account}
    facts["listening_ports"] = [22]
    if isinstance(endpoint, Gateway):
        return facts | _gateway_facts(fleet, endpoint, tunnel)
    facts["escrow_recipients"] = [*config.escrow_recipients, *fleet.commune.escrow_recipients]
    post = fleet.post_of(endpoint.name)
    if post is None:
        return facts
    facts["teleworker"] = post.teleworker
    if endpoint.kind is Kind.OFFICE_PC and post.laptop in tunnel and post.laptop not in fleet.shut_out:
        facts["laptop_address"] = tunnel[post.laptop]
    office_pc = fleet.endpoint(post.office_pc) if post.office_pc else None
    if endpoint.kind is Kind.LAPTOP and isinstance(office_pc, OfficePc):
        facts |= {"office_pc_address": office_pc.office_address, "office_pc_name": office_pc.name}
    return facts


def _gateway_facts(fleet: Fleet, gateway: Gateway, tunnel: Mapping[str, str]) -> dict[str, Any]:
    laptops = [tunnel[laptop.name] for laptop in fleet.peers if laptop.name in tunnel]
    used = {post.office_pc for post in fleet.posts}
    office_pcs = [pc.office_address for pc in fleet.office_pcs if pc.name in used and pc.is_managed]
    facts = {
        "peer_networks": [f"{address}/32" for address in laptops],
        "jump_targets": [f"{address}:22" for address in (*laptops, *office_pcs)],
        "vpn_door": f"udp/{gateway.public.port}",
        "quarantine": fleet.quarantine,
        "regime_enforced": fleet.regime.enforced,
    }
    ports = [22, *([WAKE_PORT] if is_asked(fleet) else [])]
    if fleet.backup is None or not backup_facts.on_gateway(fleet):
        return facts | {"listening_ports": ports}
    clients = [endpoint.name for endpoint in (*fleet.peers, *fleet.office_pcs) if endpoint.is_managed]
    ports.append(fleet.backup.store.port)
    return facts | {"listening_ports": ports, "backup_store": True, "backup_clients": clients}
