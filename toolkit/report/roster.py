"""Who and what a report speaks of: the names and pairings of one commune, nothing else of its fleet."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RosterPost:
    """The names of one post. A post may lack an office PC, and a fleet may lack a gateway."""

    teleworker: str
    laptop: str | None
    office_pc: str | None
    gateway: str | None


@dataclass(frozen=True, slots=True)
class RosterContact:
    """Whom to call: at the commune, or at the CIG (`organisation`)."""

    name: str
    role: str
    organisation: str
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Roster:
    """A commune's machines (name → kind: `laptop`, `office_pc`, `gateway`), posts and contacts."""

    commune: str
    name: str
    machines: dict[str, str] = field(default_factory=dict)
    posts: tuple[RosterPost, ...] = ()
    contacts: tuple[RosterContact, ...] = ()
    windows: int = 0
    """How many office PCs run Windows: nothing is said of them, and that is."""

    def teleworker(self, machine: str) -> str | None:
        """Return who works on a machine; a gateway has nobody."""
        return next((post.teleworker for post in self.posts if machine in (post.laptop, post.office_pc)), None)
