"""Read a YAML file that people write: data and, for every value, where it stands. Surprises of YAML are refused.

Refused, each with its place: syntax errors, duplicate keys, tags, aliases, merge keys, keys that are not text, plain
values that YAML 1.1 reads as something else than what is written (NO, on, 012, 1e3, 22:22, dates), control characters
and template syntax in any text, nesting deeper than a fleet file can need.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml._yaml import CParser
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from toolkit.errors import BadInputError, Problem, ProblemsError
from toolkit.fleet import yaml_words
from toolkit.fleet.text import forbidden
from toolkit.i18n import _

Path_ = tuple[str | int, ...]

MAX_BYTES = 16 * 1024 * 1024  # 1,000 posts take about half a megabyte
MAX_DEPTH = 16
MAX_KEY = 200  # YAML itself gives up at 1,024

# Below these keys of the whole file a text may have several lines (a banner, say); elsewhere it would be a trap.
_SEVERAL_LINES = frozenset({"settings"})

# Compared by identity, so that a tag somebody writes can never be taken for one of these.
_PLAIN, _QUOTED, _COLLECTION = "plain scalar", "quoted scalar", "collection"

_SUSPECTS = frozenset("-+.0123456789~nNtTfFyYoO=<")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?\Z")
_CONSTANTS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "True": True,
    "false": False,
    "False": False,
}
_RETYPED = re.compile(
    r"(?:yes|no|on|off|y|n|null|true|false|=)\Z"  # words of YAML 1.1
    r"|[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?\Z|[-+]?\.[0-9_]+(?:e[-+]?[0-9]+)?\Z"
    r"|[-+]?0[xob][0-9a-f_]+\Z|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z|[-+]?\.(?:inf|nan)\Z"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t \t].*)?\Z",  # dates
    re.IGNORECASE,
)


class _Composer(CParser):
    """libyaml's parser with no resolver: plain or quoted is all we need to know, and it is faster."""

    def resolve(self, kind: type[Node], _value: str, implicit: tuple[bool, bool]) -> str:
        if kind is ScalarNode:
            return _PLAIN if implicit[0] else _QUOTED
        return _COLLECTION

    def descend_resolver(self, _parent: Node, _index: object) -> None:
        """Nothing to track without a resolver."""

    def ascend_resolver(self) -> None:
        """Nothing to track without a resolver."""


@dataclass(slots=True)
class Document:
    """One file read: its data (dict, list, str, int, float, bool, None) and the means to point into it."""

    file: str
    data: Any = None
    problems: list[Problem] = field(default_factory=list)
    _root: Node | None = None

    def report(self, path: Path_, message: str, hint: str = "", *, key: bool = False) -> None:
        """Add a problem at the value that `path` leads to (at its key with `key`), or as near as the file goes."""
        self.problems.append(self.problem(path, message, hint, key=key))

    def problem(self, path: Path_, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """Return a problem at the value (or key) that `path` leads to."""
        line, column = self._place(path, key)
        return Problem(self.file, line, column, message, hint)

    def written(self, path: Path_) -> str | None:
        """Return the characters of the scalar that `path` leads to, as written; None when it is no scalar."""
        node = self.node(path)
        return node.value if isinstance(node, ScalarNode) else None

    def node(self, path: Path_) -> Node | None:
        """Return the node of YAML that `path` leads to, with its marks; None when there is none."""
        node = self._root
        for step in path:
            node = _child(node, step)[1]
        return node

    def raise_problems(self) -> None:
        """Raise ProblemsError when there is any problem."""
        if self.problems:
            raise ProblemsError(self.problems)

    def _place(self, path: Path_, key: bool) -> tuple[int, int]:
        node, mark_of = self._root, self._root
        for index, step in enumerate(path):
            key_node, value = _child(node, step)
            if value is None:
                break
            node = value
            mark_of = key_node if key and index == len(path) - 1 and key_node is not None else value
        return (mark_of.start_mark.line + 1, mark_of.start_mark.column + 1) if mark_of else (1, 1)

    def _note(self, node: Node, message: str, hint: str = "") -> None:
        mark = node.start_mark
        self.problems.append(Problem(self.file, mark.line + 1, mark.column + 1, message, hint))


def _child(node: Node | None, step: str | int) -> tuple[Node | None, Node | None]:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == step:
                return key, value
    elif isinstance(node, SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return None, node.value[step]
    return None, None


def shown(path: Path) -> str:
    """Return how a message names a file: relative to the current folder when it is below it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def read(path: Path) -> Document:
    """Read one YAML file.

    Returns a document whose `problems` may be non-empty; its data is then incomplete.

    Raises:
        BadInputError: the file cannot be read or is too large.
        ProblemsError: it is not UTF-8 or not YAML at all.
    """
    name = shown(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInputError(_("{file}: cannot be read: {reason}").format(file=name, reason=error.strerror)) from error
    if len(raw) > MAX_BYTES:
        raise BadInputError(_("{file}: larger than {limit} MiB").format(file=name, limit=MAX_BYTES >> 20))
    return parse(raw, name)


def parse(raw: bytes, file: str) -> Document:
    """Read YAML from bytes; `file` is the name problems are reported under. Raises as `read` does."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise ProblemsError([Problem(file, line, column, _("not UTF-8 text"), _("save the file as UTF-8"))]) from error
    document = Document(file)
    document._root = _compose(text, file)
    if document._root is not None:
        document.data = _Builder(document, aliases="*" in text).build(document._root)
    return document


def _compose(text: str, file: str) -> Node | None:
    parser = _Composer(text)
    try:
        node: Node | None = parser.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ProblemsError([Problem(file, line, column, yaml_words.explain(error))]) from error
    except (yaml.YAMLError, ValueError) as error:
        line, column = _first_unreadable(text)
        raise ProblemsError([Problem(file, line, column, _("a character that YAML does not allow"))]) from error
    finally:
        parser.dispose()
    return node


def _first_unreadable(text: str) -> tuple[int, int]:
    found = re.search("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    position = found.start() if found else 0
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


class _Builder:
    """Turns nodes into data in one pass, noting every surprise."""

    def __init__(self, document: Document, *, aliases: bool) -> None:
        self._note = document._note
        self._aliases = aliases  # whether the text holds the one sign that makes an alias
        self._seen: set[int] = set()
        self._lines = False

    def build(self, node: Node, depth: int = 0) -> Any:
        if self._aliases:
            if id(node) in self._seen:
                self._note(node, _("aliases (*name) are not allowed: write the value again"))
                return None
            self._seen.add(id(node))
        if node.tag is _PLAIN:
            return self._plain(node)
        if node.tag is _QUOTED:
            return self._text(node, node.value)
        if node.tag is not _COLLECTION:
            self._note(node, _("tags are not allowed: {tag}").format(tag=_printable(node.tag)))
            return None
        if depth >= MAX_DEPTH:
            self._note(node, _("nested too deeply"))
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, depth + 1)
        return [self.build(item, depth + 1) for item in node.value]

    def _mapping(self, node: MappingNode, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            self._lines = self._lines and depth > 1
            key = self.build(key_node, depth)
            if not isinstance(key, str):
                self._refuse_key(key_node, key)
                continue
            if len(key) > MAX_KEY:
                self._note(key_node, _("the key is longer than {limit} characters").format(limit=MAX_KEY))
                continue
            if key == "<<" and key_node.tag is _PLAIN:
                self._note(key_node, _("merge keys (<<) are not allowed: write the values again"))
                continue
            if key in result:
                self._note(key_node, _("the key “{key}” is given twice").format(key=key))
                continue
            if depth == 1:
                self._lines = key in _SEVERAL_LINES
            result[key] = self.build(value_node, depth)
        return result

    def _refuse_key(self, node: Node, key: Any) -> None:
        """Note a key that is no text, unless reading it already was a problem."""
        scalar = isinstance(node, ScalarNode)
        if scalar and key is not None:
            self._note(node, _("keys must be text"), _("quote it: {value}").format(value=f'"{node.value}"'))
        elif not (scalar and node.tag is _PLAIN and _RETYPED.match(node.value)):
            self._note(node, _("keys must be text"))

    def _plain(self, node: Node) -> Any:
        value: str = node.value
        if not value:
            return None
        if value[0] in _SUSPECTS:
            if value in _CONSTANTS:
                return _CONSTANTS[value]
            number = _NUMBER.match(value)
            if number and not number[1]:
                return int(value)
            if number and "e" not in repr(float(value)):  # else no YAML writer would write it as it was read
                return float(value)
            if _RETYPED.match(value):
                self._note(
                    node,
                    _("YAML may read {value} as a number, a date or yes/no").format(value=value),
                    _("quote it if it is text: {quoted}; else write a plain decimal number, true or false").format(
                        quoted=f'"{value}"'
                    ),
                )
                return None
        return self._text(node, value)

    def _text(self, node: Node, value: str) -> str:
        if not value.isalnum():
            found = forbidden(value, lines=self._lines)
            if found is not None:
                self._note(node, _("not allowed in any text: {found}").format(found=found))
                return ""
        return value


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def suggestion(wrong: str, known: Sequence[str]) -> str:
    """Return “did you mean …?” for the nearest known word, or nothing."""
    from difflib import get_close_matches  # only needed when something is wrong

    near = get_close_matches(wrong, known, n=1, cutoff=0.6)
    return _("did you mean “{word}”?").format(word=near[0]) if near else ""
