"""Controls, profiles and references, read from their folders into one validated, immutable catalogue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from toolkit import paths
from toolkit.catalogue_files import read_folder
from toolkit.catalogue_model import Control, Profile, Reference, Selection
from toolkit.errors import BadInputError, Problem, ProblemsError
from toolkit.i18n import _
from toolkit.probes import registry


@dataclass(frozen=True)
class Catalogue:
    """Every control, profile and reference by id, in alphabetical order."""

    controls: Mapping[str, Control]
    profiles: Mapping[str, Profile]
    references: Mapping[str, Reference]

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all controls and profiles: two audits with the same one judged by the same rules."""
        parts = [item.model_dump(mode="json") for item in (*self.controls.values(), *self.profiles.values())]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def profile(self, name: str) -> Profile:
        """Return the profile `name`.

        Raises:
            BadInputError: there is none of that name.
        """
        if name not in self.profiles:
            raise BadInputError(
                _("unknown profile “{name}”; known: {known}").format(name=name, known=", ".join(self.profiles))
            )
        return self.profiles[name]

    def selected(self, name: str) -> tuple[Control, ...]:
        """Return the controls of the profile `name` and of those it extends, in order of id."""
        if name not in self._selected:
            chain, items = self.lineage(name), self.controls.values()
            self._selected[name] = tuple(
                item for item in items if any(self._takes(link.select, item) for link in chain)
            )
        return self._selected[name]

    @cached_property
    def _selected(self) -> dict[str, tuple[Control, ...]]:
        return {}  # by profile: every endpoint of a fleet is judged by the same controls

    def settings(self, name: str) -> dict[str, Any]:
        """Return the settings the profile `name` asks for, its own over those of the profiles it extends."""
        return {key: value for link in reversed(self.lineage(name)) for key, value in link.settings.items()}

    def lineage(self, name: str) -> tuple[Profile, ...]:
        """Return the profile `name`, then those it extends, nearest first."""
        chain = [self.profile(name)]
        while chain[-1].extends:
            chain.append(self.profile(chain[-1].extends))
        return tuple(chain)

    def _takes(self, select: Selection, control: Control) -> bool:
        if select.all or control.id in select.controls:
            return True
        return any(
            not levels or self.references[document].items[item].level in levels
            for document, levels in select.references.items()
            for item in control.references.get(document, [])
        )


@cache
def load() -> Catalogue:
    """Return the catalogue that comes with the product.

    Raises:
        ProblemsError: every problem of every file, with `file:line:column`.
    """
    return read(paths.controls_dir(), paths.profiles_dir(), paths.references_dir())


def read(controls: Path, profiles: Path, references: Path) -> Catalogue:
    """Read the three folders, one object per `*.yml`, whose name is its id. Raises as `load`."""
    problems: list[Problem] = []
    catalogue = Catalogue(
        read_folder(controls, Control, problems),
        read_folder(profiles, Profile, problems),
        read_folder(references, Reference, problems),
    )
    for control in catalogue.controls.values():
        problems += [_in_file(controls, control.id, text) for text in _control_problems(control, catalogue)]
    if problems:  # what names a control whose file is wrong is not wrong for that
        raise ProblemsError(problems)
    for profile in catalogue.profiles.values():
        problems += [_in_file(profiles, profile.id, text) for text in profile_problems(profile, catalogue)]
    if problems:
        raise ProblemsError(problems)
    return catalogue


def _in_file(folder: Path, name: str, message: str) -> Problem:
    return Problem(str(folder / f"{name}.yml"), 1, 1, message)


def _control_problems(control: Control, catalogue: Catalogue) -> Iterator[str]:
    if control.audit and control.audit.probe not in registry():
        yield _("unknown probe “{name}”").format(name=control.audit.probe)
    for document, items in control.references.items():
        if document not in catalogue.references:
            yield _("unknown reference “{name}”").format(name=document)
            continue
        for item in items:
            if item not in catalogue.references[document].items:
                yield _("“{item}” is not an id of {name}").format(item=item, name=document)


def profile_problems(profile: Profile, catalogue: Catalogue) -> Iterator[str]:
    """Yield what is wrong with a profile of this catalogue: what it extends or selects that does not exist."""
    seen = {profile.id}
    current = profile
    while current.extends:
        if current.extends not in catalogue.profiles or current.extends in seen:
            yield _("extends “{name}”, which does not exist or leads back here").format(name=current.extends)
            return
        seen.add(current.extends)
        current = catalogue.profiles[current.extends]
    for name in profile.select.controls:
        if name not in catalogue.controls:
            yield _("unknown control “{name}”").format(name=name)
    for document, levels in profile.select.references.items():
        if document not in catalogue.references:
            yield _("unknown reference “{name}”").format(name=document)
        elif unknown := set(levels) - set(catalogue.references[document].levels):
            yield _("{name} has no level {levels}").format(name=document, levels=", ".join(sorted(unknown)))
