"""The template as `.ods`: OpenDocument 1.3, the few parts a spreadsheet needs."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from toolkit.imports.template import TemplateColumn

_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_SPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}"'
    for short, name in (
        *(("office", "office:1.0"), ("table", "table:1.0"), ("text", "text:1.0"), ("style", "style:1.0")),
        *(("fo", "xsl-fo-compatible:1.0"), ("number", "datastyle:1.0"), ("of", "of:1.2")),
    )
)
_STYLES = """<office:automatic-styles>
<number:text-style style:name="N0"><number:text-content/></number:text-style>
<number:date-style style:name="N1"><number:day number:style="long"/><number:text>/</number:text>\
<number:month number:style="long"/><number:text>/</number:text><number:year number:style="long"/></number:date-style>
<style:style style:name="co" style:family="table-column"><style:table-column-properties style:column-width="4.5cm"/>\
</style:style>
<style:style style:name="wide" style:family="table-column"><style:table-column-properties style:column-width="20cm"/>\
</style:style>
<style:style style:name="head" style:family="table-cell"><style:text-properties fo:font-weight="bold"/></style:style>
<style:style style:name="text" style:family="table-cell" style:data-style-name="N0"/>
<style:style style:name="date" style:family="table-cell" style:data-style-name="N1"/>
</office:automatic-styles>"""
_MANIFEST = (
    '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest manifest:version="1.3" '
    'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    f'<manifest:file-entry manifest:full-path="/" manifest:version="1.3" manifest:media-type="{_TYPE}"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)


def as_ods(columns: tuple[TemplateColumn, ...], help_lines: list[tuple[str, str]]) -> bytes:
    """Return the document: cells are text, so that zeros in front stay, with choices where there are any."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        # First and not packed: it is how the format is known (OpenDocument 1.3, part 2, 3.3).
        archive.writestr("mimetype", _TYPE, zipfile.ZIP_STORED)
        archive.writestr("META-INF/manifest.xml", _MANIFEST)
        archive.writestr("content.xml", _content(columns, help_lines))
    return content.getvalue()


def _content(columns: tuple[TemplateColumn, ...], help_lines: list[tuple[str, str]]) -> str:
    from toolkit.imports.template import HELP_SHEET, SHEET

    return (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_SPACES} office:version="1.3">{_STYLES}'
        f"<office:body><office:spreadsheet>{_choices(columns)}{_list(columns, SHEET)}{_help(help_lines, HELP_SHEET)}"
        "</office:spreadsheet></office:body></office:document-content>"
    )


def _choices(columns: tuple[TemplateColumn, ...]) -> str:
    rules = ""
    for number, column in enumerate(columns):
        if column.choices:
            words = ";".join(f'"{word}"' for word in column.choices)
            condition = quoteattr(f"of:cell-content-is-in-list({words})")
            rules += (
                f'<table:content-validation table:name="choice{number}" table:condition={condition} '
                'table:allow-empty-cell="true" table:display-list="unsorted"/>'
            )
    return f"<table:content-validations>{rules}</table:content-validations>"


def _list(columns: tuple[TemplateColumn, ...], name: str) -> str:
    from toolkit.imports.template import ROWS

    heads = "".join(_cell(column.header, 'table:style-name="head"') for column in columns)
    example = "".join(_cell(column.example, _style(number, column)) for number, column in enumerate(columns))
    blank = "".join(_cell("", _style(number, column)) for number, column in enumerate(columns))
    return (
        f"<table:table table:name={quoteattr(name)}>"
        f'<table:table-column table:style-name="co" table:number-columns-repeated="{len(columns)}"/>'
        f"<table:table-row>{heads}</table:table-row><table:table-row>{example}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="{ROWS}">{blank}</table:table-row></table:table>'
    )


def _style(number: int, column: TemplateColumn) -> str:
    choice = f' table:content-validation-name="choice{number}"' if column.choices else ""
    return f'table:style-name="{"date" if column.is_date else "text"}"{choice}'


def _help(lines: list[tuple[str, str]], name: str) -> str:
    rows = "".join(f"<table:table-row>{_cell(left)}{_cell(right)}</table:table-row>" for left, right in lines)
    widths = '<table:table-column table:style-name="co"/><table:table-column table:style-name="wide"/>'
    return f"<table:table table:name={quoteattr(name)}>{widths}{rows}</table:table>"


def _cell(text: str, attributes: str = "") -> str:
    if not text:
        return f"<table:table-cell {attributes}/>"
    return (
        f'<table:table-cell office:value-type="string" {attributes}><text:p>{escape(text)}</text:p></table:table-cell>'
    )
