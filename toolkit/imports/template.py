"""The spreadsheet a commune fills in: the columns the import knows, one example row that it ignores, and help."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import BadInputError
from toolkit.i18n import _

SHEET = "Télétravailleurs"
HELP_SHEET = "Aide"
FATES = ("gardé", "retiré", "inchangé")
ROWS = 500
"""How far down choices and formats go: more teleworkers than any commune has."""


@dataclass(frozen=True, slots=True)
class TemplateColumn:
    """One column: its header, what stands in the example row, what the help says, and what may be chosen."""

    header: str
    example: str
    help: str
    choices: tuple[str, ...] = ()
    is_date: bool = False


def columns() -> tuple[TemplateColumn, ...]:
    """Return the columns of the template; headers are French, help is in the user's language."""
    one = TemplateColumn
    return (
        one(
            "Commune",
            "Exempleville",
            _("As the inventory calls it, or its INSEE code; may stay empty for one commune."),
        ),
        one("Nom", "MARTIN (exemple)", _("Last name. A row with “(exemple)” is not read: delete it or write over it.")),
        one("Prénom", "Claire", _("First name.")),
        one("Identifiant", "cmartin", _("Account name, if there is one already; else it is made from the name.")),
        one("Service", "État civil", _("Service of the town hall.")),
        one("Fonction", "Officier d'état civil", _("Duty, which decides the applications that are reached.")),
        one("Portable : nom", "PORT-012", _("Name of the telework laptop.")),
        one("Portable : n° de série", "5CG1234ABC", _("On a label below; it is how the machine is known again.")),
        one("Portable : modèle", "HP EliteBook 840 G8", _("Maker and model.")),
        one("PC de bureau : nom", "UC-034", _("Name of the office PC that stays switched on, or of the fixed post.")),
        one("PC de bureau : n° de série", "CZC7654XYZ", _("As for the laptop.")),
        one("PC de bureau : adresse IP", "192.168.1.34", _("Its fixed address on the office network, if it has one.")),
        one("PC de bureau : adresse MAC", "3c:52:82:00:11:22", _("Needed to wake it up.")),
        one("PC de bureau : devenir", "gardé", _("What becomes of the fixed post."), FATES),
        one("Date de retrait", "", _("Only for a retired post: day/month/year."), is_date=True),
        one("Destination", "", _("Only for a retired post: recycled, given, sold …")),
    )


def write_template(path: Path) -> None:
    """Write the template, as `.xlsx`, `.ods` or `.csv` by the name's extension.

    Raises:
        BadInputError: another extension, a file of that name exists, or it cannot be written.
    """
    from toolkit.files import create_atomically

    writer = _writers().get(path.suffix.lower())
    if writer is None:
        raise BadInputError(_("{file}: a template is .xlsx, .ods or .csv").format(file=path))
    try:
        create_atomically(path, writer(), mode=0o644)
    except FileExistsError as error:
        raise BadInputError(_("{file}: exists already; it is left as it is").format(file=path)) from error
    except OSError as error:
        raise BadInputError(
            _("{file}: cannot be written: {reason}").format(file=path, reason=error.strerror)
        ) from error


def _writers() -> dict[str, Callable[[], bytes]]:
    from toolkit.imports.template_ods import as_ods
    from toolkit.imports.template_xlsx import as_xlsx

    return {
        ".xlsx": lambda: as_xlsx(columns(), help_lines()),
        ".ods": lambda: as_ods(columns(), help_lines()),
        ".csv": lambda: _as_csv(columns()),
    }


def help_lines() -> list[tuple[str, str]]:
    """Return the rows of the help sheet: what it is about, and what is to know."""
    general = [
        ("", _("One row for each teleworker. Leave empty what you do not know; write nothing else than is asked.")),
        ("", _("No telephone number, private address or date of birth: they are not read.")),
    ]
    return general + [(f"→ {column.header}", column.help) for column in columns()]


def _as_csv(table: tuple[TemplateColumn, ...]) -> bytes:
    # What Excel in French opens with a double click: semicolons and a byte order mark.
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerows([[column.header for column in table], [column.example for column in table]])
    return text.getvalue().encode("utf-8-sig")
