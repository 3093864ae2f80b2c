"""`nomade export glpi`: what GLPI's data-injection plugin can read, and nothing kinder than the evidence."""

from __future__ import annotations

import csv
import io
import shutil
import stat
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import catalogue, glpi_export, paths
from toolkit.cli import export as export_verb
from toolkit.cli import run
from toolkit.errors import ExitCode
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Evidence, Finding, Section, SectionStatus, Verdict
from toolkit.fleet import FixedPost, Fleet, load, load_config
from toolkit.imports.model import Chassis
from toolkit.imports.reading import read
from toolkit.report import csv_table
from toolkit.report.commune import reports
from toolkit.report.model import Coverage, Report, State
from toolkit.store import open_store
from toolkit.workspace import Workspace

ONE, OTHER = "pontlierre", "valsorbe"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HEADER = [
    *("Nom", "Numéro de série", "Entité", "Type", "Modèle", "Statut", "Adresse du tunnel", "Conformité"),
    *("Dans cet état depuis", "Dernier audit", "Résultat de l’audit", "Dernier contact", "Date de retrait"),
]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    root = tmp_path / "demo"
    shutil.copytree(paths.demo_dir(), root, ignore=shutil.ignore_patterns(".nomade", "reports", "enrolment.yml"))
    monkeypatch.chdir(root)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return Workspace(root)


def judged(endpoint: str, kind: str, at: datetime, verdict: Verdict) -> EndpointAudit:
    findings = tuple(
        Finding(
            endpoint,
            control.id,
            control.severity,
            verdict if kind in control.applies_to else Verdict.NOT_APPLICABLE,
            "compared",
        )
        for control in catalogue.load().controls.values()
    )
    evidence = Evidence(endpoint, at, {"sshd": Section("sshd", SectionStatus.OK, 0, "port 22")})
    return EndpointAudit(endpoint, kind, EndpointStatus.COLLECTED, "", evidence, findings)


def keep(workspace: Workspace, commune: str, at: datetime, *parts: EndpointAudit) -> None:
    store = open_store(workspace.store_url)
    store.save(Audit(commune, load_config(workspace).profile, at, at, catalogue.load().digest, parts))
    store.close()


def report_of(workspace: Workspace, commune: str = ONE, language: str = "fr") -> Report:
    return reports(workspace, [commune], language, NOW)[0]


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=";"))


def changed(fleet: Fleet, **parts: object) -> Fleet:
    """Return a fleet made anew with other parts: a copy would keep what the first has worked out."""
    return Fleet(**{name: getattr(fleet, name) for name in Fleet.model_fields} | parts)


def test_states_are_those_of_the_evidence(workspace: Workspace) -> None:
    gateway, laptop, office_pc = load(workspace, ONE).endpoints
    days = load_config(workspace).freshness_days or 30
    long_ago, yesterday = NOW - timedelta(days=days + 5), NOW - timedelta(days=1)
    keep(workspace, ONE, long_ago, judged(laptop.name, "laptop", long_ago, Verdict.PASS))
    keep(workspace, ONE, yesterday, judged(gateway.name, "gateway", yesterday, Verdict.PASS))
    data = glpi_export.export(workspace, [ONE], "fr", NOW, "dd-mm-yyyy")[ONE]
    rows = {row["Nom"]: row for row in rows_of(data)}
    assert list(rows) == [gateway.name, laptop.name, office_pc.name]
    assert list(rows[gateway.name]) == HEADER
    assert {name: row["Conformité"] for name, row in rows.items()} == {
        gateway.name: "conforme",
        laptop.name: "contrôle trop ancien",
        office_pc.name: "jamais contrôlé",
    }
    assert rows[gateway.name]["Dernier audit"] == rows[gateway.name]["Dernier contact"] == "23-11-2026"
    assert [rows[office_pc.name][column] for column in HEADER[8:]] == [""] * 5
    assert rows[laptop.name]["Dernier contact"] == glpi_export.dates.day(long_ago, "en")[8:] + long_ago.strftime(
        "-%m-%Y"
    )


@pytest.mark.parametrize(
    "status", [EndpointStatus.UNREACHABLE, EndpointStatus.NOT_ENROLLED, EndpointStatus.KEY_CHANGED]
)
def test_a_machine_that_did_not_answer_last_time_is_not_compliant(workspace: Workspace, status: EndpointStatus) -> None:
    laptop = load(workspace, ONE).laptops[0].name
    before, now = NOW - timedelta(days=3), NOW - timedelta(hours=1)
    keep(workspace, ONE, before, judged(laptop, "laptop", before, Verdict.PASS))
    keep(workspace, ONE, now, EndpointAudit(laptop, "laptop", status, "no answer"))
    rows = {row["Nom"]: row for row in rows_of(glpi_export.export(workspace, [ONE], "fr", NOW, "yyyy-mm-dd")[ONE])}
    assert rows[laptop]["Conformité"] in ("sans nouvelles", "urgent")
    assert (rows[laptop]["Dernier audit"], rows[laptop]["Dernier contact"]) == ("2026-11-24", "2026-11-21")


def test_status_addresses_and_entity(workspace: Workspace) -> None:
    fleet = load(workspace, ONE)
    laptop, office_pc = fleet.laptops[0], fleet.office_pcs[0]
    office_pc = office_pc.model_copy(update={"missing_since": "2026-11-02"})
    fleet = changed(
        fleet,
        commune=fleet.commune.model_copy(update={"entities": ("Racine > CIG > Pontlierre", "Pontlierre")}),
        office_pcs=(office_pc,),
        fixed_posts=(
            FixedPost(name="URBA-01", serial="XK12", fate="retired", retired_on="2026-10-05", disposal="détruit"),
            FixedPost(name="URBA-02", fate="kept"),
        ),
    )
    data = glpi_export.table(fleet, report_of(workspace), {laptop.name: "10.77.1.2"}, {laptop.name}, "dd-mm-yyyy")
    rows = {row["Nom"]: row for row in rows_of(data)}
    assert {row["Entité"] for row in rows.values()} == {"Racine > CIG > Pontlierre"}
    assert rows[laptop.name]["Adresse du tunnel"] == "10.77.1.2"
    assert {name: row["Statut"] for name, row in rows.items()} == {
        fleet.gateway.name: "En préparation",
        laptop.name: "En service",
        office_pc.name: "Introuvable dans la liste",
        "URBA-01": "Réformé",
        "URBA-02": "Conservé",
    }
    assert (rows["URBA-01"]["Date de retrait"], rows["URBA-01"]["Numéro de série"]) == ("05-10-2026", "XK12")
    assert {rows[name]["Conformité"] for name in ("URBA-01", "URBA-02")} == {"non géré, non contrôlé"}


def test_bytes_are_those_the_plugin_reads(workspace: Workspace) -> None:
    data = glpi_export.export(workspace, [ONE], "fr", NOW, "yyyy-mm-dd")[ONE]
    assert data.startswith('"Nom";"Numéro de série";'.encode())  # no byte order mark
    assert data.endswith(b'"\r\n')
    assert len({line.count(b'";"') for line in data.splitlines()}) == 1


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("Portable ; «\xa0fin\xa0»", "Portable ; « fin »"),
        ('Écran 15\\" large', 'Écran 15/" large'),
        ("D:\\", "D:/"),
        ("D:\\x", "D:\\x"),
        ("deux\nlignes\x1b[31m", "deux lignes"),
        ("Nogent-l'Abbé", "Nogent-l'Abbé"),
    ],
)
def test_no_text_becomes_a_formula_or_breaks_a_field(workspace: Workspace, written: str, read: str) -> None:
    fleet = load(workspace, ONE)
    laptop = fleet.laptops[0].model_copy(update={"model": written})
    data = glpi_export.table(changed(fleet, laptops=(laptop,)), report_of(workspace), {}, set(), "yyyy-mm-dd")
    (row,) = (row for row in rows_of(data) if row["Nom"] == laptop.name)
    assert row["Modèle"] == read
    assert b'\\"' not in data


_EMPTY = Report(ONE, ONE, "fr", "nomade", "", "", NOW, None, State.NEVER, Coverage())


@cache
def bare_fleet() -> Fleet:
    """A fleet of a gateway and nothing else, read once for all examples."""
    return changed(load(Workspace(paths.demo_dir()), ONE), laptops=(), office_pcs=(), posts=(), fixed_posts=())


@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=3))
def test_any_text_stays_one_harmless_field(texts: list[str]) -> None:
    posts = tuple(FixedPost(name=text, serial=text, model=text) for text in texts)
    fleet = changed(bare_fleet(), fixed_posts=posts)
    data = glpi_export.table(fleet, _EMPTY, {}, set(), "yyyy-mm-dd")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=";"))
    assert [len(row) for row in rows] == [len(HEADER)] * (2 + len(texts))
    assert not [field for row in rows for field in row if field.startswith(csv_table.FORMULA)]
    assert b'\\"' not in data


def test_communes_never_share_a_file(workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "glpi", "-o", str(tmp_path)]) == ExitCode.USAGE  # several, and nobody said all
    assert run(["export", "glpi", "--all-communes"]) == ExitCode.USAGE
    assert run(["export", "glpi", "--all-communes", "-o", str(tmp_path / "one.csv")]) == ExitCode.BAD_INPUT
    assert not (tmp_path / "one.csv").exists()
    capsys.readouterr()
    assert run(["export", "glpi", "--all-communes", "-o", str(tmp_path)]) == ExitCode.OK
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert files == [tmp_path / f"{commune}.csv" for commune in (ONE, OTHER)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o640}
    for path, other in zip(files, (OTHER, ONE), strict=True):
        assert other not in path.read_text(encoding="utf-8")


def test_one_commune_goes_to_standard_output(workspace: Workspace, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["export", "glpi", "-c", ONE, "--dates", "dd-mm-yyyy"]) == ExitCode.OK
    assert [row["Nom"] for row in rows_of(capsysbinary.readouterr().out)] == [
        endpoint.name for endpoint in load(workspace, ONE).endpoints
    ]
    assert run(["export", "glpi", "-c", "nowhere"]) == ExitCode.BAD_INPUT


def test_the_verb_knows_every_form_of_date() -> None:
    assert tuple(glpi_export.DATE_FORMATS) == export_verb.DATE_FORMATS


def test_english(workspace: Workspace) -> None:
    data = glpi_export.export(workspace, [ONE], "en", NOW, "yyyy-mm-dd")[ONE]
    row = rows_of(data)[0]
    assert (row["Type"], row["Status"], row["Compliance"]) == ("Server", "Being prepared", "never checked")


def test_what_is_exported_can_be_imported_again(workspace: Workspace, tmp_path: Path) -> None:
    fleet = load(workspace, ONE)
    laptop = fleet.laptops[0].model_copy(update={"serial": "PF3XK9T2", "model": "LENOVO ThinkPad T14"})
    fleet = changed(fleet, laptops=(laptop,), fixed_posts=(FixedPost(name="URBA-01", serial="XK12", fate="retired"),))
    for language in ("fr", "en"):
        path = tmp_path / f"{language}.csv"
        report = report_of(workspace, language=language)
        path.write_bytes(glpi_export.table(fleet, report, {laptop.name: "10.77.1.2"}, set(), "dd-mm-yyyy"))
        reading = read(path)
        assert not reading.problems
        assert not reading.people
        machines = {machine.name: machine for machine in reading.machines}
        assert machines[laptop.name].serial == "PF3XK9T2"
        assert machines[laptop.name].model == "LENOVO ThinkPad T14"
        assert machines[laptop.name].address is None  # the tunnel's is none of the machine's own network
        assert {name: machine.chassis for name, machine in machines.items()} == {
            laptop.name: Chassis.LAPTOP,
            fleet.office_pcs[0].name: Chassis.DESKTOP,
        }
        assert len(reading.left_aside) == 2  # the gateway, a server, and the post that is gone
        assert {machine.entity for machine in machines.values()} == {fleet.commune.name}
