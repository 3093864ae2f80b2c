"""Insurance formulas on what real machines answered: never met on what is unknown, old, silent or waived."""

from __future__ import annotations

import itertools
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.report.real import COMMUNE, answers, keep_real
from toolkit import catalogue, insurance, paths
from toolkit.cli import run
from toolkit.errors import ExitCode, ProblemsError
from toolkit.fleet.roles import role_variables
from toolkit.insurance import Readiness
from toolkit.report import insurance_views
from toolkit.workspace import Workspace

NOW = datetime.now(UTC)
# Thresholds where more is stricter; of all others less is.
MORE_IS_STRICTER = {"accounts_password_min_length", "accounts_password_history", "accounts_lockout_seconds"}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    root = tmp_path / "demo"
    shutil.copytree(paths.demo_dir(), root, ignore=shutil.ignore_patterns(".nomade", "reports"))
    monkeypatch.chdir(root)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return Workspace(root)


def ready(workspace: Workspace, now: datetime = NOW) -> Readiness:
    return insurance.readiness(workspace, [COMMUNE], "fr", now)[0]


def gaps(found: Readiness, number: int) -> dict[str, list[str]]:
    criteria = found.formulas[number - 1].criteria
    return {item.control: [gap.machine.name for gap in item.gaps] for item in criteria if item.gaps}


def test_there_are_seven_formulas_and_each_asks_at_least_what_the_one_before_asks() -> None:
    known = catalogue.load()
    names = list(insurance.formulas_of(known).values())
    assert names == [f"assurance-formule-{number}" for number in range(1, 8)]
    for weaker, stronger in itertools.pairwise(names):
        asked = [{item.id for item in known.selected(name)} for name in (weaker, stronger)]
        assert asked[0] < asked[1]
        before, after = known.settings(weaker), known.settings(stronger)
        for name, value in before.items():
            assert after[name] >= value if name in MORE_IS_STRICTER else after[name] <= value, name


def test_every_threshold_is_a_role_s_setting_and_says_that_it_is_fictional() -> None:
    for path in sorted(paths.profiles_dir().glob("assurance-formule-*.yml")):
        text = path.read_text(encoding="utf-8")
        assert "SEUILS FICTIFS" in text.splitlines()[0]
        settings = catalogue.load().profile(path.stem).settings
        assert set(settings) <= set(role_variables())
        assert text.count("(fictif)") == len(settings) > 0


def test_machines_of_the_lab_meet_three_formulas_and_lack_disk_encryption_for_the_fourth(workspace: Workspace) -> None:
    keep_real(workspace, NOW)
    found = ready(workspace)
    assert (found.reached, found.declared) == (3, 5)
    assert found.next is not None
    assert found.next.number == 4
    assert gaps(found, 4)["disk-encrypted"] == ["pontlierre-portable-1"]
    assert insurance.exit_code([found]) is ExitCode.NOT_COMPLIANT
    assert all(line.verdict == "pass" for item in found.formulas[2].criteria for _machine, line in item.lines)


def test_bare_machines_and_machines_never_asked_meet_no_formula(workspace: Workspace) -> None:
    assert ready(workspace).reached == 0
    assert "firewall-input-dropped" in gaps(ready(workspace), 1)
    keep_real(workspace, NOW, "before")
    assert ready(workspace).reached == 0


def test_old_evidence_and_silent_machines_meet_no_formula(workspace: Workspace) -> None:
    keep_real(workspace, NOW - timedelta(days=31))
    assert ready(workspace).reached == 0
    keep_real(workspace, NOW - timedelta(hours=2))
    assert ready(workspace).reached == 3
    keep_real(workspace, NOW, silent="pontlierre-portable-1")
    found = ready(workspace)
    assert found.reached == 0
    assert [machine.name for machine in found.formulas[0].away] == ["pontlierre-portable-1"]


def test_evidence_that_cannot_be_read_meets_no_formula(workspace: Workspace) -> None:
    keep_real(workspace, NOW, changes={"nftables": "not a ruleset"})
    assert ready(workspace).reached == 0


def test_what_the_commune_accepted_is_not_accepted_by_the_insurer(workspace: Workspace) -> None:
    control = "passwords-long"
    short = answers("after", "laptop")["pam"].replace("quality minlen = 15", "quality minlen = 8")
    keep_real(workspace, NOW, changes={"pam": short})
    day = f"{NOW:%Y-%m-%d}"
    (workspace.commune(COMMUNE).root / "waivers.yml").write_text(
        f'- {{control: {control}, reason: ancien logiciel, approver: Maire, since: "{day}", until: "{day}"}}\n'
    )
    assert len(gaps(ready(workspace), 1)[control]) == 3


def test_the_contract_s_own_thresholds_win_over_the_product_s_and_the_commune_s(workspace: Workspace) -> None:
    keep_real(workspace, NOW)
    folder = workspace.root / "profiles"
    folder.mkdir()
    text = (paths.profiles_dir() / "assurance-formule-1.yml").read_text(encoding="utf-8")
    (folder / "assurance-formule-1.yml").write_text(text.replace("min_length: 10", "min_length: 16"))
    fleet = workspace.commune(COMMUNE).fleet
    lenient = fleet.read_text().replace("  commune:\n", "  commune:\n    accounts_password_min_length: 4\n")
    fleet.write_text(lenient)
    found = ready(workspace)
    assert found.reached == 0
    assert set(gaps(found, 1)) == {"passwords-long"}
    assert [formula.own for formula in found.formulas] == [True, *[False] * 6]
    assert insurance_views.warning(found)


def test_a_profile_of_the_workspace_that_is_wrong_is_named_with_what_would_be_right(workspace: Workspace) -> None:
    folder = workspace.root / "profiles"
    folder.mkdir()
    (folder / "assurance-formule-2.yml").write_text(
        "title: {fr: Formule deux, en: Formula two}\nabout: {fr: Du contrat, en: Of the contract}\n"
        "select: {controls: [absent-control]}\nsettings: {backup_max_age_day: 3}\n"
    )
    with pytest.raises(ProblemsError) as raised:
        ready(workspace)
    assert "absent-control" in str(raised.value)
    assert "backup_max_age_days" in str(raised.value)


def test_the_command_prints_what_is_missing_and_json_has_the_evidence(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_real(workspace, NOW)
    assert run(["report", "insurance", "-c", COMMUNE]) == ExitCode.NOT_COMPLIANT
    shown = capsys.readouterr().out
    assert "Formule 3 sur 7 remplie (contrat : formule 5)" in shown
    assert "Disques du portable chiffrés" in shown
    assert "seuils des formules sont fictifs" in shown
    assert run(["report", "insurance", "-c", COMMUNE, "-f", "json"]) == ExitCode.NOT_COMPLIANT
    (commune,) = json.loads(capsys.readouterr().out)["communes"]
    evidence = [item for criterion in commune["formulas"][0]["criteria"] for item in criterion["evidence"]]
    assert evidence
    assert all(len(item["digest"]) == 64 and item["collected_at"] for item in evidence)
    assert run(["report", "insurance", "-f", "json"]) == ExitCode.USAGE
    assert run(["report", "insurance", "-f", "html", "-o", str(tmp_path)]) == ExitCode.NOT_COMPLIANT
    assert "valsorbe" not in (tmp_path / f"{COMMUNE}.html").read_text()
