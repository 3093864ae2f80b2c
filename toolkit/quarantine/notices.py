"""What the person at the desktop reads: a file on the endpoint, which the notice unit of the role `updates` shows."""

from __future__ import annotations

from shlex import quote

from toolkit.fleet import Fleet
from toolkit.quarantine.register import Cause, Held
from toolkit.reach import routes
from toolkit.transport.base import Transport
from toolkit.vpn.gateway import answer
from toolkit.workspace import Workspace

# In French: the person at the desktop, not the technician, whatever the language of the command.
_TITLE = "Ordinateur en quarantaine"
_WHY = {
    Cause.CRITICAL: "Le dernier contrôle a trouvé un défaut de sécurité grave",
    Cause.STALE: "Cet ordinateur n’a pas été contrôlé depuis trop longtemps",
    Cause.NEVER: "Cet ordinateur n’a pas encore été contrôlé",
}
_THEN = (
    "Il ne joint plus que les mises à jour et l’administration, le temps d’y remédier. Votre travail n’est pas perdu. "
    "Laissez-le allumé et relié à internet, et prévenez votre service informatique."
)
_FOLDER = "/var/lib/nomade-notices"
_UNIT = "nomade-reboot-notice.service"
# Whole or not at all: whoever reads it meanwhile reads the former text. The unit comes with the first apply.
_WRITE = f"""\
set -eu
install -d -m 755 {_FOLDER}
new=$(mktemp {_FOLDER}/.new.XXXXXX)
printf '%s\\n' "$title" "$text" > "$new"
chmod 644 "$new"
mv "$new" {_FOLDER}/quarantine
systemctl start --no-block {_UNIT} 2>/dev/null || true
"""
_CLEAR = f"rm -f {_FOLDER}/quarantine\n"


def text(held: Held) -> str:
    """Return what is said below the title."""
    return f"{_WHY[held.cause]}. {_THEN}"


def tell(workspace: Workspace, fleet: Fleet, name: str, held: Held | None, transport: Transport) -> None:
    """Tell the desktop of an endpoint why it is in quarantine, or take that back (None).

    Raises:
        UnreachableError: it does not answer.
        NomadeError: it answered, and could not do it.
    """
    script = f"title={quote(_TITLE)}\ntext={quote(text(held))}\n{_WRITE}" if held else _CLEAR
    endpoint = fleet.endpoint(name)
    answer(transport, routes(workspace, fleet, [endpoint])[name], script)
