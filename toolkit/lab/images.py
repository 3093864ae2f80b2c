"""Images of freshly installed Debian machines, made with mmdebstrap from this machine's own package source."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from toolkit.errors import NomadeError
from toolkit.i18n import _
from toolkit.lab import engine, sources

_HERE = Path(__file__).parent
_RECIPE = ("packages.yml", "build.sh")
# Debian's security archive signs its index for seven days; apt refuses it afterwards.
_MAX_AGE = timedelta(days=3)
_BUILD_SECONDS = 1800
# Copies for the depot. Like docker's images they belong to the machine, not to a workspace.
_KEEP = Path("/var/cache/nomade-lab")


class ImageError(NomadeError):
    """An image could not be made."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image: its docker name, and the folder with the package lists and archives that its depot serves."""

    release: str
    name: str
    keep: Path


def packages(release: str) -> tuple[list[str], list[str]]:
    """Return what is installed in an image of `release`, and what only lies in its package cache."""
    recipe = yaml.safe_load((_HERE / "packages.yml").read_text(encoding="utf-8"))
    own = recipe["releases"][release]
    return [*recipe["installed"], *own["installed"], *recipe["tools"]], [*recipe["offline"], *own["offline"]]


def image(release: str) -> Image:
    """Return the image of `release`; its name changes with the recipe and with the package source."""
    entries = "\n".join(source.for_release(release) for source in sources.of_machine())
    text = b"".join((_HERE / name).read_bytes() for name in _RECIPE) + entries.encode()
    digest = hashlib.sha256(text).hexdigest()[:12]
    return Image(release, f"nomade-lab:{release}-{digest}", _KEEP / f"{release}-{digest}")


def ensure(releases: set[str]) -> dict[str, Image]:
    """Return an image for each release, made now where there is none younger than three days.

    Raises:
        ImageError: mmdebstrap is missing or failed; the text is its own last words.
    """
    wanted = {release: image(release) for release in releases}
    missing = [item for item in wanted.values() if not _is_fresh(item)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(_build, missing))
    return wanted


def is_ready(release: str) -> bool:
    """Return whether `ensure` would have nothing to make for `release`."""
    return _is_fresh(image(release))


def _is_fresh(item: Image) -> bool:
    if not (item.keep / "complete").is_file() or not engine.exists("image", item.name):
        return False
    made = datetime.fromtimestamp((item.keep / "complete").stat().st_mtime, UTC)
    return datetime.now(UTC) - made < _MAX_AGE


def _build(item: Image) -> None:
    item.keep.mkdir(parents=True, exist_ok=True)
    with (item.keep / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_fresh(item):  # another lab may have made it while this one waited
            _make(item)
            _forget_older(item)


def _make(item: Image) -> None:
    installed, offline = packages(item.release)
    (item.keep / "complete").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="nomade-lab-") as folder:
        listed = Path(folder) / "debian.sources"
        listed.write_text("\n".join(source.for_release(item.release) for source in sources.of_machine()), "utf-8")
        hook = " ".join(["sh", str(_HERE / "build.sh"), '"$1"', str(item.keep), *offline])
        command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", "--skip=cleanup/apt"]
        command += [
            "--dpkgopt=force-unsafe-io",
            '--aptopt=Acquire::Languages "none"',
            f"--include={','.join(installed)}",
        ]
        command += [f"--customize-hook={hook}", item.release, "-", str(listed)]
        _import(command, item, Path(folder) / "log")
    (item.keep / "complete").touch()


def _forget_older(item: Image) -> None:
    # Docker refuses to remove an image that a container, running or not, is made of: those stay, with their copies.
    for name in engine.lines("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "nomade-lab"):
        if name != item.name and name.startswith(f"nomade-lab:{item.release}-"):
            with contextlib.suppress(engine.EngineError):
                engine.run("image", "rm", name)
                shutil.rmtree(_KEEP / name.partition(":")[2], ignore_errors=True)


def _import(command: list[str], item: Image, log: Path) -> None:
    try:
        with log.open("wb") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as maker:
            taker = subprocess.run(
                ["docker", "import", "-", item.name],
                stdin=maker.stdout,
                capture_output=True,
                timeout=_BUILD_SECONDS,
                check=False,
            )
    except FileNotFoundError as error:
        raise ImageError(_("mmdebstrap is not installed: as root, apt-get install mmdebstrap")) from error
    if maker.returncode or taker.returncode:
        # A half-written archive may still have been imported: never leave it under the name of a whole one.
        engine.forget_image(item.name)
        said = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("E:")]
        words = said[0] if said else taker.stderr.decode(errors="replace").strip()
        raise ImageError(_("image {name}: {message}").format(name=item.name, message=words))
