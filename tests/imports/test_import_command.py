"""An import writes all files or none, refuses what is dangerous, and says every problem in one run."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet import sample
from tests.fleet.conftest import _english as _english
from tests.imports.lists import (
    Town,
    desktop,
    laptop,
    person,
    two_towns,
    unchanged,
)
from toolkit.cli import run
from toolkit.cli.inventory import command
from toolkit.errors import BadInputError, ExitCode, NothingEvaluatedError
from toolkit.fleet import System, load
from toolkit.imports import importing


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_f017_an_empty_list_is_nothing_done(town: Town) -> None:
    with pytest.raises(NothingEvaluatedError):
        town.take()


@pytest.mark.parametrize(
    "text", ["{{ lookup('file', '/etc/passwd') }}", "a\u202eb", "a\x00b", "{% x %}", "a\n[Peer]", "x" * 201]
)
def test_f002_f014_dangerous_text_is_refused_at_its_row(town: Town, text: str) -> None:
    for item in (laptop(7, text, "N1"), laptop(7, "A", "N1", model=text), person(7, text, duty="Rédacteur")):
        assert town.refuses(*unchanged(), item).startswith("liste.csv:7:1: “")


@pytest.mark.parametrize("text", ["../../etc", "-rf", "$(reboot)", "; rm -rf /", "`id`", '"}; drop', "nom\u0435"])
def test_f001_f013_f015_names_of_a_list_are_data_and_never_host_names(town: Town, text: str) -> None:
    town.take(*unchanged(), laptop(2, text, "N1"), desktop(3, text, "D1"))
    assert town.data("laptops")[-1]["name"] == "essai-portable-3"
    assert town.data("laptops")[-1]["listed_as"] == town.data("fixed_posts")[-1]["name"] == text


@pytest.mark.parametrize(
    "text", ["NO", "on", "1e3", "012", "22:22", "2026-01-31", "~", "null", "- a", "a: b", "!!python/object:x"]
)
def test_f009_f010_texts_that_yaml_would_retype_come_back_as_texts(town: Town, text: str) -> None:
    town.take(*unchanged(), laptop(2, "A", f"{text}-S17", model=text), desktop(3, text, "D1"))
    fleet = load(town.workspace, "essai")
    assert (fleet.laptops[-1].model, fleet.laptops[-1].serial, fleet.fixed_posts[-1].name) == (
        text,
        f"{text}-S17",
        text,
    )


def test_a_file_that_changed_meanwhile_is_left(tmp_path: Path) -> None:
    town = two_towns(tmp_path)
    rows = (laptop(2, "A", "N1", entity="autre"), laptop(3, "B", "N2", entity="essai"))
    prepared = town.prepare(*rows, partial=True)
    path = town.workspace.commune("essai").fleet
    path.write_text(town.text() + "# quelqu’un écrit\n", encoding="utf-8")
    other = town.text("autre")
    with pytest.raises(BadInputError, match="changed meanwhile"):
        importing.write(town.workspace, prepared)
    assert town.text().endswith("# quelqu’un écrit\n")
    assert town.text("autre") == other


def test_when_one_file_cannot_be_written_none_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town = two_towns(tmp_path)
    prepared = town.prepare(laptop(2, "A", "N1", entity="autre"), laptop(3, "B", "N2", entity="essai"), partial=True)
    real, full = importing.write_atomically, prepared.files[1].after

    def disk_full(path: Path, text: bytes, mode: int) -> None:
        if text == full:
            raise OSError(28, "No space left on device")
        real(path, text, mode)

    monkeypatch.setattr(importing, "write_atomically", disk_full)
    with pytest.raises(BadInputError, match="No space left"):
        importing.write(town.workspace, prepared)
    assert [town.text(file.commune).encode() for file in prepared.files] == [file.before for file in prepared.files]


def test_the_mode_of_the_file_and_a_link_stay(town: Town) -> None:
    path = town.workspace.commune("essai").fleet
    real = town.workspace.root / "elsewhere.yml"
    path.rename(real)
    path.symlink_to(real)
    real.chmod(0o640)
    town.take(laptop(2, "A", "N1"))
    assert path.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "N1" in real.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("debian-13", "debian-11"),
        ("services:\n", "services: !!python/object:x\n"),
        ("name: Accueil}", "name: !unsafe Accueil}"),
        ("name: Essai-le-Petit\n", "name: Essai-le-Petit\n  name: Autre\n"),
        ("posts:\n", "pare_feux: 1\nposts:\n"),
        ("name: Accueil}", "name: NO}"),
    ],
)
def test_f009_f010_f011_f018_a_fleet_that_is_wrong_already_is_told_and_left(tmp_path: Path, old: str, new: str) -> None:
    town = Town(tmp_path, essai=sample.changed(old, new))
    assert "fleet.yml" in town.refuses(laptop(2, "A", "N1"))


# The command itself

LIST = (
    "Entité;Nom;Type;N° de série;Utilisateur;Téléphone;Adresse IP\r\n"
    "CIG > Essai-le-Petit;PORT-1;Portable;S1;Anna Petit;01 99 00 10 01;\r\n"
    "CIG > Essai-le-Petit;PORT-2;Portable;S2;Bruno Grand;01 99 00 10 02;\r\n"
    "CIG > Essai-le-Petit;PORT-3;Portable;N1;;;\r\n"
    "CIG > Essai-le-Petit;PC-ACCUEIL;Ordinateur de bureau;D1;Luc Passant;;198.51.100.40\r\n"
)


def nomade(town: Town, *arguments: str) -> int:
    return run(["inventory", *arguments[:1], "-w", str(town.workspace.root), *arguments[1:]])


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "parc.csv"
    path.write_bytes(LIST.encode("utf-8-sig"))
    return path


def test_dry_run_shows_the_difference_and_writes_nothing(
    town: Town, csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = town.text()
    assert nomade(town, "import", str(csv), "--dry-run") == ExitCode.OK
    assert town.text() == before
    said = capsys.readouterr()
    assert "+  - {name: essai-portable-3, os: debian-12, serial: N1, listed_as: PORT-3}" in said.out
    assert "essai: 2 added, 2 changed, 2 missing, 0 found again" in said.out
    assert "would change" in said.err


def test_what_was_shown_is_what_is_written(town: Town, csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nomade(town, "import", str(csv), "--dry-run")
    shown = [line for line in capsys.readouterr().out.splitlines() if line[:3] in ("+  ", "-  ")]
    before = town.text()
    assert nomade(town, "import", str(csv)) == ExitCode.OK
    assert sorted(shown) == sorted(
        line
        for line in difflib.unified_diff(before.splitlines(), town.text().splitlines(), lineterm="")
        if line[:3] in ("+  ", "-  ")
    )


def test_only_needed_columns_are_kept_and_the_others_are_named(
    town: Town, csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nomade(town, "import", str(csv))
    assert "01 99 00" not in town.text()
    assert "Passant" not in town.text(), "the user of a fixed post is no teleworker"
    said = capsys.readouterr()
    assert "Personal columns, not read: Téléphone" in said.out
    assert "people without a laptop, of whom nothing is kept: 1" in said.out
    assert "01 99 00" not in said.out + said.err


def test_every_problem_of_a_list_in_one_run_and_nothing_written(
    town: Town, csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = town.text()
    csv.write_text(
        LIST + "CIG > Nulle-Part;X;Portable;X1;;;\r\nCIG > Essai-le-Petit;{{ x }};Portable;X2;;;\r\n", encoding="utf-8"
    )
    assert nomade(town, "import", str(csv)) == ExitCode.BAD_INPUT
    said = capsys.readouterr().err
    assert f"{csv}:6:" in said
    assert f"{csv}:7:" in said
    assert town.text() == before


def test_how_columns_were_taken_is_said_even_when_the_list_is_wrong(
    town: Town, csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv.write_text(LIST + "CIG > Nulle-Part;X;Portable;X1;;;\r\n", encoding="utf-8")
    nomade(town, "import", str(csv))
    said = capsys.readouterr().err
    assert "  N° de série → serial\n" in said
    assert "  Téléphone: personal, not read\n" in said


def test_every_system_that_is_managed_can_be_asked_for() -> None:
    option = next(one for one in command.commands["import"].params if one.name == "system")
    assert list(option.to_info_dict()["type"]["choices"]) == [
        item.value for item in System if item is not System.WINDOWS
    ]


def test_a_mapping_is_saved_corrected_and_used(town: Town, csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mapping = csv.with_name("colonnes.yml")
    assert nomade(town, "import", str(csv), "--dry-run", "--save-mapping", str(mapping)) == ExitCode.OK
    text = mapping.read_text(encoding="utf-8")
    assert 'serial: "N° de série"' in text
    assert nomade(town, "import", str(csv), "--save-mapping", str(mapping)) == ExitCode.BAD_INPUT
    assert mapping.read_text(encoding="utf-8") == text, "a mapping that somebody corrected is not written over"
    csv.write_text(LIST.replace("N° de série", "Étiquette"), encoding="utf-8")
    mapping.write_text(text.replace("N° de série", "Étiquette"), encoding="utf-8")
    assert nomade(town, "import", str(csv), "--mapping", str(mapping)) == ExitCode.OK
    assert town.data("laptops")[-1]["serial"] == "N1"


@pytest.mark.parametrize("ending", ["xlsx", "ods", "csv"])
def test_the_template_as_it_is_imports_nothing(town: Town, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"modele.{ending}"
    before = town.text()
    assert run(["inventory", "template", str(path)]) == ExitCode.OK
    assert nomade(town, "import", str(path)) == ExitCode.NOTHING_EVALUATED
    assert town.text() == before
    assert run(["inventory", "template", str(path)]) == ExitCode.BAD_INPUT


def test_a_template_filled_in_makes_posts(town: Town, tmp_path: Path) -> None:
    path = tmp_path / "modele.csv"
    run(["inventory", "template", str(path)])
    values = {
        "Nom": "AÏT",
        "Prénom": "Nora",
        "Service": "Accueil",
        "Fonction": "Rédacteur",
        "Portable : nom": "PORT-9",
        "Portable : n° de série": "N9",
        "PC de bureau : nom": "PC-NORA",
        "PC de bureau : n° de série": "D9X",
        "PC de bureau : adresse IP": "198.51.100.50",
        "PC de bureau : devenir": "gardé",
    }
    headers = path.read_text(encoding="utf-8-sig").splitlines()[0].split(";")
    with path.open("a", encoding="utf-8") as stream:
        stream.write(";".join(values.get(header, "") for header in headers) + "\r\n")
    assert nomade(town, "import", str(path), "--partial") == ExitCode.OK
    assert town.data("teleworkers")[-1] == {"login": "nait", "name": "Nora AÏT", "duty": "redacteur"}
    assert town.data("posts")[-1] == {
        "teleworker": "nait",
        "laptop": "essai-portable-3",
        "office_pc": "essai-bureau-3",
    }


def test_french_is_the_language_unless_another_is_asked_for(town: Town, csv: Path) -> None:
    csv.write_text(LIST + "Nulle-Part;X;Portable;X1;;;\r\n", encoding="utf-8")
    command = [str(Path(sys.executable).with_name("nomade")), "inventory", "import", str(csv)]
    done = subprocess.run(
        command,
        cwd=town.workspace.root,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.BAD_INPUT
    assert "aucune commune n’a l’entité « Nulle-Part » (lignes : 1)" in done.stderr
    assert "Traceback" not in done.stderr
