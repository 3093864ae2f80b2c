"""Where the value of a role variable comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.fleet import sample
from toolkit import settings
from toolkit.errors import BadInputError, NothingEvaluatedError
from toolkit.fleet import Fleet, Settings, load
from toolkit.fleet.roles import Variable, role_variables
from toolkit.settings import Setting

LAYERS = """\
settings:
  commune: {base_timezone: Europe/Brest, base_locale: fr_FR.UTF-8, base_journal_max_use: 1G}
  laptop: {base_timezone: Europe/Lille, base_journal_retention: 1month}
  endpoints:
    essai-portable-1: {base_timezone: Europe/Nantes}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return load(sample.workspace(tmp_path, essai=sample.FLEET + LAYERS), "essai")


def test_the_particular_wins_over_the_general(fleet: Fleet) -> None:
    def zone(name: str) -> Setting:
        return settings.effective(fleet, name, {"base_timezone": "UTC"})["base_timezone"]

    assert zone("essai-portable-1") == Setting("Europe/Nantes", "endpoint")
    assert zone("essai-portable-2") == Setting("Europe/Lille", "kind")
    assert zone("essai-bureau-1") == Setting("Europe/Brest", "commune")


def test_profile_stands_between_default_and_commune(fleet: Fleet) -> None:
    values = settings.effective(fleet, "essai-bureau-1", {"base_journal_retention": "1year", "base_locale": "C"})
    assert values["base_journal_retention"] == Setting("1year", "profile")
    assert values["base_locale"] == Setting("fr_FR.UTF-8", "commune")
    assert settings.effective(fleet, "essai-bureau-1")["base_journal_retention"].source == "default"


def test_every_role_default_is_there_unless_it_is_computed(fleet: Fleet) -> None:
    values = settings.effective(fleet, "essai-bureau-2")
    known = role_variables()
    assert known
    assert {name for name, variable in known.items() if not variable.computed} == set(values)
    assert not [name for name in values if name.startswith("__")]


def test_defaults_are_read_from_the_roles_folder(tmp_path: Path) -> None:
    for role, text in {
        "one": 'one_a: 1\n__one_b: 2\none_c: "{{ one_a }}"\none_d: [{x: "{% if y %}"}]\n',
        "two": "",
    }.items():
        (tmp_path / role / "defaults").mkdir(parents=True)
        (tmp_path / role / "defaults" / "main.yml").write_text(text)
    known = role_variables(tmp_path)
    assert known["one_a"] == Variable("one", 1, False)
    assert {name for name, variable in known.items() if variable.computed} == {"one_c", "one_d"}
    assert "__one_b" not in known


def test_an_unknown_endpoint_or_profile_is_an_error(fleet: Fleet) -> None:
    with pytest.raises(NothingEvaluatedError):
        settings.effective(fleet, "nobody")
    with pytest.raises(BadInputError):
        settings.of_profile("no-such-profile")


def test_profile_settings_name_variables_that_exist() -> None:
    from toolkit.catalogue import load as load_catalogue

    catalogue = load_catalogue()
    for name in catalogue.profiles:
        assert dict(settings.of_profile(name)) == catalogue.settings(name)
        assert set(catalogue.settings(name)) <= set(role_variables())


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.data())
def test_layers_give_every_endpoint_its_values(data: st.DataObject) -> None:
    known = {name: variable for name, variable in role_variables().items() if variable.role == "base"}
    values = st.sampled_from(["one", "two", known["base_timezone"].default])
    layer = st.dictionaries(st.sampled_from(sorted(known)), values, max_size=4)
    names = ("essai-passerelle", "essai-portable-1", "essai-bureau-1")
    chosen = Settings(
        commune=data.draw(layer),
        laptop=data.draw(layer),
        office_pc=data.draw(layer),
        gateway=data.draw(layer),
        endpoints={name: data.draw(layer) for name in names},
    )
    profile = data.draw(layer)
    fleet = Fleet.model_validate(yaml.safe_load(sample.FLEET)).model_copy(update={"settings": chosen})
    written = settings.layered(fleet, profile)
    defaults = {name: variable.default for name, variable in role_variables().items() if not variable.computed}
    for endpoint in fleet.endpoints:
        told = defaults | written.commune | written.kinds[endpoint.kind] | written.endpoints.get(endpoint.name, {})
        assert told == {name: item.value for name, item in settings.effective(fleet, endpoint.name, profile).items()}
