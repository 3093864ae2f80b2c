"""A workspace: an ordinary folder (a git repository, usually) with `nomade.yml` and one folder per commune."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import BadInputError
from toolkit.i18n import _

MARKER = "nomade.yml"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The files of one workspace. Paths only: reading `nomade.yml` and `fleet.yml` is `toolkit.fleet`'s."""

    root: Path

    @property
    def config_file(self) -> Path:
        return self.root / MARKER

    @property
    def state(self) -> Path:
        """Private, untracked state: keys, store, logs, locks. Mode 0700, made on first use."""
        folder = self.root / ".nomade"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @property
    def management_key(self) -> Path:
        """The private key of the management account (the public one is beside it, `.pub`)."""
        return self.state / "keys" / "management_ed25519"

    @property
    def store_url(self) -> str:
        return f"sqlite:///{self.state / 'store.sqlite'}"

    def commune(self, commune: str) -> CommuneFolder:
        return CommuneFolder(self.root / "inventories" / commune)

    def communes(self) -> list[str]:
        """Return the ids of the communes that have a `fleet.yml`, in alphabetical order."""
        return sorted(path.parent.name for path in (self.root / "inventories").glob("*/fleet.yml"))

    def select(self, wanted: Sequence[str]) -> list[str]:
        """Return the communes named in `wanted`, or all when it is empty.

        Raises:
            BadInputError: a name has no `fleet.yml`, or the workspace has no commune at all.
        """
        known = self.communes()
        if not known:
            raise BadInputError(
                _("{file}: no commune here: add inventories/<commune>/fleet.yml").format(file=self.root)
            )
        for name in wanted:
            if name not in known:
                raise BadInputError(
                    _("{root}: unknown commune “{name}”; known: {known}").format(
                        root=self.root, name=name, known=", ".join(known)
                    )
                )
        return [name for name in known if not wanted or name in wanted]


@dataclass(frozen=True, slots=True)
class CommuneFolder:
    """The files of one commune, all safe to keep in git."""

    root: Path

    @property
    def fleet(self) -> Path:
        """What people write."""
        return self.root / "fleet.yml"

    @property
    def addresses(self) -> Path:
        """Tunnel addresses, allocated once."""
        return self.root / "addresses.yml"

    @property
    def hosts(self) -> Path:
        """The generated Ansible inventory."""
        return self.root / "hosts.yml"

    @property
    def known_hosts(self) -> Path:
        """Pinned host keys, one line per endpoint, under the endpoint's name (`HostKeyAlias`)."""
        return self.root / "known_hosts"

    @property
    def enrolment(self) -> Path:
        """What enrolment recorded per endpoint: date, fingerprint, path (`bench` or `gateway`)."""
        return self.root / "enrolment.yml"

    @property
    def waivers(self) -> Path:
        """Accepted deviations, written by people and by `nomade waiver`; absent until there is one."""
        return self.root / "waivers.yml"

    @property
    def quarantine(self) -> Path:
        """Who is in quarantine and why, as `nomade audit` and `nomade quarantine` decided; absent until then."""
        return self.root / "quarantine.json"

    @property
    def public(self) -> Path:
        """Public facts made on endpoints: `<host>.wg.pub` (WireGuard key), `<host>.rdp.crt` (certificate)."""
        return self.root / "public"

    @property
    def escrow(self) -> Path:
        """Recovery keys, encrypted on the endpoints, one file per volume."""
        return self.root / "escrow"


def find(start: Path) -> Workspace:
    """Return the workspace of `start`: the nearest folder above it with `nomade.yml`.

    Without one above, a single workspace directly below `start` is taken, so that `nomade init demo` can be followed
    by another command in the same folder.

    Raises:
        BadInputError: there is none, or several below.
    """
    for folder in (start, *start.parents):
        if (folder / MARKER).is_file():
            return Workspace(folder)
    below = sorted(path.parent for path in start.glob(f"*/{MARKER}"))
    if len(below) == 1:
        return Workspace(below[0])
    raise BadInputError(
        _(
            "{folder}: not in a workspace (no nomade.yml here or above): run “nomade init DIR” or give --workspace"
        ).format(folder=start)
    )
