"""The two tables in each role's README that are not written by hand: its variables and its controls.

`python -m toolkit.role_readme` writes them again between their markers. Names, kinds and values of variables come from
the role's `meta/argument_specs.yml` and `defaults/main.yml`, controls from the catalogue. The last column of the
variables (meaning, source, reason) is people's: it is kept as the page has it; a new variable gets a cell to fill in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from toolkit.catalogue import Catalogue
from toolkit.catalogue_view import kind_word, severity_word
from toolkit.files import write_atomically
from toolkit.i18n import set_language
from toolkit.paths import roles_dir

TO_WRITE = "**à écrire**"
COMMAND = "python -m toolkit.role_readme"
VARIABLES, CONTROLS = "## Variables", "## Contrôles"
_NOT_DONE = re.compile(r"^## Ce qu.il ne fait pas$", re.MULTILINE)
_LONGEST = 60  # characters of a value that still fit into a cell
_KINDS = {"bool": "oui ou non", "int": "nombre", "str": "texte", "list": "liste", "dict": "table", "path": "chemin"}


def roles() -> list[Path]:
    """Return the folder of every role that has a README, by name."""
    return sorted(path.parent for path in roles_dir().glob("*/README.md"))


def render(role: Path, catalogue: Catalogue) -> str:
    """Return the README of a role with both tables as they should be; the rest as it stands. Writes nothing."""
    text = (role / "README.md").read_text(encoding="utf-8")
    for heading, table in (
        (VARIABLES, variables(role, reasons(text))),
        (CONTROLS, controls(role.name, catalogue)),
    ):
        text = _with_section(text, heading, [_begin(heading), *table, _end(heading)])
    return text


def variables(role: Path, kept: Mapping[str, str]) -> Iterator[str]:
    """Yield the table of a role's variables. `kept`: name → what people wrote about it."""
    options = _yaml(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    if not options:
        yield "Aucune."
        return
    defaults = _yaml(role / "defaults" / "main.yml")
    yield "| variable | forme | valeur d’origine | sens, source et raison |"
    yield "|---|---|---|---|"
    for name, option in options.items():
        yield f"| `{name}` | {_kind(option)} | {_value(defaults[name])} | {kept.get(name, TO_WRITE)} |"


def controls(role: str, catalogue: Catalogue) -> Iterator[str]:
    """Yield the table of the controls that say whether what a role does is in place."""
    yield "| contrôle | vérifie | gravité | concerne |"
    yield "|---|---|---|---|"
    for control in catalogue.controls.values():
        if control.role == role:
            kinds = ", ".join(kind_word(kind) for kind in control.applies_to)
            yield f"| `{control.id}` | {control.title.fr} | {severity_word(control.severity.value)} | {kinds} |"


def reasons(text: str) -> dict[str, str]:
    """Return variable → last cell of its row, from the table of variables in a README (one row may name several)."""
    found: dict[str, str] = {}
    for line in _section(text, VARIABLES).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) > 1:
            found |= dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), cells[-1])
    return found


def _section(text: str, heading: str) -> str:
    """Return what stands under a heading of the second level; empty when there is none."""
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


def _with_section(text: str, heading: str, lines: list[str]) -> str:
    """Put the generated `lines` under `heading`, in the place of the table there; make the section if it is missing."""
    block = "\n".join(lines)
    marked = re.compile(rf"{re.escape(_begin(heading))}.*?{re.escape(_end(heading))}", re.DOTALL)
    if marked.search(text):
        return marked.sub(lambda _match: block, text, count=1)
    if section := _section(text, heading):
        rest = re.sub(r"^\|.*\n?", "", section, flags=re.MULTILINE) if heading == VARIABLES else ""
        others = rest.strip("\n")
        return text.replace(section, "\n".join(["", block, *(["", others] if others else []), "", ""]), 1)
    new = f"{heading}\n\n{block}\n\n"
    if before := _NOT_DONE.search(text):
        return text[: before.start()] + new + text[before.start() :]
    return text.rstrip("\n") + "\n\n" + new.rstrip("\n") + "\n"


def _begin(heading: str) -> str:
    but = ", sauf la dernière colonne" if heading == VARIABLES else ""
    return f"<!-- {heading.removeprefix('## ')} : généré par « {COMMAND} »{but}. -->"


def _end(heading: str) -> str:
    return f"<!-- {heading.removeprefix('## ')} : fin. -->"


def _kind(option: Mapping[str, Any]) -> str:
    kind, choices = _KINDS[option["type"]], ", ".join(f"`{choice}`" for choice in option.get("choices", []))
    return f"{kind} parmi {choices}" if choices else kind


def _value(value: Any) -> str:
    """Show a value in one cell; what does not fit is counted, and is to be read in the defaults."""
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, int):
        return str(value)
    if not value:
        return "aucune" if isinstance(value, list | dict) else "vide"
    shown = f"`{value}`"
    if isinstance(value, list):
        shown = ", ".join(f"`{item}`" for item in value)
    if isinstance(value, list | str) and len(shown) <= _LONGEST and "\n" not in shown:
        return shown
    counted = f"{len(value)} valeurs" if isinstance(value, list | dict) else "texte"
    return f"[{counted}](defaults/main.yml)"


def _yaml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return content


if __name__ == "__main__":
    from toolkit.catalogue import load

    set_language("fr")
    known = load()
    for folder in roles():
        write_atomically(folder / "README.md", render(folder, known))
