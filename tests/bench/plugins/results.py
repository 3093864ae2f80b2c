"""A callback that keeps what every task did and how long it took (`NOMADE_BENCH_RESULTS`, JSON lines)."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """One line per task: action, name, seconds, and per item that was not skipped its destination and names."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "results"

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._started = time.monotonic()

    v2_playbook_on_handler_task_start = v2_playbook_on_task_start

    def v2_runner_on_ok(self, result: Any) -> None:
        outcome = result._result
        items = [
            item for item in outcome.get("results", [outcome]) if isinstance(item, dict) and not item.get("skipped")
        ]
        line = {
            "action": result._task.action.rpartition(".")[2],
            "task": result._task.get_name(),
            "seconds": time.monotonic() - self._started,
            "changed": bool(outcome.get("changed")),
            "items": [{"dest": item.get("dest") or item.get("path"), "names": _names(item)} for item in items],
        }
        with Path(os.environ["NOMADE_BENCH_RESULTS"]).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


def _names(item: dict[str, Any]) -> int:
    """Return how many things one call named: a list of packages counts each."""
    name = item.get("invocation", {}).get("module_args", {}).get("name")
    return len(name) if isinstance(name, list) else 1
