"""What people are shown of keys in escrow, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.escrow.deposits import Deposit
from toolkit.escrow.register import Register, action
from toolkit.escrow.verifying import Result
from toolkit.i18n import _
from toolkit.report.plain import one_line

# The French spelling alphabet, for the sixteen letters of a recovery key: it is dictated on the telephone.
WORDS = {
    "b": "Berthe",
    "c": "Célestin",
    "d": "Désiré",
    "e": "Eugène",
    "f": "François",
    "g": "Gaston",
    "h": "Henri",
    "i": "Irma",
    "j": "Joseph",
    "k": "Kléber",
    "l": "Louis",
    "n": "Nicolas",
    "r": "Raoul",
    "t": "Thérèse",
    "u": "Ursule",
    "v": "Victor",
}
GROUP = 8


def key(deposit: Deposit, secret: str) -> Iterator[str]:
    """Yield a key in groups of eight signs; a recovery key with the words to say for its letters."""
    yield f"{deposit.endpoint}  {deposit.device}  {deposit.uuid}  {deposit.date}"
    yield ""
    spelled = set(secret) <= set(WORDS)
    for number, start in enumerate(range(0, len(secret), GROUP), 1):
        part = secret[start : start + GROUP]
        words = " ".join(WORDS[sign] for sign in part) if spelled else ""
        yield f"  {number}  {part}   {words}".rstrip()
    yield ""
    yield _("Type it in one go: no spaces, no capitals, {count} letters.").format(count=len(secret))


def result(found: Result) -> Iterator[str]:
    """Yield what one check came to: a line, or one for each problem."""
    item = found.deposit
    name = found.subject if item is None else f"{found.subject} {item.device} {item.uuid}"
    fine = [] if found.problems else [_("in order") if item is None else _("whole, for today's recipients")]
    if item is not None and item.header and not found.problems:
        fine.append(_("header too"))
    if found.opened:
        fine.append(_("opened by this identity, inside and outside agree"))
    for mark, texts in (("✓", [", ".join(fine)] if fine else []), ("✗", found.problems)):
        for text in texts:
            yield f"  {mark} {one_line(name)} : {one_line(text)}"


def limits(*, opened: bool) -> Iterator[str]:
    """Yield what an offline check did not prove; nobody should take it for more than it is."""
    if not opened:
        yield _("Not proven here: that an identity opens these files (give --identity).")
    yield _(
        "Not proven here: that a key still opens its disk. The endpoint proved it when the key was made; “nomade "
        "audit” sees whether its slot changed since."
    )


def register(commune: str, found: Register) -> Iterator[str]:
    """Yield one line per event of a commune's register."""
    yield _("{commune}, lines: {count}").format(commune=commune, count=len(found.entries))
    for item in found.entries:
        parts = (str(item.number), item.time, item.who, action(item.action), item.endpoint, item.volume, item.reason)
        yield "  " + "  ".join(one_line(part) for part in parts if part)
