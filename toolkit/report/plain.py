"""Text of endpoints and people made harmless for any output: no terminal commands, no invisible characters."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache

# ECMA-48: CSI sequences, the string sequences (OSC, DCS, SOS, PM, APC) up to their end, then the two-byte ones.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]?"
)
# Cc controls, Cf invisible formatting (bidirectional overrides), Cs surrogates, Zl and Zp line separators.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def block(text: str) -> str:
    """Return a text of several lines without escape sequences or invisible characters; tabs and newlines stay."""
    # What Python calls printable has none of these; nearly all texts are, and a page holds hundreds of thousands.
    return text if text.isprintable() else _block(text)


@lru_cache(maxsize=4096)  # the same words of ours, with their non-breaking spaces, come back for every machine
def _block(text: str) -> str:
    return _kept(_ESCAPES.sub("", text).replace("\r\n", "\n"), "\n\t")


def one_line(text: str) -> str:
    """Return the text on one line, without escape sequences or invisible characters."""
    shown = text if text.isprintable() else _kept(_ESCAPES.sub("", text), "\n\t\r")
    return " ".join(shown.split())


def escaped(document: str) -> str:
    """Return a JSON document whose invisible characters are written `\\uXXXX`: the same data, safe to show."""
    return document.translate({ord(sign): json.dumps(sign)[1:-1] for sign in _hidden(document, "\n")})


def _kept(text: str, allowed: str) -> str:
    return text.translate({ord(sign): None for sign in _hidden(text, allowed)})


def _hidden(text: str, allowed: str) -> set[str]:
    return {sign for sign in set(text) if sign not in allowed and unicodedata.category(sign) in _HIDDEN}
