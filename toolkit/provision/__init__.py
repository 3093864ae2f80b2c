"""Change endpoints: run the playbooks over one commune with ansible-runner, and say what happened in words."""

from __future__ import annotations

from toolkit.provision.lock import BusyError, lock
from toolkit.provision.model import Change, EndpointRun, Options, Run, State
from toolkit.provision.running import command_line, provision

__all__ = [
    "BusyError",
    "Change",
    "EndpointRun",
    "Options",
    "Run",
    "State",
    "command_line",
    "lock",
    "provision",
]
