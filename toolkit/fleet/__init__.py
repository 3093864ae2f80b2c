"""fleet.yml and nomade.yml: read, checked, typed, immutable."""

from __future__ import annotations

from toolkit.errors import ProblemsError
from toolkit.fleet.config import Cig, Config
from toolkit.fleet.document import read
from toolkit.fleet.model import (
    Application,
    Commune,
    Contact,
    Duty,
    Endpoint,
    Fleet,
    Gateway,
    Kind,
    Laptop,
    Management,
    OfficePc,
    Post,
    Regime,
    Service,
    Settings,
    System,
    Teleworker,
)
from toolkit.fleet.problems import validate
from toolkit.workspace import Workspace

__all__ = [
    "Application",
    "Cig",
    "Commune",
    "Config",
    "Contact",
    "Duty",
    "Endpoint",
    "Fleet",
    "Gateway",
    "Kind",
    "Laptop",
    "Management",
    "OfficePc",
    "Post",
    "Regime",
    "Service",
    "Settings",
    "System",
    "Teleworker",
    "load",
    "load_config",
]


def load_config(workspace: Workspace) -> Config:
    """Return what `nomade.yml` says.

    Raises:
        ProblemsError: everything wrong in it, each at its line and column.
        BadInputError: it cannot be read.
    """
    document = read(workspace.config_file)
    config = validate(Config, document)
    if config is None or document.problems:
        raise ProblemsError(document.problems)
    return config


def load(workspace: Workspace, commune: str) -> Fleet:
    """Return the fleet of one commune.

    Raises:
        ProblemsError: everything wrong in its `fleet.yml`, each at its line and column.
        BadInputError: the file cannot be read.
    """
    document = read(workspace.commune(commune).fleet)
    fleet = validate(Fleet, document)
    if fleet is None or document.problems:
        raise ProblemsError(document.problems)
    return fleet
