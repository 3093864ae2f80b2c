"""What the toolkit changed on a machine is put back: `playbooks/restore.yml` over one endpoint, and what it left.

The last step cuts the way in, so once it has been asked for, a machine that no longer answers is what was wanted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit import reach
from toolkit.errors import BadInputError, ExitCode
from toolkit.fleet import Endpoint, Fleet, Kind
from toolkit.i18n import _
from toolkit.provision import Options, Run, provision
from toolkit.provision.running import Output, Progress
from toolkit.workspace import Workspace

PLAYBOOK = "restore.yml"


@dataclass(frozen=True, slots=True)
class Restored:
    """How far a machine is back. `run` is None when an earlier run had already asked for the last step."""

    done: bool
    """The machine is as it was, but for what `left` says; the way in is gone or about to go."""
    waits: bool
    """All but the way in: nobody else could administer the machine yet."""
    left: tuple[str, ...]
    packages: tuple[str, ...]
    """Those that roles had installed."""
    run: Run | None = None

    @property
    def code(self) -> ExitCode:
        """Exit code of the run; 2 while the last step waits."""
        if self.done or self.run is None:
            return ExitCode.OK
        return self.run.code or (ExitCode.NOT_COMPLIANT if self.waits else ExitCode.OK)


def options(workspace: Workspace, fleet: Fleet, endpoint: Endpoint, *, packages: bool, check: bool) -> Options:
    """Return the run that puts `endpoint` back. `packages`: those that roles had installed are removed too.

    Raises:
        BadInputError: it is the gateway that others are still reached through.
    """
    commune = fleet.commune.id
    if endpoint.kind is Kind.GATEWAY:
        behind = [name for name, entry in reach.enrolment(workspace, commune).items() if entry.path == "gateway"]
        if behind:
            raise BadInputError(
                _(
                    "{name}: still the way to {others}: put those back first, or bring them to the set-up network"
                ).format(name=endpoint.name, others=", ".join(sorted(behind)))
            )
    facts: dict[str, bool | str] = {
        "nomade_restore_packages": packages,
        "nomade_restore_report": str(_report_file(workspace, commune, endpoint.name, check)),
    }
    return Options(limit=endpoint.name, check=check, diff=True, playbook=PLAYBOOK, facts=facts)


def restore(
    workspace: Workspace,
    fleet: Fleet,
    wanted: Options,
    progress: Progress = lambda _tally: None,
    output: Output = lambda _text: None,
) -> Restored:
    """Put the machine back; again at any time, it goes on where it was stopped.

    Raises as `provision`.
    """
    path = Path(str(wanted.facts["nomade_restore_report"]))
    path.parent.mkdir(mode=0o700, exist_ok=True)
    before = _report(path)
    run = provision(workspace, fleet.commune.id, wanted, progress, output)
    if before.get("done") and run.code is ExitCode.UNREACHABLE:
        return _restored(before, None)
    return _restored(_report(path) if run.code is ExitCode.OK else {}, run)


def _restored(report: dict[str, Any], run: Run | None) -> Restored:
    return Restored(
        done=bool(report.get("done")),
        waits=bool(report.get("waits")),
        left=tuple(str(item) for item in report.get("left", ())),
        packages=tuple(str(item) for item in report.get("packages", {}).get("installed", ())),
        run=run,
    )


def _report_file(workspace: Workspace, commune: str, name: str, check: bool) -> Path:
    return workspace.state / "restored" / f"{commune}-{name}{'.plan' if check else ''}.json"


def _report(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):  # never asked for, or cut short: it will be written again
        return {}
    return found if isinstance(found, dict) else {}


def told(restored: Restored, *, packages: bool) -> Iterator[str]:
    """Yield what people should know of the machine, a line each."""
    if restored.waits:
        yield _(
            "all is put back but the way in: nobody else could administer the machine. Give somebody a password on it "
            "(“sudo passwd root”), then run this again"
        )
    if restored.done and restored.run is None:
        yield _("the last step was asked for before, and the machine no longer answers: it is done")
    elif restored.done:
        yield _("the tunnel and the management account go within a minute: the machine no longer answers then")
        yield _("restart it: memory, mounts and some kernel settings are as before from the next start on")
    if restored.packages and not packages:
        yield _("installed by roles and still there (--remove-packages): {names}").format(
            names=", ".join(restored.packages)
        )
    yield from (_("left as it is: {what}").format(what=what) for what in restored.left)
