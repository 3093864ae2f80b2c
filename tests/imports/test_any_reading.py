"""Whatever a reader returns: an import makes valid files or leaves them, and twice is as once."""

from __future__ import annotations

import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from tests.fleet import sample
from tests.fleet.conftest import _english as _english
from tests.imports.lists import (
    TABLE,
    TODAY,
    Town,
    autre,
    desktop,
    laptop,
    pairing,
    person,
    reading,
    two_towns,
    unchanged,
)
from toolkit.errors import NomadeError
from toolkit.fleet import load_all
from toolkit.imports import importing
from toolkit.imports.model import Chassis, Fate, Machine, Pairing, Person, Place, Reading
from toolkit.imports.plan import Options

_KNOWN = [
    "S1",
    "S3",
    "T11",
    "essai-portable-1",
    "essai-bureau-2",
    "Anna Petit",
    "anna",
    "PETIT Anna",
    "Zoé Neuf",
    "D7",
    "D8",
]
_ODD = ["root", "NO", "~", "1e3", "{{ x }}", "a: b", "- x", "'", '"', "\\", "#", "a\u202eb", "\x00", "é😀", "x" * 201]
_TEXTS = st.one_of(
    *[st.sampled_from(_KNOWN)] * 3,
    st.sampled_from(["Rédacteur", "Gardien", "Accueil", "Voirie", "N1", "N2", "N3"]),
    st.text("abC 1-_.,'’&<>|;$(){}[]%!@*?`", max_size=8),
    st.one_of(*[st.just("D9")] * 9, st.sampled_from(_ODD)),
)
_MAYBE = st.none() | _TEXTS
_PLACES = st.builds(Place, st.just("l.csv"), st.integers(1, 30))
_ENTITIES = st.sampled_from(["essai"] * 6 + ["CIG > Essai-le-Petit > x", "Autre", None, "nulle part"])
_MACHINES = st.builds(
    Machine,
    _PLACES,
    entity=_ENTITIES,
    name=_MAYBE,
    serial=_MAYBE,
    model=_MAYBE,
    system=st.sampled_from([None, "Debian 12", "Windows 10"]),
    chassis=st.sampled_from(Chassis),
    macs=st.lists(st.sampled_from(["00:11:22:33:44:01", "02:00:00:00:00:01", "x"]), max_size=2).map(tuple),
    address=st.sampled_from([None, "198.51.100.30", "198.51.100.20", "198.51.100.2", "bad", "::1", "10.0.0.1"]),
    fate=st.none() | st.sampled_from(Fate),
    fate_date=st.none() | st.dates(),
    disposal=_MAYBE,
)
_PEOPLE = st.builds(Person, _PLACES, _MAYBE, _MAYBE, _ENTITIES, _MAYBE, _MAYBE)
_PAIRINGS = st.builds(Pairing, _PLACES, _TEXTS, _MAYBE, _MAYBE)
_READINGS = st.builds(
    Reading,
    machines=st.lists(_MACHINES, max_size=5).map(tuple),
    people=st.lists(_PEOPLE, max_size=3).map(tuple),
    pairings=st.lists(_PAIRINGS, max_size=3).map(tuple),
    columns=st.sampled_from([(), TABLE]),
)


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return two_towns(tmp_path_factory.mktemp("towns"))


@settings(max_examples=80, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])
@given(listed=_READINGS, skip=st.booleans(), partial=st.booleans(), only=st.booleans())
def test_any_reading_makes_valid_files_or_leaves_them(
    towns: Town, listed: Reading, skip: bool, partial: bool, only: bool
) -> None:
    fleets = {"essai": sample.FLEET, "autre": autre()}
    for commune, text in fleets.items():
        towns.workspace.commune(commune).fleet.write_text(text, encoding="utf-8")
    selected = ["essai"] if only else ["autre", "essai"]
    before = {commune: towns.text(commune) for commune in fleets}
    options = Options(TODAY, skip_unknown=skip, partial=partial)
    try:
        prepared = importing.prepare(towns.workspace, [listed], selected, options)
        importing.write(towns.workspace, prepared)
    except NomadeError as error:
        told = str(error)
        event(told.split(":")[-1][:40])
        assert before == {commune: towns.text(commune) for commune in fleets}
        assert "as this import would write it" not in told, "every problem is one of the list, at its row"
        return
    event("written" if prepared.files else "same")
    load_all(towns.workspace, ["autre", "essai"])


_DUTIES = [
    *[("Rédacteur", None), ("Gardien", None), ("Archiviste", "Archives"), ("Rédacteur", "Voirie")],
    *[(None, "Accueil"), (None, None)],
]
_NAMES = ["Zoé Neuf", "LE GOFF Yann", "Anna Petit", "Bruno Grand", "Nora Aït-Ali", "Éric D’Œuvre"]


@st.composite
def _tidy_lists(draw: st.DrawFn) -> Reading:
    """A list as a careful secretary keeps it: every machine with its serial number, every person once."""
    rows: list[Machine | Person | Pairing] = []
    for number, name in enumerate(draw(st.lists(st.sampled_from(_NAMES), unique=True)), 2):
        has_laptop, has_desktop = draw(st.booleans()), draw(st.booleans())
        if has_laptop:
            system = draw(st.sampled_from([None, "Windows 10", "Debian 13"]))
            rows.append(laptop(number, draw(st.sampled_from(["PORT", f"PORT-{number}"])), f"N{number}X", system=system))
        if has_desktop:
            fate = draw(st.sampled_from([None, Fate.KEPT, Fate.UNCHANGED]))
            address = draw(st.sampled_from([None, f"198.51.100.{number + 40}", "192.0.2.1"]))
            rows.append(desktop(number, f"PC-{number}", f"D{number}X", fate=fate, address=address))
        duty, service = draw(st.sampled_from(_DUTIES))
        rows.append(person(number, name, duty=duty, service=service))
        if has_laptop or has_desktop:
            rows.append(
                pairing(number, name, *(f"N{number}X" if has_laptop else None, f"D{number}X" if has_desktop else None))
            )
    return reading(*draw(st.permutations(rows)), *draw(st.sampled_from([(), unchanged()])))


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])
@given(listed=_tidy_lists())
def test_any_tidy_list_is_taken_and_twice_is_as_once(towns: Town, listed: Reading) -> None:
    towns.workspace.commune("essai").fleet.write_text(sample.FLEET, encoding="utf-8")
    if not listed.machines and not listed.people:
        return
    importing.write(towns.workspace, importing.prepare(towns.workspace, [listed], ["essai"], Options(TODAY)))
    again = importing.prepare(towns.workspace, [listed], ["essai"], Options(TODAY))
    assert again.plan.communes[0].edits == ()
    assert again.files == ()
