"""How long each try at a new connection may take: a machine that is only slow is not taken for one that is cut off."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from toolkit.ansible.plugins.action import config_files as plugin


@pytest.mark.parametrize(("needed", "proven"), [(4, True), (15, True), (60, False)])
def test_a_login_that_takes_so_many_seconds_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, needed: int, proven: bool
) -> None:
    clock = [0.0]

    def fresh(_action: object, _command: str, patience: int) -> dict[str, Any]:
        clock[0] += min(needed, patience)
        if patience < needed:
            raise AnsibleConnectionFailure("timed out")
        return {"rc": 0}

    monkeypatch.setattr(plugin, "fresh_command", fresh)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    switch = plugin.Switch(SimpleNamespace(), {"name": "essai", "reload": "true"}, {})  # type: ignore[arg-type]
    problem = switch._until_deadline("reloaded", 55)
    assert (problem is None) is proven
    assert clock[0] < 70, "it stops trying"
