"""The insurer's dossier: whole or not there, and any file that is changed, added or taken away is found."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.report.real import COMMUNE, keep_real
from tests.report.test_commune import OTHER
from toolkit import dossier, paths
from toolkit.cli import run
from toolkit.errors import BadInputError, ExitCode
from toolkit.workspace import Workspace

NOW = datetime(2026, 11, 28, 3, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dossier.Written]:
    root = tmp_path_factory.mktemp("workspace") / "demo"
    shutil.copytree(paths.demo_dir(), root, ignore=shutil.ignore_patterns(".nomade", "reports"))
    workspace = Workspace(root)
    keep_real(workspace, NOW)
    return workspace, dossier.write(workspace, COMMUNE, "fr", NOW)


@pytest.fixture
def copy(made: tuple[Workspace, dossier.Written], tmp_path: Path) -> Path:
    shutil.copytree(made[1].folder, tmp_path / "dossier")
    return tmp_path / "dossier"


def test_a_dossier_is_whole_and_sha256sum_agrees(made: tuple[Workspace, dossier.Written]) -> None:
    _workspace, written = made
    assert written.folder.name == f"{COMMUNE}-assurance-2026-11-28"
    assert dossier.verify(written.folder, written.digest) == []
    subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=written.folder, check=True, capture_output=True
    )


def test_the_digests_printed_in_the_pdf_are_those_of_the_evidence_files(
    made: tuple[Workspace, dossier.Written],
) -> None:
    folder = made[1].folder
    text = subprocess.run(
        ["pdftotext", "-raw", str(folder / "dossier.pdf"), "-"], check=True, capture_output=True, text=True
    )
    shown = "".join(text.stdout.split())
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    assert len(manifest["evidence"]) == 3
    for item in manifest["evidence"]:
        file = (folder / "evidence" / f"{item['endpoint']}.json").read_bytes()
        assert hashlib.sha256(file).hexdigest() == item["sha256"]
        assert item["sha256"] in shown
    assert "Formule3sur7remplie" in shown
    assert OTHER not in b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).decode("latin-1")


def changed(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    return change


TAMPERING: dict[str, Callable[[Path], None]] = {
    **{name: changed(name) for name in ("dossier.pdf", "insurance.json", "evidence/pontlierre-portable-1.json")},
    "one line less in the sums": lambda folder: (folder / "SHA256SUMS").write_text(
        "".join((folder / "SHA256SUMS").read_text().splitlines(keepends=True)[1:])
    ),
    "another time in the manifest": lambda folder: (folder / "MANIFEST.json").write_text(
        (folder / "MANIFEST.json").read_text().replace("2026-11-28", "2026-11-27")
    ),
    "a file less": lambda folder: (folder / "insurance.json").unlink(),
    "a file more": lambda folder: (folder / "evidence" / "autre.json").write_text("{}"),
    "a link": lambda folder: (
        (folder / "insurance.json").rename(folder.parent / "elsewhere.json"),  # type: ignore[func-returns-value]
        (folder / "insurance.json").symlink_to(folder.parent / "elsewhere.json"),
    )[-1],
    "a folder that is a link": lambda folder: (folder / "autres").symlink_to("/etc"),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_any_tampering_is_found(copy: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "verify", str(copy)]) == ExitCode.OK
    capsys.readouterr()
    TAMPERING[name](copy)
    assert run(["report", "verify", str(copy)]) == ExitCode.NOT_COMPLIANT
    assert len(capsys.readouterr().out.splitlines()) >= 1


def test_a_manifest_made_anew_is_found_by_the_digest_that_was_told(
    copy: Path, made: tuple[Workspace, dossier.Written]
) -> None:
    path = copy / "MANIFEST.json"
    path.write_text(path.read_text().replace("2026-11-28", "2026-11-27"))
    lines = (copy / "SHA256SUMS").read_text().splitlines()
    told = hashlib.sha256(path.read_bytes()).hexdigest()
    lines = [f"{told}  MANIFEST.json" if line.endswith("MANIFEST.json") else line for line in lines]
    (copy / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    assert dossier.verify(copy) == []
    assert len(dossier.verify(copy, made[1].digest)) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": [1]}', "\x00", '{"files": [{"path": "x"}]}'])
def test_a_damaged_manifest_is_one_line(copy: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "MANIFEST.json").write_text(text)
    assert run(["report", "verify", str(copy)]) == ExitCode.BAD_INPUT
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_f062_the_same_data_make_the_same_dossier(made: tuple[Workspace, dossier.Written], tmp_path: Path) -> None:
    again = dossier.write(made[0], COMMUNE, "fr", NOW, tmp_path / "again")
    assert again.digest == made[1].digest


def test_a_dossier_is_never_written_over_and_half_of_one_is_never_left(
    made: tuple[Workspace, dossier.Written], tmp_path: Path
) -> None:
    with pytest.raises(BadInputError):
        dossier.write(made[0], COMMUNE, "fr", NOW)
    with pytest.raises(BadInputError):
        dossier.write(made[0], COMMUNE, "fr", NOW, tmp_path / "absent" / "dossier")
    assert list(tmp_path.iterdir()) == []
