#!/usr/bin/python3 -I
# SPDX-License-Identifier: EUPL-1.2
"""For the teleworker in a hotel or a train: open the window to the network's log-in page, in a browser of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any

SOCKET = "/run/nomade-portal.socket"
SETTINGS = Path("/etc/nomade/portal.json")
TITLE = "Portail Wi-Fi"
TRY = 6  # seconds: one more than between two tries of the tunnel by the window's program
SAYINGS = {
    "trying": "Un instant : le tunnel vers la mairie est essayé d’abord.",
    "tunnel": "Le tunnel vers la mairie répond : il n’y a pas de portail à ouvrir.",
    "refused": "Votre commune n’autorise pas les portails : partagez plutôt la connexion de votre téléphone.",
    "busy": "Une fenêtre est déjà ouverte.",
    "handshake": "Connecté : le tunnel vers la mairie est établi, la fenêtre est refermée.",
    "expired": "Le temps est écoulé : la fenêtre est refermée. Vous pouvez recommencer.",
    "failed": "La fenêtre n’a pas pu s’ouvrir : prévenez l’informatique.",
    "ended": "La fenêtre est refermée.",
}
FREE = (
    "Ce réseau donne accès à Internet sans portail, mais le tunnel vers la mairie ne passe pas : il bloque le port "
    "UDP {port}, ou la passerelle est arrêtée. Partagez la connexion de votre téléphone ; si cela ne change rien, "
    "prévenez l’informatique."
)
SILENT = "Ce réseau ne répond pas. Vérifiez le Wi-Fi ou le câble, puis recommencez."
# What a browser asks of its maker by itself stays beside the relay, where there is no way out.
UNASKED_BY_FIREFOX = ".mozilla.com,.mozilla.net,.mozilla.org,.firefox.com"
UNASKED_BY_CHROMIUM = (
    "accounts.google.com;clients*.google.com;update.googleapis.com;*-pa.googleapis.com;"
    "clientservices.googleapis.com;content-autofill.googleapis.com;safebrowsing.googleapis.com"
)
# Without anything that would talk past the portal, or ask questions.
PREFERENCES = f"""\
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", PORT);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", PORT);
user_pref("network.proxy.no_proxies_on", "{UNASKED_BY_FIREFOX}");
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.trr.mode", 5);
user_pref("dom.security.https_only_mode", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
"""
OPTIONS = (
    f"--proxy-bypass-list=<-loopback>;{UNASKED_BY_CHROMIUM}",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--password-store=basic",
    "--disable-features=HttpsUpgrades,OptimizationHints,Translate",
)


def say(text: str, kind: str = "info") -> None:
    """Say it where the user is: at the terminal, else on the desktop."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    if not sys.stdout.isatty() and graphical() and shutil.which("zenity"):
        subprocess.Popen(["zenity", f"--{kind}", "--no-markup", f"--title={TITLE}", f"--text={text}", "--timeout=60"])


def graphical() -> bool:
    """Whether there is a desktop to show a browser on."""
    return bool(os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY"))


def portal(port: int, settings: dict[str, Any]) -> str | None:
    """Return the page to show; None when the network answers freely. Raises OSError when it does not answer."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    page = str(settings["page"])
    asked.request("GET", page, headers={"Host": page.split("/")[2]})
    answer = asked.getresponse()
    body = answer.read(4096)
    if answer.status in (502, 504) and not body:
        raise OSError("no answer")
    free = answer.status in (200, 204) and settings["answer"].encode() in body
    return None if free else web_page(page, answer.getheader("Location") or "")


def web_page(page: str, place: str) -> str:
    """Return where `page` sends to; `page` itself for what is not of the web: a portal may be hostile, and a browser
    takes what begins with a hyphen for an option.
    """
    with contextlib.suppress(ValueError):
        found = urllib.parse.urljoin(page, place)
        if re.fullmatch(r"https?://[!-~]+", found):
            return found
    return page


def browser(port: int, page: str, leaving: contextlib.ExitStack) -> subprocess.Popen[bytes] | None:
    """Start a browser with a profile that is thrown away, through the relay only; None when there is none."""
    place = os.environ.get("XDG_RUNTIME_DIR")
    profile = leaving.enter_context(
        tempfile.TemporaryDirectory(prefix="portail-", dir=place, ignore_cleanup_errors=True)
    )
    for name in ("firefox-esr", "firefox"):
        if shutil.which(name):
            Path(profile, "user.js").write_text(PREFERENCES.replace("PORT", str(port)), encoding="ascii")
            return start(leaving, name, "--no-remote", "--profile", profile, page)
    if shutil.which("chromium"):
        own = f"--user-data-dir={profile}", f"--proxy-server=http://127.0.0.1:{port}"
        return start(leaving, "chromium", *own, *OPTIONS, page)
    return None


def start(leaving: contextlib.ExitStack, *command: str) -> subprocess.Popen[bytes]:
    """Start a browser that is ended in `leaving`; what it says of itself helps nobody."""
    shown = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    leaving.callback(end, shown)
    return shown


def end(shown: subprocess.Popen[bytes]) -> None:
    """End the browser with all its processes: it has no way out any more."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shown.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            shown.wait(3)


def leave_with(shown: subprocess.Popen[bytes], asking: socket.socket) -> None:
    """Let go of the window once the user has closed the browser, and the tunnel has had a try."""
    shown.wait()
    time.sleep(TRY)
    with contextlib.suppress(OSError):
        asking.shutdown(socket.SHUT_WR)


def follow(asking: socket.socket, settings: dict[str, Any]) -> int:
    """Follow what the window says, until it closes. Return the exit code: 0 when the tunnel is up."""
    with contextlib.ExitStack() as leaving:
        for line in leaving.enter_context(asking.makefile(encoding="utf-8")):
            word, *values = line.split()
            if word == "open":
                if failed := show(int(values[0]), int(values[1]), asking, settings, leaving):
                    return failed
                continue
            reason = values[0] if word == "closed" else word
            say(SAYINGS.get(reason, line))
            if word != "trying":
                return 0 if reason in ("tunnel", "handshake") else 1
    say(SAYINGS["ended"])
    return 1


def show(
    port: int, seconds: int, asking: socket.socket, settings: dict[str, Any], leaving: contextlib.ExitStack
) -> int:
    """Show the portal's page through the relay on `port`. Return an exit code when there is none to show, else 0."""
    try:
        page = portal(port, settings)
    except (OSError, http.client.HTTPException):
        say(SILENT, "warning")
        return 2
    if page is None:
        say(FREE.format(port=settings["port"]), "warning")
        return 3
    say(f"Fenêtre ouverte pour {seconds // 60} minutes au plus. Page du portail : {page}")
    shown = browser(port, page, leaving) if graphical() else None
    if shown:
        threading.Thread(target=leave_with, args=(shown, asking), daemon=True).start()
    else:
        say(f"À ouvrir dans un navigateur, à travers le mandataire 127.0.0.1 port {port}.")
    return 0


def main() -> int:
    """Ask for the window and stay as long as it is open: who leaves closes it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        asking = socket.socket(socket.AF_UNIX)
        asking.connect(SOCKET)
        settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    except OSError:
        say("La fenêtre vers les portails n’est pas disponible sur ce poste, ou pas pour vous.", "error")
        return 1
    with asking:
        return follow(asking, settings)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
