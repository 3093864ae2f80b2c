"""Disk images of virtual machines, made with mmdebstrap from this machine's own package source, once per content."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from toolkit.lab import sources
from toolkit.lab.virtual import disks

_HERE = Path(__file__).parent
_RECIPE = ("packages.yml", "setup.sh", "build.sh", "disks.py")
_KEEP = Path("/var/cache/nomade-lab")
# Known on purpose: a lab's.
PASSPHRASE = "phrase de passe du laboratoire"  # noqa: S105
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")


@dataclass(frozen=True, slots=True)
class Image:
    """Two disks of one release: `plain`, and `luks` whose root is encrypted; `crypttab` is the latter's."""

    release: str
    folder: Path

    @property
    def plain(self) -> Path:
        """The disk whose root lies open."""
        return self.folder / "plain.img"

    @property
    def luks(self) -> Path:
        """The disk whose root is encrypted."""
        return self.folder / "luks.img"

    @property
    def crypttab(self) -> Path:
        """The line that the encrypted root has in its /etc/crypttab."""
        return self.folder / "crypttab"


def image(release: str) -> Image:
    """Return where the image of `release` is kept; the name changes with the recipe and with the package source."""
    entries = "\n".join(source.for_release(release) for source in sources.of_machine())
    text = b"".join((_HERE / name).read_bytes() for name in _RECIPE) + entries.encode()
    return Image(release, _KEEP / f"vm-{release}-{hashlib.sha256(text).hexdigest()[:12]}")


def is_ready(release: str) -> bool:
    """Return whether `ensure` would have nothing to make for `release`."""
    return (image(release).folder / "complete").is_file()


def ensure(release: str) -> Image:
    """Return the image of `release`, made now where it is not there.

    Raises:
        NomadeError: a tool is missing or failed; the text is its own first complaint.
    """
    wanted = image(release)
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with (wanted.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_ready(release):  # another lab may have made it while this one waited
            _make(wanted)
            _forget_older(wanted)
    return wanted


def _make(wanted: Image) -> None:
    recipe = yaml.safe_load((_HERE / "packages.yml").read_text(encoding="utf-8"))
    packages = [*recipe["installed"], *recipe["releases"][wanted.release]]
    with tempfile.TemporaryDirectory(prefix="nomade-lab-", dir=_KEEP) as name:
        folder = Path(name)
        root = folder / "root"
        listed = folder / "debian.sources"
        listed.write_text("\n".join(source.for_release(wanted.release) for source in sources.of_machine()), "utf-8")
        options = ["--quiet", "--mode=root", "--variant=minbase", "--format=directory", "--dpkgopt=force-unsafe-io"]
        options += ['--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"']
        options += [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
        options += [f'--setup-hook=sh {_HERE / "setup.sh"} "$1"']
        options += [f'--customize-hook=sh {_HERE / "build.sh"} "$1" {folder}', f"--include={','.join(packages)}"]
        disks.run("mmdebstrap", *options, wanted.release, root, listed)
        for target, kind, passphrase in ((wanted.plain, "plain", None), (wanted.luks, "luks", PASSPHRASE)):
            system = disks.System(root, folder / f"initrd-{kind}", folder / f"grub-{kind}.cfg")
            disks.make(target, system, passphrase)
        shutil.copy(folder / "crypttab", wanted.crypttab)
    (wanted.folder / "complete").touch()


def _forget_older(wanted: Image) -> None:
    # A machine that still runs keeps its open file; the overlay of one that does not is of no more use.
    for folder in _KEEP.glob(f"vm-{wanted.release}-*"):
        if folder != wanted.folder:
            shutil.rmtree(folder, ignore_errors=True)
