"""The package depot of a lab: an apt proxy on the bench that hands out what was saved when the images were made.

It runs alone in a container (`python3 depot.py FOLDER...`, each FOLDER with `lists/` and `archives/`), with no way out:
the same signed InRelease makes apt say "Hit" and keep its lists, so `apt-get update` truly succeeds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

PORT = 3142


def list_name(url: str) -> str:
    """Return the file name apt gives a list: `http://host/a/b_c` is `host_a_b%5fc` (apt's URItoFileName)."""
    parts = urlsplit(url)
    return quote(unquote(parts.netloc + parts.path), safe="/:+,;()'-.").replace("_", "%5f").replace("/", "_")


def archive_name(file: Path) -> str:
    """Return a cached package's name in the pool: without the epoch (`a_1%3a2_all.deb` is `a_2_all.deb`)."""
    return re.sub(r"_[0-9]+%3a", "_", file.name)


def index(folders: list[Path]) -> dict[str, Path]:
    """Return what the depot has: list names and package names, each with its file."""
    lists = {file.name: file for folder in folders for file in (folder / "lists").glob("*InRelease")}
    return lists | {archive_name(file): file for folder in folders for file in (folder / "archives").glob("*.deb")}


def find(url: str, files: dict[str, Path]) -> Path | None:
    """Return the file that answers one proxy request, or None."""
    path = unquote(urlsplit(url).path)
    return files.get(path.rpartition("/")[2] if path.endswith(".deb") else list_name(url))


class Handler(BaseHTTPRequestHandler):
    """Answer GET and HEAD of absolute addresses, as a proxy is asked."""

    protocol_version = "HTTP/1.1"
    files: dict[str, Path]

    def do_GET(self) -> None:
        for piece in self._answer():
            self.wfile.write(piece)

    def do_HEAD(self) -> None:
        list(self._answer())

    def _answer(self) -> Iterator[bytes]:
        file = find(self.path, self.files)
        if file is None:
            self.send_error(404, "Not in this depot")
            return
        state = file.stat()
        fresh = self._known_since() >= int(state.st_mtime)
        self.send_response(304 if fresh else 200)
        self.send_header("Last-Modified", formatdate(int(state.st_mtime), usegmt=True))
        self.send_header("Content-Length", "0" if fresh else str(state.st_size))
        self.end_headers()
        if not fresh:
            with file.open("rb") as stream:
                yield from iter(lambda: stream.read(1 << 16), b"")

    def _known_since(self) -> float:
        try:
            return parsedate_to_datetime(self.headers.get("If-Modified-Since", "")).timestamp()
        except ValueError:
            return 0


def main(folders: list[str]) -> None:
    """Serve until stopped."""
    Handler.files = index([Path(folder) for folder in folders])
    ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()  # noqa: S104 — the container has the bench only


if __name__ == "__main__":
    main(sys.argv[1:])
