"""The fleet of a commune as a drawing (SVG): its gateway, then each service with its posts, then spare machines.

Made by hand, because the shape is always the same. It is drawn for paper as well: one width, whatever the number of
posts; black on white; kinds of machines told apart by shape, never by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from toolkit.errors import BadInputError
from toolkit.files import write_atomically
from toolkit.fleet import load, tree
from toolkit.fleet.model import Endpoint, Fleet, Kind
from toolkit.fleet.tree import by_service, spare, system
from toolkit.i18n import _, language
from toolkit.workspace import Workspace

# Sizes in CSS pixels. 1,040 is A4 at 96 dpi, margins apart, at three quarters: 12 pixels print as 6.5 points or so.
_WIDTH, _MARGIN, _COLUMNS, _GAP = 1040, 24, 3, 12
_LINE, _CARD, _HEAD = 20, 88, 40
_INDENT = 28  # from the trunk to the services
_BAND = _WIDTH - 2 * _MARGIN - _INDENT
_CARD_WIDTH = (_BAND - (_COLUMNS + 1) * _GAP) / _COLUMNS

# Advance of an average letter of a sans-serif face, in parts of the size; machines' names are drawn in a fixed pitch.
_SANS, _BOLD, _FIXED = 0.57, 0.64, 0.61

_STYLE = """\
text{font-family:"DejaVu Sans",Verdana,Arial,sans-serif;font-size:12px;fill:#161616}
.h{font-size:20px;font-weight:bold}.s{font-size:14px;font-weight:bold}.n{font-weight:bold}
.m{font-family:"DejaVu Sans Mono",Consolas,monospace;font-size:11px}.q{fill:#4a4a4a;font-size:11px}
.e{text-anchor:end}.band{fill:#eef2f6;stroke:#8593a3}.card{fill:#fff;stroke:#5b6b7c}.spare{stroke-dasharray:5 3}
.line{fill:none;stroke:#5b6b7c;stroke-width:2}.icon{fill:none;stroke:#161616;stroke-width:1.4}
"""

# Each in a box of 16 × 14 with its corner at 0,0.
_ICONS = {
    Kind.LAPTOP: "M3 2h10v7H3zM1 12h14l-2-3H3z",
    Kind.OFFICE_PC: "M1 1h14v9H1zM8 10v3M4 13h8",
    Kind.GATEWAY: "M8 1l6 2v4c0 3-2 5-6 6-4-1-6-3-6-6V3zM5 7l2 2 4-4",
}


@dataclass(frozen=True, slots=True)
class _Card:
    """A box: who, what they do, which machines."""

    name: str
    detail: str
    machines: tuple[Endpoint, ...]
    is_spare: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    title: str
    cards: Sequence[_Card]

    @property
    def height(self) -> int:
        """Height of the whole band."""
        rows = -(-len(self.cards) // _COLUMNS)
        return _HEAD + rows * (_CARD + _GAP)


def documents(workspace: Workspace, communes: Sequence[str], form: str) -> dict[str, str]:
    """Return each commune drawn, as `svg` or as `text` for the terminal. Raises as `toolkit.fleet.load`."""
    fleets = {commune: load(workspace, commune) for commune in communes}
    if form == "svg":
        return {commune: svg(fleet) for commune, fleet in fleets.items()}
    return {commune: "\n".join(tree.lines(tree.branches(fleet))) + "\n" for commune, fleet in fleets.items()}


def write(drawn: Mapping[str, str], output: Path, form: str) -> list[Path]:
    """Write one file; or, into a folder, one per commune. Return the paths.

    Raises:
        BadInputError: several communes and `output` is a file, or it cannot be written.
    """
    try:
        if len(drawn) > 1:
            output.mkdir(exist_ok=True)
        suffix = {"svg": ".svg"}.get(form, ".txt")
        files = {output / f"{name}{suffix}" if output.is_dir() else output: text for name, text in drawn.items()}
        for path, text in files.items():
            write_atomically(path, text)
    except OSError as error:
        raise BadInputError(
            _("{file}: cannot be written: {reason}").format(file=output, reason=error.strerror)
        ) from error
    return list(files)


def svg(fleet: Fleet) -> str:
    """Return the drawing of a commune as a whole SVG document; every text of the fleet is escaped."""
    groups = list(_groups(fleet))
    top = 150
    tops = [top + sum(group.height + _GAP for group in groups[:index]) for index in range(len(groups))]
    height = (tops[-1] + groups[-1].height if groups else top - _GAP) + _MARGIN
    title = _("Telework posts of {commune}").format(commune=fleet.commune.name)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" lang="{language()}" aria-labelledby="title desc"'
        f' width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(_described(fleet, groups))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        _text(_MARGIN, 40, _shortened(title, 960, 20, _BOLD), "h"),
        *_gateway(fleet.gateway),
        *_legend(),
        *_trunk(tops),
    ]
    for place, group in zip(tops, groups, strict=True):
        parts += _band(group, place)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _groups(fleet: Fleet) -> Iterator[_Group]:
    for service, posts in by_service(fleet):
        cards = []
        for post in posts:
            worker = fleet.teleworker(post.teleworker)
            machines = tuple(fleet.endpoint(name) for name in (post.laptop, post.office_pc) if name)
            cards.append(_Card(worker.name, fleet.duty(worker.duty).name, machines))
        yield _Group(_("{service} — posts: {count}").format(service=service.name, count=len(posts)), cards)
    left = spare(fleet)
    if left:
        yield _Group(
            _("Without a post — machines: {count}").format(count=len(left)),
            [_Card(_kind(endpoint), endpoint.model or "", (endpoint,), is_spare=True) for endpoint in left],
        )


def _described(fleet: Fleet, groups: Sequence[_Group]) -> str:
    said = [_("Gateway: {name}.").format(name=fleet.gateway.name)]
    said += [f"{group.title}." for group in groups]
    return " ".join(said)


def _kind(endpoint: Endpoint) -> str:
    return _("laptop") if endpoint.kind is Kind.LAPTOP else _("office PC")


def _gateway(gateway: Endpoint) -> Iterator[str]:
    yield f"<g><title>{escape(_hint(gateway))}</title>"
    yield _box("card", _MARGIN, 62, 420, 56)
    yield _text(_MARGIN + 12, 84, _("Gateway of the town hall"), "n")
    yield _machine(gateway, _MARGIN + 12, 104, 396)
    yield "</g>"


def _legend() -> Iterator[str]:
    for index, (kind, word) in enumerate(((Kind.LAPTOP, _("laptop")), (Kind.OFFICE_PC, _("office PC")))):
        x, y = 480, 84 + index * _LINE
        yield _icon(kind, x, y)
        yield _text(x + 24, y, word, "q")


def _trunk(tops: Sequence[int]) -> Iterator[str]:
    """Yield the line from the gateway down, with a branch to each band."""
    if tops:
        x = _MARGIN + 10
        branches = "".join(f"M{x} {top + _HEAD // 2}H{_MARGIN + _INDENT}" for top in tops)
        yield f'<path class="line" d="M{x} 118V{tops[-1] + _HEAD // 2}{branches}"/>'


def _band(group: _Group, top: int) -> Iterator[str]:
    left = _MARGIN + _INDENT
    yield _box("band", left, top, _BAND, group.height)
    yield _text(left + _GAP, top + 25, _shortened(group.title, _BAND - 2 * _GAP, 14, _BOLD), "s")
    for index, card in enumerate(group.cards):
        row, column = divmod(index, _COLUMNS)
        yield from _card(card, left + _GAP + column * (_CARD_WIDTH + _GAP), top + _HEAD + row * (_CARD + _GAP))


def _card(card: _Card, x: float, y: float) -> Iterator[str]:
    """Yield one card; what was shortened is whole in its title, which browsers show under the pointer."""
    whole = "\n".join([card.name, card.detail, *(_hint(endpoint) for endpoint in card.machines)])
    width = _CARD_WIDTH - 20
    yield f"<g><title>{escape(whole)}</title>"
    yield _box("card spare" if card.is_spare else "card", x, y, _CARD_WIDTH, _CARD)
    yield _text(x + 10, y + 20, _shortened(card.name, width, 12, _BOLD), "n")
    yield _text(x + 10, y + 37, _shortened(card.detail, width, 11, _SANS), "q")
    for index, endpoint in enumerate(card.machines):
        yield _machine(endpoint, x + 10, y + 57 + index * _LINE, width)
    if not card.is_spare and len(card.machines) == 1:
        yield _text(x + 34, y + 57 + _LINE, _("no office PC"), "q")
    yield "</g>"


def _machine(endpoint: Endpoint, x: float, y: float, width: float) -> str:
    """Return one line: the icon of its kind, its name, its system; `y` is the foot of the text."""
    release = system(endpoint)
    room = width - 24 - len(release) * 11 * _SANS - 12
    return (
        _icon(endpoint.kind, x, y)
        + _text(x + 24, y, _shortened(endpoint.name, room, 11, _FIXED), "m")
        + _text(x + width, y, release, "q e")
    )


def _icon(kind: Kind, x: float, y: float) -> str:
    return f'<path class="icon" transform="translate({x:g} {y - 11:g})" d="{_ICONS[kind]}"/>'


def _hint(endpoint: Endpoint) -> str:
    return " · ".join(part for part in (endpoint.name, system(endpoint), endpoint.model, endpoint.serial) if part)


def _shortened(text: str, width: float, size: float, advance: float) -> str:
    """Return what fits, its middle left out: names of machines differ at the end."""
    room = max(int(width / (size * advance)), 4)
    if len(text) <= room:
        return text
    tail = room // 3
    return f"{text[: room - tail - 1]}…{text[-tail:]}"


def _box(style: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{style}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5"/>'


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{escape(text)}</text>'
