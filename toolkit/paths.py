"""Where the data of the product lives: in the checkout, or inside the installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_BUNDLED = _PACKAGE / "_data"


def _data(name: str) -> Path:
    bundled = _BUNDLED / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name


def roles_dir() -> Path:
    """Return the folder of the Ansible roles."""
    return _data("roles")


def playbooks_dir() -> Path:
    """Return the folder of the playbooks."""
    return _data("playbooks")


def demo_dir() -> Path:
    """Return the demonstration workspace (two fictional communes) of the checkout; a wheel has none."""
    return _PACKAGE.parent / "inventories" / "demo"


def plugins_dir() -> Path:
    """Return the folder with our Ansible plugins (`action/`, `modules/`, `callback/`)."""
    return _PACKAGE / "ansible" / "plugins"


def controls_dir() -> Path:
    """Return the folder of the controls, one YAML file each."""
    return _PACKAGE / "controls"


def profiles_dir() -> Path:
    """Return the folder of the profiles, one YAML file each."""
    return _PACKAGE / "profiles"


def references_dir() -> Path:
    """Return the folder with the ids of the documents that controls refer to."""
    return _PACKAGE / "references"
