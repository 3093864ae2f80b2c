"""From a laptop of the fleet to the files of its install medium."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.enroll import management_public_key
from toolkit.enroll.account import creation_script
from toolkit.errors import BadInputError, NothingEvaluatedError
from toolkit.files import write_atomically
from toolkit.fleet import Fleet, Kind, load_all
from toolkit.fleet.parts import Endpoint, System
from toolkit.i18n import _
from toolkit.install_media import autoinstall, preseed
from toolkit.settings import effective
from toolkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Laptop:
    """What an installer is told of a laptop. `account_script`: what enrolment runs, in base64 (one word, no quotes)."""

    name: str
    system: System
    account: str
    public_key: str
    account_script: str
    timezone: str
    locale: str
    overwrite: bool


@dataclass(frozen=True, slots=True)
class Medium:
    """The files to put on the medium, by name. No passphrase is in them: the installer asks for it."""

    host: str
    account: str
    files: Mapping[str, str]


def prepare(workspace: Workspace, communes: Sequence[str], host: str, *, overwrite: bool) -> Medium:
    """Return the files that install `host`; `overwrite`: random data over the whole disk first, for a disk with a past.

    Raises:
        NothingEvaluatedError: no commune has such a machine.
        BadInputError: it is no laptop, or a file of the workspace is wrong.
    """
    fleet, endpoint = _find(workspace, communes, host)
    if endpoint.kind is not Kind.LAPTOP:
        raise BadInputError(_("{host} is no laptop: install media encrypt the disk of a laptop").format(host=host))
    laptop = _laptop(workspace, fleet, endpoint, overwrite)
    write_files = autoinstall.files if endpoint.os is System.UBUNTU_24_04 else preseed.files
    return Medium(host, laptop.account, write_files(laptop))


def write(medium: Medium, folder: Path) -> list[Path]:
    """Write the files into `folder/<host>` and return their paths.

    Raises:
        BadInputError: the folder cannot be written.
    """
    place = folder / medium.host
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, text in medium.files.items():
            write_atomically(place / name, text)
    except OSError as error:
        raise BadInputError(_("{file}: cannot be written: {error}").format(file=place, error=error.strerror)) from None
    return [place / name for name in medium.files]


def _find(workspace: Workspace, communes: Sequence[str], host: str) -> tuple[Fleet, Endpoint]:
    _config, fleets = load_all(workspace, workspace.select(communes))
    for fleet in fleets:
        for endpoint in fleet.endpoints:
            if endpoint.name == host:
                return fleet, endpoint
    raise NothingEvaluatedError(_("{host}: no machine of this name in fleet.yml").format(host=host))


def _laptop(workspace: Workspace, fleet: Fleet, endpoint: Endpoint, overwrite: bool) -> Laptop:
    config, _fleets = load_all(workspace, [fleet.commune.id])
    key = management_public_key(workspace)
    script = base64.b64encode(creation_script(config.management_account, key).encode()).decode()
    values = effective(fleet, endpoint.name)
    return Laptop(
        name=endpoint.name,
        system=endpoint.os,
        account=config.management_account,
        public_key=key,
        account_script=script,
        timezone=str(values["base_timezone"].value),
        locale=str(values["base_locale"].value),
        overwrite=overwrite,
    )
