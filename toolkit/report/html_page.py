"""The page of one commune: one file, no script, nothing fetched, everything of people and endpoints escaped."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup

from toolkit import __version__
from toolkit.errors import BadInputError
from toolkit.i18n import _
from toolkit.report import Look, dates, html_view, plain, wording
from toolkit.report.model import Report
from toolkit.report.wording import translator

FORMAT = "html"

# Icons on paper; the words are beside them, as on the page.
SIGNS = {
    "urgent": "✖",
    "failing": "▲",
    "never": "○",
    "silent": "◌",
    "stale": "◷",
    "uncertain": "?",
    "compliant": "✔",
    "pass": "✔",
    "fail": "✖",
    "error": "?",
    "manual": "✎",
    "not_applicable": "–",
}

_TEMPLATES = Path(__file__).parent / "templates"

# French typography: a space that does not break before « : ; ? ! » » and after « « ».
_BEFORE = re.compile(r" ([:;?!»])")


# Signs of a text that is worth being remembered.
_SHORT = 200


class Raw(str):
    """Text of an endpoint, shown sign by sign: escaped like all others, but not touched by typography."""

    __slots__ = ()


def render(reports: Sequence[Report], look: Look) -> str:
    """Return the page of the one report.

    Raises:
        BadInputError: several communes, or none: a page belongs to one commune.
    """
    if len(reports) != 1:
        raise BadInputError(_("an HTML page is for one commune: name it with --commune"))
    report = reports[0]
    return of_report(report, sheet=look.sheet)


def of_report(report: Report, *, paper: bool = False, sheet: bool = False) -> str:
    """Return the page of a commune, or the `sheet` of the one post that the report is of.

    For `paper`, everything that is read there stands open and no link is needed.
    """
    template = "post.html.j2" if sheet else "commune.html.j2"
    return page(template, report.language, paper=paper, report=report, view=html_view.View(report))


def page(template: str, language: str, *, paper: bool = False, **values: Any) -> str:
    """Return one page of `templates/` with these values, in one language: our style by its hash, no script.

    On `paper` icons are signs of the font: what prints does not follow references between drawings.
    """
    style = _style()
    return (
        _environment(language)
        .get_template(template)
        .render(
            **values,
            language=language,
            paper=paper,
            signs=SIGNS,
            style=Markup(style),  # noqa: S704 — our own file
            policy=_policy(style),
            version=__version__,
            _=translator(language),
            raw=lambda text: Raw(plain.block(text)),
        )
    )


def _policy(style: str) -> str:
    # The style block is named by its hash, so that no other style, inline or not, is ever applied.
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


@cache
def _style() -> str:
    return "\n" + (_TEMPLATES / "style.css").read_text(encoding="utf-8")


class _Compiled(FileSystemBytecodeCache):
    """Compiled templates, kept where Python keeps compiled modules, and like those only where it may write."""

    def __init__(self, language: str) -> None:
        """What Jinja compiles holds constant texts, typeset for one language."""
        super().__init__(str(Path(cache_from_source(str(_TEMPLATES / "_.py"))).parent), f"%s.{language}.jinja")

    def load_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if not sys.dont_write_bytecode:
            with contextlib.suppress(OSError):
                Path(self.directory).mkdir(parents=True, exist_ok=True)
                super().dump_bytecode(bucket)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalizer(language),
        bytecode_cache=_Compiled(language),
    )
    for module, names in (
        (
            wording,
            ("state", "verdict", "severity", "kind", "attempt", "reason", "expected", "value", "since", "waiver"),
        ),
        (dates, ("day", "date_text", "weekday", "clock", "moment_text")),
    ):
        for name in names:
            environment.globals[name] = partial(getattr(module, name), language=language)
    return environment


def _finalizer(language: str) -> Callable[[Any], Any]:
    def typeset(text: str) -> str:
        text = plain.block(text)
        return _BEFORE.sub("\u00a0\\1", text).replace("« ", "«\u00a0") if language == "fr" else text

    again = lru_cache(maxsize=4096)(typeset)  # most words of a page are our own, and come back for every machine

    def finalize(item: Any) -> Any:
        if not isinstance(item, str) or isinstance(item, Markup | Raw):
            return item
        return again(item) if len(item) <= _SHORT else typeset(item)

    return finalize
