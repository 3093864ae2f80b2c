"""Peers of gateways as a terminal table and as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.table import Table

from toolkit.i18n import _
from toolkit.report import Look, dates, plain
from toolkit.vpn.peers import WRONG, Gateway, Row, State

_SCHEMA_VERSION = 1
_STYLES = {State.ACTIVE: "green", State.SILENT: "", State.WAITING: "cyan", State.REVOKED: "dim"}
# Binary units, as `wg show` prints them.
_UNITS = ("o", "Kio", "Mio", "Gio", "Tio")
_ENGLISH_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def word(state: State) -> str:
    """Return what a state is called, in the user's language."""
    return {
        State.ACTIVE: _("active"),
        State.SILENT: _("silent"),
        State.WAITING: _("no key yet"),
        State.MISSING: _("UNKNOWN TO THE GATEWAY"),
        State.REVOKED: _("refused"),
        State.TRYING: _("REFUSED, TRIES TO COME IN"),
        State.NOT_REFUSED: _("REVOKED, STILL ACCEPTED"),
        State.ORPHAN: _("ORPHAN"),
        State.UNKNOWN_KEY: _("ANOTHER KEY THAN ITS OWN"),
        State.COPIED: _("KEY USED IN TWO PLACES"),
    }[state]


def table(gateways: Sequence[Gateway], language: str, look: Look) -> str:
    """Return one table per gateway that answered."""
    file = io.StringIO()
    console = Console(
        file=file,
        width=look.width,
        color_system="standard" if look.colour else None,
        force_terminal=look.colour,
        no_color=not look.colour,
        highlight=False,
        markup=False,
    )
    for gateway in gateways:
        if gateway.asked_at is not None and gateway.rows:
            console.print(_table(gateway, language, gateway.asked_at))
    return file.getvalue()


def _table(gateway: Gateway, language: str, asked_at: datetime) -> Table:
    title = f"{gateway.commune} · {gateway.gateway} · {dates.moment_text(asked_at, language)}"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (_("laptop"), _("teleworker"), _("address"), _("last handshake"), _("received / sent"), _("state")):
        shown.add_column(name, overflow="fold", no_wrap=name == _("laptop"))
    for row in gateway.rows:
        style = "bold red" if row.state in WRONG else _STYLES.get(row.state, "")
        handshake = dates.moment_text(row.handshake, language) if row.handshake else "—"
        traffic = f"{_size(row.received, language)} / {_size(row.sent, language)}"
        name = plain.one_line(row.host) or _("key {key}").format(key=row.key)
        shown.add_row(name, row.teleworker, plain.one_line(row.address), handshake, traffic, _said(row), style=style)
    return shown


def _said(row: Row) -> str:
    said = word(row.state)
    if row.source:
        said += " " + _("from {source}").format(source=plain.one_line(row.source))
    if row.changing:
        said += ", " + _("changing its key")
    return said


def _size(number: int, language: str) -> str:
    value, units = float(number), _UNITS if language == "fr" else _ENGLISH_UNITS
    for unit in units:
        if value < 1024 or unit == units[-1]:
            break
        value /= 1024
    text = f"{value:.0f}" if unit == units[0] else f"{value:.1f}"
    return f"{text.replace('.', ',') if language == 'fr' else text} {unit}"


def document(gateways: Sequence[Gateway]) -> str:
    """Return one JSON object; moments are in UTC, traffic is in bytes."""
    content = {"schema_version": _SCHEMA_VERSION, "gateways": [_gateway(gateway) for gateway in gateways]}
    return plain.escaped(json.dumps(content, ensure_ascii=False, indent=2)) + "\n"


def _gateway(gateway: Gateway) -> dict[str, object]:
    return {
        "commune": gateway.commune,
        "gateway": gateway.gateway,
        "asked_at": _moment(gateway.asked_at),
        "problem": gateway.problem,
        "peers": [
            {
                "laptop": row.host,
                "teleworker": row.teleworker,
                "state": row.state.value,
                "wrong": row.state in WRONG,
                "address": row.address,
                "public_key": row.key,
                "last_handshake": _moment(row.handshake),
                "received": row.received,
                "sent": row.sent,
                "source": row.source,
                "changing_key": row.changing,
            }
            for row in gateway.rows
        ],
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
