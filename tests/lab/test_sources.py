"""The package source of this machine, whatever way it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.errors import BadInputError
from toolkit.lab.sources import Source, of_machine

MAIN = Source("http://mirror.example/debian", ("bookworm", "bookworm-updates"), ("main",))


def machine(tmp_path: Path, **files: str) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    for name, text in files.items():
        stem, _underscore, suffix = name.rpartition("_")
        folder = tmp_path if (stem, suffix) == ("sources", "list") else tmp_path / "sources.list.d"
        (folder / f"{stem}.{suffix}").write_text(text, encoding="utf-8")
    return tmp_path


def test_deb822_with_comment_inside_a_stanza(tmp_path: Path) -> None:
    text = (
        "Types: deb deb-src\n# a snapshot\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main non-free-firmware\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )
    assert of_machine(machine(tmp_path, debian_sources=text)) == (MAIN,)


def test_one_line_format_and_backports_left_out(tmp_path: Path) -> None:
    text = (
        "deb cdrom:[Debian 12]/ bookworm contrib\n"
        "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
        "http://mirror.example/debian bookworm main # c\n"
        "deb-src http://mirror.example/debian bookworm main\n"
        "deb http://mirror.example/debian bookworm-backports main\n"
    )
    assert of_machine(machine(tmp_path, sources_list=text)) == (
        Source("http://mirror.example/debian", ("bookworm",), ("main",)),
    )


def test_other_vendors_are_left_out(tmp_path: Path) -> None:
    folder = machine(
        tmp_path,
        vendor_list="deb [signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example/debian bookworm main\n",
        engine_list="deb https://engine.example/linux/debian bookworm stable\n",
        off_sources="Types: deb\nURIs: http://off.example\nSuites: trixie\nComponents: main\nEnabled: no\n",
    )
    with pytest.raises(BadInputError, match=str(tmp_path)):
        of_machine(folder)


def test_mirror_list_of_cloud_images(tmp_path: Path) -> None:
    mirrors = tmp_path / "debian.list"
    mirrors.write_text("https://mirror.example/debian\n", encoding="utf-8")
    text = f"Types: deb\nURIs: mirror+file:{mirrors}\nSuites: trixie trixie-updates\nComponents: main\n"
    assert of_machine(machine(tmp_path, debian_sources=text))[0].uri == "https://mirror.example/debian"


def test_another_release_of_the_same_archive() -> None:
    security = Source("http://mirror.example/security", ("bookworm-security",), ("main",))
    assert "Suites: trixie trixie-updates\n" in MAIN.for_release("trixie")
    assert "Suites: trixie-security\n" in security.for_release("trixie")
    assert "Suites: bookworm bookworm-updates\n" in MAIN.for_release("bookworm")
