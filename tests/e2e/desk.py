"""A laptop with a screen and its office PC: a real FreeRDP client opens the teleworker's session and is looked at."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.network import unplugged
from tests.e2e.screen import Picture, read_xwd
from toolkit import fleet
from toolkit.lab.machines import Lab
from toolkit.probes import remote_desktop

PASSWORD = "Quatorze-lierres-brumeux-8"
GREEN = (30, 140, 90)
# What the teleworker's session draws: a green ground that nothing else has, and a window with text. The window opens
# when the desktop stands, as a person's would: one that opens while the window manager starts is not always painted.
GROUND = "xsetroot -solid '#1e8c5a'\n"
SESSION = (
    GROUND
    + """\
(sleep 3; exec xterm -bg black -fg white -geometry 46x6+90+90 -e sh -c 'hostname; id -un; sleep 900') &
"""
)


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

    def open_session(self, password: str = PASSWORD) -> None:
        """Start the teleworker's launcher as the desktop would, with the password typed."""
        self.run(self.laptop, "systemctl stop lab-client 2> /dev/null || true")
        self.run(self.laptop, f"umask 077; cat > /run/typed; chown {self.login} /run/typed", password + "\n")
        self.run(
            self.laptop,
            f"systemd-run --quiet --collect --unit=lab-client --uid={self.login} "
            "--setenv=DISPLAY=:77 --setenv=LANG=C.UTF-8 sh -c 'exec /usr/local/bin/bureau-distance < /run/typed'",
        )

    def client(self, *arguments: str, password: str = PASSWORD, seconds: int = 8) -> None:
        """Run FreeRDP by hand, as somebody who holds the laptop may; it is ended after `seconds`."""
        target = fleet.load(self.lab.workspace, self.office_pc.partition("-")[0])
        address = next(pc.office_address for pc in target.office_pcs if pc.name == self.office_pc)
        words = shlex.join([f"/v:{address}", *arguments, "/d:", "/from-stdin:force", "/sec:tls", "/cert:ignore"])
        script = f"DISPLAY=:77 timeout {seconds} $(command -v xfreerdp3 || command -v xfreerdp) {words}"
        self.run(
            self.laptop,
            f"runuser - {self.login} -c {shlex.quote(script)} || true",
            password + "\n",
        )

    def green(self, seconds: float = 60) -> bool:
        """Return whether the teleworker's own desktop is seen within so many seconds."""
        deadline = time.monotonic() + seconds
        while self.picture().share(GREEN) < 0.4:
            if time.monotonic() > deadline:
                return False
            time.sleep(1)
        return True

    def guesses(self) -> dict[str, object]:
        """Return what the audit's probe says of the office PC."""
        return remote_desktop.parse(self.run(self.office_pc, remote_desktop.COMMAND).decode())

    def picture(self) -> Picture:
        """Return what the laptop's screen shows."""
        return read_xwd(self.run(self.laptop, "xwd -root -silent -display :77"))

    def said(self) -> str:
        """Return what the client printed."""
        return self.run(self.laptop, "journalctl --unit=lab-client --no-pager --lines=40").decode(errors="replace")


@contextmanager
def sitting(site: Lab, commune_id: str) -> Iterator[Desk]:
    """The first post of a commune, its laptop away from the bench and its teleworker's password chosen."""
    commune = fleet.load(site.workspace, commune_id)
    post = commune.posts[0]
    assert post.office_pc is not None
    desk = Desk(site, post.laptop, post.office_pc, post.teleworker)
    # Handover: the teleworker chose a password, once (the account is locked until then).
    locked = f"passwd --status {desk.login} | grep -q '^{desk.login} L'"
    desk.run(desk.office_pc, f"if {locked}; then chpasswd; fi", f"{desk.login}:{PASSWORD}\n")
    home = f"~{desk.login}"
    desk.run(desk.office_pc, f"cat > {home}/.xsessionrc; chown {desk.login}: {home}/.xsessionrc", SESSION)
    screen = "Xvfb :77 -screen 0 1024x768x24 -nolisten tcp -ac -noreset"
    desk.run(desk.laptop, f"systemd-run --quiet --collect --unit=lab-screen --uid={desk.login} {screen}")
    with unplugged(site, desk.laptop, "bench"):
        yield desk
    desk.run(desk.laptop, "systemctl stop lab-client lab-screen 2> /dev/null || true; rm -f /run/typed")
    desk.run(desk.office_pc, f"loginctl terminate-user {desk.login} 2> /dev/null || true; rm -f {home}/.xsessionrc")
