"""The user's language: French unless the option or the environment names another one."""

from __future__ import annotations

import gettext
import os
from functools import cache
from pathlib import Path

LANGUAGES = ("fr", "en")
_LOCALE = Path(__file__).parent / "locale"
_current: str | None = None


def language_of(environment: dict[str, str] | os._Environ[str]) -> str:
    """Return `fr` or `en` from `LC_ALL`, `LC_MESSAGES` or `LANG`; C, POSIX and anything unknown mean French."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            return "en" if value.lower().startswith("en") else "fr"
    return "fr"


def set_language(language: str | None) -> None:
    """Choose the language of all later messages; `None` goes back to the environment's."""
    global _current
    _current = language


def language() -> str:
    """Return the language in use, `fr` or `en`."""
    return _current or language_of(os.environ)


def speak_click() -> None:
    """Let the command-line library say its own words (usage errors, help) in the user's language.

    It looks its texts up through the process-wide default domain, whose language comes from the environment.
    """
    os.environ["LANGUAGE"] = language()
    gettext.bindtextdomain("nomade", str(_LOCALE))
    gettext.textdomain("nomade")


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("nomade", _LOCALE, [language], fallback=True)


def _(message: str) -> str:
    """Return `message` (English, the key of the catalogue) in the user's language."""
    return _catalogue(language()).gettext(message)


def translate(message: str, language: str) -> str:
    """Return `message` in one named language, for documents whose language is not the terminal's."""
    return _catalogue(language).gettext(message)
