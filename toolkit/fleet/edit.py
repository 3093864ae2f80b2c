"""Change a fleet file where it changes and nowhere else: comments, order, quotes and spaces of the rest stay.

Pieces of text are put in at the places libyaml found (docs/decisions/0012-import.md); the result is read again and must
say exactly what was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from toolkit.errors import BadInputError
from toolkit.fleet.document import Document, parse
from toolkit.fleet.edit_steps import Append, Edit, Put, Remove, Value, applied, removed
from toolkit.fleet.model import Fleet
from toolkit.i18n import _

__all__ = ["Append", "Edit", "Put", "Remove", "Value", "edit", "on_one_line"]

# A text that needs no quotes anywhere: begins with a letter, no sign with a meaning in YAML, no word of YAML 1.1.
_PLAIN = re.compile(r"[^\W\d_](?:[\w .’'()/@+-]*[\w.)])?|[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_COMMENT = re.compile(r"[ \t]*#")

# Sections whose items are written over several lines when there is no item yet to look like.
_LONG = frozenset({"laptops", "office_pcs", "waivers"})


@dataclass(frozen=True, slots=True, order=True)
class _Splice:
    start: int
    rank: int  # at one place: first what ends a value, then keys, then items
    number: int
    end: int
    text: str


def edit(raw: bytes, edits: Sequence[Edit], file: str) -> bytes:
    """Return the file with all `edits` made; paths are those of the file as it is given.

    Raises:
        ProblemsError: the file is not YAML.
        BadInputError: it is written in a way that cannot be changed in place.
    """
    document = parse(raw, file)
    document.raise_problems()
    text = raw.decode("utf-8-sig")
    editor = _Editor(document, text)
    for step in edits:
        editor.take(step)
    for section, gone in removed(edits).items():
        editor.remove(section, gone)
    changed = editor.result()
    after = changed.encode()
    written = parse(after, file)
    if written.problems or written.data != applied(document.data, edits):
        raise BadInputError(
            _("{file}: written in a way that cannot be changed in place: one key or item a line, please").format(
                file=file
            )
        )
    return (b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b"") + after


class _Editor:
    """Collects the pieces to put into one text."""

    def __init__(self, document: Document, text: str) -> None:
        self._document, self._text = document, text
        self._splices: list[_Splice] = []
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._made: dict[str, list[Mapping[str, Value]]] = {}
        root = document.node(())
        if not isinstance(root, MappingNode) or root.flow_style:
            raise BadInputError(_("{file}: the file is in braces: write one section a line").format(file=document.file))
        self._root = root

    def take(self, step: Edit) -> None:
        if isinstance(step, Put):
            self._put(step)
        elif isinstance(step, Append):
            self._made.setdefault(step.section, []).append(step.item)

    def result(self) -> str:
        for section, items in self._made.items():
            self._append(section, items)
        pieces, position = [], 0
        for splice in sorted(self._splices):
            pieces += [self._text[position : splice.start], splice.text]
            position = max(position, splice.end)
        return "".join([*pieces, self._text[position:]])

    def _splice(self, start: int, end: int, text: str, rank: int = 0) -> None:
        self._splices.append(_Splice(start, rank, len(self._splices), end, text.replace("\n", self._newline)))

    # Keys

    def _put(self, step: Put) -> None:
        mapping = self._document.node(step.path)
        if not isinstance(mapping, MappingNode):
            raise BadInputError(_("{file}: a mapping is expected").format(file=self._document.file))
        found = next((index for index, (key, _value) in enumerate(mapping.value) if key.value == step.key), None)
        if step.value is None:
            if found is not None:
                self._take_away(mapping, found)
        elif found is None:
            self._add_key(mapping, f"{step.key}: {on_one_line(step.value)}")
        else:
            value = mapping.value[found][1]
            start = value.start_mark.index
            written = self._text[start : self._end(value)].rstrip()  # a block scalar ends with its empty lines
            self._splice(start, start + len(written), ("" if written else " ") + on_one_line(step.value))

    def _add_key(self, mapping: MappingNode, pair: str) -> None:
        if mapping.flow_style:
            place = self._end(mapping.value[-1][1]) if mapping.value else mapping.start_mark.index + 1
            self._splice(place, place, f", {pair}" if mapping.value else pair, 1)
            return
        indent = " " * mapping.start_mark.column
        self._line_after(self._end(mapping), f"{indent}{pair}\n", 1)

    def _take_away(self, mapping: MappingNode, index: int) -> None:
        pairs: list[tuple[Node, Node]] = mapping.value
        key, value = pairs[index]
        start, end = key.start_mark.index, self._end(value)
        if index + 1 < len(pairs) and (mapping.flow_style or index == 0):
            self._splice(start, pairs[index + 1][0].start_mark.index, "")
        elif mapping.flow_style:
            self._splice(self._end(pairs[index - 1][1]) if index else start, end, "")
        else:
            self._splice(self._text.rfind("\n", 0, start) + 1, self._next_line(end), "")

    # Items

    def remove(self, section: str, gone: set[int]) -> None:
        """Take items out of a list; of a list on one line, with their commas."""
        node = self._document.node((section,))
        if not isinstance(node, SequenceNode) or len(gone) == len(node.value):
            self._put(Put((), section, None))
            return
        for index in sorted(gone):
            item = node.value[index]
            start, end = item.start_mark.index, self._end(item)
            if not node.flow_style:
                line = self._text.rfind("\n", 0, start) + 1
                self._splice(line, self._below(end, node.start_mark.column), "")
            elif index + 1 < len(node.value):
                self._splice(start, node.value[index + 1].start_mark.index, "")
            else:
                self._splice(self._end(node.value[index - 1]), end, "")

    def _append(self, section: str, items: Sequence[Mapping[str, Value]]) -> None:
        node = self._document.node((section,))
        if node is None:
            self._new_section(section, items)
        elif isinstance(node, SequenceNode) and node.value and node.flow_style:
            place = self._end(node.value[-1])
            self._splice(place, place, "".join(f", {on_one_line(item)}" for item in items), 2)
        elif isinstance(node, SequenceNode) and node.value:
            self._extend(section, node, items)
        elif isinstance(node, SequenceNode | ScalarNode):
            start = node.start_mark.index
            while start and self._text[start - 1] == " ":
                start -= 1
            self._splice(start, node.end_mark.index, "")
            self._line_after(node.end_mark.index, self._items(section, items, 2), 2)

    def _extend(self, section: str, node: SequenceNode, items: Sequence[Mapping[str, Value]]) -> None:
        last = node.value[-1]
        place = self._below(self._end(node), node.start_mark.column)
        long = isinstance(last, MappingNode) and not last.flow_style
        width = last.start_mark.column - node.start_mark.column
        text = self._items(section, items, node.start_mark.column, long=long, width=width)
        self._line_after(place, text, 2)

    def _new_section(self, section: str, items: Sequence[Mapping[str, Value]]) -> None:
        order = [*Fleet.model_fields]
        before = [
            value
            for key, value in self._root.value
            if key.value in order and order.index(key.value) < order.index(section)
        ]
        last = max(before, key=lambda node: node.start_mark.index, default=self._root)
        margin = " " * self._root.start_mark.column
        text = f"\n{margin}{section}:\n" + self._items(section, items, len(margin) + 2)
        self._line_after(self._below(self._end(last), self._root.start_mark.column), text, 3 + order.index(section))

    def _items(
        self,
        section: str,
        items: Sequence[Mapping[str, Value]],
        column: int,
        *,
        long: bool | None = None,
        width: int = 2,
    ) -> str:
        margin, dash = " " * column, "-" + " " * max(1, width - 1)
        if not (section in _LONG if long is None else long):
            return "".join(f"{margin}{dash}{on_one_line(item)}\n" for item in items)
        inner = margin + " " * len(dash)
        lines = []
        for item in items:
            pairs = [f"{key}: {on_one_line(value)}\n" for key, value in item.items()]
            lines += [f"{margin}{dash}{pairs[0]}", *(inner + pair for pair in pairs[1:])]
        return "".join(lines)

    # Places

    def _end(self, node: Node) -> int:
        """Return where what is written of a node ends; libyaml ends a block where the next token begins."""
        if isinstance(node, CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(last, tuple) else last)
        end: int = node.end_mark.index
        return end

    def _next_line(self, place: int) -> int:
        if place and self._text[place - 1] == "\n":
            return place
        found = self._text.find("\n", place)
        return len(self._text) if found < 0 else found + 1

    def _below(self, place: int, column: int) -> int:
        """Return the start of the line after `place` and the comments that belong to it: those deeper than `column`."""
        place = self._next_line(place)
        while (line := self._line(place)) and _COMMENT.match(line) and _indent(line) > column:
            place += len(line)
        return place

    def _line(self, place: int) -> str:
        found = self._text.find("\n", place)
        return self._text[place : len(self._text) if found < 0 else found + 1]

    def _line_after(self, place: int, text: str, rank: int) -> None:
        start = self._next_line(place)
        if start == len(self._text) and not self._text.endswith("\n"):
            text = "\n" + text.removesuffix("\n")
        self._splice(start, start, text, rank)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def on_one_line(value: Value) -> str:
    """Return a value as YAML on one line, quoted only where the fleet reader could take it for something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {on_one_line(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.casefold() not in _WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, Sequence):
        return "[" + ", ".join(on_one_line(item) for item in value) + "]"
    return str(value)
