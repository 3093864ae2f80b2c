"""No service of ours has more rights than it needs: systemd's own judge, on every endpoint, both releases.

Which services there are is read from roles and plugins, so that a new one cannot be forgotten here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.judge import Laptop
from tests.judge.others import EXPOSURE_GOAL, exposures
from toolkit.lab.machines import Lab
from toolkit.paths import plugins_dir, roles_dir

SYSTEM = "/etc/systemd/system/"
# Runs once, when a machine is given back: it takes away packages, accounts and itself, so it may all that root may.
UNCONFINED = {"nomade-farewell.service"}
_SERVICE = re.compile(r"^\[Service\]$", re.MULTILINE)


def destinations(template: Path) -> list[str]:
    """Return where the role of `template` says it goes."""
    role = template.parents[1]
    texts = [path.read_text(encoding="utf-8") for name in ("tasks", "vars") for path in (role / name).glob("*.yml")]
    pattern = rf"template: {re.escape(template.name)}[,\s]+dest: ([^,}}\s]+)"
    return [found for text in texts for found in re.findall(pattern, text)]


def templates() -> list[Path]:
    """Return every template with a service in it."""
    found = sorted(roles_dir().glob("*/templates/**/*.j2"))
    return [path for path in found if _SERVICE.search(path.read_text(encoding="utf-8"))]


def services() -> set[str]:
    """Return the names of the services that are wholly ours: those of roles, and those that plugins write."""
    of_roles = {place.removeprefix(SYSTEM) for path in templates() for place in destinations(path)}
    of_plugins = {
        name
        for path in plugins_dir().rglob("*.py")
        if _SERVICE.search(text := path.read_text(encoding="utf-8"))
        for name in re.findall(r"\bnomade-[a-z-]+\.service\b", text)
    }
    return {name for name in of_roles | of_plugins if ".d/" not in name}


@pytest.mark.parametrize("template", templates(), ids=lambda path: f"{path.parents[1].name}/{path.name}")
def test_a_service_is_one_of_the_system_and_bears_our_name(template: Path) -> None:
    places = destinations(template)
    assert places, "no task or variable of its role says where it goes"
    for place in places:
        ours = re.fullmatch(rf"{SYSTEM}nomade-[a-z@-]+\.service", place)
        assert ours or re.fullmatch(rf"{SYSTEM}[a-z@-]+\.service\.d/[0-9]+-nomade\.conf", place), place


@pytest.mark.lab
def test_no_service_of_ours_is_exposed_on_any_endpoint(site: Lab) -> None:
    levels = {
        (machine.name, name): level
        for machine in site.plan().machines
        for name, level in exposures(Laptop(site, machine.name)).items()
    }
    assert {name for _host, name in levels} == services() - UNCONFINED
    assert {key: level for key, level in levels.items() if level > EXPOSURE_GOAL} == {}


@pytest.mark.lab
def test_the_notice_of_a_restart_reaches_the_session_of_the_teleworker(site: Lab) -> None:
    name = "pontlierre-portable-1"
    laptop = Laptop(site, name)
    login = "ylegoff"
    ask = "busctl --user call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus GetId"
    stand_in = (
        f"printf '#!/bin/sh\\nexec {ask}\\n' > /usr/local/bin/notify-send && chmod 755 /usr/local/bin/notify-send"
    )
    try:
        laptop.run("sh", "-c", f"{stand_in}; touch /run/reboot-required; loginctl enable-linger {login}")
        bus = laptop.run("sh", "-c", f"echo /run/user/$(id -u {login})/bus").strip()
        laptop.run("sh", "-c", f"for i in $(seq 50); do [ ! -S {bus} ] || exit 0; sleep 0.2; done; exit 1")
        known = laptop.run(
            "runuser", "-u", login, "--", "env", f"DBUS_SESSION_BUS_ADDRESS=unix:path={bus}", *ask.split()
        )
        laptop.run("systemctl", "start", "nomade-reboot-notice.service")
        said = laptop.run("journalctl", "--unit", "nomade-reboot-notice.service", "--no-pager", "--output=cat")
        assert known.strip() in said
    finally:
        laptop.run("rm", "-f", "/usr/local/bin/notify-send", "/run/reboot-required")
        laptop.run("loginctl", "disable-linger", login)
