"""Make a workspace: copy the samples that are missing, overwrite nothing."""

from __future__ import annotations

from pathlib import Path

from toolkit.errors import BadInputError
from toolkit.files import create_atomically
from toolkit.i18n import _
from toolkit.workspace import MARKER, Workspace

_SAMPLES = Path(__file__).parent / "samples"
SCHEMA = Path(__file__).parent / "fleet.schema.json"
_SAMPLE_COMMUNE = "exemple"


def create(folder: Path) -> list[Path]:
    """Make (or complete) a workspace and return the files written; existing files stay as they are.

    Raises:
        BadInputError: the folder has other things in it, or cannot be written.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).is_file():
            raise BadInputError(_("{folder}: not empty and not a workspace: name a new folder").format(folder=folder))
        return [path for path, source in _wanted(folder) if _copy(source, path)]
    except OSError as error:
        raise BadInputError(
            _("{file}: cannot be written: {reason}").format(file=error.filename or folder, reason=error.strerror)
        ) from error


def _wanted(folder: Path) -> list[tuple[Path, Path]]:
    wanted = [
        (folder / MARKER, _SAMPLES / "nomade.yml"),
        (folder / ".gitignore", _SAMPLES / "gitignore"),
        (folder / SCHEMA.name, SCHEMA),
    ]
    if not Workspace(folder).communes():
        wanted.append((folder / "inventories" / _SAMPLE_COMMUNE / "fleet.yml", _SAMPLES / "fleet.yml"))
    return wanted


def _copy(source: Path, path: Path) -> bool:
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        create_atomically(path, source.read_bytes(), 0o644)
    except FileExistsError:
        return False
    return True
