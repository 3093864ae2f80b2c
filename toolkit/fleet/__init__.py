"""fleet.yml and nomade.yml: read, checked, typed, immutable."""

from __future__ import annotations

from toolkit.fleet.config import Cig, Config
from toolkit.fleet.hours import OnCall, Regime
from toolkit.fleet.loading import load, load_all, load_config
from toolkit.fleet.model import Fleet
from toolkit.fleet.parts import (
    Application,
    Commune,
    Contact,
    Duty,
    Endpoint,
    FixedPost,
    Gateway,
    HostNames,
    Kind,
    Laptop,
    Management,
    OfficePc,
    Post,
    Service,
    Settings,
    System,
    Teleworker,
)
from toolkit.fleet.past import RegimeChange, Replacement, Revocation

__all__ = [
    "Application",
    "Cig",
    "Commune",
    "Config",
    "Contact",
    "Duty",
    "Endpoint",
    "FixedPost",
    "Fleet",
    "Gateway",
    "HostNames",
    "Kind",
    "Laptop",
    "Management",
    "OfficePc",
    "OnCall",
    "Post",
    "Regime",
    "RegimeChange",
    "Replacement",
    "Revocation",
    "Service",
    "Settings",
    "System",
    "Teleworker",
    "load",
    "load_all",
    "load_config",
]
