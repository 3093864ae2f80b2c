"""Rows of a table → machines, people and who uses what."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from toolkit.errors import BadInputError, Problem
from toolkit.i18n import _
from toolkit.imports import cleaning, values
from toolkit.imports.columns import Layout, layout
from toolkit.imports.mapping import Mapping
from toolkit.imports.model import Chassis, Fate, Machine, Pairing, Person, Place, Reading
from toolkit.imports.row import Found, Row
from toolkit.imports.table import Table
from toolkit.imports.template import HELP_SHEET

_EXAMPLES = ("(exemple)", "(example)")
"""Ends the one cell that marks a template's example row."""
_FIELDS_OF_A_LIST = 2
"""Known headers that make a sheet a list when it lacks no column; notes have one by chance."""
_FIELDS_OF_A_LIST_THAT_LACKS = 4
"""Known headers that are no chance, even where a needed one is missing: a problem, and not a sheet to leave aside."""
_model = lru_cache(maxsize=4096)(cleaning.model)


def reading(tables: Sequence[Table], file: str, mapping: Mapping | None) -> Reading:
    """Return what all sheets of a file say together. Columns that nothing is known of are not read.

    Sheets without headers that are known are left aside, unless no sheet has any.

    Raises:
        BadInputError: no sheet holds anything.
    """
    if not tables:
        raise BadInputError(_("{file}: no row holds anything").format(file=file))
    layouts = [(table, layout(table, mapping)) for table in tables]
    least = min(_FIELDS_OF_A_LIST, len(mapping.columns)) if mapping else _FIELDS_OF_A_LIST
    lists = [(table, how) for table, how in layouts if _is_list(table, how, least)] or layouts[:1]
    found = Found()
    taken: list[Row] = []
    for table, how in layouts:
        if (table, how) in lists:
            taken += _read_table(table, how, found)
        elif table.sheet != HELP_SHEET:
            found.left_aside.append((Place(table.name, table.rows[0][0]), _("sheet without headers that are known")))
    _rows_without_commune(taken)
    return _closed(found, [how for _table, how in lists])


def _is_list(table: Table, how: Layout, least: int) -> bool:
    fields = len(how.index)
    lacks = fields < _FIELDS_OF_A_LIST_THAT_LACKS and _missing_columns(table, how)
    return fields >= least and not lacks and table.sheet != HELP_SHEET


def _read_table(table: Table, how: Layout, found: Found) -> list[Row]:
    """Add what a table says to `found`. Return the rows that said something."""
    problems = [*how.problems, *_missing_columns(table, how)]
    for problem in problems:
        found.add(problem)
    if problems:
        return []
    headers = next(cells for number, cells in table.rows if number == how.row)
    take = _take_post if how.of_posts else _take_machine if how.index.keys() & {"name", "serial"} else _take_person
    taken: list[Row] = []
    for number, cells in table.rows:
        if number > how.row:
            row = Row(table.name, number, cells, how, headers, found)
            before = found.size
            if _is_example(row):
                row.leave(_("example row of the template"))
            else:
                take(row)
            if found.size > before:
                taken.append(row)
    return taken


def _is_example(row: Row) -> bool:
    return any(cell.endswith((")", " ")) and cell.rstrip().casefold().endswith(_EXAMPLES) for cell in row.cells)


def _rows_without_commune(rows: list[Row]) -> None:
    """Tell rows without a commune in a list that names communes: guessed wrong, one would get another's machine."""
    without = [row for row in rows if not row.raw("entity").strip()]
    if len(without) == len(rows):
        return
    for row in without:
        if "entity" in row.layout.index:
            row.report("entity", _("empty, and filled in in other rows"), _("whose row is it? repeat it in each row"))
    for row in {row.table: row for row in reversed(without) if "entity" not in row.layout.index}.values():
        message = _("no column names the commune, as other sheets do")
        row.found.add(Problem(row.table, row.layout.row, 1, message, _("add the column “Commune”")))


def _closed(found: Found, layouts: Sequence[Layout]) -> Reading:
    if found.more_problems:
        last = found.problems[-1]
        found.problems.append(
            Problem(last.file, last.line, last.column, _("and {count} more problems").format(count=found.more_problems))
        )
    return Reading(
        machines=tuple(found.machines),
        people=tuple(found.people),
        pairings=tuple(found.pairings),
        columns=tuple(dict.fromkeys(column for how in layouts for column in how.columns)),
        left_aside=tuple(found.left_aside),
        problems=tuple(found.problems),
    )


def _missing_columns(table: Table, how: Layout) -> list[Problem]:
    """Return which column a list cannot do without: what names a machine, and what names a person."""
    index = how.index.keys()
    names_person = index & {"person", "last_name", "login", "user"}
    if "first_name" in index and not index & {"last_name", "person"}:
        message, hint = _("the column of last names is missing"), _("“Nom”, beside “Prénom”")
    elif how.of_posts and not names_person:
        message, hint = _("no column says whose the machines are"), _("“Nom” and “Prénom”, or “Identifiant”")
    elif not how.of_posts and not names_person and not index & {"name", "serial"}:
        message = _("no column names machines or people")
        hint = _("“Nom du poste” or “N° de série”; “Nom” and “Prénom”; or say which columns do in a mapping file")
    else:
        return []
    return [Problem(table.name, how.row, 1, message, hint)]


def _take_machine(row: Row) -> None:
    """Take a row that is a machine, and perhaps says who uses it."""
    status = row.text("status")
    if status and values.is_gone(status):
        return row.leave(_("status “{status}”: no longer there").format(status=status))
    one = machine(row)
    if one is None:
        return _nameless(row)
    if one.chassis is Chassis.OTHER:
        return row.leave(_("“{type}” is no telework post").format(type=row.text("chassis")))
    _add_machine(row, one, shared=False)
    who = _take_person(row)
    key = one.serial or one.name
    if who and one.chassis is Chassis.LAPTOP:
        row.found.pairings.append(Pairing(row.place(), who, laptop=key))
    elif who and one.chassis is Chassis.DESKTOP:
        row.found.pairings.append(Pairing(row.place(), who, office_pc=key))
    return None


def _nameless(row: Row) -> None:
    if row.layout.glpi:
        row.leave(_("neither name nor serial number"))
    elif not row.reported:
        name = "serial" if "serial" in row.layout.index else "name"
        row.report(name, _("this machine has neither name nor serial number"), quote=False)


def _take_post(row: Row) -> None:
    """Take a row that is a person with their machines."""
    laptop = machine(row, "laptop_", Chassis.LAPTOP)
    office_pc = machine(row, "office_pc_", Chassis.DESKTOP)
    for one in (laptop, office_pc):
        if one is not None:
            _add_machine(row, one, shared=one is office_pc)
    who = _take_person(row)
    if who and (laptop or office_pc):
        row.found.pairings.append(Pairing(row.place(), who, _key(laptop), _key(office_pc)))
    if not (who or laptop or office_pc or row.reported):
        row.leave(_("neither a person nor a machine"))
    if office_pc is None and row.raw("fate").strip() and not row.reported:
        row.report("fate", _("no fixed post is named beside it"), _("its name or serial number"))


def _key(one: Machine | None) -> str | None:
    return (one.serial or one.name) if one else None


def _add_machine(row: Row, one: Machine, *, shared: bool) -> None:
    """Keep a machine; the same one again is a problem, unless it is an office PC that several people use."""
    key = (values.compared(one.serial),) if one.serial else _name_key(one)
    known = row.found.known_machines.setdefault(key, one)
    if known is one:
        row.found.machines.append(one)
    elif not (shared and known.chassis is one.chassis and (known.name, known.entity) == (one.name, one.entity)):
        row.report_at(
            one.place.column,
            _("the same machine as in row {row}").format(row=known.place.row),
            _("each machine once; serial numbers differ"),
        )


def _name_key(one: Machine) -> tuple[str, ...]:
    return values.compared(one.entity or ""), values.compared(one.name or "")


def _take_person(row: Row) -> str | None:
    """Take the person of a row, once however often they appear. Return what names them in a pairing."""
    name, login = _names(row)
    if name is None and login is None:
        return None
    entity = row.text("entity")
    key = (values.compared(entity or ""), values.compared(login or name or ""))
    if key not in row.found.known_people:
        row.found.known_people.add(key)
        place = row.place(next((one for one in _NAMING if row.raw(one).strip()), None))
        row.found.people.append(Person(place, name, login, entity, row.text("service"), row.text("duty")))
    return login or name


_NAMING = ("person", "last_name", "login", "user")


def _names(row: Row) -> tuple[str | None, str | None]:
    """Return display name and login of a row's person. `Utilisateur` is either: a name has a space."""
    first, last = row.text("first_name"), row.word("last_name", values.person_name)
    name = row.word("person", values.person_name) or " ".join(part for part in (first, last) if part) or None
    if first and not row.raw("last_name").strip() and "last_name" in row.layout.index:
        row.report("last_name", _("the last name is missing"), quote=False)
    login, user = row.word("login", values.login), row.word("user", values.login)
    if user and " " in user:
        return name or user, login
    # GLPI's `Utilisateur` is an account; its `Usager` is what the agent saw last.
    return name, (user or login) if row.layout.glpi else (login or user)


def machine(row: Row, prefix: str = "", kind: Chassis | None = None) -> Machine | None:
    """Return the machine of a row, whose fields start with `prefix`; None when neither name nor serial is said."""
    glpi = row.layout.glpi
    name = row.word(f"{prefix}name", values.machine_name)
    serial = row.word(f"{prefix}serial", values.serial)
    if name is None and serial is None:
        return None
    of_office = prefix == "office_pc_" or not prefix
    fate = row.word("fate", values.fate) if of_office else None
    return Machine(
        place=row.place(f"{prefix}name" if name else f"{prefix}serial"),
        entity=row.text("entity"),
        name=name,
        serial=serial,
        model=_model(row.text(f"{prefix}maker"), row.text(f"{prefix}model")),
        system=_system(row.text(f"{prefix}system"), row.text(f"{prefix}system_version")),
        chassis=kind or row.word("chassis", lambda text: values.chassis(text, glpi=glpi)) or Chassis.UNKNOWN,
        macs=row.get(f"{prefix}macs", lambda cell: values.macs(cell, glpi=glpi)) or (),
        address=row.get(f"{prefix}address", lambda cell: values.address(cell, glpi=glpi)),
        encrypted=row.get(f"{prefix}encrypted", lambda cell: values.encrypted(cell, glpi=glpi)),
        **_end(row, fate),
    )


def _system(system: str | None, version: str | None) -> str | None:
    if system and version and values.compared(version) not in values.compared(system):
        return f"{system} {version}"[: values.LONGEST].strip()
    return system


def _end(row: Row, fate: tuple[Fate, str | None] | None) -> dict[str, Any]:
    """Return what becomes of a fixed post; a retired one says when and how."""
    if fate is None:
        return {}
    when, how = row.word("fate_date", values.day), row.text("disposal") or fate[1]
    if fate[0] is not Fate.RETIRED:
        return {"fate": fate[0], "fate_date": when, "disposal": None}
    if when is None and not row.raw("fate_date").strip():
        row.report("fate", _("a retired post needs a date"), _("column “Date de retrait”: 31/01/2026"))
    if how is None:
        row.report("fate", _("a retired post needs what is done with it"), _("column “Destination”: recycled, given …"))
    return {"fate": Fate.RETIRED, "fate_date": when, "disposal": how}
