"""The fleet of a commune as lines of a tree, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.fleet.model import Endpoint, Fleet, Post
from toolkit.fleet.parts import Service
from toolkit.i18n import _


@dataclass(frozen=True, slots=True)
class Branch:
    """One line and what hangs below it."""

    text: str
    below: Sequence[Branch] = ()


def by_service(fleet: Fleet) -> list[tuple[Service, list[Post]]]:
    """Return the posts of each service that has any, in the order of the file."""
    posts: dict[str, list[Post]] = {service.id: [] for service in fleet.services}
    for post in fleet.posts:
        posts[fleet.duty(fleet.teleworker(post.teleworker).duty).service].append(post)
    return [(service, posts[service.id]) for service in fleet.services if posts[service.id]]


def spare(fleet: Fleet) -> list[Endpoint]:
    """Return the laptops, then the office PCs, that belong to no post."""
    return [item for item in (*fleet.laptops, *fleet.office_pcs) if fleet.post_of(item.name) is None]


def system(endpoint: Endpoint) -> str:
    """Return the endpoint's system as people write it: `Debian 12`."""
    name, _hyphen, release = endpoint.os.value.partition("-")
    return f"{name.capitalize()} {release}".rstrip()


def branches(fleet: Fleet) -> Branch:
    """Return the commune, its gateway, its services with their posts, and the machines that belong to no post."""

    def machine(endpoint: Endpoint) -> Branch:
        label = {"laptop": _("laptop"), "office_pc": _("office PC"), "gateway": _("gateway")}[endpoint.kind.value]
        return Branch(f"{label}: {endpoint.name} ({system(endpoint)})")

    def post_branch(post: Post) -> Branch:
        worker = fleet.teleworker(post.teleworker)
        machines = [machine(fleet.endpoint(name)) for name in (post.laptop, post.office_pc) if name]
        return Branch(f"{worker.name} ({worker.login}), {fleet.duty(worker.duty).name}", machines)

    below = [machine(fleet.gateway)]
    for service, posts in by_service(fleet):
        title = _("{service} — posts: {count}").format(service=service.name, count=len(posts))
        below.append(Branch(title, [post_branch(post) for post in posts]))
    left = spare(fleet)
    if left:
        title = _("Without a post — machines: {count}").format(count=len(left))
        below.append(Branch(title, [machine(endpoint) for endpoint in left]))
    return Branch(f"{fleet.commune.name} [{fleet.commune.id}]", below)


def lines(branch: Branch, margin: str = "") -> list[str]:
    """Return the lines of a branch and all below it."""
    result = [branch.text] if not margin else []
    for index, item in enumerate(branch.below):
        last = index == len(branch.below) - 1
        result.append(f"{margin}{'└── ' if last else '├── '}{item.text}")
        deeper = margin + ("    " if last else "│   ")
        result += lines(Branch("", item.below), deeper)
    return result
