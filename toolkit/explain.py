"""Where every value of an endpoint comes from: the facts that roles are told, then the settings, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit import host_facts, reach, settings
from toolkit.errors import NothingEvaluatedError
from toolkit.fleet import Config, Endpoint, Fleet, Kind, load_all
from toolkit.fleet.document import Document, Path_, read, suggestion
from toolkit.fleet.roles import role_variables
from toolkit.hosts_file import on_one_line
from toolkit.i18n import _
from toolkit.inventory import allocated
from toolkit.quarantine import register
from toolkit.workspace import Workspace

# Where the facts of a commune are written: file (fleet or config) and path in it. Others follow from the workspace.
_OF_COMMUNE: Mapping[str, tuple[tuple[str, Path_], ...]] = {
    "ansible_user": (("config", ("management_account",)),),
    "nomade_commune": (("fleet", ("commune", "id")),),
    "nomade_commune_name": (("fleet", ("commune", "name")),),
    "nomade_management_account": (("config", ("management_account",)),),
    "nomade_setup_networks": (("config", ("setup_networks",)),),
    "nomade_management_addresses": (("config", ("management_addresses",)),),
    "nomade_escrow_recipients": (
        ("config", ("escrow_recipients",)),
        ("fleet", ("commune", "escrow_recipients")),
    ),
    "nomade_gateway": (("fleet", ("gateway", "name")),),
    "nomade_gateway_endpoint": (("fleet", ("gateway", "public")),),
    "nomade_gateway_tunnel_address": (("fleet", ("gateway", "tunnel_network")),),
    "nomade_gateway_office_address": (("fleet", ("gateway", "office", "address")),),
    "nomade_tunnel_network": (("fleet", ("gateway", "tunnel_network")),),
    "nomade_office_network": (("fleet", ("gateway", "office", "network")),),
    "nomade_backup_store": (("fleet", ("backup", "store")),),
}


@dataclass(frozen=True, slots=True)
class _Files:
    """The files people wrote, and the one of the allocated addresses when it is there; to point into them."""

    config: Document
    fleet: Document
    addresses: Document | None

    def place(self, which: str, path: Path_) -> str:
        """Return `file:line` of a value, or say that it is not written there."""
        document: Document | None = getattr(self, which)
        if document is None:
            return _("not allocated yet")
        if document.node(path) is None:
            return _("default of {file}").format(file=document.file)
        return f"{document.file}:{document.problem(path, '').line}"


def explain(workspace: Workspace, communes: Sequence[str], host: str, *, everything: bool) -> list[str]:
    """Return the facts, then the settings of `host`: name, value, where it is written, and what it stands over.

    Settings that no layer above the role's default changes are left out unless `everything` is asked for.

    Raises:
        NothingEvaluatedError: none of the communes has such an endpoint.
        ProblemsError: a file is wrong.
    """
    config, fleets = load_all(workspace, communes)
    fleet = next((one for one in fleets if any(endpoint.name == host for endpoint in one.endpoints)), None)
    if fleet is None:
        hint = suggestion(host, [endpoint.name for one in fleets for endpoint in one.endpoints])
        raise NothingEvaluatedError(" ".join([_("no endpoint is called “{name}”").format(name=host), hint]).strip())
    folder = workspace.commune(fleet.commune.id)
    given = read(folder.addresses) if folder.addresses.exists() else None
    files = _Files(read(workspace.config_file), read(folder.fleet), given)
    return [
        _("# Facts: what roles are told"),
        *_facts(workspace, config, fleet, fleet.endpoint(host), files),
        _("# Settings: role default < profile < commune < kind < endpoint"),
        *_settings(config, fleet, host, files, everything=everything),
    ]


def _facts(workspace: Workspace, config: Config, fleet: Fleet, endpoint: Endpoint, files: _Files) -> list[str]:
    addresses = allocated(workspace, fleet)
    way = reach.routes(workspace, fleet, [endpoint], config=config, tunnel=addresses.tunnel)[endpoint.name]
    values: dict[str, Any] = {"ansible_host": way.address, "ansible_port": way.port}
    values |= host_facts.of_commune(workspace, config, fleet) | {"nomade_kind": endpoint.kind.value}
    values |= host_facts.of_endpoint(fleet, endpoint, addresses) | register.facts(workspace, fleet, endpoint, addresses)
    if endpoint.kind is Kind.LAPTOP:
        values["nomade_services"] = host_facts.services(fleet, endpoint.name)
    places = dict(_OF_COMMUNE) | _of_endpoint(fleet, endpoint, away=way.jump is not None)
    lines = []
    for name, value in values.items():
        # In the order of the paths, each place once.
        said = dict.fromkeys(files.place(which, path) for which, path in places.get(name, ()))
        lines.append(f"{name}: {on_one_line(value)}  # {', '.join(said) or _('the workspace')}")
    return lines


def _of_endpoint(fleet: Fleet, endpoint: Endpoint, *, away: bool) -> dict[str, tuple[tuple[str, Path_], ...]]:
    """Return where the facts of one endpoint are written; `away`: it is reached through its gateway."""
    own = _path(fleet, endpoint.name)
    given = ("addresses", ("tunnel", endpoint.name))
    inner = given if endpoint.kind is Kind.LAPTOP else ("fleet", (*own, "office_address"))
    places: dict[str, tuple[tuple[str, Path_], ...]] = {
        "ansible_host": (inner if away else ("fleet", (*own, "management", "address")),),
        "ansible_port": (("fleet", (*own, "management", "port")),),
        "nomade_kind": (("fleet", own),),
        "nomade_tunnel_address": (given,),
        "nomade_office_address": (("fleet", (*own, "office_address")),),
        "nomade_peers": (("fleet", ("laptops",)), ("fleet", ("posts",))),
        "nomade_backup_clients": (("fleet", ("laptops",)), ("fleet", ("office_pcs",))),
        "nomade_services": (("fleet", ("applications",)),),
        "nomade_wake": (("fleet", ("office_pcs",)),),
    }
    post = fleet.post_of(endpoint.name)
    if post is None:
        return places
    paired: Path_ = ("posts", fleet.posts.index(post))
    worker = fleet.teleworker(post.teleworker)
    duty: Path_ = ("duties", [item.id for item in fleet.duties].index(worker.duty))
    places["nomade_teleworker"] = (("fleet", paired), ("fleet", ("teleworkers", fleet.teleworkers.index(worker))))
    places["nomade_laptop"] = (("fleet", paired), ("addresses", ("tunnel", post.laptop)))
    places["nomade_services"] = (("fleet", duty), *places["nomade_services"])
    if post.office_pc:
        places["nomade_office_pc"] = (("fleet", paired), ("fleet", _path(fleet, post.office_pc)))
    return places


def _path(fleet: Fleet, name: str) -> Path_:
    for section, endpoints in (("laptops", fleet.laptops), ("office_pcs", fleet.office_pcs)):
        for index, endpoint in enumerate(endpoints):
            if endpoint.name == name:
                return (section, index)
    return ("gateway",)


def _settings(config: Config, fleet: Fleet, host: str, files: _Files, *, everything: bool) -> list[str]:
    kind = fleet.endpoint(host).kind
    sections: dict[str, Path_] = {"commune": ("commune",), "kind": (kind.value,), "endpoint": ("endpoints", host)}
    lines = []
    for name, layers in sorted(settings.history(fleet, host, settings.of_profile(config.profile)).items()):
        *below, top = layers
        if top.source == "default" and not everything:
            continue
        said = _source(top.source)
        if top.source in sections:
            said += f" ({files.place('fleet', ('settings', *sections[top.source], name))})"
        elif top.source == "profile":
            said += f" ({config.profile})"
        else:
            said += f" ({role_variables()[name].role})"
        if below:
            hidden = [f"{_source(layer.source)} {on_one_line(layer.value)}" for layer in reversed(below)]
            said += ", " + _("over {layers}").format(layers=", ".join(hidden))
        lines.append(f"{name}: {on_one_line(top.value)}  # {said}")
    return lines


def _source(source: settings.Source) -> str:
    return {
        "default": _("role default"),
        "profile": _("profile"),
        "commune": _("commune"),
        "kind": _("kind of endpoint"),
        "endpoint": _("this endpoint"),
    }[source]
