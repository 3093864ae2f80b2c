"""The package source of this machine, rewritten for any Debian release: the lab names no source of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import BadInputError
from toolkit.i18n import _

RELEASES = {"debian-12": "bookworm", "debian-13": "trixie"}
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Security fixes lie in a separate archive since Debian 11: <release>-security.
_POCKETS = ("", "-updates", "-security")
_KNOWN = {release + pocket for release in RELEASES.values() for pocket in _POCKETS}


@dataclass(frozen=True, slots=True)
class Source:
    """One archive of Debian that this machine uses."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]

    def for_release(self, release: str) -> str:
        """Return the deb822 entry of the same archive for another release."""
        pockets = [suite.partition("-")[1:] for suite in self.suites]
        suites = " ".join(release + "".join(pocket) for pocket in pockets)
        lines = ("Types: deb", f"URIs: {self.uri}", f"Suites: {suites}", f"Components: {' '.join(self.components)}")
        return "\n".join((*lines, f"Signed-By: {_KEYRING}")) + "\n"


def of_machine(folder: Path = Path("/etc/apt")) -> tuple[Source, ...]:
    """Return Debian's own archives among the sources in `folder`; those of other vendors are left out.

    Raises:
        BadInputError: there is none, so no image can be made.
    """
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    found: dict[Source, None] = {}
    for file in files:
        if file.suffix in (".list", ".sources") and file.is_file():
            parse = _one_line if file.suffix == ".list" else _deb822
            found |= dict.fromkeys(parse(file.read_text(encoding="utf-8", errors="replace")))
    if not found:
        raise BadInputError(
            _("{folder}: no source of Debian 12 or 13 packages here: the lab makes its images from it").format(
                folder=folder
            )
        )
    return tuple(found)


def _deb822(text: str) -> Iterator[Source]:
    """Read stanzas such as `Types: deb / URIs: … / Suites: bookworm bookworm-updates / Components: main`."""
    for stanza in text.split("\n\n"):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[key] = f"{fields.get(key, '')} {line.strip()}"
            elif ":" in line:
                key, _colon, value = line.partition(":")
                key = key.lower()
                fields[key] = value.strip()
        if fields.get("enabled", "yes").lower() == "no" or "deb" not in fields.get("types", "").split():
            continue
        for uri in fields.get("uris", "").split():
            yield from _debian_only(
                uri, fields.get("suites", "").split(), fields.get("components", "").split(), fields.get("signed-by", "")
            )


def _one_line(text: str) -> Iterator[Source]:
    """Read lines such as `deb [signed-by=…] http://… bookworm main`."""
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words or words[0] != "deb":
            continue
        options = ""
        if words[1:] and words[1].startswith("["):
            end = next((index for index, word in enumerate(words) if word.endswith("]")), len(words) - 1)
            options, words = " ".join(words[1 : end + 1]), [words[0], *words[end + 1 :]]
        if len(words) > 3:
            yield from _debian_only(words[1], [words[2]], words[3:], options)


def _debian_only(uri: str, suites: list[str], components: list[str], signed_by: str) -> Iterator[Source]:
    # Other vendors name their suites after Debian's too, but sign with their own key.
    foreign = "signed-by" in signed_by.lower() or "/" in signed_by
    if foreign and "debian-archive" not in signed_by:
        return
    wanted = tuple(suite for suite in suites if suite in _KNOWN)
    if wanted and "main" in components:
        for real in _addresses(uri):
            yield Source(real, wanted, ("main",))


def _addresses(uri: str) -> list[str]:
    # Cloud images say mirror+file:/etc/apt/mirrors/debian.list: the first line of that file is the address.
    if not uri.startswith("mirror+file:"):
        return [uri]
    path = Path("/" + uri.removeprefix("mirror+file:").lstrip("/"))
    lines = path.read_text(encoding="utf-8").split() if path.is_file() else []
    return lines[:1]
