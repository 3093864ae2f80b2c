"""`python -m tests.bench [name…]`: run the modules of this folder and print one table; exit 1 when a goal is missed."""

from __future__ import annotations

import importlib
import pkgutil
import sys

from tests.bench import Row


def _names(wanted: list[str]) -> list[str]:
    package = importlib.import_module("tests.bench")
    known = [item.name for item in pkgutil.iter_modules(package.__path__) if not item.name.startswith("_")]
    unknown = set(wanted) - set(known)
    if unknown:
        sys.exit(f"no such bench: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return wanted or known


def main(wanted: list[str]) -> int:
    """Run the named benches (all when none is named) and return the exit code."""
    rows: list[Row] = []
    for name in _names(wanted):
        rows += importlib.import_module(f"tests.bench.{name}").run()
    width = max((len(row.name) for row in rows), default=0)
    print(f"{'':{width}}  {'ours':>12}  {'peer':>12}  {'ratio':>7}  {'goal':>7}")
    for row in rows:
        verdict = "" if row.met else "  missed"
        print(
            f"{row.name:{width}}  {row.ours:9.3f} {row.unit:2}  {row.peer:9.3f} {row.unit:2}  {row.ratio:7.2f}"
            f"  {'≤ ' + format(row.goal, 'g'):>7}{verdict}"
        )
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
