"""What people wrote in `nomade.yml`: the CIG and the workspace's defaults."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from toolkit.fleet.parts import Contact, Model
from toolkit.fleet.text import AnyNetwork, Label, Login, Name, Recipient


class Cig(Model):
    """The inter-commune body that runs the fleet."""

    name: Label
    contacts: tuple[Contact, ...] = ()


_Days = Annotated[int, Field(strict=True, ge=1, le=36525)]


class Retention(Model):
    """How long results stay in the store (`nomade store thin`), in days; the newest of each endpoint always does."""

    all_days: _Days = 90
    """So long all of them stay."""
    weekly_days: _Days = 366
    """So long the newest of each week stays."""
    monthly_days: _Days = 1827
    """So long the newest of each month stays; then only the newest of all."""


class Config(Model):
    """The workspace's own settings."""

    cig: Cig
    management_addresses: tuple[AnyNetwork, ...] = ()
    """Networks (CIDR) of the CIG's technicians: gateways accept SSH from them."""
    setup_networks: tuple[AnyNetwork, ...] = ()
    """Networks (CIDR) where endpoints are prepared: every endpoint accepts SSH from them."""
    escrow_recipients: tuple[Recipient, ...] = ()
    """age recipients of the CIG: recovery keys are encrypted to them and to the commune's."""
    management_account: Login = "nomade"
    """Account the toolkit logs in with."""
    profile: Name = "nomade"
    """Profile to judge by, and to take settings from, when none is named."""
    freshness_days: Annotated[int, Field(strict=True, ge=1, le=366)] = 30
    """Evidence older than this is stale."""
    retention: Retention = Retention()
    store: Label | None = None
    """SQLAlchemy URL of the store, without a password; SQLite in `.nomade/` when absent."""
