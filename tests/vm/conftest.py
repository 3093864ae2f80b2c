"""One machine per run of the tests, on one processor: `tests/vm/run` starts one run for each release."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Nomade
from tests.vm.story import Story, tell
from toolkit import paths
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress

HOSTS = {"debian-12": "pontlierre-portable-1", "debian-13": "valsorbe-portable-1"}
# Where each looks for free addresses first: two runs that start together do not take the same.
BLOCKS = {"debian-12": 20, "debian-13": 25}
# One processor: emulation cannot keep the clocks of two together, and Linux then reads the time from a slow device.
HARDWARE = "{encrypted_root: true, disks: [160, 32, 160], tpm: true, processors: 1}"
# Where `tests/vm/run` finds which lab to end when this process was ended before it could.
RUNNING = Path(__file__).parent.parent.parent / ".cache"
TOLD = pytest.StashKey[list[Story]]()


@pytest.fixture(scope="session", params=sorted(HOSTS))
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, nomade: Nomade, artefacts: Path
) -> Iterator[Story]:
    """A laptop's story, told once for each release; the machine is ended with it unless KEEP=1."""
    host = HOSTS[request.param]
    workspace = readdress(
        paths.demo_dir(), tmp_path_factory.mktemp("vm") / "workspace", free_block(BLOCKS[request.param])
    )
    with (workspace.root / "lab.yml").open("a", encoding="utf-8") as file:
        file.write(f"virtual:\n  {host}: {HARDWARE}\n")
    fleet = workspace.commune(host.partition("-")[0]).fleet
    image = "disk_encryption_images: [/srv/lab/disk.img]"
    text = fleet.read_text(encoding="utf-8")
    assert image in text
    fleet.write_text(text.replace(image, "disk_encryption_in_place: [/srv/donnees]"), encoding="utf-8")
    lab = Lab(workspace)
    story = Story(lab, lab.virtual(host), artefacts)
    request.config.stash.setdefault(TOLD, []).append(story)
    (RUNNING / f"vm-{request.param}.workspace").write_text(f"{workspace.root}\n", encoding="utf-8")
    try:
        tell(story, nomade)
        yield story
    finally:
        if os.environ.get("KEEP") != "1":
            lab.down()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how long each stage took."""
    for story in config.stash.get(TOLD, []):
        stages = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in story.seconds.items())
        terminalreporter.write_line(f"{story.machine.endpoint.release}: {sum(story.seconds.values()):.0f} s: {stages}")
