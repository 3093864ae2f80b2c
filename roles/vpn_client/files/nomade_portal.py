#!/usr/bin/python3 -I
# SPDX-License-Identifier: EUPL-1.2
"""For the teleworker in a hotel or a train: open the window to the network's log-in page, in a browser of its own."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SOCKET = "/run/nomade-portal.socket"
SETTINGS = Path("/etc/nomade/portal.json")
TITLE = "Portail Wi-Fi"
SAYINGS = {
    "trying": "Un instant : le tunnel vers la mairie est essayé d’abord.",
    "tunnel": "Le tunnel vers la mairie répond : il n’y a pas de portail à ouvrir.",
    "refused": "Votre commune n’autorise pas les portails : partagez plutôt la connexion de votre téléphone.",
    "busy": "Une fenêtre est déjà ouverte.",
    "handshake": "Connecté : le tunnel vers la mairie est établi, la fenêtre est refermée.",
    "expired": "Le temps est écoulé : la fenêtre est refermée. Vous pouvez recommencer.",
    "ended": "La fenêtre est refermée.",
}
FREE = (
    "Ce réseau donne accès à Internet sans portail, mais le tunnel vers la mairie ne passe pas : il bloque le port "
    "UDP {port}, ou la passerelle est arrêtée. Partagez la connexion de votre téléphone ; si cela ne change rien, "
    "prévenez l’informatique."
)
SILENT = "Ce réseau ne répond pas. Vérifiez le Wi-Fi ou le câble, puis recommencez."
# Firefox without anything that would talk past the portal, or ask questions.
PREFERENCES = """\
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", %(port)d);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", %(port)d);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.trr.mode", 5);
user_pref("dom.security.https_only_mode", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
"""


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
    return None if free else answer.getheader("Location") or page


def browser(port: int, page: str, profile: str) -> subprocess.Popen[bytes] | None:
    """Start a browser with a profile that is thrown away, through the relay only; None when there is none."""
    for name in ("firefox-esr", "firefox"):
        if shutil.which(name):
            Path(profile, "user.js").write_text(PREFERENCES % {"port": port}, encoding="ascii")
            return subprocess.Popen([name, "--no-remote", "--profile", profile, page], start_new_session=True)
    if shutil.which("chromium"):
        options = [
            f"--user-data-dir={profile}",
            f"--proxy-server=http://127.0.0.1:{port}",
            "--proxy-bypass-list=<-loopback>",
        ]
        return subprocess.Popen(["chromium", *options, "--no-first-run", page], start_new_session=True)
    return None


def follow(lines: Iterable[str], profile: str, settings: dict[str, Any]) -> int:
    """Follow what the window says, until it closes. Return the exit code: 0 when the tunnel is up."""
    shown = None
    for line in lines:
        word, *values = line.split()
        if word == "open":
            port = int(values[0])
            try:
                page = portal(port, settings)
            except (OSError, http.client.HTTPException):
                say(SILENT, "warning")
                return 2
            if page is None:
                say(FREE.format(port=settings["port"]), "warning")
                return 3
            say(f"Fenêtre ouverte pour {int(values[1]) // 60} minutes au plus. Page du portail : {page}")
            shown = browser(port, page, profile) if graphical() else None
            if shown is None:
                say(f"À ouvrir dans un navigateur, à travers le mandataire 127.0.0.1 port {port}.")
            continue
        reason = values[0] if word == "closed" else word
        say(SAYINGS.get(reason, line))
        if word != "trying":
            end(shown)
            return 0 if reason in ("tunnel", "handshake") else 1
    say(SAYINGS["ended"])
    return 1


def end(shown: subprocess.Popen[bytes] | None) -> None:
    """End the browser, which has no way out any more."""
    if shown and shown.poll() is None:
        os.killpg(shown.pid, signal.SIGTERM)


def main() -> int:
    """Ask for the window and stay as long as it is open: who leaves closes it."""
    try:
        asking = socket.socket(socket.AF_UNIX)
        asking.connect(SOCKET)
        settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    except OSError:
        say("La fenêtre vers les portails n’est pas disponible sur ce poste, ou pas pour vous.", "error")
        return 1
    with (
        asking,
        asking.makefile(encoding="utf-8") as lines,
        tempfile.TemporaryDirectory(
            prefix="portail-", dir=os.environ.get("XDG_RUNTIME_DIR"), ignore_cleanup_errors=True
        ) as profile,
    ):
        return follow(lines, profile, settings)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
