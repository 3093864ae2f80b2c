"""What cells say: machines' kinds, addresses, dates, fates. Each function returns a value or raises `Unclear`."""

from __future__ import annotations

import html
import ipaddress
import re
import unicodedata
from datetime import date
from functools import lru_cache

from toolkit.fleet.text import folded, forbidden
from toolkit.i18n import _
from toolkit.imports import cleaning
from toolkit.imports.fields import words_of
from toolkit.imports.model import Chassis, Fate

_REPEATED = 4096
"""Cells kept that were understood: a list says the same of its columns of places, makers and kinds again and again."""

LONGEST = 200
"""What `fleet.yml` takes of any text."""

_NOT_PLAIN = frozenset("{#:")  # with which template syntax and a spreadsheet's errors begin
_ERROR = re.compile(r"#(?:REF!|N/A|VALUE!|VALEUR!|NAME\?|NOM\s?\?|DIV/0!|NUM!|NOMBRE!|NULL!|NUL!)|Err:[0-9]{3}")
_SHORTENED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]+")
_NOTHING = frozenset(["non", "no", "aucun", "aucune", "neant", "sans", "none", "n/a", "na", "-", "--", "/", "?", "0"])
_SOMETHING = frozenset(["oui", "yes", "x", "o", "ok"])
_NOBODY = _NOTHING | {"vacant", "poste vacant", "libre", "stock", "en stock", "personne", "a pourvoir", "non attribue"}
_BREAK = re.compile(r"<\s*br\s*/?\s*>|\r\n|[\r\n\v\f\x85\u2028\u2029]", re.IGNORECASE)
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))
_LIST = re.compile(r"[\s,;]+")
_PHONE = re.compile(r"(?:\+33|0033|0)[ .-]?[1-9](?:[ .-]?[0-9]{2}){4}")

_LAPTOP_WORDS = frozenset({"portable", "laptop", "notebook", "ultrabook", "convertible", "chromebook"})
_DESKTOP_WORDS = frozenset({"fixe", "desktop", "tour", "tower", "bureau", "uc", "workstation"})
_OTHER_WORDS = frozenset(
    [
        *("serveur", "server", "virtuel", "virtuelle", "virtual", "vm", "vmware", "kvm", "qemu", "virtualbox", "hyper"),
        *(
            "xen",
            "lxc",
            "docker",
            "imprimante",
            "printer",
            "copieur",
            "ecran",
            "monitor",
            "switch",
            "routeur",
            "router",
        ),
        *("nas", "tablette", "smartphone", "videoprojecteur", "onduleur"),
    ]
)
_FATES = {
    Fate.KEPT: ("garde", "garder", "conserve", "conserver", "maintenu", "kept", "keep", "reste", "gardee", "conservee"),
    Fate.RETIRED: ("retire", "retirer", "retired", "retiree", "supprime", "remplace", "sorti"),
    Fate.UNCHANGED: ("inchange", "inchangee", "sans changement", "unchanged", "pas changement"),
}
_DISPOSALS = frozenset(
    [
        *("rebut", "mis rebut", "mettre rebut", "reforme", "reformer", "recycle", "recycler", "recyclage", "donne"),
        *("don", "vendu", "vente", "detruit", "destruction", "cede", "scrapped", "recycled", "donated", "sold"),
        "destroyed",
    ]
)
_GONE = re.compile(
    r"\b(?:rebut|reforme\w*|vole\w*|perdu\w*|detruit\w*|vendu\w*|donne\w*|cede\w*|recycle\w*|hors service|scrapped"
    r"|disposed|retired|stolen|lost|sold|destroyed|decommissioned)\b"
)
_YES = frozenset(
    [
        *("oui", "o", "yes", "y", "vrai", "true", "x", "1", "ok", "chiffre", "chiffree", "encrypted", "bitlocker"),
        *("luks", "veracrypt", "filevault"),
    ]
)
_NO = frozenset(
    [
        *("non", "n", "no", "faux", "false", "0", "aucun", "aucune", "none", "non chiffre", "not encrypted"),
        "pas chiffre",
    ]
)
_MONTHS = ("janvier", "fevrier", "mars", "avril", "mai", "juin", "juillet", "aout", "septembre", "octobre", "novembre",
           "decembre")  # fmt: skip


class Unclear(ValueError):  # noqa: N818 — says what a cell is, not that something broke
    """A cell that says nothing its column can mean: one line why, and what would be right."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@lru_cache(maxsize=_REPEATED)
def line(cell: str, *, glpi: bool = False) -> str:
    """Return a cell as one line of clean text, accents and apostrophes as written (in NFC); empty when it says nothing.

    Of GLPI, HTML entities and `<br>` are read as what they stand for. Raises Unclear for characters that may stand
    nowhere (controls, bidirectional overrides, template syntax) and for what is too long.
    """
    if (
        cell.isascii()
        and cell.isprintable()
        and not (glpi and ("&" in cell or "<" in cell))
        and not _NOT_PLAIN & set(cell)
    ):
        text = " ".join(cell.split())
    else:
        text = " ".join(_BREAK.sub(" ", _plain(cell, glpi)).split())
        found = forbidden(text)
        if found is not None:
            raise Unclear(_("not allowed in any text: {found}").format(found=found))
        if _ERROR.fullmatch(text):
            raise Unclear(_("an error of the spreadsheet's formula"), _("write the value itself"))
    if len(text) > LONGEST:
        raise Unclear(_("longer than {limit} characters").format(limit=LONGEST))
    return text


def parts(cell: str, *, glpi: bool = False) -> list[str]:
    """Return the values of a cell that may hold several: lines, `<br>`, commas and semicolons part them."""
    return [part for part in _LIST.split(_BREAK.sub("\n", _plain(cell, glpi)).replace("|", " ")) if part]


def _plain(cell: str, glpi: bool) -> str:
    # Twice: GLPI 9.5 keeps what people typed as entities, and writes those as they are kept.
    text = html.unescape(html.unescape(cell)) if glpi and "&" in cell else cell
    return unicodedata.normalize("NFC", text.translate(_INVISIBLE))


def machine_name(text: str) -> str | None:
    """Return a machine's name, None for words that say there is none.

    Raises Unclear for a yes without a name, and for a telephone number, which is not repeated: it is somebody's.
    """
    word = compared(text)
    if word in _NOTHING:
        return None
    if word in _SOMETHING:
        raise Unclear(_("says that there is a machine, not which"), _("its name or serial number"))
    if _PHONE.fullmatch(text):
        raise Unclear(_("looks like a telephone number"), _("is this the column of the machine's name?"))
    return text


def serial(text: str) -> str | None:
    """Return a serial number, None for what stands in for one. Raises Unclear for a number cut short by Excel."""
    if _SHORTENED.fullmatch(text):
        raise Unclear(_("a number that the spreadsheet has cut short"), _("format the column as text, enter it again"))
    return None if compared(text) in _NOTHING else cleaning.serial(text)


def person_name(text: str) -> str | None:
    """Return a person's name, None for words that say there is nobody (`vacant`)."""
    return None if compared(text) in _NOBODY else text


def compared(text: str) -> str:
    """Return a line as it is compared with others: without accents and case."""
    return text.lower() if text.isascii() else folded(text)


def is_private(text: str) -> bool:
    """Return whether a cell looks like a telephone number or an e-mail address: messages do not repeat those."""
    return bool(_PHONE.fullmatch(text.strip())) or "@" in text


def login(text: str) -> str | None:
    """Return an account's name as written, without its domain (`MAIRIE\\jdupont`, `jdupont@mairie.fr`)."""
    if compared(text) in _NOBODY:
        return None
    return text.rpartition("\\")[2].partition("@")[0].strip() or text


def macs(cell: str, *, glpi: bool = False) -> tuple[str, ...]:
    """Return the MAC addresses of a cell, each once; of virtual cards' only when there is no other."""
    found: dict[str, None] = {}
    for part in parts(cell, glpi=glpi):
        clean = cleaning.mac(part)
        if clean:
            found[clean] = None
        elif not glpi and not cleaning.is_placeholder(part):
            raise Unclear(_("not a MAC address"), _("twelve digits and letters a-f: 3c:52:82:00:11:22"))
    burnt_in = [one for one in found if not int(one[:2], 16) & 2]  # IEEE 802: this bit says that software chose it
    return tuple(burnt_in or found)


def address(cell: str, *, glpi: bool = False) -> str | None:
    """Return the first usable IPv4 address of a cell; None when it holds none but others that are addresses."""
    found = parts(cell, glpi=glpi)
    usable = next((clean for part in found if (clean := cleaning.address(part))), None)
    if usable is None and not glpi and not all(_is_address(part) for part in found):
        raise Unclear(_("not an IPv4 address"), _("four numbers: 192.168.1.20; leave the cell empty if it changes"))
    return usable


def _is_address(part: str) -> bool:
    try:
        ipaddress.ip_address(part)
    except ValueError:
        return part.casefold() == "dhcp"
    return True


@lru_cache(maxsize=_REPEATED)
def chassis(text: str, *, glpi: bool = False) -> Chassis:
    """Return what kind of machine a word says; in GLPI, whose types are anybody's, unknown words are UNKNOWN."""
    words = set(words_of(text).split())
    for known, kind in (
        (_OTHER_WORDS, Chassis.OTHER),
        (_LAPTOP_WORDS, Chassis.LAPTOP),
        (_DESKTOP_WORDS, Chassis.DESKTOP),
    ):
        if words & known:
            return kind
    found = cleaning.chassis(text)
    if found is Chassis.UNKNOWN and not glpi:
        raise Unclear(_("no kind of machine that is known"), _("“portable” or “fixe”"))
    return found


@lru_cache(maxsize=_REPEATED)
def encrypted(cell: str, *, glpi: bool = False) -> bool | None:
    """Return whether all volumes are said to be encrypted; None when only some are, or it is not said."""
    lines = [words_of(part) for part in _BREAK.sub("\n", _plain(cell, glpi)).split("\n") if part.strip()]
    said = {True if part in _YES else False if part in _NO else None for part in lines}
    if None in said and not glpi:
        raise Unclear(_("neither yes nor no"), _("“oui” or “non”"))
    return said.pop() if len(said) == 1 else None


def fate(text: str) -> tuple[Fate, str | None]:
    """Return what becomes of a fixed post, and the disposal when the word says one (`mis au rebut`)."""
    words = words_of(text)
    for one, known in _FATES.items():
        if words in known:
            return one, None
    if words in _DISPOSALS:
        return Fate.RETIRED, text
    raise Unclear(_("no fate of a fixed post that is known"), _("“gardé”, “retiré” or “inchangé”"))


@lru_cache(maxsize=_REPEATED)
def is_gone(status: str) -> bool:
    """Return whether a status says that the machine is there no more (`Au rebut`, `Volé`)."""
    return bool(_GONE.search(folded(status)))


def day(text: str) -> date:
    """Return a date written the French way or the international one (31/01/2026, 2026-01-31, 31 janvier 2026)."""
    try:
        return _day(folded(text).split(" 00:00")[0])
    except ValueError as error:
        raise Unclear(_("not a date"), _("day/month/year: 31/01/2026")) from error


def _day(text: str) -> date:
    iso = re.fullmatch(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?:[t ][0-9:.]+z?)?", text)
    if iso:
        return date(int(iso[1]), int(iso[2]), int(iso[3]))
    french = re.fullmatch(r"([0-9]{1,2})[-/. ]([0-9]{1,2})[-/. ]([0-9]{4}|[0-9]{2})(?: [0-9:]+)?", text)
    if french:
        year = int(french[3])
        return date(year if year > 99 else 2000 + year, int(french[2]), int(french[1]))
    written = re.fullmatch(r"([0-9]{1,2})(?:er)? ([a-z]+) ([0-9]{4})", text)
    if written and written[2] in _MONTHS:
        return date(int(written[3]), _MONTHS.index(written[2]) + 1, int(written[1]))
    raise ValueError(text)
