"""What can be proven of keys in escrow without asking any endpoint, and what cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from toolkit.errors import BadInputError
from toolkit.escrow import register
from toolkit.escrow.deposits import Deposit, deposits
from toolkit.escrow.register import Event
from toolkit.escrow.sealed import Identities, opened, opened_header
from toolkit.fleet import Config, Fleet
from toolkit.i18n import _
from toolkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was looked at. Without `deposit` it is no key: a laptop that has none, a file, the register."""

    subject: str
    deposit: Deposit | None
    problems: tuple[str, ...] = ()
    opened: bool = False


def verify(workspace: Workspace, config: Config, fleet: Fleet, keys: Identities | None) -> list[Result]:
    """Return what is found of one commune: its keys, its laptops without one, stray files, and its register last.

    With `keys` (identities) each key and each copy of a header is decrypted in memory and compared with its
    description; the register says so.
    """
    commune = fleet.commune.id
    found, stray = deposits(workspace.commune(commune))
    recipients = {*config.escrow_recipients, *fleet.commune.escrow_recipients}
    known = {endpoint.name for endpoint in fleet.endpoints}
    results = [_result(item, recipients, known, keys) for item in found]
    with_disk = {item.endpoint for item in found if item.is_disk}
    missing = [laptop.name for laptop in fleet.laptops if laptop.name not in with_disk]
    results += [Result(name, None, (_("no key in escrow"),)) for name in missing]
    results += [Result(_("file"), None, (problem,)) for problem in stray]
    if keys and any(result.opened for result in results):
        names = {result.subject for result in results if result.opened}
        count = len([result for result in results if result.opened])
        reason = _("verification with an identity, keys: {count}").format(count=count)
        register.append(workspace, commune, Event("verified", ", ".join(sorted(names)), "", "", reason))
    return [*results, _of_register(workspace, commune)]


def _result(item: Deposit, recipients: set[str], known: set[str], keys: Identities | None) -> Result:
    problems = list(_outside(item, recipients, known))
    whole = True
    for look in _looks(item, keys):
        try:
            look()
        except BadInputError as error:
            problems.append(str(error))
            whole = False
    return Result(item.endpoint, item, tuple(problems), whole and keys is not None)


def _looks(item: Deposit, keys: Identities | None) -> Iterator[Callable[[], object]]:
    """Yield what looks at a key and, of a disk, at the copy of its header; each raises BadInputError."""
    yield (lambda: opened(item, keys)) if keys else item.ciphertext
    if item.is_disk:
        yield (lambda: opened_header(item, keys)) if keys else item.header_ciphertext


def _outside(item: Deposit, recipients: set[str], known: set[str]) -> Iterator[str]:
    if item.endpoint not in known:
        yield _("no machine of this name in fleet.yml")
    for gone in sorted(set(item.recipients) - recipients):
        yield _("{recipient} can open it and is no recipient any more: nomade escrow rekey").format(recipient=gone)
    for absent in sorted(recipients - set(item.recipients)):
        yield _("{recipient} cannot open it: nomade escrow rekey").format(recipient=absent)
    if item.to_be_replaced:
        yield _("was read or is to be replaced: nomade apply --limit {host}").format(host=item.endpoint)


def _of_register(workspace: Workspace, commune: str) -> Result:
    found = register.read(workspace, commune)
    problems = list(found.problems)
    if found.torn:
        problems.append(_("the last line was torn by a power cut: the next opening closes it off"))
    replaced = set(_read_and_kept(workspace, commune, found))
    problems += [
        _("{host}: read, and nobody asked to replace it: nomade escrow rotate").format(host=name)
        for name in sorted(replaced)
    ]
    return Result(_("register (lines: {count})").format(count=len(found.entries)), None, tuple(problems))


def _read_and_kept(workspace: Workspace, commune: str, found: register.Register) -> Iterator[str]:
    """Yield the endpoints of which a key that was shown is still the one in escrow, with no request to replace it."""
    shown = {entry.ciphertext_sha256 for entry in found.entries if entry.action == "opened"}
    for item in deposits(workspace.commune(commune))[0]:
        if item.is_disk and item.ciphertext_sha256 in shown and not item.to_be_replaced:
            yield item.endpoint
