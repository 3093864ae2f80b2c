"""Numbers and names of accounts and groups: each must mean one thing only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from toolkit.probes import Probe
from toolkit.probes._text import whole

# The second field of both files may be a password: it is not printed, only whether it is the usual “x” (or locked).
COMMAND = """
awk -F: '{
  place = FILENAME == "/etc/passwd" ? "account" : "group"
  print place, $1, $3, (place == "account" ? $4 : "-"), ($2 == "x" || $2 ~ /^[!*]/ ? "elsewhere" : "here")
}' /etc/passwd /etc/group && echo end
"""

# account root 0 0 elsewhere
# account camille.roux 1001 1001 elsewhere
# group root 0 - elsewhere
# end


def parse(text: str) -> dict[str, object]:
    """Return what is wrong: numbers and names met twice, accounts whose group is not there or is root's, passwords."""
    rows: dict[str, list[list[str]]] = {"account": [], "group": []}
    for line in whole(text):
        place, name, number, group, password = line.split(" ")
        if place not in rows or password not in ("elsewhere", "here"):
            raise ValueError(f"neither account nor group: {line!r}")
        rows[place].append([name, number, group, password])
    if not rows["account"] or not rows["group"]:
        raise ValueError("no account or no group")
    groups = {number for _name, number, _group, _place in rows["group"]}
    accounts = rows["account"]
    return {
        "shared_numbers": _twice(number for _name, number, _group, _place in accounts),
        "shared_names": _twice(name for name, _number, _group, _place in accounts),
        "shared_group_numbers": _twice(number for _name, number, _group, _place in rows["group"]),
        "shared_group_names": _twice(name for name, _number, _group, _place in rows["group"]),
        "without_group": [name for name, _number, group, _place in accounts if group not in groups],
        "in_root_group": [name for name, number, group, _place in accounts if group == "0" and number != "0"],
        "password_here": [row[0] for row in accounts + rows["group"] if row[3] == "here"],
    }


def _twice(values: Iterable[str]) -> list[str]:
    return sorted(value for value, count in Counter(values).items() if count > 1)


PROBE = Probe(name="groups", command=COMMAND, parse=parse)
