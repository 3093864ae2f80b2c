"""The fleet of a commune as lines of a tree, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.fleet.model import Fleet
from toolkit.i18n import _


@dataclass(frozen=True, slots=True)
class Branch:
    """One line and what hangs below it."""

    text: str
    below: Sequence[Branch] = ()


def branches(fleet: Fleet) -> Branch:
    """Return the commune, its gateway, its posts, and the machines that belong to no post."""
    systems = {endpoint.name: endpoint.os.value for endpoint in fleet.endpoints}

    def machine(label: str, name: str) -> Branch:
        return Branch(f"{label}: {name} ({systems[name]})")

    posts = []
    for post in fleet.posts:
        below = [machine(_("laptop"), post.laptop)]
        if post.office_pc:
            below.append(machine(_("office PC"), post.office_pc))
        posts.append(Branch(f"{fleet.teleworker(post.teleworker).name} ({post.teleworker})", below))
    spare = [machine(_("laptop"), item.name) for item in fleet.laptops if fleet.post_of(item.name) is None]
    spare += [machine(_("office PC"), item.name) for item in fleet.office_pcs if fleet.post_of(item.name) is None]
    below = [machine(_("gateway"), fleet.gateway.name), Branch(_("posts ({count})").format(count=len(posts)), posts)]
    if spare:
        below.append(Branch(_("without a post ({count})").format(count=len(spare)), spare))
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
