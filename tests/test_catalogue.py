"""The catalogue that comes with the product: complete, consistent, and every example judged as it says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from toolkit import paths
from toolkit.catalogue import Catalogue, load, read
from toolkit.catalogue_model import Control, Operand, control_schema
from toolkit.errors import BadInputError, ProblemsError
from toolkit.evaluate import Subject, judge_text
from toolkit.finding import Verdict
from toolkit.fleet.roles import role_variables
from toolkit.fleet_facts import FACTS
from toolkit.probes import registry

CATALOGUE = load()
CONTROLS = list(CATALOGUE.controls.values())
AUTOMATIC = [control for control in CONTROLS if control.audit]


def subject(control: Control) -> Subject:
    examples = control.examples
    assert examples is not None
    return Subject("poste", control.applies_to[0], examples.settings, examples.fleet)


def examples(which: str) -> list[Any]:
    return [
        pytest.param(control, text, id=f"{control.id}-{number}")
        for control in AUTOMATIC
        for number, text in enumerate(getattr(control.examples, which))
    ]


@pytest.mark.parametrize(("control", "text"), examples("passing"))
def test_pass_example_passes(control: Control, text: str) -> None:
    finding = judge_text(control, text, subject(control))
    assert finding.verdict is Verdict.PASS, finding


@pytest.mark.parametrize(("control", "text"), examples("failing"))
def test_fail_example_fails(control: Control, text: str) -> None:
    finding = judge_text(control, text, subject(control))
    assert finding.verdict is Verdict.FAIL, finding


def test_at_least_45_automatic_controls_over_every_role() -> None:
    assert len(AUTOMATIC) >= 45
    roles = {path.parent.parent.name for path in paths.roles_dir().glob("*/defaults/main.yml")}
    assert roles <= {control.role for control in AUTOMATIC}, "a role without a control proves nothing"


def operands(control: Control) -> list[Operand]:
    assert control.audit
    found = []
    for expectation in control.audit.expect.values():
        for _operator, operand in expectation.operators():
            items = operand if isinstance(operand, list) else [operand]
            found += [item for item in items if isinstance(item, Operand)]
    return found


@pytest.mark.parametrize("control", AUTOMATIC, ids=lambda control: control.id)
def test_names_in_a_control_exist(control: Control) -> None:
    for operand in operands(control):
        if operand.setting:
            assert operand.setting in role_variables(), operand
        else:
            assert operand.fleet in FACTS, operand
    assert set(control.needs) <= FACTS
    assert (paths.roles_dir() / str(control.role)).is_dir()


@pytest.mark.parametrize("control", AUTOMATIC, ids=lambda control: control.id)
def test_examples_use_the_values_that_roles_install_by_default(control: Control) -> None:
    assert control.examples
    for name, value in control.examples.settings.items():
        assert type(value) is type(role_variables()[name].default), name


def test_what_a_fresh_machine_has_in_order_is_put_out_of_order_by_the_tests() -> None:
    states = yaml.safe_load((Path(__file__).parent / "e2e" / "neglect.yml").read_text(encoding="utf-8"))
    default = {control.id for control in AUTOMATIC if control.holds_by_default and "container" in control.proven_in}
    assert set(states) == default, "tests/e2e/neglect.yml says how each of them is seen failing"


def test_every_probe_answers_a_control() -> None:
    assert {control.audit.probe for control in AUTOMATIC if control.audit} == set(registry())


def test_profiles_choose_by_reference_and_level() -> None:
    minimal = {control.id for control in CATALOGUE.selected("anssi-bp028-minimal")}
    intermediary = {control.id for control in CATALOGUE.selected("anssi-bp028-intermediary")}
    assert "passwords-long" in minimal  # R31, minimal
    assert "ssh-root-login-refused" not in minimal  # R33, intermediary
    enhanced = {control.id for control in CATALOGUE.selected("anssi-bp028-enhanced")}
    assert "apparmor-profiles-at-boot" in enhanced - intermediary  # R37, enhanced
    assert minimal < intermediary < enhanced
    assert {control.id for control in CATALOGUE.selected("nomade")} == set(CATALOGUE.controls)


@pytest.mark.parametrize("profile", list(CATALOGUE.profiles))
def test_settings_of_a_profile_are_role_variables(profile: str) -> None:
    assert set(CATALOGUE.settings(profile)) <= set(role_variables())


def test_the_enhanced_level_asks_the_kernel_for_more_and_drops_nothing() -> None:
    usual = set(role_variables()["kernel_boot_arguments"].default)
    assert usual < set(CATALOGUE.settings("anssi-bp028-enhanced")["kernel_boot_arguments"])


def test_settings_of_a_profile_win_over_those_it_extends() -> None:
    minimal = CATALOGUE.profiles["anssi-bp028-minimal"].model_copy(update={"settings": {"a": 1, "b": 1}})
    own = CATALOGUE.profiles["anssi-bp028-intermediary"].model_copy(update={"settings": {"b": 2}})
    profiles = {minimal.id: minimal, own.id: own}
    catalogue = Catalogue(CATALOGUE.controls, profiles, CATALOGUE.references)
    assert catalogue.settings(own.id) == {"a": 1, "b": 2}


def test_unknown_profile_names_those_that_exist() -> None:
    with pytest.raises(BadInputError, match="anssi-nomadisme"):
        CATALOGUE.selected("assurance-formule-9")


def test_digest_changes_with_any_control() -> None:
    fewer = dict(CATALOGUE.controls)
    fewer.popitem()
    assert Catalogue(fewer, CATALOGUE.profiles, CATALOGUE.references).digest != CATALOGUE.digest
    assert Catalogue(dict(CATALOGUE.controls), CATALOGUE.profiles, CATALOGUE.references).digest == CATALOGUE.digest


def test_schema_beside_the_controls_is_the_model() -> None:
    written = json.loads((paths.controls_dir() / "control.schema.json").read_text(encoding="utf-8"))
    assert written == control_schema(), "run: python -m toolkit.catalogue_model > toolkit/controls/control.schema.json"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A copy of the catalogue, to be damaged."""
    made = []
    for source in (paths.controls_dir(), paths.profiles_dir(), paths.references_dir()):
        made.append(Path(shutil.copytree(source, tmp_path / source.name)))
    return made[0], made[1], made[2]


def problems(folders: tuple[Path, Path, Path]) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        read(*folders)
    return [f"{Path(item.file).name}:{item.line}:{item.column}: {item.message}" for item in caught.value.problems]


def damage(folders: tuple[Path, Path, Path], old: str, new: str) -> list[str]:
    path = folders[0] / "ssh-root-login-refused.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return problems(folders)


def test_every_problem_of_every_file_is_reported_with_its_place(folders: tuple[Path, Path, Path]) -> None:
    profile = folders[1] / "nomade.yml"
    profile.write_text(profile.read_text(encoding="utf-8") + "colour: blue\n", encoding="utf-8")
    found = damage(folders, "severity: high", "severity: dreadful")
    assert [line.split(": ")[0] for line in found] == ["ssh-root-login-refused.yml:8:1", "nomade.yml:6:1"]
    assert "colour" in found[1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("probe: sshd", "probe: shsd", "shsd"),
        ("R33", "R99", "R99"),
        ("hygiene:", "hygeine:", "hygeine"),
        ("severity: high", "severity: high\nseverity: low", "severity"),
        ('permitrootlogin: "no"', "permitrootlogin: {}", "no operator"),
        ('permitrootlogin: "no"', "permitrootlogin: {at_leats: 1}", "at_leats"),
        ("role: ssh", "role: !!python/object/apply:os.system [true]", "python"),
        ("proven_in: [container]\n", "", "proven_in"),
    ],
)
def test_a_wrong_control_is_refused(folders: tuple[Path, Path, Path], old: str, new: str, said: str) -> None:
    assert any(said in line for line in damage(folders, old, new))


def test_a_profile_that_extends_itself_is_refused(folders: tuple[Path, Path, Path]) -> None:
    path = folders[1] / "anssi-bp028-minimal.yml"
    path.write_text(path.read_text(encoding="utf-8") + "extends: anssi-bp028-intermediary\n", encoding="utf-8")
    assert any("anssi-bp028-intermediary" in line for line in problems(folders))
