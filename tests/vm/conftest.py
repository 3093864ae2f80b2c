"""One machine at a time: two would share the two processors that CI has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Nomade
from tests.vm.story import Story, tell
from toolkit import paths
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress

HOSTS = {"debian-12": "pontlierre-portable-1", "debian-13": "valsorbe-portable-1"}
HARDWARE = "{encrypted_root: true, disks: [160, 32], tpm: true}"


@pytest.fixture(scope="session", params=sorted(HOSTS))
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, nomade: Nomade, artefacts: Path
) -> Iterator[Story]:
    """A laptop's story, told once for each release."""
    host = HOSTS[request.param]
    workspace = readdress(paths.demo_dir(), tmp_path_factory.mktemp("vm") / "workspace", free_block(20))
    with (workspace.root / "lab.yml").open("a", encoding="utf-8") as file:
        file.write(f"virtual:\n  {host}: {HARDWARE}\n")
    fleet = workspace.commune(host.partition("-")[0]).fleet
    image = "disk_encryption_images: [/srv/lab/disk.img]"
    text = fleet.read_text(encoding="utf-8")
    assert image in text
    fleet.write_text(text.replace(image, "disk_encryption_in_place: [/srv/donnees]"), encoding="utf-8")
    lab = Lab(workspace)
    try:
        yield tell(lab, host, nomade, artefacts)
    finally:
        lab.down()
