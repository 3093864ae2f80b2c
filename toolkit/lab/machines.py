"""A lab: the containers that stand in for one workspace's fleet. What runs is known from labels, not from memory."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from toolkit.errors import BadInputError, NomadeError
from toolkit.i18n import _
from toolkit.lab import containers, desktop_images, engine, images, keys, networks, topology
from toolkit.lab.networks import LAB, MACHINE, RECIPE
from toolkit.lab.virtual import machine as virtual_machines
from toolkit.lab.virtual.machine import VirtualMachine
from toolkit.workspace import Workspace

DEPOT = "depot"
_BOOT_SECONDS = 90
VOLUME_PASSPHRASE = "phrase de passe du laboratoire"  # noqa: S105 — a lab's, known on purpose


@dataclass(frozen=True, slots=True)
class Stand:
    """One stand-in as docker shows it. `state` is docker's word: running, exited, paused, created or absent."""

    name: str
    kind: str
    release: str
    state: str
    addresses: dict[str, str]


class Lab:
    """The lab of one workspace: its containers and networks carry the lab's name as a label."""

    def __init__(self, workspace: Workspace) -> None:
        """Name the lab after the workspace's folder; nothing is started."""
        self.workspace = workspace
        self.name = "nomade-" + hashlib.sha256(str(workspace.root.resolve()).encode()).hexdigest()[:8]

    def plan(self) -> topology.Topology:
        """Return the networks and machines the workspace's files ask for. Raises BadInputError."""
        return topology.load(self.workspace)

    def container(self, host: str) -> str:
        """Return the docker name of a stand-in."""
        return f"{self.name}-{host}"

    def up(
        self, only: Sequence[str] = (), progress: Callable[[str], None] = lambda _line: None, *, virtual: bool = False
    ) -> list[Stand]:
        """Start the stand-ins (all, or those named in `only`) and wait until their sshd answers; idempotent.

        They are containers, or with `virtual` virtual machines, made anew where there is none; one that exists is kept.

        Raises:
            BadInputError: the workspace's files are wrong, or another lab uses its networks.
            NomadeError: docker or the making of an image failed, or a stand-in does not answer.
        """
        plan = self.plan()
        machines = [plan.machine(name) for name in only] if only else list(plan.machines)
        engine.ensure()
        made, desktops = _images(machines, progress)
        networks.ensure(self.name, str(self.workspace.root), plan.networks)
        # Who is started later does not take from the others what their packages come from.
        at_hand = {machine.release for machine in plan.machines if images.is_ready(machine.release)}
        self._start_depot(plan, images.ensure(at_hand) | made)
        apart = [machine for machine in machines if virtual or machine.name in virtual_machines.hosts(self.name)]
        for machine in machines:
            if machine in apart:
                engine.forget_container(self.container(machine.name))
                self.virtual(machine.name).ensure(progress)
            else:
                self._start(machine, plan, (desktops if machine.desktop else made)[machine.release])
            progress(_("{endpoint}: started ({release})").format(endpoint=machine.name, release=machine.release))
        self._prepare([machine for machine in machines if machine not in apart])
        return self.stands()

    def virtual(self, host: str) -> VirtualMachine:
        """Return the virtual machine of an endpoint, whether it exists or not. Raises BadInputError."""
        return VirtualMachine(self.name, self.workspace, self.plan(), host)

    def down(self) -> int:
        """End the containers and networks of this lab, and dockerd if this toolkit started it and no lab is left.

        Returns how many stand-ins were ended. Nothing to end is not an error.
        """
        apart = virtual_machines.remove_all(self.name)
        if not engine.answers():
            return apart
        containers = engine.labelled("container", f"{LAB}={self.name}", "{{.Names}}")
        if containers:
            engine.run("rm", "--force", "--volumes", *containers)
        networks.remove(self.name)
        (keys.folder(self.workspace) / "known_hosts").unlink(missing_ok=True)
        if not engine.labelled("container", LAB, "{{.Names}}"):
            engine.release()
        return len(containers) + apart

    def stands(self) -> list[Stand]:
        """Return every endpoint of the fleet with the state of its stand-in, in fleet order. Raises BadInputError."""
        states: dict[str, str] = {}
        if engine.answers():
            template = f'{{{{.Label "{MACHINE}"}}}}\t{{{{.State}}}}'
            rows = engine.labelled("container", f"{LAB}={self.name}", template)
            states = dict(row.split("\t") for row in rows)
        states |= {host: virtual_machines.state(self.name, host) for host in virtual_machines.hosts(self.name)}
        return [
            Stand(
                machine.name,
                machine.kind,
                machine.release,
                states.get(machine.name, "absent"),
                {attachment.network: attachment.address for attachment in machine.attachments},
            )
            for machine in self.plan().machines
        ]

    def exec(
        self, host: str, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command as root inside a stand-in, past its network and sshd; the caller judges the exit status.

        A virtual machine has no such way in: there it goes through sshd, with the lab's key.
        """
        if host in virtual_machines.hosts(self.name):
            return self.virtual(host).run(argv, stdin=stdin, timeout=timeout)
        command = ["docker", "exec", "--interactive", self.container(host), *argv]
        return subprocess.run(command, input=stdin, capture_output=True, timeout=timeout, check=False)

    def pid(self, host: str) -> int:
        """Return this machine's process id of the stand-in's first process, to enter its network namespace."""
        return engine.pid_of(self.container(host))

    def disconnect(self, host: str, network: str) -> None:
        """Pull one cable: the stand-in's interface on `network` (a topology key) goes down, its routes go."""
        self._link(host, network, "down")

    def connect(self, host: str, network: str) -> None:
        """Plug the cable in again; plugging in what is plugged in changes nothing."""
        self._link(host, network, "up")

    def _link(self, host: str, network: str, state: str) -> None:
        # Not docker's own disconnect: it cannot connect a running container again that has a default route of its own.
        plan = self.plan()
        machine = plan.machine(host)
        address = next(item.address for item in machine.attachments if item.network == network)
        routed = state == "up" and topology.is_in(machine.router, plan.networks[network])
        words = [containers.LINK, "sh", address, state, machine.router if routed else ""]
        engine.run("exec", self.container(host), "sh", "-euc", *words)

    def pause(self, host: str) -> None:
        """Freeze a stand-in: it keeps its state and answers nothing."""
        engine.run("pause", self.container(host))

    def unpause(self, host: str) -> None:
        """Thaw a frozen stand-in."""
        engine.run("unpause", self.container(host))

    def restart(self, host: str, *, kill: bool = False) -> None:
        """Restart a stand-in and wait for its sshd; `kill` is a power cut instead of an orderly shutdown."""
        if host in virtual_machines.hosts(self.name):
            self.virtual(host).restart(kill=kill)
            return
        if kill:
            engine.run("kill", self.container(host))
        else:
            engine.run("stop", "--time", "30", self.container(host))
        engine.run("start", self.container(host))
        self._wait([self.plan().machine(host)])

    def _start(self, machine: topology.Machine, plan: topology.Topology, image: images.Image) -> None:
        container = self.container(machine.name)
        options = ["--name", container, "--network", networks.name_of(self.name, topology.BENCH)]
        options += containers.options(machine, plan.depot)
        # A container has no hardware of its own; its desktop is in the image.
        facts = {name: value for name, value in asdict(machine).items() if name not in ("hardware", "desktop")}
        recipe = _digest([*options, image.name, facts, containers.BOOT.read_text(encoding="utf-8")])
        if engine.exists("container", container) and engine.label(container, RECIPE) != recipe:
            engine.run("rm", "--force", "--volumes", container)
        if not engine.exists("container", container):
            engine.run("create", *options, *self._labels(machine.name, recipe), image.name, containers.BOOT_INSIDE)
        for attachment in machine.attachments:
            networks.attach(self.name, attachment.network, container, attachment.address)
        match engine.state(container):
            case "paused" | "running" as state:
                if state == "paused":
                    engine.run("unpause", container)
                for attachment in machine.attachments:
                    self.connect(machine.name, attachment.network)
            case _stopped:
                engine.run("start", container)

    def _labels(self, machine: str, recipe: str) -> list[str]:
        labels = networks.labels(self.name, str(self.workspace.root))
        return [*labels, f"--label={MACHINE}={machine}", f"--label={RECIPE}={recipe}"]

    def _start_depot(self, plan: topology.Topology, made: dict[str, images.Image]) -> None:
        container = self.container(DEPOT)
        script = Path(__file__).with_name("depot.py")
        keeps = [str(image.keep) for _release, image in sorted(made.items())]
        recipe = _digest([plan.depot, script.read_text(encoding="utf-8"), *keeps])
        if engine.exists("container", container):
            if engine.label(container, RECIPE) == recipe and engine.state(container) == "running":
                return
            engine.run("rm", "--force", container)
        options = ["--detach", "--name", container, "--hostname", DEPOT]
        options += ["--user=nobody", "--cap-drop=ALL", "--read-only"]
        options += ["--network", networks.name_of(self.name, topology.BENCH), "--ip", plan.depot]
        options += [f"--volume={keep}:{keep}:ro" for keep in keeps] + [f"--volume={script}:/srv/depot.py:ro"]
        options += ["--entrypoint=python3", *self._labels(DEPOT, recipe)]
        engine.run("run", *options, next(iter(made.values())).name, "-u", "/srv/depot.py", *keeps)

    def _prepare(self, machines: Sequence[topology.Machine]) -> None:
        self._wait(machines)
        public = keys.bootstrap_key(self.workspace).with_suffix(".pub").read_text(encoding="utf-8")
        for machine in machines:
            keys.authorise(self.container(machine.name), public)
            if machine.volume:
                engine.run("exec", self.container(machine.name), "sh", "-c", containers.VOLUME, "sh", VOLUME_PASSPHRASE)
        running = [stand for stand in self.stands() if stand.state == "running"]
        keys.write_known_hosts(
            self.workspace,
            ((stand.name, stand.addresses[topology.BENCH], self._host_keys(stand.name)) for stand in running),
        )

    def _host_keys(self, host: str) -> list[str]:
        apart = host in virtual_machines.hosts(self.name)
        return [self.virtual(host).host_key()] if apart else keys.host_keys(self.container(host))

    def _wait(self, machines: Sequence[topology.Machine]) -> None:
        deadline = time.monotonic() + _BOOT_SECONDS
        for machine in machines:
            while not answers(machine.bench, 22):
                if time.monotonic() > deadline or engine.state(self.container(machine.name)) != "running":
                    raise NomadeError(
                        _("lab: {endpoint} does not answer on {address}, port 22: see docker logs {container}").format(
                            endpoint=machine.name, address=machine.bench, container=self.container(machine.name)
                        )
                    )
                time.sleep(0.3)


def _images(
    machines: Sequence[topology.Machine], progress: Callable[[str], None]
) -> tuple[dict[str, images.Image], dict[str, images.Image]]:
    """Return the images of the machines' releases, and those with a desktop where a machine has one."""
    saying = _("making the image of {releases} (a few minutes, once)")
    releases = {machine.release for machine in machines}
    if missing := sorted(release for release in releases if not images.is_ready(release)):
        progress(saying.format(releases=", ".join(missing)))
    made = images.ensure(releases)
    bases = {machine.release: made[machine.release] for machine in machines if machine.desktop}
    if missing := sorted(release for release, base in bases.items() if not desktop_images.is_ready(base)):
        progress(saying.format(releases=", ".join(f"{release} + GNOME" for release in missing)))
    return made, desktop_images.ensure(bases)


def answers(address: str, port: int) -> bool:
    """Return whether a TCP connection from this machine is accepted within two seconds."""
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def all_labs() -> dict[str, str]:
    """Return every lab on this machine: name → workspace folder."""
    if not engine.answers():
        return {}
    template = f'{{{{.Label "{LAB}"}}}}\t{{{{.Label "{networks.WORKSPACE}"}}}}'
    return dict(row.split("\t") for row in engine.labelled("container", LAB, template))


def named(lab: Lab, host: str) -> str:
    """Return the container of a running stand-in.

    Raises:
        BadInputError: no such endpoint, or it is not running.
    """
    stand = next((stand for stand in lab.stands() if stand.name == lab.plan().machine(host).name), None)
    if stand is None or stand.state != "running":
        raise BadInputError(_("lab: {endpoint} is not running: nomade lab up").format(endpoint=host))
    return lab.container(host)
