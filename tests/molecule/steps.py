"""Steps of a role test that are the toolkit's own: `steps.py up|prepare|verify|down`, called by the playbooks here.

Environment: `MOLECULE_EPHEMERAL_DIRECTORY`, `MOLECULE_PROJECT_DIRECTORY` (the role), `NOMADE_BEFORE` and `NOMADE_AFTER`
(roles applied first, and before the last audit, separated by commas).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from toolkit import paths
from toolkit.catalogue import load
from toolkit.errors import NomadeError
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress
from toolkit.workspace import Workspace

FOLDER = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "workspace"
ROLE = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]).name
EVERYBODY = "--all-communes"
# A tunnel's next handshake comes within 25 s, its keepalive, of the moment that the other side knows the key.
_TRIES, _PAUSE = 4, 10.0


def up() -> None:
    """Start a copy of the demo fleet and generate its inventories."""
    if not (FOLDER / "nomade.yml").is_file():
        readdress(paths.demo_dir(), FOLDER, free_block())
    Lab(Workspace(FOLDER)).up(progress=print)
    nomade("inventory", "generate")


def prepare() -> None:
    """Enrol, keep the audit of the bare machines, then apply the roles that this one stands on."""
    keys = FOLDER / ".nomade" / "lab"
    nomade("enroll", EVERYBODY, "--known-hosts", str(keys / "known_hosts"), "--key", str(keys / "bootstrap_ed25519"))
    audit("before.json")
    if before := os.environ.get("NOMADE_BEFORE", ""):
        nomade("apply", EVERYBODY, "--tags", before)


def verify() -> None:
    """Audit again: the role's controls failed somewhere before, and pass everywhere now."""
    if after := os.environ.get("NOMADE_AFTER", ""):
        nomade("apply", EVERYBODY, "--tags", after)
    controls = {
        control.id for control in load().controls.values() if control.role == ROLE and "container" in control.proven_in
    }
    failed = list(verdicts("before.json", controls).values()).count("fail")
    now, bad = _now(controls)
    for _again in range(_TRIES - 1 if after else 0):
        if not bad:
            break
        time.sleep(_PAUSE)
        now, bad = _now(controls)
    if not now or bad or not failed:
        sys.exit("\n".join(["the role's controls do not fail before and pass after", *bad]))
    print(f"{now} verdicts pass, {failed} failed before")


def _now(controls: set[str]) -> tuple[int, list[str]]:
    """Return how many verdicts an audit gives now, and those that are not `pass`."""
    audit("after.json")
    found = verdicts("after.json", controls)
    return len(found), [
        f"{host}: {control}: {verdict}" for (host, control), verdict in found.items() if verdict != "pass"
    ]


def down() -> None:
    """End the lab and remove the workspace."""
    if (FOLDER / "nomade.yml").is_file():
        Lab(Workspace(FOLDER)).down()
        shutil.rmtree(FOLDER)


def nomade(*arguments: str, accepted: tuple[int, ...] = (0,)) -> None:
    command = [str(Path(sys.executable).with_name("nomade")), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(command, cwd=FOLDER, env=environment, check=False)
    if done.returncode not in accepted:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}")


def audit(name: str) -> None:
    nomade("audit", EVERYBODY, "--format", "json", "--output", str(FOLDER / name), accepted=(0, 2))


def verdicts(name: str, controls: set[str]) -> dict[tuple[str, str], str]:
    reports = json.loads((FOLDER / name).read_text(encoding="utf-8"))["reports"]
    return {
        (endpoint["endpoint"], finding["control"]): finding["verdict"]
        for report in reports
        for endpoint in report["endpoints"]
        for finding in endpoint["findings"]
        if finding["control"] in controls and finding["verdict"] != "not_applicable"
    }


STEPS: dict[str, Callable[[], None]] = {"up": up, "prepare": prepare, "verify": verify, "down": down}

if __name__ == "__main__":
    try:
        STEPS[sys.argv[1]]()
    except NomadeError as error:
        sys.exit(str(error))
