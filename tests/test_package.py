"""The wheel, installed in an empty environment outside the checkout, does what the checkout does."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.package
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, install it in a virtual environment of its own and return that environment's `bin`."""
    folder = tmp_path_factory.mktemp("package")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("nomade_toolkit-*.whl")
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / "bin"
    subprocess.run([str(binaries / "python"), "-m", "pip", "install", "--quiet", str(wheel)], check=True)
    return binaries


def nomade(installed: Path, folder: Path, *arguments: str) -> str:
    environment = {"PATH": f"{installed}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [str(installed / "nomade"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_wheel_says_its_version(installed: Path, tmp_path: Path) -> None:
    from toolkit import __version__

    assert __version__ in nomade(installed, tmp_path, "--version")


def test_wheel_finds_its_roles_and_controls(installed: Path, tmp_path: Path) -> None:
    roles = sum(1 for path in (ROOT / "roles").iterdir() if path.is_dir())
    controls = len(list((ROOT / "toolkit" / "controls").glob("*.yml")))
    assert f"{roles} rôles, {controls} contrôles" in nomade(installed, tmp_path, "doctor")


def test_wheel_lists_every_control_in_french(installed: Path, tmp_path: Path) -> None:
    listed = nomade(installed, tmp_path, "controls", "list")
    names = [path.stem for path in (ROOT / "toolkit" / "controls").glob("*.yml")]
    assert names
    assert not [name for name in names if name not in listed]


def test_wheel_makes_a_workspace_and_its_inventory(installed: Path, tmp_path: Path) -> None:
    nomade(installed, tmp_path, "init", "demo")
    nomade(installed, tmp_path, "inventory", "generate")
    (hosts,) = (tmp_path / "demo" / "inventories").glob("*/hosts.yml")
    listed = subprocess.run(
        [str(installed / "ansible-inventory"), "-i", str(hosts), "--graph"], capture_output=True, text=True, check=True
    )
    assert "@laptops" in listed.stdout


def test_wheel_contains_playbooks_roles_and_translations(installed: Path) -> None:
    (package,) = installed.parent.glob("lib/python3*/site-packages/toolkit")
    for part in ("_data/playbooks/site.yml", "_data/roles/ssh/tasks/main.yml", "locale/fr/LC_MESSAGES/nomade.mo"):
        assert (package / part).is_file(), part
