"""The window to a captive portal, as traffic: a laptop in a hotel whose network wants a log-in page first.

The teleworker, without any right of root, asks with the real command; the hotel's router sends every web page to its
own, and lets nobody out who has not sent its form.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import module_of
from tests.roles.home import PLACES, PYTHON, RELAY, TELEWORKER, Home
from tests.roles.home_files import INTERNET, RELAY_OF_SYSTEMD, TUNNEL_PORT
from tests.roles.portal_page import LOG_IN, PORTAL
from toolkit.paths import roles_dir

pytestmark = pytest.mark.lab  # root, ip, nft and wireguard-go

ROUTER, LAPTOP = PLACES["hotel"]
LET_OUT = ("nft", "add element inet trial paid { GUEST }")
RULES = """
set paid { type ipv4_addr; }
chain web { type nat hook prerouting priority -100; iifname lan ip saddr != @paid tcp dport 80 redirect to :80; }
chain out { type filter hook forward priority 0; iifname lan ip saddr != @paid drop; }
"""
CONNECT = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1); print('through')"


@pytest.fixture
def hotel(home: Home) -> Iterator[Home]:
    """The laptop in the hotel, its tunnel without an answer, the portal's socket listening as systemd would have it."""
    home.trouble("hotel", RULES)
    portal = home["hotel"].python(PORTAL, ROUTER, *LET_OUT)
    home.plug_in("hotel")
    home.start_tunnel("laptop")
    try:
        yield home
    finally:
        portal.kill()
        portal.communicate()
        home["hotel"].started.remove(portal)


def listen(home: Home) -> subprocess.Popen[str]:
    """Listen as systemd does; the process becomes the window's program once somebody asks."""
    home.laptop.spawn("sh", "-c", RELAY_OF_SYSTEMD)
    process = home.laptop.spawn(
        "systemd-socket-activate", "--listen=/run/nomade-portal.socket", "/usr/local/libexec/nomade-portal-window"
    )
    home.laptop.sh(
        "for try in $(seq 50); do [ ! -S /run/nomade-portal.socket ] || break; sleep 0.1; done; "
        f"chown {TELEWORKER} /run/nomade-portal.socket; chmod 600 /run/nomade-portal.socket"
    )
    return process


def ask(home: Home) -> subprocess.Popen[str]:
    listen(home)
    return home.laptop.spawn("/usr/local/bin/nomade-portal", user=TELEWORKER)


def until(process: subprocess.Popen[str], word: str) -> str:
    """Read what the command says up to a line with `word`."""
    assert process.stdout is not None
    said = ""
    while word not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def through(home: Home, user: int, address: str = ROUTER, port: int = 80) -> bool:
    done = home.laptop.run(f'{PYTHON} -c "{CONNECT}" {address} {port}', user=user)
    return "through" in done.stdout


def opened(home: Home) -> bool:
    sets = home.laptop.sh("nft list set inet nomade portal_window; nft list set inet nomade portal_resolvers4")
    rules = home.laptop.sh("ip rule; ip -6 rule")
    return "elements" in sets or "uidrange" in rules


def port_of(said: str) -> str:
    return said.split("port ")[1].split(".")[0]


def test_the_teleworker_logs_in_and_the_tunnel_closes_the_window(hotel: Home) -> None:
    assert not opened(hotel)
    assert not through(hotel, RELAY)
    asking = ask(hotel)
    said = until(asking, "mandataire")
    assert "5 minutes au plus. Page du portail : http://portail.hotel.test/login" in said
    assert opened(hotel)
    done = hotel.laptop.run(f"{PYTHON} -c '{LOG_IN}' {port_of(said)}", user=TELEWORKER)
    assert done.stdout == "Bienvenue\n", done.stderr
    said = asking.communicate(timeout=30)[0]
    assert "le tunnel vers la mairie est établi" in said
    assert asking.returncode == 0
    assert not opened(hotel)
    assert not through(hotel, RELAY)
    assert through(hotel, TELEWORKER, "192.168.1.20", 3389)  # the office, through the tunnel


def test_while_it_is_open_only_the_relay_is_let_out_and_only_for_the_one_who_asked(hotel: Home) -> None:
    said = until(ask(hotel), "mandataire")
    assert through(hotel, RELAY)
    assert not any(through(hotel, user) for user in (0, TELEWORKER))
    other = hotel.laptop.run(f"{PYTHON} -c '{LOG_IN}' {port_of(said)}", user=33)
    assert "403" in other.stderr
    portal = f"(host {ROUTER} and (port 80 or port 53))"
    with hotel.captured(
        "up-hotel", f"not arp and not icmp6 and not udp port {TUNNEL_PORT} and not {portal}"
    ) as packets:
        for user, address, port in ((0, INTERNET, 443), (TELEWORKER, INTERNET, 443), (RELAY, INTERNET, 22)):
            through(hotel, user, address, port)
        hotel.laptop.run(f"ping -c 1 -W 1 {ROUTER}")
    assert packets == []


def test_the_relay_asks_nothing_of_this_machine_and_of_no_other_port_and_carries_little(hotel: Home) -> None:
    port = port_of(until(ask(hotel), "mandataire"))
    fetch = (
        f"import http.client,sys; c = http.client.HTTPConnection('127.0.0.1', {port}, timeout=9); "
        "c.request(sys.argv[2], sys.argv[1], bytes(int(sys.argv[3])), {'X-Data': 'x' * int(sys.argv[4])}); "
        "print(c.getresponse().status)"
    )

    def status(url: str, method: str = "GET", body: int = 0, head: int = 0) -> str:
        return hotel.laptop.sh(f'{PYTHON} -c "{fetch}" {url} {method} {body} {head}', user=TELEWORKER).strip()

    assert status(f"http://{ROUTER}/") == "302"
    assert status("http://127.0.0.1/") == "502"
    assert status(f"http://{ROUTER}:631/") == "403"
    assert status("/") == "400"
    # Two mebibytes may leave, as forms or as heads of requests.
    assert status(f"http://{ROUTER}/", "POST", body=2_040_000) == "404"
    assert [status(f"http://{ROUTER}/", head=20_000) for _ in range(3)] == ["302", "302", "403"]


def test_it_closes_when_the_time_is_over(hotel: Home) -> None:
    hotel.load_rules("laptop", **{"300s": "3s"})
    asking = ask(hotel)
    said = asking.communicate(timeout=40)[0]
    assert "Le temps est écoulé" in said
    assert asking.returncode == 1
    assert not opened(hotel)


def test_the_kernel_closes_it_when_the_program_is_gone(hotel: Home) -> None:
    hotel.load_rules("laptop", **{"300s": "4s"})
    window = listen(hotel)
    until(hotel.laptop.spawn("/usr/local/bin/nomade-portal", user=TELEWORKER), "mandataire")
    window.kill()
    assert through(hotel, RELAY)
    time.sleep(4)
    assert not through(hotel, RELAY)


def test_it_is_closed_after_a_start(hotel: Home) -> None:
    until(ask(hotel), "mandataire")
    assert through(hotel, RELAY)
    hotel.load_rules("laptop")  # what nftables.service does before any network
    assert not through(hotel, RELAY)


def test_no_window_where_the_commune_allows_none(hotel: Home) -> None:
    hotel.laptop.sh(
        "nft flush chain inet nomade output; nft delete chain inet nomade portal_out\n"
        "nft delete set inet nomade portal_window"
    )
    said = ask(hotel).communicate(timeout=20)[0]
    assert "n’autorise pas" in said


def test_no_window_when_the_tunnel_answers(home: Home) -> None:
    home.plug_in("hotel")
    home.start_tunnel("laptop")
    asking = ask(home)
    said = asking.communicate(timeout=30)[0]
    assert "il n’y a pas de portail à ouvrir" in said
    assert asking.returncode == 0


def test_a_network_that_lets_the_web_through_and_not_the_tunnel_is_called_that(home: Home) -> None:
    home.trouble("hotel", f"chain out {{ type filter hook forward priority 0; udp dport {TUNNEL_PORT} drop; }}")
    free = PORTAL.replace(
        "self.answer(302", "self.answer(200, b'NetworkManager is online') if True else self.answer(302"
    )
    portal = home["hotel"].python(free, ROUTER)
    home.plug_in("hotel")
    home.start_tunnel("laptop")
    asking = ask(home)
    said = asking.communicate(timeout=30)[0]
    portal.kill()
    assert f"il bloque le port UDP {TUNNEL_PORT}" in said
    assert asking.returncode == 3


def test_somebody_else_of_this_laptop_may_not_ask(hotel: Home) -> None:
    listen(hotel)
    done = hotel.laptop.run("/usr/local/bin/nomade-portal", user=33)
    assert done.returncode == 1
    assert "pas pour vous" in done.stdout


@pytest.fixture
def screen(hotel: Home) -> list[str]:
    """What a desktop gives its programs: the number of a screen, and a folder of the teleworker's own."""
    own = f"/run/user/{TELEWORKER}"
    hotel.laptop.sh(f"mkdir -p {own}; chown {TELEWORKER} {own}; chmod 700 {own}")
    server = hotel.laptop.spawn(
        "Xvfb", "-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-ac", "-noreset"
    )
    assert server.stdout is not None
    number = int(server.stdout.readline())
    return [f"DISPLAY=:{number}", f"HOME={own}", f"XDG_RUNTIME_DIR={own}", "PATH=/usr/bin:/bin"]


@pytest.fixture(params=["chromium", "firefox-esr"])
def browser(home: Home, request: pytest.FixtureRequest) -> Iterator[str]:
    """The only browser of the laptop."""
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed on this machine")
    others = [path for name in {"firefox-esr", "firefox"} - {request.param} if (path := shutil.which(name))]
    home.laptop.sh("\n".join(f"mount --bind /dev/null {path}" for path in others))
    yield request.param
    home.laptop.sh("\n".join(f"umount {path}" for path in others))


def on_the_desktop(hotel: Home, screen: list[str]) -> subprocess.Popen[str]:
    listen(hotel)
    return hotel.laptop.spawn("env", "-i", *screen, "/usr/local/bin/nomade-portal", user=TELEWORKER)


def test_a_browser_of_its_own_shows_the_page_and_nothing_else_is_asked(
    hotel: Home, screen: list[str], browser: str
) -> None:
    with hotel.captured("up-hotel", "udp dst port 53") as questions:
        asking = on_the_desktop(hotel, screen)
        said = asking.communicate(timeout=60)[0]
    assert "le tunnel vers la mairie est établi" in said, said  # the page's script sent its form
    assert asking.returncode == 0
    names = {line.split("? ")[1].split()[0] for line in questions}
    assert names == {"network-test.debian.org.", "portail.hotel.test."}
    assert not hotel.laptop.sh(f"ls -d /run/user/{TELEWORKER}/portail-* 2> /dev/null || true"), "a profile is left"


def test_who_closes_the_browser_closes_the_window(hotel: Home, screen: list[str]) -> None:
    asking = on_the_desktop(hotel, screen)
    until(asking, "Page du portail")
    hotel.laptop.sh(f"for try in $(seq 50); do ! pkill --parent {asking.pid} || break; sleep 0.1; done")
    said = asking.communicate(timeout=20)[0]
    assert "La fenêtre est refermée" in said
    assert not opened(hotel)


def test_who_leaves_closes_it_and_ends_the_browser(hotel: Home, screen: list[str]) -> None:
    asking = on_the_desktop(hotel, screen)
    until(asking, "Page du portail")
    browser = hotel.laptop.sh(f"for try in $(seq 50); do ! pgrep --parent {asking.pid} || break; sleep 0.1; done")
    asking.terminate()
    asking.communicate(timeout=20)
    assert not Path("/proc", browser.strip()).exists()
    assert "portail-" not in hotel.laptop.sh(f"ls -A /run/user/{TELEWORKER}")
    deadline = time.monotonic() + 10
    while opened(hotel):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert not through(hotel, RELAY)


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("https://portail.test/login?x=1", "https://portail.test/login?x=1"),
        ("/login", "http://essai.test/login"),
        ("", "http://essai.test/nm"),
        ("--gpu-launcher=xcalc", "http://essai.test/--gpu-launcher=xcalc"),
        ("file:///etc/passwd", "http://essai.test/nm"),
        ("javascript:alert(1)", "http://essai.test/nm"),
        ("http://[::1", "http://essai.test/nm"),
        ("http://portail.test/a b\tc", "http://essai.test/nm"),
    ],
)
def test_a_hostile_portal_chooses_a_page_of_the_web_and_no_option_of_the_browser(place: str, shown: str) -> None:
    assert module_of(roles_dir() / "vpn_client/files/nomade_portal.py").web_page("http://essai.test/nm", place) == shown
