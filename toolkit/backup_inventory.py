"""Ansible inventory of backup stores that are no gateway: machines of the CIG, for `playbooks/backup_store.yml`."""

from __future__ import annotations

from typing import Any

import yaml

from toolkit import backup_facts
from toolkit.errors import BadInputError
from toolkit.fleet import Config, Fleet, load_all
from toolkit.i18n import _
from toolkit.workspace import Workspace

Host = dict[str, Any]


def render(workspace: Workspace) -> str:
    """Return the inventory (YAML) of every store that communes name by its address alone.

    Raises:
        ProblemsError: `nomade.yml` or a fleet file is wrong.
        BadInputError: no commune names such a store, or two describe the same one differently.
    """
    config, fleets = load_all(workspace, workspace.select(()))
    hosts: dict[str, Host] = {}
    for fleet in fleets:
        if backup_facts.is_prepared_elsewhere(fleet):
            _add(hosts, workspace, config, fleet)
    if not hosts:
        raise BadInputError(_("no commune names a backup store by address, without host_key: nothing to prepare"))
    return yaml.safe_dump({"backup_stores": {"hosts": hosts}}, sort_keys=True, allow_unicode=True, width=120)


def _add(hosts: dict[str, Host], workspace: Workspace, config: Config, fleet: Fleet) -> None:
    store = dict(backup_facts.store(fleet)["nomade_backup_store"])
    name = store.pop("name")
    clients = backup_facts.remote_clients(fleet, workspace.commune(fleet.commune.id).public.absolute())
    host = hosts.setdefault(name, _host(config, store))
    if host["nomade_backup_store"] != store:
        raise BadInputError(
            _("{commune}: the store {address} has another port or account than another commune says").format(
                commune=fleet.commune.id, address=store["address"]
            )
        )
    host["nomade_backup_clients"] += clients


def _host(config: Config, store: dict[str, Any]) -> Host:
    return {
        "ansible_host": store["address"],
        "nomade_kind": "store",
        "nomade_management_account": config.management_account,
        "nomade_backup_store": store,
        "nomade_backup_clients": [],
    }
