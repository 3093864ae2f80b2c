"""One run over one commune: inventory, lock, ansible-runner, result."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from toolkit import drift, fleet, inventory, paths, reach
from toolkit.enroll import handover
from toolkit.errors import BadInputError, NomadeError
from toolkit.fleet.model import Endpoint, Kind
from toolkit.i18n import _
from toolkit.provision.events import Recorder, Tally
from toolkit.provision.lock import lock
from toolkit.provision.logs import new_folder
from toolkit.provision.model import SITE, EndpointRun, Options, Run, State
from toolkit.provision.safety import refuse_writable_by_all
from toolkit.provision.words import one_line
from toolkit.workspace import Workspace

MAXIMUM_FORKS = 20
MAXIMUM_PASSES = 4  # kinds of endpoints that can fail as a whole, and the pass that finishes the others
# ansible-runner turns host key checking OFF unless the environment says otherwise; a changed key must stop a run.
_FOR_RUNNER = {"ANSIBLE_HOST_KEY_CHECKING": "True", "ANSIBLE_NOCOLOR": "1"}
Progress = Callable[[Tally], None]
Output = Callable[[str], None]


def provision(
    workspace: Workspace,
    commune: str,
    options: Options,
    progress: Progress = lambda _tally: None,
    output: Output = lambda _text: None,
) -> Run:
    """Run a playbook (`site.yml`) over the enrolled endpoints of one commune that `options.limit` names.

    Args:
        progress: called whenever an endpoint enters another role or its counts change.
        output: called with Ansible's own output, piece by piece.

    Returns: every endpoint named, also those not enrolled or not reached.

    Raises:
        BadInputError: the fleet is wrong, or a deciding file is writable by everybody; nothing was changed.
        NothingEvaluatedError: the limit names no endpoint.
        BusyError: another run holds the commune.
        NomadeError: Ansible itself could not run.
    """
    started_at = datetime.now(UTC)
    refuse_writable_by_all(workspace, commune)
    with lock(workspace, commune):
        enrolled, others = _prepare(workspace, commune, options)
        missing = tuple(
            EndpointRun(endpoint.name, State.NOT_ENROLLED, error=_("not enrolled: run “nomade enroll”"))
            for endpoint in others
        )
        if not enrolled:
            return Run(commune, options.check, started_at, datetime.now(UTC), missing)
        _require_key(workspace)
        names = [endpoint.name for endpoint in enrolled]
        recorder = Recorder(names, _plays(_playbook(options)))
        log = new_folder(workspace, commune, datetime.now(UTC)) / "ansible.log"
        for _pass in range(MAXIMUM_PASSES):
            _play(workspace, commune, options, names, recorder, log, progress, output)
            names = recorder.unfinished()
            if not names:
                break
            recorder.start(names)
        results = recorder.results()
        if not options.check and not options.tags and options.playbook == SITE:
            results = _hand_over(workspace, commune, results)
            done = [result.name for result in results if result.state in (State.OK, State.CHANGED)]
            drift.record(workspace, commune, done)
        return Run(commune, options.check, started_at, datetime.now(UTC), results + missing, log)


def command_line(workspace: Workspace, commune: str, options: Options) -> str:
    """Return the shell command that does the same run with plain Ansible; it works when pasted.

    The inventory is generated so that it does. Raises as `provision`, except for the lock, which is not taken.
    """
    refuse_writable_by_all(workspace, commune)
    enrolled, _others = _prepare(workspace, commune, options)
    names = [endpoint.name for endpoint in enrolled]
    command = [_ansible_playbook(), *arguments(workspace, commune, options, names), str(_playbook(options))]
    return " ".join(
        [
            *(f"{name}={shlex.quote(value)}" for name, value in _environment(workspace, commune).items()),
            shlex.join(command),
        ]
    )


def _prepare(workspace: Workspace, commune: str, options: Options) -> tuple[list[Endpoint], list[Endpoint]]:
    """Write the inventory; return the endpoints asked for: those enrolled, those not."""
    inventory.generate(workspace, commune)
    chosen = fleet.load(workspace, commune).select(options.limit)
    known = reach.enrolment(workspace, commune)
    return (
        [endpoint for endpoint in chosen if endpoint.name in known],
        [endpoint for endpoint in chosen if endpoint.name not in known],
    )


def _require_key(workspace: Workspace) -> None:
    # Without it every endpoint would only seem to be away.
    if not workspace.management_key.is_file():
        raise BadInputError(
            _("{file}: the management key is missing: put it back; no machine was asked for anything").format(
                file=workspace.management_key
            )
        )


def arguments(workspace: Workspace, commune: str, options: Options, names: list[str]) -> list[str]:
    """Return ansible-playbook's arguments, without the playbook."""
    words = ["--inventory", str(workspace.commune(commune).hosts), "--limit", ",".join(names)]
    words += ["--forks", str(max(1, min(MAXIMUM_FORKS, len(names))))]
    words += ["--check"] if options.check else []
    words += ["--diff"] if options.diff else []
    words += ["--tags", options.tags] if options.tags else []
    words += ["-" + "v" * options.verbosity] if options.verbosity else []
    words += ["--extra-vars", json.dumps(dict(options.facts))] if options.facts else []
    return words


def _playbook(options: Options) -> Path:
    return paths.playbooks_dir() / options.playbook


def _plays(playbook: Path) -> int:
    """Return how many plays a playbook has, with those of the playbooks that it imports."""
    entries = yaml.safe_load(playbook.read_text(encoding="utf-8"))
    imported = (entry.get("import_playbook") for entry in entries)
    return sum(_plays(playbook.parent / name) if name else 1 for name in imported)


def _programs() -> Path:
    """Return the folder of the programs of the Python environment that nomade itself runs in."""
    return Path(sys.executable).parent


def _ansible_playbook() -> str:
    beside = _programs() / "ansible-playbook"
    return str(beside) if beside.exists() else "ansible-playbook"


def _search_path() -> str:
    """Return PATH with this environment's programs first: ansible-runner takes the ansible-playbook found there."""
    return os.pathsep.join([str(_programs()), os.environ.get("PATH", os.defpath)])


def _environment(workspace: Workspace, commune: str) -> dict[str, str]:
    """Return what makes Ansible ours. Shared connections are kept per commune: two communes may use the same private
    addresses, and a connection to one must never carry the tasks of another."""
    own = hashlib.sha256(f"{workspace.root}\0{commune}".encode()).hexdigest()[:8]
    return {
        "ANSIBLE_CONFIG": str(paths.plugins_dir().parent / "ansible.cfg"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": f"~/.ansible/cp/nomade-{own}",
        "LC_ALL": "C.UTF-8",  # Ansible refuses to start in a locale that this machine lacks
    }


@contextlib.contextmanager
def _contained() -> Iterator[None]:
    """Hide the caller's ANSIBLE_… variables from ansible-runner, which would pass them on, and take back the signal
    handlers that it leaves behind, so that Ctrl-C still works after it."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("ANSIBLE_")}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        os.environ.update(hidden)
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _play(
    workspace: Workspace,
    commune: str,
    options: Options,
    names: list[str],
    recorder: Recorder,
    log: Path,
    progress: Progress,
    output: Output,
) -> None:
    """Run Ansible once and add what it printed to the log.

    Raises:
        KeyboardInterrupt: the user stopped it.
        NomadeError: it ended without having counted the endpoints.
    """
    import ansible_runner

    folder = log.parent

    def handle(event: Mapping[str, Any]) -> bool:
        if event.get("stdout"):
            output(str(event["stdout"]))
        tally = recorder.feed(event)
        if tally is not None:
            progress(tally)
        return False  # keep no event on disk: results may hold what nobody should keep

    with _contained():
        runner = ansible_runner.run(
            private_data_dir=str(folder),
            playbook=str(_playbook(options)),
            cmdline=shlex.join(arguments(workspace, commune, options, names)),
            envvars=_environment(workspace, commune) | _FOR_RUNNER | {"PATH": _search_path()},
            ident="run",
            quiet=True,
            suppress_env_files=True,
            event_handler=handle,
        )
    printed = folder / "artifacts" / "run" / "stdout"
    if printed.exists():
        with log.open("ab") as stream:
            stream.write(printed.read_bytes())
    shutil.rmtree(folder / "artifacts", ignore_errors=True)  # the command's environment is in there
    if runner.status == "canceled":
        raise KeyboardInterrupt
    if not recorder.complete:
        raise NomadeError(
            _("{commune}: Ansible stopped before its end: {reason}; the log is {log}").format(
                commune=commune, reason=_first_error(log), log=log
            )
        )


def _first_error(log: Path) -> str:
    with contextlib.suppress(OSError):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if "ERROR" in line or "error:" in line:
                return one_line(line)
    return _("no reason given")


def _hand_over(workspace: Workspace, commune: str, results: tuple[EndpointRun, ...]) -> tuple[EndpointRun, ...]:
    """Prove and record the path through the gateway of each endpoint on the bench that the run has finished."""
    bench = {name for name, record in reach.enrolment(workspace, commune).items() if record.path == "bench"}
    kinds = {endpoint.name: endpoint.kind for endpoint in fleet.load(workspace, commune).endpoints}
    handed = tuple(
        replace(result, note=_moved(handover(workspace, commune, result.name)))
        if result.state in (State.OK, State.CHANGED) and result.name in bench and kinds[result.name] != Kind.GATEWAY
        else result
        for result in results
    )
    inventory.generate(workspace, commune)  # the next run takes the new paths
    return handed


def _moved(done: bool) -> str:
    if done:
        return _("reached through its gateway from now on")
    return _("not reached through its gateway yet: leave it on the set-up network and apply again")
