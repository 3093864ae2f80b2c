"""Why an endpoint failed, in one line that a technician can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.i18n import _

_LENGTH = 400  # characters of what the endpoint said; the log has the rest


def one_line(value: object) -> str:
    """Return endpoint text on one line, without control characters, cut to a readable length."""
    text = "".join(character if character.isprintable() else " " for character in str(value))
    text = " ".join(text.split())
    return text if len(text) <= _LENGTH else text[: _LENGTH - 1] + "…"


def failure(result: Mapping[str, Any]) -> str:
    """Return why a task failed: our own reasons in words, then what the endpoint said."""
    said = one_line(_without_trace(_said(result)))
    words = _reasons().get(str(result.get("reason", "")))
    if words is None:
        return said or _("no reason given; see the log")
    return f"{words} ({said})" if said else words


def _without_trace(text: str) -> str:
    """Return the last line of a program's traceback instead of all of it: where it broke off is for the log."""
    _before, trace, after = text.partition("Traceback (most recent call last):")
    if not trace or not after.strip():
        return text
    return _("a program of Nomade broke off, see the log: {reason}").format(reason=after.strip().splitlines()[-1])


def _said(result: Mapping[str, Any]) -> str:
    if "censored" in result:
        return _("the result is secret; see the endpoint")
    items = result.get("results")
    if isinstance(items, list):
        for item in items:
            if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable")):
                return _said(item)
    message = str(result.get("msg") or "")
    errors = str(result.get("stderr") or result.get("module_stderr") or "")
    useless = message in ("", "non-zero return code") or message.startswith("MODULE FAILURE")
    if useless:
        return errors or str(result.get("stdout") or "") or message
    if message.startswith("'/usr/bin/apt-get "):  # the apt module repeats its whole command before the reason
        return message.partition(" failed: ")[2] or message
    return message


def unreachable(result: Mapping[str, Any]) -> str:
    """Return why an endpoint was not reached. A host key that is not the pinned one is said loudly."""
    said = str(result.get("msg", ""))
    for sign, words in _connection_words():
        if sign in said:
            return words
    return one_line(said) or _("no answer")


def _reasons() -> dict[str, str]:
    return {
        "invalid": _("a file was refused by its checker, nothing was replaced"),
        "validator_missing": _("a file could not be checked, nothing was replaced"),
        "disk_full": _("the disk of the endpoint is full, every file is as it was"),
        "write": _("a file could not be written, every file is as it was"),
        "symlink": _("a symbolic link stands where a file should be, nothing was replaced"),
        "guard_not_armed": _("the safety net could not be set, so nothing was changed"),
        "guard_reload": _("the new configuration could not be put into effect; the previous one is back"),
        "guard_fired": _("the change was not confirmed; the endpoint has put the previous configuration back"),
        "guard_unreachable": _(
            "the change would have cut us off; the endpoint puts the previous configuration back by itself"
        ),
    }


def _connection_words() -> tuple[tuple[str, str], ...]:
    return (
        (
            "REMOTE HOST IDENTIFICATION HAS CHANGED",
            _("HOST KEY CHANGED: this is not the machine that was enrolled. Find out before anything else"),
        ),
        ("Host key verification failed", _("its host key is not pinned: run “nomade enroll”")),
        ("Permission denied", _("it refuses the management key: run “nomade enroll”")),
        ("timed out", _("no answer (switched off, or another network)")),
        ("No route to host", _("no answer (switched off, or another network)")),
        ("Connection refused", _("nothing listens on its SSH port")),
    )
