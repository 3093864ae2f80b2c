"""Compile the gettext catalogues when the package is built or installed in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def compile_language(folder: Path, language: str) -> None:
    """Merge every `.po` of one language (one file per subject) into the single catalogue gettext reads."""
    merged = Catalog(locale=language, domain="nomade")
    for source in sorted(folder.glob("*.po")):
        with source.open("rb") as stream:
            for message in read_po(stream, locale=language):
                if message.id and message.string:
                    merged.add(message.id, string=message.string, context=message.context)
    target = folder / "LC_MESSAGES" / "nomade.mo"
    target.parent.mkdir(exist_ok=True)
    with target.open("wb") as stream:
        write_mo(stream, merged)


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg,misc]
    """Hatchling calls this before it collects files, for wheels and for editable installs alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        locale = Path(self.root) / "toolkit" / "locale"
        for folder in sorted(path for path in locale.iterdir() if path.is_dir()):
            compile_language(folder, folder.name)


if __name__ == "__main__":
    here = Path(__file__).parent / "toolkit" / "locale"
    for language_folder in sorted(path for path in here.iterdir() if path.is_dir()):
        compile_language(language_folder, language_folder.name)
