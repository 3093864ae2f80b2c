"""One lab and one run of the main job serve all end-to-end tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Nomade
from tests.e2e.desk import Desk, sitting
from tests.e2e.story import Story, tell
from toolkit.lab.machines import Lab
from toolkit.workspace import Workspace


@pytest.fixture(scope="session")
def story(lab: Lab, nomade: Nomade, artefacts: Path) -> Story:
    """The main job, told once."""
    return tell(lab, nomade, artefacts)


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Lab:
    """The lab after a successful `nomade apply`; or the one that KEEP=1 left in the workspace NOMADE_SITE."""
    if folder := os.environ.get("NOMADE_SITE"):
        return Lab(Workspace(Path(folder)))
    story: Story = request.getfixturevalue("story")
    apply = story.stages["apply"]
    if apply.returncode != 0:
        pytest.fail(f"nomade apply ended with {apply.returncode}: {apply.stderr[-2000:]}")
    return story.lab


@pytest.fixture(params=["pontlierre", "valsorbe"])
def desk(site: Lab, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A post of each commune, ready for a remote session."""
    with sitting(site, request.param) as ready:
        yield ready
