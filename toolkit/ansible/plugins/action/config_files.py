# SPDX-License-Identifier: EUPL-1.2
"""Control side of `config_files`: renders templates where Ansible's variables are, then makes one module call."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

from ansible._internal._templating import _template_vars
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

MODULE = "config_files"
FRESH = "-o ControlMaster=no -o ControlPath=none -o ServerAliveInterval=3 -o ServerAliveCountMax=3"
REFUSED, GONE = 3, 4  # exit codes of the disarm script (config_guard)
# Seconds of the first try at a new connection, doubled for each next one: a lost packet is tried again soon, and a slow
# machine gets its time.
PATIENCE = 5
MARGIN, MINIMUM = 5, 15  # seconds: stop trying that long before the endpoint acts; least time that leaves for trying


class ActionModule(ActionBase):  # type: ignore[misc]
    """Render, install, and for guarded files prove that the endpoint can still be reached."""

    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        result: dict[str, Any] = super().run(tmp, variables)
        arguments = self._rendered_arguments(variables)
        if arguments.get("guard") and not self._task.check_mode:
            result.update(self._install_guarded(arguments, variables))
        else:
            result.update(self._install(arguments, variables))
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _rendered_arguments(self, variables: dict[str, Any]) -> dict[str, Any]:
        arguments = dict(self._task.args)
        files = arguments.get("files")
        if not isinstance(files, list) or not all(isinstance(entry, dict) for entry in files):
            raise AnsibleActionFail("config_files: “files” must be a list of mappings")
        arguments["files"] = [self._with_content(entry, variables) for entry in files]
        return arguments

    def _with_content(self, entry: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return `entry` with its text as base64 `data`, so that it reaches the endpoint byte for byte."""
        rendered = {key: value for key, value in entry.items() if key not in ("template", "content")}
        if entry.get("state", "present") != "present":
            return rendered
        if ("template" in entry) == ("content" in entry):
            raise AnsibleActionFail(f"config_files: {entry.get('dest')}: one of “template” and “content” is needed")
        text = self._render(entry, variables) if "template" in entry else str(entry["content"])
        rendered["data"] = base64.b64encode(text.encode()).decode()
        return rendered

    def _render(self, entry: dict[str, Any], variables: dict[str, Any]) -> str:
        try:
            source = Path(self._find_needle("templates", entry["template"]))
        except AnsibleError as error:
            raise AnsibleActionFail(str(error)) from error
        folders = [*variables.get("ansible_search_path", []), self._loader.get_basedir(), str(source.parent)]
        search = [part for folder in folders for part in (str(Path(folder) / "templates"), folder)]
        template_variables = variables | _template_vars.generate_ansible_template_vars(
            path=entry["template"],
            fullpath=str(source),
            dest_path=entry["dest"],
            include_ansible_managed="ansible_managed" not in variables,
        )
        templar = self._templar.copy_with_new_env(searchpath=search, available_variables=template_variables)
        template = trust_as_template(self._loader.get_text_file_contents(str(source)))
        text = templar.template(template, escape_backslashes=False, overrides={"trim_blocks": True})
        return "" if text is None else str(text)

    def _install(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        outcome: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=variables)
        outcome.pop("invocation", None)  # it repeats every content, secrets too
        return outcome

    def _plan(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        self._task.check_mode = True
        try:
            return self._install(arguments, variables)
        finally:
            self._task.check_mode = False

    def _install_guarded(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Arm, write, reload, disarm over a new connection. Stopped anywhere, the endpoint undoes by itself."""
        switch = Switch(self, arguments["guard"], variables)
        plan = self._plan(arguments, variables)
        if plan.get("guard_pending"):
            # An earlier run died before it could prove its change: go back to what was proven, then look again.
            undone = switch.call("restored")
            plan = undone if undone.get("failed") else self._plan(arguments, variables)
        if plan.get("failed") or not plan.get("changed"):
            return plan
        deadline = time.monotonic() + switch.timeout - MARGIN
        armed = switch.call("armed", files=plan["changed_files"])
        if armed.get("failed"):
            return _failure("guard_not_armed", f"nothing was changed: {armed.get('msg')}")
        outcome = self._install(arguments, variables)
        if outcome.get("failed"):
            switch.call("cancelled")
            return outcome
        started = switch.call("reloaded")
        problem = started if started.get("failed") else switch.prove(armed["token"], deadline)
        outcome["guard_pending"] = False
        return problem or outcome


def _failure(reason: str, message: str) -> dict[str, Any]:
    return {"failed": True, "changed": False, "reason": reason, "msg": message}


class Switch:
    """The control side of one guard: its steps on the endpoint, and the proof over a new connection."""

    def __init__(self, action: ActionModule, guard: dict[str, Any], variables: dict[str, Any]) -> None:
        self.action = action
        if not isinstance(guard, dict) or not guard.get("name") or not guard.get("reload"):
            raise AnsibleActionFail("config_files: “guard” needs a name and a reload command")
        self.guard = {"name": guard["name"], "reload": guard["reload"], "restore": guard.get("restore")}
        self.name = str(guard["name"])
        self.timeout = int(guard.get("timeout", 60))
        self.variables = variables
        if self.timeout < MINIMUM:
            raise AnsibleActionFail(f"config_files: guard “{self.name}”: timeout below {MINIMUM} seconds")

    def call(self, state: str, **arguments: Any) -> dict[str, Any]:
        """Return what `config_guard` answers to one step."""
        answer: dict[str, Any] = self.action._execute_module(
            module_name="config_guard",
            module_args=self.guard | {"state": state, "timeout": self.timeout} | arguments,
            task_vars=self.variables,
        )
        return answer

    def prove(self, token: str, deadline: float) -> dict[str, Any] | None:
        """Disarm over a new connection; return None when that worked, else the failure.

        `deadline` is on the monotonic clock, some seconds before the endpoint puts the files back. The connection that
        disarms is opened only once another one has seen that the reload is over: an older one proves nothing.
        """
        problem = self._until_deadline("reloaded", deadline) or self._until_deadline(token, deadline)
        if self.action._connection.transport == "ssh":
            self.action._connection.reset()  # an old shared connection may not outlive the new rules
        return problem

    def _until_deadline(self, argument: str, deadline: float) -> dict[str, Any] | None:
        folder = f"/var/lib/nomade/guard/{self.name}"
        command = f"if [ -e {folder}/disarm ]; then sh {folder}/disarm {argument}; else exit {GONE}; fi"
        said, patience = "", PATIENCE
        while True:
            try:
                answer = fresh_command(self.action, command, patience)
            except AnsibleConnectionFailure as error:
                answer, said = {"rc": None}, " ".join(str(error).split())[:300]
            if answer["rc"] == 0:
                return None
            if answer["rc"] == REFUSED:
                printed = " ".join(str(answer.get("stdout", "")).split())[:500]
                return _failure(
                    "guard_reload", f"guard “{self.name}”: the reload failed, the files are back: {printed}"
                )
            if answer["rc"] == GONE:
                return _failure("guard_fired", f"guard “{self.name}”: the endpoint has put the previous files back")
            if time.monotonic() >= deadline:
                return self._unreachable(said)
            patience = min(2 * patience, max(PATIENCE, int(deadline - time.monotonic())))
            time.sleep(0.5)

    def _unreachable(self, said: str) -> dict[str, Any]:
        return _failure(
            "guard_unreachable",
            f"guard “{self.name}”: no new connection after the change; "
            f"within {self.timeout} s the endpoint puts the previous files back by itself ({said})",
        )


def fresh_command(action: ActionModule, command: str, patience: int) -> dict[str, Any]:
    """Run `command` over a connection made now, never over a shared one that the new rules did not have to let in.

    `patience`: seconds until it is given up.

    Raises: AnsibleConnectionFailure: no connection.
    """
    connection = action._connection
    if connection.transport != "ssh":
        answer: dict[str, Any] = action._low_level_execute_command(command)
        return answer
    # ssh takes the first value of an option, so these win over the shared connection's in the usual arguments.
    arguments = f"{FRESH} {connection.get_option('ssh_args')}"
    changed: dict[str, Any] = {"ssh_args": arguments, "timeout": patience, "reconnection_retries": 0}
    usual = {name: connection.get_option(name) for name in changed}
    try:
        for name, value in changed.items():
            connection.set_option(name, value)
        return dict(action._low_level_execute_command(command))
    finally:
        for name, value in usual.items():
            connection.set_option(name, value)
