"""A PostgreSQL of its own for the tests: Debian's programs, a cluster in a private folder, a socket and no network."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

_NUMBERS = count()
# Nothing here outlives the tests, so nothing has to reach the disk.
_SETTINGS = {"listen_addresses": "", "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    assert found, "Debian's package postgresql is not installed: run tests/install-system-packages"
    return found[-1]


class Cluster:
    """A running server. Its programs refuse to run as root, so as root they run as the package's own account."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.user = "postgres" if self._prefix else pwd.getpwuid(os.geteuid()).pw_name

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(_programs() / program), *arguments]
        # pg_ctl's server keeps whatever output it is given: a pipe would never end.
        with (self._folder / "programs.log").open("ab") as log:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", check=False)
        assert done.returncode == 0, (self._folder / "programs.log").read_text(encoding="utf-8")

    def start(self) -> None:
        data = str(self._folder / "data")
        settings = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in _SETTINGS.items())
        self._run("initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "-U", self.user)
        options = f"-k {self._folder} {settings}"
        self._run("pg_ctl", "-D", data, "-l", str(self._folder / "server.log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def database(self) -> str:
        """Make an empty database and return its URL, as people write it in nomade.yml."""
        name = f"t{next(_NUMBERS)}"
        self._run("createdb", "-h", str(self._folder), "-U", self.user, "-T", "template0", name)
        return f"postgresql://{self.user}@/{name}?host={quote(str(self._folder), safe='')}"


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """Give a running server; it and its folder are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="nomade-postgres-"))  # short: a socket's path has 107 characters at most
    made = Cluster(folder)
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, made.user)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder)
