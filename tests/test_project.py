"""Promises of the whole tree: languages complete, imports pointing one way, no shortcut around host keys, no secret."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent
TOOLKIT = ROOT / "toolkit"


def tracked() -> list[Path]:
    """Return the files git knows, or would take on the next add."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def messages_in_code() -> set[str]:
    """Return every message the code passes to `_(…)` or `translate(…)`."""
    found: set[str] = set()
    for path in TOOLKIT.rglob("*.py"):
        for item in extract_from_file("python", str(path), keywords={"_": None, "translate": (1,)}):
            if isinstance(item[1], str):
                found.add(item[1])
    for path in TOOLKIT.rglob("*.j2"):
        for item in extract_from_file("jinja2.ext:babel_extract", str(path), keywords={"_": None, "gettext": None}):
            if isinstance(item[1], str):
                found.add(item[1])
    return found


def french() -> dict[str, str]:
    """Return the French of every message id."""
    known: dict[str, str] = {}
    for path in (TOOLKIT / "locale" / "fr").glob("*.po"):
        with path.open("rb") as stream:
            for message in read_po(stream, locale="fr"):
                if isinstance(message.id, str) and message.id:
                    known[message.id] = str(message.string)
    return known


def test_every_message_has_a_french_translation() -> None:
    known = french()
    missing = sorted(message for message in messages_in_code() if not known.get(message))
    assert not missing


def test_translations_keep_the_placeholders() -> None:
    field = re.compile(r"\{(\w+)[^}]*\}")
    wrong = [key for key, value in french().items() if set(field.findall(key)) != set(field.findall(value))]
    assert not wrong


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_nothing_imports_the_command_line() -> None:
    users = [
        str(path)
        for path in TOOLKIT.rglob("*.py")
        if "cli" not in path.relative_to(TOOLKIT).parts
        for name in imports_of(path)
        if name.startswith("toolkit.cli")
    ]
    assert not users


@pytest.mark.parametrize("module", ["evaluate.py", "finding.py"])
def test_judging_touches_no_clock_disk_or_network(module: str) -> None:
    forbidden = {"os", "pathlib", "socket", "subprocess", "time", "random", "paramiko", "sqlalchemy"}
    assert not forbidden & {name.partition(".")[0] for name in imports_of(TOOLKIT / module)}


def test_command_line_loads_nothing_heavy_before_it_is_needed() -> None:
    code = (
        "import sys, pkgutil, importlib, toolkit.cli as c;"
        "[importlib.import_module('toolkit.cli.' + m.name) for m in pkgutil.iter_modules(c.__path__)];"
        "print(' '.join(sorted({n.partition('.')[0] for n in sys.modules})))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"ansible", "ansible_runner", "jinja2", "paramiko", "pydantic", "rich", "sqlalchemy", "yaml"}
    assert not heavy & set(loaded)


def test_no_unknown_host_key_is_ever_accepted() -> None:
    shortcut = re.compile(
        r"AutoAdd"
        r"Policy|WarningPolicy\(|StrictHost"
        r"KeyChecking[= ]+(no|accept-new|off)|HOST_KEY_CHECKING[\"']?[:=] *[\"']?(false|no|0)",
        re.IGNORECASE,
    )
    users = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked()
        if path.suffix != ".md" and (match := shortcut.search(text_of(path)))
    ]
    assert not users


def test_f030_no_private_key_is_kept_in_the_tree() -> None:
    secret = re.compile(r"BEGIN [A-Z ]*PRIVATE " r"KEY-----\n[A-Za-z0-9+/]|AGE-SECRET-" r"KEY-1[0-9A-Z]{20}")
    kept = [str(path.relative_to(ROOT)) for path in tracked() if secret.search(text_of(path))]
    allowed = [path for path in kept if path.startswith("inventories/demo/demo-identities/")]  # fictional on purpose
    assert kept == allowed


def test_controls_and_roles_name_each_other() -> None:
    roles = {path.name for path in (ROOT / "roles").iterdir() if path.is_dir()}
    named = set()
    for path in (TOOLKIT / "controls").glob("*.yml"):
        if match := re.search(r"^role: *(\w+)", text_of(path), re.MULTILINE):
            named.add(match.group(1))
    assert named == roles


def test_status_page_names_only_tests_that_exist() -> None:
    status = text_of(ROOT / "docs" / "status.md")
    functions = "\n".join(text_of(path) for path in (ROOT / "tests").rglob("*.py"))
    named = set(re.findall(r"`(test_\w+)`", status))
    assert named
    assert not sorted(name for name in named if f"def {name}(" not in functions)


def test_status_page_has_every_row() -> None:
    rows = re.findall(r"^\| *M(\d+) *\|", text_of(ROOT / "docs" / "status.md"), re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, 19))


def test_pages_link_to_files_that_exist() -> None:
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "roles").glob("*/README.md")]:
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text_of(page)):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} → {target}")
    assert not broken
