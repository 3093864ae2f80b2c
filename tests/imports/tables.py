"""Lists as GLPI and spreadsheet programs write them, made from the facts of each format."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import openpyxl
import pytest

from toolkit.i18n import set_language
from toolkit.imports.model import Reading
from toolkit.imports.reading import read

GLPI_FRENCH = {
    "name": "Nom",
    "entity": "Entité",
    "status": "Statut",
    "maker": "Fabricant",
    "serial": "Numéro de série",
    "chassis": "Type",
    "model": "Modèle",
    "system": "Système d'exploitation - Nom",
    "version": "Système d'exploitation - Version",
    "place": "Lieu",
    "changed": "Dernière modification",
    "address": "Réseau - IP",
    "macs": "Réseau - Adresse MAC",
    "user": "Utilisateur",
    "contact": "Usager",
    "contact_number": "Numéro de l'usager",
    "encrypted": "Volumes - Statut du chiffrement",
    "screen": "Moniteurs - Numéro de série",
}
GLPI_ENGLISH = {
    "name": "Name",
    "entity": "Entity",
    "status": "Status",
    "maker": "Manufacturer",
    "serial": "Serial number",
    "chassis": "Type",
    "model": "Model",
    "system": "Operating System - Name",
    "version": "Operating System - Version",
    "place": "Location",
    "changed": "Last update",
    "address": "Networking - IP",
    "macs": "Networking - MAC address",
    "user": "User",
    "contact": "Alternate username",
    "contact_number": "Alternate username number",
    "encrypted": "Volumes - Encryption status",
    "screen": "Monitors - Serial number",
}
GLPI_ROW = {
    "name": "NOG-P-014",
    "entity": "Racine > CIG > Nogent-l'Abbé",
    "status": "En service",
    "maker": "HP",
    "serial": "5CG1234ABC",
    "chassis": "Portable",
    "model": "HP EliteBook 840 G8",
    "system": "Debian GNU/Linux",
    "version": "12 (bookworm)",
    "place": "Mairie > 1er étage",
    "changed": "2026-03-01 10:22",
    "address": "fe80::1\n192.168.1.14",
    "macs": "3C:52:82:00:11:22\n02:42:ac:11:00:02",
    "user": "zait",
    "contact": "zait@MAIRIE",
    "contact_number": "0123456789",
    "encrypted": "Oui\nOui",
    "screen": "SCREEN-9",
}


def glpi_csv(
    rows: Sequence[Mapping[str, str]] = (GLPI_ROW,),
    headers: Mapping[str, str] = GLPI_FRENCH,
    *,
    delimiter: str = ";",
    bom: bool = True,
    empty_first_line: bool = False,
    line_break: str = "\n",
    columns: Sequence[str] | None = None,
) -> bytes:
    """Return the computer list as GLPI writes it: every field quoted, CRLF."""
    columns = columns or list(headers)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([headers[column] for column in columns])
    writer.writerows([[row.get(column, "").replace("\n", line_break) for column in columns] for row in rows])
    content = ("\r\n" if empty_first_line else "") + text.getvalue()
    return content.encode("utf-8-sig" if bom else "utf-8")


def xlsx(*sheets: Sequence[Sequence[object]]) -> bytes:
    """Return a workbook of sheets `Feuille1`, `Feuille2` … with these rows."""
    book = openpyxl.Workbook()
    assert book.active is not None
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Feuille{number}")
        for row in rows:
            sheet.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def ods_with(body: str, prolog: str = "") -> bytes:
    """Return an OpenDocument spreadsheet whose `office:spreadsheet` holds `body`."""
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ODS_SPACES)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?>{prolog}<office:document-content {spaces}><office:body><office:spreadsheet>'
            f"{body}</office:spreadsheet></office:body></office:document-content>",
        )
    return content.getvalue()


ODS_SPACES = ("office", "table", "text")


def ods(*sheets: Sequence[Sequence[str]]) -> bytes:
    """Return an OpenDocument spreadsheet of sheets `Feuille1`, `Feuille2` … with these texts."""
    body = ""
    for number, rows in enumerate(sheets, 1):
        lines = "".join(f"<table:table-row>{''.join(map(ods_cell, row))}</table:table-row>" for row in rows)
        body += f"<table:table table:name={quoteattr(f'Feuille{number}')}>{lines}</table:table>"
    return ods_with(body)


def ods_cell(text: str) -> str:
    paragraphs = "".join(f"<text:p>{escape(line)}</text:p>" for line in text.split("\n"))
    return f'<table:table-cell office:value-type="string">{paragraphs}</table:table-cell>'


def csv_of(rows: Sequence[Sequence[str]], delimiter: str = ";") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def reading_of(folder: Path, content: bytes | str, name: str = "liste.csv") -> Reading:
    """Return what is read of a file with this content; its places have the file's bare name."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path)


def told(reading: Reading) -> list[str]:
    """Return the problems of a reading without the folder of its file."""
    return [str(problem).removeprefix(f"{Path(problem.file).parent}/") for problem in reading.problems]


@pytest.fixture
def english() -> Iterator[None]:
    """Messages in the language they are written in."""
    set_language("en")
    yield
    set_language(None)
