"""What libyaml says of a broken file, in the user's words."""

from __future__ import annotations

import yaml

from toolkit.i18n import _


def explain(error: yaml.MarkedYAMLError) -> str:
    """Return one line for a scanner, parser or composer error; a general one for what is not in the table."""
    said = f"{error.context or ''} {error.problem or ''}"
    for fragment, words in _table().items():
        if fragment in said:
            return words
    return _("not valid YAML: check indentation, colons, quotes and brackets here")


def _table() -> dict[str, str]:
    """Return our words by a fragment of libyaml's (its `src/scanner.c`, `src/parser.c`), most telling first."""
    return {
        "nesting depth": _("nested too deeply"),
        "another document": _("a second document (---): one file holds one"),
        "undefined alias": _("aliases (*name) are not allowed: write the value again"),
        "undefined tag handle": _("tags (!…) are not allowed: quote the text if it begins with !"),
        "quoted scalar": _("not valid YAML: a quoted text is not closed, or holds an unknown \\ sequence"),
        "tab character": _("not valid YAML: a tab: indent with spaces"),
        "cannot start any token": _("not valid YAML: a tab, or a text that must be quoted (it begins with @, ` or %)"),
        "mapping values are not allowed": _("not valid YAML: a colon where none may be: quote the text, or indent"),
        "expected ':'": _("not valid YAML: a colon and a space are missing after a key"),
        "flow sequence": _("not valid YAML: a comma or a closing ] is missing"),
        "flow mapping": _("not valid YAML: a comma or a closing } is missing"),
        "block mapping": _("not valid YAML: this line does not line up with the keys above it"),
        "block collection": _("not valid YAML: this line does not line up with the list above it"),
        "block sequence": _("not valid YAML: a list item (- …) where none may be: check the indentation"),
    }
