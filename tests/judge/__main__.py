"""`python -m tests.judge`: a lab of its own, the judges, `nomade apply`, the judges again, `docs/juges.md` written."""

from __future__ import annotations

import datetime
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import run_nomade
from tests.judge import Laptop, openscap, others
from tests.judge.page import Verdicts, render, write
from toolkit import paths
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress

COMMUNE = "pontlierre"
LAPTOP = "pontlierre-portable-1"  # Debian 12: the newest release the profiles are written for
PACKAGES = "pontlierre-passerelle"  # Debian 13 has the package with these profiles
NEIGHBOUR = "pontlierre-bureau-1"
_GUIDE = "ssg-debian"


@contextmanager
def bench(more: str = "") -> Iterator[Lab]:
    """Give a lab of its own, nothing started, with `more` in its lab.yml; ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="nomade-judge-") as folder:
        lab = Lab(readdress(paths.demo_dir(), Path(folder) / "workspace", free_block()))
        with (lab.workspace.root / "lab.yml").open("a", encoding="utf-8") as file:
            file.write(more)
        try:
            yield lab
        finally:
            lab.down()


def main() -> int:
    """Run everything and return the exit code."""
    with bench() as lab:
        lab.up([PACKAGES, LAPTOP, NEIGHBOUR], progress=print)
        judge(lab)
    return 0


def judge(lab: Lab) -> None:
    """Judge the bare laptop, apply, judge it again, write the page."""
    laptop = Laptop(lab, LAPTOP)
    guide, content = profiles(Laptop(lab, PACKAGES))
    enrol(lab)
    versions = {"OpenSCAP": openscap.install(laptop, content), _GUIDE: guide}
    before, versions["Lynis"] = verdicts(lab, laptop)
    versions["ssh-audit"] = others.ssh_audit_version()
    nomade(lab, "apply", "-c", COMMUNE)
    after, _ = verdicts(lab, laptop)
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    write(render(before, after, versions, today))  # already: what follows takes as long again
    switch_usb_guard_on(lab)
    nomade(lab, "apply", "-c", COMMUNE, "-l", LAPTOP)
    after.lynis_usb_guard = others.lynis(laptop).index
    print(f"Lynis with USBGuard: {after.lynis_usb_guard}")
    write(render(before, after, versions, today))


def enrol(lab: Lab) -> None:
    """Hand the commune's machines over to the toolkit."""
    keys = lab.workspace.state / "lab"
    nomade(lab, "inventory", "generate")
    nomade(
        lab, "enroll", "-c", COMMUNE, "--known-hosts", str(keys / "known_hosts"),
        "--key", str(keys / "bootstrap_ed25519"),
    )  # fmt: skip


def switch_usb_guard_on(lab: Lab) -> None:
    """Decide in the commune's file what is off by default."""
    fleet = lab.workspace.commune(COMMUNE).fleet
    text, laptop = fleet.read_text(encoding="utf-8"), "\n  laptop:\n"
    if laptop not in text:
        raise RuntimeError(f"{fleet}: no settings of laptops to add to")
    fleet.write_text(text.replace(laptop, f"{laptop}    desktop_usbguard: true\n", 1), encoding="utf-8")


def profiles(store: Laptop) -> tuple[str, bytes]:
    """Return version and content of the profiles, from the package in `store`'s cache; it is not installed."""
    unpacked = f"mkdir -p /root/guide && dpkg-deb -x /var/cache/apt/archives/{_GUIDE}_*.deb /root/guide"
    store.run("sh", "-c", unpacked)
    version = store.run("sh", "-c", f"dpkg-deb -f /var/cache/apt/archives/{_GUIDE}_*.deb Version").strip()
    content = store.run("cat", "/root/guide/usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml")
    return version, content.encode()


def verdicts(lab: Lab, laptop: Laptop) -> tuple[Verdicts, str]:
    """Return what every judge says now, and Lynis's version."""
    found = Verdicts()
    for level in openscap.LEVELS:
        for tailored in (False, True):
            found.scans[level, tailored] = openscap.scan(laptop, level, tailored=tailored)
            print(f"OpenSCAP {level}{' (tailored)' if tailored else ''}: {found.scans[level, tailored].percent:.1f} %")
    lynis = others.lynis(laptop)
    found.lynis = lynis.index
    print(f"Lynis: {lynis}")
    address = lab.plan().machine(laptop.name).bench
    found.ssh = others.ssh_audit(address)
    found.exposures = others.exposures(laptop)
    found.ports = others.open_ports(Laptop(lab, NEIGHBOUR), address)
    print(found.ssh, found.exposures, found.ports)
    return found, lynis.version


def nomade(lab: Lab, *arguments: str, timeout: float = 1200) -> None:
    """Run the real command; its output is shown when it fails."""
    done: subprocess.CompletedProcess[str] = run_nomade(lab.workspace, *arguments, timeout=timeout)
    if done.returncode != 0:
        raise SystemExit(f"nomade {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
