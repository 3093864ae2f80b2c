"""The action `config_files` as the product has it, which also keeps what it was given (`NOMADE_BENCH_FILES`)."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

_SOURCE = Path(__file__).parents[3] / "toolkit" / "ansible" / "plugins" / "action" / "config_files.py"
_SPECIFICATION = importlib.util.spec_from_file_location("nomade_config_files", _SOURCE)
assert _SPECIFICATION is not None
assert _SPECIFICATION.loader is not None
_PRODUCT = importlib.util.module_from_spec(_SPECIFICATION)
_SPECIFICATION.loader.exec_module(_PRODUCT)


class ActionModule(_PRODUCT.ActionModule):  # type: ignore[misc, name-defined]
    """Keep the rendered files, then do what the product does."""

    def _rendered_arguments(self, variables: dict[str, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = super()._rendered_arguments(variables)
        if kept := os.environ.get("NOMADE_BENCH_FILES"):
            place = self._task.get_path().rpartition(":")[0]
            line = {"place": place, "task": self._task.name, "files": arguments["files"]}
            with Path(kept).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
        return arguments
