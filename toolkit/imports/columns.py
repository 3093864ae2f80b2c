"""Which column of a table says what: the header row found, each header given its field."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as ReadMapping
from dataclasses import dataclass
from types import MappingProxyType

from toolkit.errors import Problem
from toolkit.fleet.document import suggestion
from toolkit.i18n import _
from toolkit.imports.field_names import PERSONAL
from toolkit.imports.fields import NAME_OR_PERSON, Meaning, is_glpi, meaning_of, words_of
from toolkit.imports.mapping import Mapping
from toolkit.imports.model import Column
from toolkit.imports.table import Cells, Table, printable, shown

_HEADER_WITHIN = 20
"""A title, an empty row, a legend may stand above the headers, hardly more."""
_MACHINE_FIELDS = frozenset(
    ["serial", "maker", "model", "system", "chassis", "macs", "address", "encrypted", "person", "user", "status"]
)
_OF_A_POST = ("laptop_", "office_pc_")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one table is read. `row` is the number of the header row; `index` counts columns from 0."""

    row: int
    columns: tuple[Column, ...]
    index: ReadMapping[str, int]
    glpi: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def of_posts(self) -> bool:
        """Whether each row is a person with their machines, not a machine."""
        return any(name.startswith(_OF_A_POST) for name in self.index)


def layout(table: Table, mapping: Mapping | None = None) -> Layout:
    """Return how a table is read: by the user's mapping, else by the headers that are known."""
    number, headers = _header_row(table, mapping)
    columns: tuple[Meaning, ...] = tuple(meaning_of(header) for header in headers)
    if mapping is not None:
        return _mapped(table, number, headers, mapping)
    glpi = is_glpi(headers)
    fields = _resolved(columns, glpi)
    index, problems = _first_of_each(table, number, headers, fields, columns)
    told = tuple(
        Column(printable(header), field if index.get(field or "") == position else None, meaning.personal)
        for position, (header, field, meaning) in enumerate(zip(headers, fields, columns, strict=True))
        if header.strip()
    )
    return Layout(number, told, MappingProxyType(index), glpi, tuple(problems))


def proposed(tables: Iterable[Table]) -> Mapping:
    """Return the fields and headers recognised in the sheet that has most of them."""
    best = max((layout(table).columns for table in tables), key=lambda columns: sum(map(_is_read, columns)), default=())
    return Mapping(MappingProxyType({one.field: one.header for one in best if one.field}))


def _is_read(column: Column) -> bool:
    return column.field is not None


def _header_row(table: Table, mapping: Mapping | None) -> tuple[int, Cells]:
    """Return the row that names most fields (or most of the mapping's headers): the first such, or the first row."""
    wanted = {words_of(header) for header in mapping.columns.values()} if mapping is not None else None

    def score(cells: Cells) -> int:
        if wanted is not None:
            return len(wanted & {words_of(cell) for cell in cells})
        return len({meaning.field for cell in cells if (meaning := meaning_of(cell)).field})

    head = table.rows[:_HEADER_WITHIN]
    return max(head, key=lambda row: score(row[1]))


def _resolved(columns: tuple[Meaning, ...], glpi: bool) -> list[str | None]:
    """Return the field of each column, `Nom` taken for the machine's or the person's name by what stands beside it."""
    known = {one.field for one in columns}
    if glpi:
        plain = "name"
    elif "first_name" in known:
        plain = "last_name"
    elif any((field or "").startswith(_OF_A_POST) for field in known) or not known & _MACHINE_FIELDS:
        plain = "person"
    else:
        plain = "person" if "name" in known else "name"
    return [plain if one.field == NAME_OR_PERSON else one.field for one in columns]


def _first_of_each(
    table: Table, number: int, headers: Cells, fields: list[str | None], columns: tuple[Meaning, ...]
) -> tuple[dict[str, int], list[Problem]]:
    """Return the column of each field: the clearest wording; two alike are a problem."""
    index: dict[str, int] = {}
    problems = []
    for position, field in enumerate(fields):
        if field is None:
            continue
        other = index.get(field)
        if other is None or columns[position].rank < columns[other].rank:
            index[field] = position
        elif words_of(headers[position]) == words_of(headers[other]):
            problems.append(
                Problem(
                    table.name,
                    number,
                    position + 1,
                    _("two columns are called “{header}”").format(header=shown(headers[position])),
                    _("rename one, or delete it"),
                )
            )
    return index, problems


def _mapped(table: Table, number: int, headers: Cells, mapping: Mapping) -> Layout:
    places = {words_of(header): position for position, header in reversed(list(enumerate(headers)))}
    index = {field: places[words] for field, header in mapping.columns.items() if (words := words_of(header)) in places}
    problems = [
        Problem(
            table.name,
            number,
            1,
            _("no column is called “{header}”, which the mapping takes for {field}").format(
                header=shown(header), field=field
            ),
            suggestion(shown(header), [shown(one) for one in headers if one.strip()]),
        )
        for field, header in mapping.columns.items()
        if words_of(header) not in places
    ]
    of = {position: field for field, position in index.items()}
    told = tuple(
        Column(printable(header), of.get(position), bool(PERSONAL.search(f" {words_of(header)} ")))
        for position, header in enumerate(headers)
        if header.strip()
    )
    return Layout(number, told, MappingProxyType(index), is_glpi(headers), tuple(problems))
