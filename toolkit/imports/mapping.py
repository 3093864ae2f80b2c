"""Which column of a list says what, as the user wrote it into a mapping file or as it was recognised."""

from __future__ import annotations

from collections.abc import Mapping as ReadMapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from toolkit.errors import BadInputError
from toolkit.fleet.document import Document, suggestion
from toolkit.fleet.document import read as read_yaml
from toolkit.i18n import _

FIELDS = (
    *("entity", "name", "serial", "maker", "model", "system", "system_version", "chassis", "macs", "address"),
    *("encrypted", "status", "person", "last_name", "first_name", "user", "login", "service", "duty"),
    *("laptop_name", "laptop_serial", "laptop_maker", "laptop_model", "laptop_system", "laptop_macs"),
    *("laptop_address", "laptop_encrypted", "office_pc_name", "office_pc_serial", "office_pc_maker"),
    *("office_pc_model", "office_pc_system", "office_pc_macs", "office_pc_address", "office_pc_encrypted"),
    *("fate", "fate_date", "disposal"),
)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Field → header of the column that says it. Headers are compared without case, accents and punctuation."""

    columns: ReadMapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def load(cls, path: Path) -> Mapping:
        """Return the mapping of a YAML file.

        Raises:
            BadInputError: it cannot be read; ProblemsError with every problem at its line and column.
        """
        document = read_yaml(path)
        columns = _columns(document)
        document.raise_problems()
        return cls(MappingProxyType(columns))

    def text(self) -> str:
        """Return the mapping file: every field that exists, those without a column as comments."""
        title = _("Which column of the list says what: field, then the header of its column. Delete what is wrong.")
        absent = ", ".join(name for name in FIELDS if name not in self.columns)
        return "\n".join(
            [
                f"# {title}",
                "columns:" if self.columns else "columns: {}",
                *(f"  {name}: {_quoted(self.columns[name])}" for name in FIELDS if name in self.columns),
                "# " + _("Fields without a column: {fields}").format(fields=absent),
                "",
            ]
        )

    def save(self, path: Path) -> None:
        """Write the mapping file, whole or not at all. Raises BadInputError when it cannot be written."""
        from toolkit.files import write_atomically

        try:
            write_atomically(path, self.text())
        except OSError as error:
            raise BadInputError(
                _("{file}: cannot be written: {reason}").format(file=path, reason=error.strerror)
            ) from error


def _columns(document: Document) -> dict[str, str]:
    data = document.data
    if not isinstance(data, dict) or not isinstance(data.get("columns"), dict):
        if not document.problems:
            document.report((), _("“columns:” with “field: header” below it is expected"))
        return {}
    for key in data:
        if key != "columns":
            document.report((key,), _("unknown key “{key}”").format(key=key), suggestion(key, ["columns"]), key=True)
    for name, header in data["columns"].items():
        if name not in FIELDS:
            document.report(
                ("columns", name), _("unknown field “{field}”").format(field=name), suggestion(name, FIELDS), key=True
            )
        elif not isinstance(header, str) or not header.strip():
            document.report(("columns", name), _("the header of a column is expected"))
    return dict(data["columns"])


def _quoted(header: str) -> str:
    text = " ".join(header.split())
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
