"""What tests of roles share: the laptop at home, built once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.roles.home import Home, standing


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Every machine around the laptop; see tests/roles/home.py."""
    with standing(tmp_path_factory.mktemp("house")) as built:
        yield built


@pytest.fixture
def home(house: Home) -> Iterator[Home]:
    """The same, as after a start of the laptop: rules loaded, plugged in nowhere, no tunnel."""
    house.start_over()
    yield house
    house.start_over()
