"""The XML that FusionInventory's and OCS Inventory's agents write (`<REQUEST><CONTENT>…`), one machine a file.

Only expat is trusted, and only with the plain part of XML: a document type, and with it every entity and everything
outside the file, is refused before it is looked at.
"""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

from toolkit.errors import ProblemsError
from toolkit.i18n import _
from toolkit.imports import agents
from toolkit.imports.mapping import Mapping
from toolkit.imports.model import Reading
from toolkit.imports.readers import Reader

_DEPTH = 32  # agents nest five deep
_MARKS = (b"<?xml", b"<request", b"<!doctype")
_ENDINGS = frozenset({".ocs", ".xml"})


def recognises(head: bytes, path: Path) -> bool:
    """Return whether a file is XML by its first bytes, whatever its encoding, or says so by its name."""
    start = head.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    return start.startswith(_MARKS) or (path.suffix.lower() in _ENDINGS and start.startswith(b"<"))


def read(data: bytes, file: str, _mapping: Mapping | None = None) -> Reading:
    """Return the one machine of an agent's XML.

    Raises:
        ProblemsError: not well-formed, a document type or entities, too large or too deep, not an agent's inventory.
    """
    agents.check_size(data, file)
    return agents.reading(_Handler(file).found(data), file)


class _Handler:
    """Follow the elements of one file and keep what is read; nothing is built of the rest."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found = agents.Found()
        self._path: list[str] = []
        self._entry: agents.Section = {}
        self._text: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def found(self, data: bytes) -> agents.Found:
        """Return what the file says."""
        try:
            self._parser.Parse(data, True)
        except (expat.ExpatError, LookupError, ValueError) as error:  # the last two: an encoding nobody knows
            raise self._wrong(_("not well-formed XML ({error})").format(error=error)) from error
        return self._found

    def _wrong(self, message: str) -> ProblemsError:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        return agents.refused(self._file, message, line, column)

    def _doctype(self, *_declared: object) -> None:
        raise self._wrong(_("a document type or entities, which no agent writes: not read"))

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._path.append(name.upper())
        self._text.clear()
        if len(self._path) == 1 and self._path != ["REQUEST"]:
            message = _("starts with <{name}>: not an inventory of FusionInventory or OCS (<REQUEST>)")
            raise self._wrong(message.format(name=name[:40]))
        if len(self._path) > _DEPTH:
            raise self._wrong(_("elements nested more than {depth} deep: not read").format(depth=_DEPTH))
        if len(self._path) == 3:
            self._entry = {}

    def _characters(self, text: str) -> None:
        room = agents.FIELD_CHARACTERS - sum(map(len, self._text))
        if room > 0:
            self._text.append(text[:room])

    def _end(self, _name: str) -> None:
        text = "".join(self._text).strip()
        match self._path:
            case ["REQUEST", "QUERY"]:
                self._found.not_a_computer = text.upper() not in ("", "INVENTORY")
            case ["REQUEST", "CONTENT", section, name]:
                self._field(section, name, text)
            case ["REQUEST", "CONTENT", section]:
                self._section(section, text)
        self._path.pop()
        self._text.clear()

    def _field(self, section: str, name: str, text: str) -> None:
        if text and name in agents.PERSONAL.get(section, ()):
            self._found.personal.add(f"{section}/{name}")
        if name in agents.READ.get(section, ()):
            self._entry.setdefault(name, text)

    def _section(self, section: str, text: str) -> None:
        if section == "TAG":
            self._found.tag = text
        elif section in agents.READ:
            self._found.keep(section, self._entry)
        elif agents.PERSONAL.get(section) == frozenset():
            self._found.personal.add(section)


READER = Reader("agent_xml", recognises, read)
