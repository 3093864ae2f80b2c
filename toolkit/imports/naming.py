"""Names made from what lists say: ids, logins, host names. The same list gives the same names; none is given twice."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from itertools import count
from pathlib import Path

from toolkit.errors import BadInputError
from toolkit.fleet import Commune, Fleet, Kind
from toolkit.fleet.text import LOGIN_PATTERN, NAME_PATTERN, RESERVED_HOSTS, RESERVED_LOGINS, fill_host_name
from toolkit.i18n import _
from toolkit.workspace import CommuneFolder

LOGIN_LENGTH = 20  # of a login made from a name; 31 is what the fleet file takes
_ID_LENGTH = 60  # of an id; 63 is what the fleet file takes, and a number may follow
# Letters that Unicode does not take apart into a letter of a-z and a mark.
_LETTERS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i"}
)
# What stands before or after an account name in lists: a Windows domain, the domain of an address.
_DOMAIN = re.compile(r"^.*\\|@.*$", re.DOTALL)


def plain(text: str) -> str:
    """Return `text` in lower case with a-z for every letter of the Latin script."""
    parts = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(sign for sign in parts if not unicodedata.combining(sign)).translate(_LETTERS)


def slug(text: str, length: int = _ID_LENGTH) -> str:
    """Return `text` as an id (a-z, digits, inner hyphens); empty when nothing of it can be kept."""
    return re.sub(r"[^a-z0-9]+", "-", plain(text)).strip("-")[:length].strip("-")


def new_id(text: str, taken: Collection[str], fallback: str) -> str:
    """Return an id for `text` that is not in `taken`; `fallback` stands in for a text of which nothing can be kept."""
    base = slug(text) or fallback
    return next(name for name in _numbered(base) if name not in taken)


def _numbered(base: str) -> Iterator[str]:
    yield base
    yield from (f"{base}-{number}" for number in count(2))


def given_login(text: str) -> str | None:
    """Return the account name that a list gives, without domain; None when it is none or a system account."""
    login = re.sub(r"[^a-z0-9_-]", "", plain(_DOMAIN.sub("", text.strip())))
    return login if re.fullmatch(LOGIN_PATTERN, login) and login not in RESERVED_LOGINS else None


def login_of(name: str, taken: Collection[str]) -> str:
    """Return a new login: initial of the first name, then the surname; a number follows when it is taken.

    `Claire Martin`, `MARTIN Claire` and `Martin, Claire` all make `cmartin`.
    """
    first, surname = _first_and_surname(name)
    base = (re.sub(r"[^a-z0-9]", "", plain(first))[:1] + re.sub(r"[^a-z0-9]", "", plain(surname)))[:LOGIN_LENGTH]
    base = base.lstrip("0123456789") or "agent"
    candidates = (base, *(f"{base}{number}" for number in range(2, len(taken) + len(RESERVED_LOGINS) + 3)))
    return next(login for login in candidates if login not in taken and login not in RESERVED_LOGINS)


def _first_and_surname(name: str) -> tuple[str, str]:
    if "," in name:
        surname, _comma, first = name.partition(",")
        return first, surname
    words = name.split()
    capitals = [word for word in words if len(word) > 1 and word.isupper()]
    if capitals and len(capitals) < len(words):
        return " ".join(word for word in words if word not in capitals), " ".join(capitals)
    return (words[0], " ".join(words[1:])) if len(words) > 1 else ("", name)


def spent_names(fleet: Fleet, folder: CommuneFolder) -> set[str]:
    """Return the host names that machines of a commune have or had: a new machine must not inherit what is theirs.

    Keys, certificates, pins and tunnel addresses are kept under these names.
    """
    names = {endpoint.name for endpoint in fleet.endpoints}
    names |= {name for step in fleet.replaced for name in (step.former, step.to)}
    names |= {gone.name for gone in fleet.retired}
    for path in (folder.addresses, folder.enrolment, folder.known_hosts):
        names |= set(re.findall(r"[a-z0-9-]+", _text(path)))
    return names | {path.name.split(".")[0] for path in folder.public.glob("*") if not path.name.startswith(".")}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise BadInputError(_("{file}: cannot be read: {reason}").format(file=path, reason=error.strerror)) from error


class HostNames:
    """Gives new host names of one commune; `spent` is shared by all communes, so that none is given twice."""

    def __init__(self, commune: Commune, spent: set[str]) -> None:
        self._commune, self._spent = commune, spent
        self._next = {Kind.LAPTOP: count(1), Kind.OFFICE_PC: count(1)}

    def new(self, kind: Kind) -> str:
        """Return the first name of the commune's pattern that nobody has or had.

        Raises:
            BadInputError: the pattern and the commune's id together make no host name.
        """
        patterns = self._commune.host_names
        pattern = patterns.laptop if kind is Kind.LAPTOP else patterns.office_pc
        for number in self._next[kind]:
            name = fill_host_name(pattern, self._commune.id, number)
            if not re.fullmatch(NAME_PATTERN, name):
                break
            if name not in self._spent and name not in RESERVED_HOSTS:
                self._spent.add(name)
                return name
        raise BadInputError(
            _(
                "{commune}: commune.host_names: “{pattern}” makes “{name}”, which is no host name (63 characters)"
            ).format(commune=self._commune.id, pattern=pattern, name=name)
        )
