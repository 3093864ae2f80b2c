"""The fleet of one commune: what people wrote in `fleet.yml`, typed and immutable."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cached_property

from toolkit.errors import NothingEvaluatedError
from toolkit.fleet.backup import Backup
from toolkit.fleet.declarations import Declaration, by_scope
from toolkit.fleet.hours import OnCall, Regime
from toolkit.fleet.parts import (
    Application,
    Commune,
    Duty,
    Endpoint,
    FixedPost,
    Flag,
    Gateway,
    Kind,
    Laptop,
    Model,
    OfficePc,
    Post,
    Service,
    Settings,
    Teleworker,
)
from toolkit.fleet.past import QuarantineRelease, RegimeChange, Replacement, Retirement, Revocation
from toolkit.i18n import _

__all__ = ["Endpoint", "Flag", "Fleet", "Gateway", "Kind", "Laptop", "Model", "OfficePc", "Post"]


class Fleet(Model):
    """All of one commune. Made by `toolkit.fleet.load`; references between its parts have been checked."""

    commune: Commune
    gateway: Gateway
    services: tuple[Service, ...] = ()
    duties: tuple[Duty, ...] = ()
    applications: tuple[Application, ...] = ()
    teleworkers: tuple[Teleworker, ...] = ()
    laptops: tuple[Laptop, ...] = ()
    office_pcs: tuple[OfficePc, ...] = ()
    posts: tuple[Post, ...] = ()
    fixed_posts: tuple[FixedPost, ...] = ()
    replaced: tuple[Replacement, ...] = ()
    """What `nomade replace` did, oldest first."""
    retired: tuple[Retirement, ...] = ()
    """What `nomade retire` did, oldest first."""
    revoked: tuple[Revocation, ...] = ()
    """What `nomade vpn revoke` and `nomade lost` did, oldest first."""
    regime: Regime = Regime()
    on_call: tuple[OnCall, ...] = ()
    regime_history: tuple[RegimeChange, ...] = ()
    """What `nomade regime set` did, oldest first."""
    quarantine: Flag = False
    """An endpoint whose last audit breaks a critical control, or is too old, reaches only what mends it."""
    quarantine_releases: tuple[QuarantineRelease, ...] = ()
    """What `nomade quarantine release` did, oldest first."""
    backup: Backup | None = None
    settings: Settings = Settings()
    declarations: tuple[Declaration, ...] = ()

    @cached_property
    def declared(self) -> Mapping[tuple[str, str], tuple[Declaration, ...]]:
        """What is declared, by kind and name of what it is for (`by_scope`)."""
        return by_scope(self.declarations)

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What the toolkit manages: gateway, laptops, then office PCs, in file order."""
        return tuple(machine for machine in self.machines if machine.is_managed)

    @cached_property
    def machines(self) -> tuple[Endpoint, ...]:
        """The endpoints, and the office PCs with Windows, which somebody else manages."""
        return (self.gateway, *self.laptops, *self.office_pcs)

    @cached_property
    def _by_name(self) -> dict[str, Endpoint]:
        return {endpoint.name: endpoint for endpoint in self.machines}

    @cached_property
    def _posts(self) -> dict[str, Post]:
        of_pcs = {post.office_pc: post for post in self.posts if post.office_pc}
        return of_pcs | {post.laptop: post for post in self.posts}

    @cached_property
    def _teleworkers(self) -> dict[str, Teleworker]:
        return {teleworker.login: teleworker for teleworker in self.teleworkers}

    @cached_property
    def _duties(self) -> dict[str, Duty]:
        return {duty.id: duty for duty in self.duties}

    @cached_property
    def peers(self) -> tuple[Laptop, ...]:
        """Laptops the gateway lets in: all but those revoked or lost, and those replaced without a teleworker since."""
        former = {step.former for step in self.replaced}
        return tuple(
            laptop
            for laptop in self.laptops
            if laptop.name not in self.shut_out and (laptop.name not in former or self.post_of(laptop.name))
        )

    @cached_property
    def shut_out(self) -> Mapping[str, Revocation]:
        """The revocations in force, by endpoint."""
        return {item.endpoint: item for item in self.revoked if item.found is None}

    def endpoint(self, name: str) -> Endpoint:
        """Return one machine by its name, managed or not. Raises NothingEvaluatedError when there is none."""
        if name not in self._by_name:
            raise NothingEvaluatedError(
                _("{commune}: no endpoint is called “{name}”").format(commune=self.commune.id, name=name)
            )
        return self._by_name[name]

    def select(self, limit: str | None) -> tuple[Endpoint, ...]:
        """Return the endpoints that `limit` names: names separated by commas, `*` and `?` allowed; None means all.

        Raises:
            NothingEvaluatedError: no endpoint matches any part of the limit.
        """
        if limit is None:
            return self.endpoints
        wanted = [part.strip() for part in limit.split(",") if part.strip()]
        chosen = tuple(
            endpoint for endpoint in self.endpoints if any(fnmatchcase(endpoint.name, part) for part in wanted)
        )
        if not chosen:
            others = [
                machine.name for machine in self.machines if any(fnmatchcase(machine.name, one) for one in wanted)
            ]
            if others:
                raise NothingEvaluatedError(
                    _("{names}: Windows, which Nomade reaches and wakes but does not manage").format(
                        names=", ".join(others)
                    )
                )
            raise NothingEvaluatedError(
                _("{commune}: the limit “{limit}” matches no endpoint").format(commune=self.commune.id, limit=limit)
            )
        return chosen

    def post_of(self, endpoint: str) -> Post | None:
        """Return the post a laptop or an office PC belongs to, if any."""
        return self._posts.get(endpoint)

    def teleworker(self, login: str) -> Teleworker:
        """Return one teleworker by login (KeyError when there is none: references are checked on loading)."""
        return self._teleworkers[login]

    def duty(self, id: str) -> Duty:
        """Return one duty by id (KeyError when there is none)."""
        return self._duties[id]

    @cached_property
    def _applications_of_duty(self) -> dict[str | None, tuple[Application, ...]]:
        everyone = tuple(item for item in self.applications if item.everyone)
        of_duties: dict[str | None, tuple[Application, ...]] = {
            duty.id: tuple(item for item in self.applications if item.everyone or item.id in duty.applications)
            for duty in self.duties
        }
        return of_duties | {None: everyone}

    def applications_of(self, laptop: str) -> tuple[Application, ...]:
        """Return what one laptop may reach behind the gateway: its teleworker's duty's, and everyone's."""
        post = self.post_of(laptop)
        duty = self.teleworker(post.teleworker).duty if post else None
        return self._applications_of_duty[duty]
