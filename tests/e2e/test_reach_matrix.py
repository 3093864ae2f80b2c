"""From inside every laptop of the lab: each machine and port of both communes, against what the fleet files say."""

from __future__ import annotations

import json

import pytest

from tests.roles.test_reachability import CONNECT, PORTS, wanted
from toolkit import fleet
from toolkit.fleet.addresses import load as load_addresses
from toolkit.lab.machines import Lab

pytestmark = pytest.mark.lab


def test_every_laptop_reaches_what_its_commune_says_and_nothing_of_anybody_else(site: Lab) -> None:
    communes = [fleet.load(site.workspace, name) for name in site.workspace.communes()]
    inner = {
        one.commune.id: load_addresses(site.workspace.commune(one.commune.id).addresses, one).tunnel for one in communes
    }
    everywhere = {item.address for one in communes for item in one.applications}
    everywhere |= {pc.office_address for one in communes for pc in one.office_pcs}
    everywhere |= {address for one in communes for address in (one.gateway.office.address, one.gateway.public.address)}
    everywhere |= {endpoint.bench.address for one in communes for endpoint in one.endpoints}
    everywhere |= {address for tunnel in inner.values() for address in tunnel.values()}
    for one in communes:
        for laptop in one.laptops:
            own = {inner[one.commune.id][laptop.name], laptop.bench.address}
            targets = [(address, port, "tcp") for address in sorted(everywhere - own) for port in PORTS]
            done = site.exec(laptop.name, ["python3", "-c", CONNECT, json.dumps(targets)])
            assert done.returncode == 0, done.stderr.decode()
            allowed = wanted(one, laptop.name)
            if one.backup is not None:
                allowed |= {(inner[one.commune.id][one.gateway.name], one.backup.store.port, "tcp")}
            assert {tuple(target) for target in json.loads(done.stdout)} == allowed, laptop.name
