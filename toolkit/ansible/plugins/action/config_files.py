# SPDX-License-Identifier: EUPL-1.2
"""Control side of `config_files`: renders templates where Ansible's variables are, then makes one module call."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ansible._internal._templating import _template_vars
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

MODULE = "config_files"


class ActionModule(ActionBase):  # type: ignore[misc]
    """Render, install, and for guarded files prove that the endpoint can still be reached."""

    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        result: dict[str, Any] = super().run(tmp, variables)
        arguments = self._rendered_arguments(variables)
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
