"""The insurer's dossier of one commune: a PDF, what each machine declared, and a manifest of digests over all of it.

    dossier.pdf            what is met, what is missing, the digests of the evidence
    insurance.json         the same for machines, criterion by criterion
    evidence/<name>.json   what a machine declared: its SHA-256 is the digest printed in the PDF
    MANIFEST.json          every file with its size and SHA-256, every machine with time and digest of its evidence
    SHA256SUMS             the same digests and that of the manifest, for `sha256sum --check`

Whoever changes a file and makes manifest and sums anew is found by the manifest's digest, told apart from the dossier.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit import __version__
from toolkit.errors import BadInputError
from toolkit.files import write_atomically
from toolkit.finding import Evidence
from toolkit.i18n import _
from toolkit.insurance import Readiness, readiness, without_names
from toolkit.pseudonyms import of_commune
from toolkit.report import insurance_views
from toolkit.report.commune import default_folder, reports
from toolkit.report.html_page import page
from toolkit.report.model import Machine, Report
from toolkit.report.pdf_page import printed
from toolkit.workspace import Workspace

SCHEMA_VERSION = 1
MANIFEST, SUMS = "MANIFEST.json", "SHA256SUMS"

_FOLDER_MODE = 0o750
_FILE_MODE = 0o640


@dataclass(frozen=True, slots=True)
class Written:
    """A dossier that was made: its folder, and the SHA-256 (hex) of its manifest."""

    folder: Path
    digest: str


def write(
    workspace: Workspace,
    commune: str,
    language: str,
    now: datetime,
    target: Path | None = None,
    *,
    pseudonymise: bool = False,
) -> Written:
    """Make the dossier in a new folder, whole or not at all; under pseudonyms it holds no raw outputs.

    Raises:
        BadInputError: the folder is there already or cannot be made, or a file of the workspace is wrong.
        StoreError: the store cannot be read.
    """
    folder = target or default_folder(workspace) / f"{commune}-assurance-{now:%Y-%m-%d}"
    if folder.exists():
        raise BadInputError(_("{folder}: is there already: name another folder").format(folder=folder))
    item = readiness(workspace, [commune], language, now)[0]
    report = reports(workspace, [commune], language, now)[0]
    if pseudonymise:
        names = of_commune(workspace, commune)
        item, report = without_names(item, names), names.report(report)
    files = dict(_files(item, report))
    manifest = _json(_manifest(report, files))
    files[MANIFEST] = manifest
    files[SUMS] = _sums({name: _digest(content) for name, content in files.items()})
    _make(folder, files)
    return Written(folder, _digest(manifest))


def _files(item: Readiness, report: Report) -> Iterator[tuple[str, bytes]]:
    views = insurance_views.Views(item.language)
    pdf = page("dossier.html.j2", item.language, paper=True, item=item, report=report, views=views)
    yield "dossier.pdf", printed(pdf)
    yield "insurance.json", insurance_views.document([item]).encode()
    for machine in report.machines:
        if machine.sections and machine.collected_at:
            yield f"evidence/{machine.name}.json", canonical(machine)


def canonical(machine: Machine) -> bytes:
    """Return the evidence of a machine in the one spelling whose SHA-256 is its digest.

    Raises:
        ValueError: what is known of the machine is not what its digest was made of.
    """
    assert machine.collected_at is not None  # noqa: S101 — only machines with evidence come here
    sections = {section.probe: section for section in machine.sections}
    text = Evidence(machine.name, machine.collected_at, sections).canonical
    if hashlib.sha256(text).hexdigest() != machine.digest:
        raise ValueError(machine.name)
    return text


def _manifest(report: Report, files: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "made_by": f"nomade {__version__}",
        "commune": {"id": report.commune, "name": report.name},
        "generated_at": report.generated_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "catalogue_digest": report.catalogue_digest,
        "files": [
            {"path": name, "bytes": len(content), "sha256": _digest(content)} for name, content in sorted(files.items())
        ],
        "evidence": [
            {
                "endpoint": machine.name,
                "collected_at": machine.collected_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "sha256": machine.digest,
            }
            for machine in report.machines
            if machine.collected_at
        ],
    }


def _json(body: dict[str, Any]) -> bytes:
    return (json.dumps(body, ensure_ascii=False, indent=2) + "\n").encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _make(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files beside `folder` and rename once they are complete: no reader ever sees half a dossier."""
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    try:
        draft.mkdir(mode=_FOLDER_MODE)
        for name, content in files.items():
            path = draft / name
            path.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            write_atomically(path, content, _FILE_MODE)
        draft.rename(folder)
    except OSError as error:
        message = _("{folder}: cannot write the dossier: {error}")
        raise BadInputError(message.format(folder=folder, error=error.strerror)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def verify(folder: Path, digest: str | None = None) -> list[str]:
    """Return what is wrong with a dossier, in the user's language; nothing when every file is as it was made.

    `digest`: of the manifest, as it was told when the dossier was made.

    Raises:
        BadInputError: the folder holds no dossier that could be read.
    """
    manifest, sums = _read(folder / MANIFEST), _read(folder / SUMS)
    known = _listed(folder, manifest)
    found = {name: value for name, value in _present(folder) if name not in (MANIFEST, SUMS)}
    problems = [_("{file}: missing").format(file=name) for name in sorted(known.keys() - found.keys())]
    problems += [_("{file}: does not belong to the dossier").format(file=name) for name in sorted(found.keys() - known)]
    changed = (name for name in sorted(known.keys() & found.keys()) if known[name] != found[name])
    problems += [_("{file}: was changed").format(file=name) for name in changed]
    if sums != _sums({**known, MANIFEST: _digest(manifest)}):
        problems.append(_("{file} and {other} do not agree: one was changed").format(file=MANIFEST, other=SUMS))
    if digest is not None and digest.strip().lower() != _digest(manifest):
        problems.append(_("{file}: not the manifest whose digest was told").format(file=MANIFEST))
    return problems


def _sums(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


def _read(path: Path) -> bytes:
    try:
        if path.is_symlink():
            raise OSError(0, _("is a symbolic link"))
        return path.read_bytes()
    except OSError as error:
        raise BadInputError(_("{file}: cannot be read: {error}").format(file=path, error=error.strerror)) from error


def _listed(folder: Path, manifest: bytes) -> dict[str, str]:
    """Return the digest that the manifest gives for each file."""
    try:
        return {str(item["path"]): str(item["sha256"]) for item in json.loads(manifest)["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(_("{folder}: not a dossier, or its manifest was damaged").format(folder=folder)) from error


def _present(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield every file of the folder and its digest; what is no regular file has none, and so fits no manifest."""
    for root, folders, names in os.walk(folder):
        for name in (*names, *(item for item in folders if (Path(root) / item).is_symlink())):
            path = Path(root) / name
            regular = path.is_file() and not path.is_symlink()
            yield path.relative_to(folder).as_posix(), _digest(path.read_bytes()) if regular else ""
