"""Images of laptops with a desktop: an ordinary image and GNOME on top, from the same package source."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from toolkit.lab import engine, images

_RECIPE = Path(__file__).with_name("desktop.yml")
_BUILD_SECONDS = 1800
_BASE = "nomade.base"
# Packages come as for the image below: no service starts while it is made, and nothing is left in the package cache but
# what roles install later.
_INSTALL = r"""set -eu
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
mkdir -p /tmp/archives/partial
apt-get --quiet update
apt-get --quiet --yes --option APT::Install-Recommends=false --option Dpkg::Options::=--force-unsafe-io \
  --option Dir::Cache::archives=/tmp/archives install "$@"
rm -r /usr/sbin/policy-rc.d /tmp/archives
# A container has no screen: GDM would fail and start again every ten seconds.
ln -sf /usr/lib/systemd/system/multi-user.target /etc/systemd/system/default.target
rm -f /etc/ssh/ssh_host_*_key* /var/lib/dbus/machine-id
: > /etc/machine-id
"""


def packages() -> list[str]:
    """Return what apt is asked for: names to install, and names with a trailing dash to remove."""
    recipe = yaml.safe_load(_RECIPE.read_text(encoding="utf-8"))
    return [*recipe["installed"], *(f"{name}-" for name in recipe["removed"])]


def image(base: images.Image) -> images.Image:
    """Return the image with a desktop on top of `base`; its name changes with the recipe and with that of `base`."""
    text = "\n".join([base.name, _INSTALL, *packages()])
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return images.Image(base.release, f"nomade-lab-desktop:{base.release}-{digest}", base.keep)


def ensure(bases: dict[str, images.Image]) -> dict[str, images.Image]:
    """Return an image with a desktop for each release, made now where there is none on top of today's `bases`.

    Raises:
        EngineError: docker or apt failed; the text is its own words.
    """
    wanted = {release: image(base) for release, base in bases.items()}
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda release: _ensure(wanted[release], bases[release]), wanted))
    return wanted


def is_ready(base: images.Image) -> bool:
    """Return whether `ensure` would have nothing to make on top of `base`."""
    name = image(base).name
    if not (engine.exists("image", name) and engine.exists("image", base.name)):
        return False
    # The image below is made anew every few days under the same name.
    return engine.run("image", "inspect", "--format", f'{{{{index .Config.Labels "{_BASE}"}}}}', name) == _id(base)


def _id(base: images.Image) -> str:
    return engine.run("image", "inspect", "--format", "{{.Id}}", base.name)


def _ensure(item: images.Image, base: images.Image) -> None:
    with (base.keep / "desktop.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_ready(base):  # another lab may have made it while this one waited
            _make(item, base)
            _forget_older(item)


def _make(item: images.Image, base: images.Image) -> None:
    container = f"nomade-image-{item.release}-{os.getpid()}"
    environment = [f"--env={name}" for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ]
    command = ["--entrypoint=sh", *environment, base.name, "-c", _INSTALL, "sh", *packages()]
    try:
        engine.run("run", "--name", container, "--network=host", *command, timeout=_BUILD_SECONDS)
        engine.run("commit", "--change", f"LABEL {_BASE}={_id(base)}", container, item.name, timeout=_BUILD_SECONDS)
    finally:
        with contextlib.suppress(engine.EngineError):
            engine.run("rm", "--force", "--volumes", container)


def _forget_older(item: images.Image) -> None:
    # Docker refuses to remove an image that a container, running or not, is made of: those stay.
    repository, _colon, _tag = item.name.partition(":")
    for name in engine.lines("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository):
        if name != item.name and name.startswith(f"{repository}:{item.release}-"):
            with contextlib.suppress(engine.EngineError):
                engine.run("image", "rm", name)
