"""Under pseudonyms no name, login, host name, telephone or serial of the fleet is in any output."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.report.real import COMMUNE, keep_real
from toolkit import dossier, paths, pseudonyms
from toolkit.cli import run
from toolkit.cli.report import FORMATS
from toolkit.errors import ExitCode
from toolkit.fleet import load, load_config
from toolkit.report import Look, render
from toolkit.report.commune import reports
from toolkit.report.model import Report
from toolkit.workspace import Workspace

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with real answers, and people named wherever somebody may write."""
    root = tmp_path_factory.mktemp("workspace") / "demo"
    shutil.copytree(paths.demo_dir(), root, ignore=shutil.ignore_patterns(".nomade", "reports"))
    workspace = Workspace(root)
    keep_real(workspace, NOW)
    day = f"{NOW:%Y-%m-%d}"
    arguments = ("disk-encrypted", "--endpoint", "pontlierre-portable-1", "--until", day, "--approver", "Sabine Rocher")
    reason = ("--reason", "Demande de M. Le Goff (ylegoff)", "-c", COMMUNE, "-w", str(root))
    assert run(["waiver", "add", *arguments, *reason]) == ExitCode.OK
    return workspace


def names(workspace: Workspace) -> set[str]:
    """Return all that names a person or a machine in the workspace's files."""
    fleet, config = load(workspace, COMMUNE), load_config(workspace)
    found = {word for item in fleet.endpoints for word in (item.name, item.serial or "")}
    people = [(person.name, person.login) for person in fleet.teleworkers]
    contacts = [
        (item.name, item.phone or "", item.email or "") for item in (*fleet.commune.contacts, *config.cig.contacts)
    ]
    for name, *others in (*people, *contacts):
        found |= {name, *others, *name.split()}
    found |= {item.author for item in fleet.declarations}
    return {word for word in found if len(word) > 2}  # “Le” is a word of any French text


def leaks(workspace: Workspace, text: str) -> list[str]:
    return [
        name for name in sorted(names(workspace)) if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
    ]


def output(workspace: Workspace, capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> bytes:
    assert run(["report", *arguments, "-w", str(workspace.root)]) in (ExitCode.OK, ExitCode.NOT_COMPLIANT)
    return capfdbinary.readouterr().out


def words(document: bytes, folder: Path) -> str:
    if not document.startswith(b"%PDF"):
        return document.decode("utf-8-sig")
    (folder / "x.pdf").write_bytes(document)
    shown = subprocess.run(["pdftotext", str(folder / "x.pdf"), "-"], check=True, capture_output=True, text=True).stdout
    return shown + document.decode("latin-1")


@pytest.fixture(scope="module")
def named(filled: Workspace) -> Report:
    return reports(filled, [COMMUNE], "fr", NOW)[0]


@pytest.fixture(scope="module")
def nameless(filled: Workspace, named: Report) -> Report:
    return pseudonyms.without_names(filled, [named])[0]


@pytest.mark.parametrize("format", FORMATS)
def test_no_name_is_in_the_report_of_a_commune_in_any_format(
    filled: Workspace, tmp_path: Path, named: Report, nameless: Report, format: str
) -> None:
    def shown(of: Report) -> str:
        document = render([of], format, Look(full=True))
        return words(document if isinstance(document, bytes) else document.encode(), tmp_path)

    text = shown(nameless)
    assert leaks(filled, text) == []
    assert "portable-" in text
    if format != "pdf":
        assert leaks(filled, shown(named))


@pytest.mark.parametrize(
    "arguments",
    [
        ("commune", "-c", COMMUNE, "-f", "json"),
        ("post", "pontlierre-portable-1", "-f", "html", "-o", "-"),
        ("fleet", "-c", COMMUNE, "-o", "-"),
        ("fleet", "-c", COMMUNE, "-f", "json"),
        *(("insurance", "-c", COMMUNE, "-f", format) for format in ("table", "json", "html")),
    ],
    ids=" ".join,
)
def test_no_name_is_in_the_other_documents(
    filled: Workspace, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], arguments: tuple[str, ...]
) -> None:
    shown = words(output(filled, capfdbinary, *arguments, "--pseudonymise"), tmp_path)
    assert leaks(filled, shown) == []


def test_no_name_is_in_the_dossier_nor_in_names_of_files(filled: Workspace, tmp_path: Path) -> None:
    written = dossier.write(filled, COMMUNE, "fr", NOW, tmp_path / "dossier", pseudonymise=True)
    for path in written.folder.rglob("*"):
        assert leaks(filled, path.name) == []
        if path.is_file():
            assert leaks(filled, words(path.read_bytes(), tmp_path)) == []
    assert not (written.folder / "evidence").exists()
    assert dossier.verify(written.folder, written.digest) == []


def test_the_file_of_a_post_is_called_by_its_pseudonym(
    filled: Workspace, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    shown = output(filled, capfdbinary, "post", "pontlierre-portable-1", "--pseudonymise").decode()
    assert leaks(filled, Path(shown.strip()).name) == []


def test_pseudonyms_are_stable_in_a_workspace_and_others_in_another(filled: Workspace, tmp_path: Path) -> None:
    first, again = (pseudonyms.of_commune(filled, COMMUNE) for _round in range(2))
    assert first.person("Yann Le Goff") == again.person("Yann Le Goff") != first.person("Marc Oudin")
    assert pseudonyms.secret_of(Workspace(tmp_path)) != pseudonyms.secret_of(filled)
    path = filled.management_key.with_name("pseudonyms")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes()) == 32


def test_states_and_counts_are_those_of_the_report_with_names(named: Report, nameless: Report) -> None:
    assert named.coverage == nameless.coverage
    assert [(item.state, item.digest) for item in named.machines] == [
        (item.state, item.digest) for item in nameless.machines
    ]
    assert len(named.waivers) == len(nameless.waivers) == 1


def test_names_in_facts_are_replaced_wherever_they_stand_and_words_are_not(filled: Workspace) -> None:
    known = pseudonyms.of_commune(filled, COMMUNE)
    value = known.value({"ylegoff": ["/home/ylegoff", {"x": "M. Goff, YLEGOFF"}], "n": 3})
    assert leaks(filled, json.dumps(value)) == []
    assert value["n"] == 3
    assert known.text("ylegoffa, golfeuse") == "ylegoffa, golfeuse"
