"""A change of key of the laptop of `home.py`, with the real programs at its three places, whose power can be cut.

The control machine is `toolkit.vpn.rotate` itself in a process of its own; only its two ways out are replaced: SSH by a
shell in the laptop's or the gateway's namespace, and Ansible by the role's own values, templates and program.
"""

from __future__ import annotations

import glob
import multiprocessing
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2.nativetypes
import pytest
import yaml

from tests.roles.home import Home
from tests.roles.home_files import TUNNEL_PORT, public_key
from toolkit.errors import ExitCode
from toolkit.fleet import load
from toolkit.paths import roles_dir
from toolkit.transport.base import Result, Route
from toolkit.vpn import gateway, rotate
from toolkit.workspace import Workspace

LAPTOP, OTHER, GATEWAY = "essai-portable-1", "essai-portable-2", "essai-passerelle"
MACHINES = {LAPTOP: "laptop", GATEWAY: "gateway"}
ROLE = roles_dir() / "vpn_gateway"
_FORK = multiprocessing.get_context("fork")
# In front of a program of the laptop: one step less is left, and with the last one the power is gone everywhere.
_CUT = """#!/bin/sh
left=$(($(cat {steps}) - 1)); echo $left > {steps}
[ $left -ne 0 ] || {{ kill -9 "$PPID" "$(cat {control})"; exit 1; }}
exec {program}
"""
# What systemd does of what these programs ask of it.
_INSTEAD = {
    "systemctl": "/usr/local/libexec/nomade-vpn reload",
    "systemd-run": '/usr/local/libexec/nomade-vpn "${6:?}"',
}
_CHANGING = ("ln", "mv", "rm", "sync", "mktemp")


@dataclass
class Site:
    """Laptop, gateway and the commune's workspace; the other laptop is the neighbour's."""

    home: Home
    workspace: Workspace

    @property
    def _steps(self) -> Path:
        return self.home.folder / "steps"

    @property
    def _control(self) -> Path:
        return self.home.folder / "control"

    def enrol(self) -> None:
        """Write down that laptop and gateway are reached on the bench."""
        text = "".join(f'{name}: {{enrolled: "2026-01-05", host_key: "SHA256:x"}}\n' for name in MACHINES)
        self.workspace.commune("essai").enrolment.write_text(text, encoding="utf-8")

    def furnish(self) -> None:
        """Let each of the laptop's changes be a step, write down the keys, and give the gateway both laptops."""
        programs = {name: f'/usr/bin/{name} "$@"' for name in _CHANGING} | _INSTEAD
        for name, program in programs.items():
            text = _CUT.format(steps=self._steps, control=self._control, program=program)
            path = self.home.folder / f"cut-{name}"
            path.write_text(text, encoding="utf-8")
            self.home.laptop.sh(f"install -m 755 {path} /usr/local/bin/{name}")
        public = self.workspace.commune("essai").public
        for name, key in ((LAPTOP, "laptop"), (GATEWAY, "gateway"), (OTHER, "other")):
            (public / f"{name}.wg.pub").write_text(public_key(self.home.folder / f"{key}.key") + "\n")
        self._count(0)
        self.gateway_follows()

    def clear(self) -> None:
        """Put everything back as `home.py` furnished it."""
        programs = " ".join(f"/usr/local/bin/{name}" for name in (*_CHANGING, *_INSTEAD))
        folder = self.home.folder
        self.home.laptop.sh(f"/usr/bin/rm {programs}; install -m 600 {folder}/laptop.key /etc/wireguard/nomade.key")
        self.home["gateway"].sh(
            f"install -m 600 {folder}/gateway.conf /etc/wireguard/nomade.conf; rm /etc/wireguard/nomade.rotations\n"
            "/usr/local/libexec/nomade-vpn reload"
        )
        shutil.rmtree(self.workspace.commune("essai").public / "revoked")

    def _count(self, steps: int) -> None:
        self._steps.write_text(str(steps))

    def step(self) -> None:
        """One step of the control machine."""
        left = int(self._steps.read_text()) - 1
        self._count(left)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def rotate(self, cut_before: int = 0) -> bool:
        """Change the laptop's key, power cut before that step; return whether it was."""
        self._count(cut_before)
        process = _FORK.Process(target=self._rotate)
        process.start()
        process.join(120)
        assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
        return process.exitcode != 0

    def _rotate(self) -> None:
        self._control.write_text(str(os.getpid()))
        with pytest.MonkeyPatch.context() as patch:
            for name in ("replace", "unlink"):
                patch.setattr(Path, name, self._stepped(getattr(Path, name)))
            patch.setattr(gateway, "bring_up_to_date", self.gateway_follows)
            rotate.rotate(self.workspace, load(self.workspace, "essai"), LAPTOP, self, str)

    def _stepped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def changed(path: Path, *words: Any, **options: Any) -> Any:
            if path.exists():  # else nothing is changed
                self.step()
            return real(path, *words, **options)

        return changed

    def run(self, route: Route, script: str, *, timeout: float, limit: int) -> Result:
        """Stand for SSH: the script runs where the route leads."""
        self.step()
        command = self.home[MACHINES[route.alias]].inside("sh")
        done = subprocess.run(command, input=script.encode(), capture_output=True, timeout=timeout, check=False)
        return Result(done.returncode, done.stdout[:limit], done.stderr)

    def gateway_follows(self, *_what: object) -> tuple[ExitCode, str]:
        """Do what the role does on the gateway: its files one after the other, then its program."""
        for name, text in self._files().items():
            self.step()
            draft = self.home.folder / name
            draft.write_text(text, encoding="utf-8")
            self.home["gateway"].sh(
                f"install -m 600 {draft} /etc/wireguard/.new; mv /etc/wireguard/.new /etc/wireguard/{name}"
            )
        self.step()
        self.home["gateway"].sh("/usr/local/libexec/nomade-vpn reload")
        return ExitCode.OK, ""

    def _files(self) -> dict[str, str]:
        environment = jinja2.nativetypes.NativeEnvironment(trim_blocks=True)
        environment.tests["file"] = lambda path: Path(path).is_file()
        environment.globals["lookup"] = lambda _name, path: Path(path).read_text(encoding="utf-8")
        environment.globals["query"] = lambda _name, pattern: sorted(glob.glob(pattern))  # noqa: PTH207
        environment.filters["unique"] = lambda items: list(dict.fromkeys(items))  # Ansible's is a list
        values: dict[str, Any] = {
            "nomade_public_dir": str(self.workspace.commune("essai").public),
            "nomade_gateway_endpoint": {"port": TUNNEL_PORT},
            "nomade_peers": [
                {"name": name, "tunnel_address": f"10.77.9.{number}"} for name, number in ((LAPTOP, 2), (OTHER, 3))
            ],
        }
        said = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))
        (first, *_rest) = yaml.safe_load((ROLE / "tasks/peers.yml").read_text(encoding="utf-8"))
        said |= first["ansible.builtin.set_fact"]
        for name in ("__vpn_gateway_refused", "__vpn_gateway_candidates", "__vpn_gateway_peers"):
            values[name] = environment.from_string(said[name].strip()).render(values)
        text = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True)  # noqa: S701 — not HTML
        names = {"gateway.conf.j2": "nomade.conf", "rotations.j2": "nomade.rotations"}
        return {
            name: text.from_string((ROLE / "templates" / template).read_text(encoding="utf-8")).render(values)
            for template, name in names.items()
        }

    def apply(self) -> None:
        """Do what `nomade apply` does of keys and peers: the laptop's key is written down, the gateway follows."""
        present = self.home.laptop.sh("wg pubkey < /etc/wireguard/nomade.key")
        (self.workspace.commune("essai").public / f"{LAPTOP}.wg.pub").write_text(present)
        self.gateway_follows()
