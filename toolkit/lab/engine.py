"""Docker, and nothing else of this package talks to it: argument lists in, text out."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from toolkit.errors import NomadeError
from toolkit.i18n import _

# Of the machine, not of a workspace: the daemon serves every lab. Gone after a reboot, like the daemon.
_STATE = Path("/run/nomade-lab")
_PID = _STATE / "dockerd.pid"
_START_SECONDS = 60
_WATCHES = Path("/proc/sys/fs/inotify/max_user_instances")
_WATCHES_BEFORE = _STATE / "inotify-instances"
_WATCHES_WANTED = 2048
_USERS = "users"
_HELD: dict[str, int] = {}  # lock files of this process, open until it ends: name → descriptor


class EngineError(NomadeError):
    """Docker refused or is not there."""


def run(*arguments: str, stdin: bytes | None = None, timeout: float = 120) -> str:
    """Run one docker command and return its standard output, stripped.

    Raises:
        EngineError: docker is missing, took longer than `timeout` seconds or failed; the text is its own words.
    """
    try:
        done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, timeout=timeout, check=False)
    except FileNotFoundError as error:
        raise EngineError(_("docker is not installed: as root, apt-get install docker.io")) from error
    except subprocess.TimeoutExpired as error:
        raise EngineError(
            _("docker {action}: no answer within {seconds} s").format(action=arguments[0], seconds=int(timeout))
        ) from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise EngineError(_("docker {action}: {message}").format(action=arguments[0], message=said))
    return done.stdout.decode(errors="replace").strip()


def lines(*arguments: str) -> list[str]:
    """Run one docker command and return its output lines."""
    return run(*arguments).splitlines()


def answers() -> bool:
    """Return whether a docker daemon answers."""
    try:
        run("version", "--format", "{{.Server.Version}}", timeout=20)
    except EngineError:
        return False
    return True


def hold(name: str) -> bool:
    """Return whether this process has the lock `name` of this machine's labs alone; it then keeps it to its end.

    Locks are root's: without root there is none to be had, and the answer is yes.
    """
    try:
        _lock(name, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock(name: str, operation: int) -> None:
    if os.geteuid() != 0:
        return
    _STATE.mkdir(mode=0o755, exist_ok=True)
    if name not in _HELD:
        _HELD[name] = os.open(_STATE / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(_HELD[name], operation)


def ensure() -> None:
    """Start dockerd when none answers and we are root, and make room for many systemds; `release` undoes both.

    Raises:
        EngineError: none answers and none could be started.
    """
    if os.geteuid() == 0:
        _lock(_USERS, fcntl.LOCK_SH)  # waits while another process ends the engine
        _raise_watches()
        if not Path("/dev/net/tun").exists():  # WireGuard in user space needs it; where it is built in, it is there
            subprocess.run(["modprobe", "tun"], capture_output=True, check=False)
    if not answers():
        _start()


def release() -> None:
    """Put back what `ensure` changed on this machine. To be called when no lab is left.

    Another process that is about to make one keeps the engine: the last of them ends it.
    """
    if not hold(_USERS):
        return
    if _WATCHES_BEFORE.is_file():
        _WATCHES.write_text(_WATCHES_BEFORE.read_text(encoding="ascii"), encoding="ascii")
        _WATCHES_BEFORE.unlink()
    _stop_ours()
    if _USERS in _HELD:
        os.close(_HELD.pop(_USERS))


def _raise_watches() -> None:
    # All containers share root's inotify instances; each systemd takes about eight of the kernel's default 128.
    now = _WATCHES.read_text(encoding="ascii")
    if int(now) < _WATCHES_WANTED:
        if not _WATCHES_BEFORE.is_file():
            _WATCHES_BEFORE.write_text(now, encoding="ascii")
        _WATCHES.write_text(str(_WATCHES_WANTED), encoding="ascii")


def _start() -> None:
    if os.geteuid() != 0:
        raise EngineError(_("docker does not answer: start it, or run this as root"))
    log = _STATE / "dockerd.log"
    try:
        with log.open("ab") as stream:
            daemon = subprocess.Popen(
                ["dockerd"], stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
            )
    except FileNotFoundError as error:
        raise EngineError(_("dockerd is not installed: as root, apt-get install docker.io")) from error
    _PID.write_text(f"{daemon.pid}\n", encoding="ascii")
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and daemon.poll() is None:
        if answers():
            return
        time.sleep(0.5)
    _PID.unlink(missing_ok=True)
    with contextlib.suppress(ProcessLookupError):
        daemon.terminate()
    raise EngineError(_("dockerd did not start: see {log}").format(log=log))


def _stop_ours() -> None:
    # Only the daemon that `ensure` started, and only if the process still is that daemon.
    if not _PID.is_file():
        return
    pid = int(_PID.read_text(encoding="ascii"))
    _PID.unlink()
    if _command(pid) != "dockerd":
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _START_SECONDS
    while _command(pid) == "dockerd" and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):  # reap it when it is ours
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.2)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def cgroup_version() -> str:
    """Return "1" or "2": which control groups systemd will find in a container."""
    return run("info", "--format", "{{.CgroupVersion}}")


def pid_of(container: str) -> int:
    """Return the host's process id of a container's first process."""
    return int(run("inspect", "--format", "{{.State.Pid}}", container))


def state(container: str) -> str:
    """Return docker's word for the state of a container: running, exited, paused or created."""
    return run("inspect", "--format", "{{.State.Status}}", container)


def label(container: str, name: str) -> str:
    """Return the value of one label of a container."""
    return run("inspect", "--format", f'{{{{index .Config.Labels "{name}"}}}}', container)


def exists(kind: str, name: str) -> bool:
    """Return whether there is a `kind` (container, network, image) of that name."""
    with contextlib.suppress(EngineError):
        return bool(run(kind, "inspect", "--format", "yes", name))
    return False


def forget_container(name: str) -> None:
    """Remove a container, running or not, if it is there."""
    if exists("container", name):
        run("rm", "--force", "--volumes", name)


def forget_image(name: str) -> None:
    """Remove an image if it is there."""
    with contextlib.suppress(EngineError):
        run("image", "rm", "--force", name)


def labelled(kind: str, label: str, template: str) -> Sequence[str]:
    """Return one line of `template` for each container or network that has `label` (key or key=value)."""
    every = ("--all",) if kind == "container" else ()
    return lines(kind, "ls", *every, "--filter", f"label={label}", "--format", template)
