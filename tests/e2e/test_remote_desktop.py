"""A real FreeRDP client on the laptop opens the teleworker's session on the office PC, through the tunnel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.network import unplugged
from tests.e2e.screen import Picture, read_xwd
from toolkit import fleet
from toolkit.lab.machines import Lab

pytestmark = pytest.mark.lab

PASSWORD = "Quatorze-lierres-brumeux-8"
GREEN = (30, 140, 90)
BLACK = (0, 0, 0)
# What the teleworker's session draws: a green ground that nothing else has, and a window with text. The window opens
# when the desktop stands, as a person's would: one that opens while the window manager starts is not always painted.
SESSION = """xsetroot -solid '#1e8c5a'
(sleep 3; exec xterm -bg black -fg white -geometry 46x6+90+90 -e sh -c 'hostname; id -un; sleep 900') &
"""
CERTIFICATE = "/usr/local/share/nomade/office-pc.crt"


@dataclass(frozen=True, slots=True)
class Desk:
    """A laptop away from the bench, with a screen, and its office PC."""

    lab: Lab
    laptop: str
    office_pc: str
    login: str

    def run(self, host: str, script: str, stdin: str = "") -> bytes:
        """Run a shell script as root; it must succeed."""
        done = self.lab.exec(host, ["sh", "-euc", script], stdin=stdin.encode())
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
        return done.stdout

    def open_session(self) -> None:
        """Start the teleworker's launcher as the desktop would, with the password typed."""
        self.run(self.laptop, f"umask 077; cat > /run/typed; chown {self.login} /run/typed", PASSWORD + "\n")
        self.run(
            self.laptop,
            f"systemd-run --quiet --collect --unit=lab-client --uid={self.login} --setenv=DISPLAY=:77 "
            "sh -c 'exec /usr/local/bin/bureau-distance < /run/typed'",
        )

    def picture(self) -> Picture:
        """Return what the laptop's screen shows."""
        return read_xwd(self.run(self.laptop, "xwd -root -silent -display :77"))

    def said(self) -> str:
        """Return what the client printed."""
        return self.run(self.laptop, "journalctl --unit=lab-client --no-pager --lines=40").decode(errors="replace")


@pytest.fixture(params=["pontlierre", "valsorbe"])
def desk(site: Lab, request: pytest.FixtureRequest) -> Iterator[Desk]:
    commune = fleet.load(site.workspace, request.param)
    post = commune.posts[0]
    assert post.office_pc is not None
    desk = Desk(site, post.laptop, post.office_pc, post.teleworker)
    # Handover: the teleworker chose a password, once (the account is locked until then).
    locked = f"passwd --status {desk.login} | grep -q '^{desk.login} L'"
    desk.run(desk.office_pc, f"if {locked}; then chpasswd; fi", f"{desk.login}:{PASSWORD}\n")
    home = f"~{desk.login}"
    desk.run(desk.office_pc, f"cat > {home}/.xsessionrc; chown {desk.login}: {home}/.xsessionrc", SESSION)
    screen = "Xvfb :77 -screen 0 1024x768x24 -nolisten tcp -ac"
    desk.run(desk.laptop, f"systemd-run --quiet --collect --unit=lab-screen --uid={desk.login} {screen}")
    with unplugged(site, desk.laptop, "bench"):
        yield desk
    desk.run(desk.laptop, "systemctl stop lab-client lab-screen 2> /dev/null || true; rm -f /run/typed")
    desk.run(desk.office_pc, f"loginctl terminate-user {desk.login} 2> /dev/null || true; rm -f {home}/.xsessionrc")


def test_the_teleworker_sees_the_office_desktop(desk: Desk, artefacts: Path) -> None:
    desk.open_session()
    deadline = time.monotonic() + 60
    while (picture := desk.picture()).share(GREEN) < 0.4 or picture.share(BLACK) < 0.01:  # ground and window
        if time.monotonic() > deadline:
            break
        time.sleep(1)
    (artefacts / f"session-{desk.laptop}.png").write_bytes(picture.png())
    assert picture.share(GREEN) > 0.4, desk.said()
    assert picture.share(BLACK) > 0.01, "no window"
    assert desk.login in desk.run(desk.office_pc, "loginctl list-users --no-legend; who").decode()


def test_another_certificate_is_refused(desk: Desk) -> None:
    desk.run(desk.laptop, f"cp --archive {CERTIFICATE} /run/pinned")
    try:
        desk.run(
            desk.laptop,
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout /dev/null "
            f"-out /run/other 2> /dev/null; cat /run/other > {CERTIFICATE}",
        )
        desk.open_session()
        deadline = time.monotonic() + 30
        while "n'est pas votre poste de bureau" not in desk.said():
            assert time.monotonic() < deadline, desk.said()
            time.sleep(1)
        assert desk.picture().share(GREEN) < 0.01
    finally:
        desk.run(desk.laptop, f"cat /run/pinned > {CERTIFICATE}")
