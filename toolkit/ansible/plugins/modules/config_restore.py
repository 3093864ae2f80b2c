#!/usr/bin/python
# SPDX-License-Identifier: EUPL-1.2
"""One step of putting an endpoint back to what it was before the toolkit. Runs there. Options: the .yml beside."""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.nomade_farewell import say_farewell
from ansible.module_utils.nomade_restore import Steps

WAY_IN = ("wireguard-tools", "wireguard-go")  # packages that the tunnel is made of


def take(step: str, steps: Steps, params: dict[str, Any]) -> dict[str, Any]:
    """Take one step; return what the playbook needs of it."""
    outcome: dict[str, Any] = {}
    if step == "files":
        outcome = steps.files()
    elif step == "settings":
        steps.settings(params["login"])
    elif step == "rebuild":
        steps.rebuild()
    elif step == "packages":
        steps.remove_packages(kept=WAY_IN)
    elif step == "last":
        installed = steps.packages["installed"]
        purge = [name for name in WAY_IN if params["packages"] and name in installed]
        outcome["last"] = say_farewell(steps, params["account"], purge)
    return outcome | {"packages": steps.packages, "known": bool(steps.baseline) and not steps.baseline.get("late")}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "step": {"type": "str", "choices": ["files", "settings", "rebuild", "packages", "last"], "required": True},
            "account": {"type": "str", "default": "nomade"},
            "login": {"type": "str", "default": ""},
            "packages": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)
    try:
        steps = Steps(module.run_command, module.check_mode)
        outcome = take(module.params["step"], steps, module.params)
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"{error}; what was put back stays so, run it again")
    module.exit_json(changed=bool(steps.changed), changed_files=steps.changed, left=steps.left, **outcome)


if __name__ == "__main__":
    main()
