"""The depot answers what apt asks for, and only that."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from toolkit.lab import depot

LIST = "http://mirror.example/debian/dists/bookworm/InRelease"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, int]]:
    (tmp_path / "lists").mkdir()
    (tmp_path / "archives").mkdir()
    (tmp_path / "lists" / "mirror.example_debian_dists_bookworm_InRelease").write_text("signed", encoding="utf-8")
    (tmp_path / "archives" / "age_1%3a1.1-1+b3_amd64.deb").write_bytes(b"package")
    (tmp_path / "secret.deb").write_bytes(b"secret")
    handler = type("Handler", (depot.Handler,), {"files": depot.index([tmp_path]), "log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "127.0.0.1", server.server_port
        server.shutdown()


def ask(address: tuple[str, int], url: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(*address, timeout=5)
    connection.request("GET", url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return connection.getresponse()


def test_a_list_and_then_not_modified(address: tuple[str, int]) -> None:
    first = ask(address, LIST)
    assert (first.status, first.read()) == (200, b"signed")
    again = ask(address, LIST, If_Modified_Since=str(first.getheader("Last-Modified")))
    assert (again.status, again.read()) == (304, b"")


def test_a_package_is_found_without_its_epoch(address: tuple[str, int]) -> None:
    answer = ask(address, "http://mirror.example/debian/pool/main/a/age/age_1.1-1%2bb3_amd64.deb")
    assert (answer.status, answer.read()) == (200, b"package")


@pytest.mark.parametrize(
    "url",
    [
        "http://mirror.example/debian/dists/trixie/InRelease",
        "http://other.example/",
        "http://mirror.example/../secret.deb",
        "http://mirror.example/lists/../../../etc/passwd",
    ],
)
def test_anything_else_is_not_there(address: tuple[str, int], url: str) -> None:
    assert ask(address, url).status == 404


def test_names_are_apts_own() -> None:
    assert depot.list_name("http://mirror.example/a_b/dists/x/InRelease") == "mirror.example_a%5fb_dists_x_InRelease"
