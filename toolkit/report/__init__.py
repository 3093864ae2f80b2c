"""Reports: what is known of a commune, as a page, a table, JSON or CSV. One module per format, found by walking."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from toolkit.errors import BadInputError
from toolkit.i18n import _

if TYPE_CHECKING:
    from toolkit.report.model import Report


@dataclass(frozen=True, slots=True)
class Look:
    """How a report is shown. `full`: a table lists every control, not only open ones; `sheet`: a page of one post."""

    colour: bool = False
    width: int = 100
    full: bool = False
    sheet: bool = False


class Renderer(Protocol):
    """A module of this folder with a `FORMAT`: reports in, one document out. It computes nothing, it prints."""

    FORMAT: str

    def render(self, reports: Sequence[Report], look: Look) -> str | bytes: ...


@cache
def _modules() -> Mapping[str, str]:
    """Return the module of each format, in alphabetical order: by their text, since importing all of them is slow."""
    found = {}
    for item in pkgutil.iter_modules(__path__):
        text = (Path(__path__[0]) / f"{item.name}.py").read_text(encoding="utf-8")
        if said := re.search(r'^FORMAT = "(\w+)"$', text, re.MULTILINE):
            found[said[1]] = f"{__name__}.{item.name}"
    return dict(sorted(found.items()))


def renderers() -> Mapping[str, Renderer]:
    """Return the renderers by format name, in alphabetical order."""
    return {name: _renderer(module) for name, module in _modules().items()}


def _renderer(module: str) -> Renderer:
    renderer: Renderer = importlib.import_module(module)
    return renderer


def render(reports: Sequence[Report], format: str, look: Look | None = None) -> str | bytes:
    """Return one document with these reports, in the language each was built in.

    Raises:
        BadInputError: an unknown format, or several communes in a format that belongs to one commune only.
    """
    if format not in _modules():
        message = _("unknown format “{name}”; known: {known}")
        raise BadInputError(message.format(name=format, known=", ".join(_modules())))
    return _renderer(_modules()[format]).render(reports, look or Look())
