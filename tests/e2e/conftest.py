"""One lab and one run of the main job serve all end-to-end tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Nomade
from tests.e2e.story import Story, tell
from toolkit.lab.machines import Lab


@pytest.fixture(scope="session")
def story(lab: Lab, nomade: Nomade, artefacts: Path) -> Story:
    """The main job, told once."""
    return tell(lab, nomade, artefacts)


@pytest.fixture(scope="session")
def site(story: Story) -> Lab:
    """The lab after a successful `nomade apply`."""
    apply = story.stages["apply"]
    if apply.returncode != 0:
        pytest.fail(f"nomade apply ended with {apply.returncode}: {apply.stderr[-2000:]}")
    return story.lab
