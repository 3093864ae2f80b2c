"""What several folders of tests share: a copy of the demo on free lab addresses, and the `nomade` command itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from toolkit import paths
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress
from toolkit.workspace import Workspace

Nomade = Callable[..., subprocess.CompletedProcess[str]]


def run_nomade(workspace: Workspace, *arguments: str, timeout: float = 1200) -> subprocess.CompletedProcess[str]:
    """Run the real command in `workspace` as a user would, without a terminal; the caller judges the exit code."""
    command = [str(Path(sys.executable).with_name("nomade")), "--lang", "en", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NOMADE_", "ANSIBLE_"))}
    return subprocess.run(
        command,
        cwd=workspace.root,
        env=environment | {"LC_ALL": "C.UTF-8", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    """Roles' programs set the umask of their process, which is the tests' own where their main() is called here."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The demo's whole fleet as running stand-ins on addresses of its own; ended with the session unless KEEP=1."""
    workspace = readdress(paths.demo_dir(), tmp_path_factory.mktemp("lab") / "workspace", free_block())
    lab_file = workspace.root / "lab.yml"
    if "luks_images" not in lab_file.read_text(encoding="utf-8"):
        lab_file.write_text(lab_file.read_text(encoding="utf-8") + "luks_images: true\n", encoding="utf-8")
    lab = Lab(workspace)
    try:
        lab.up()
        yield lab
    finally:
        if os.environ.get("KEEP") != "1":
            lab.down()


@pytest.fixture(scope="session")
def nomade() -> Nomade:
    """The function that runs the real command."""
    return run_nomade


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where tests leave what people should look at: screenshots, logs, captures."""
    folder = Path(__file__).parent.parent / ".cache" / "artefacts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
