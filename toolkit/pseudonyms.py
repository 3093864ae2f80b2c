"""Reports without names: people, logins and machines under stable pseudonyms that only this workspace can compute.

The secret stays in `.nomade/`: with it, one person has one pseudonym in every report; without it nobody can try names
until one fits. What machines printed (raw outputs) is left out; what people wrote is searched for names.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any

from toolkit.files import alone, create_atomically
from toolkit.finding import Check
from toolkit.fleet import Cig, Fleet, load, load_config
from toolkit.report.model import Action, Line, Machine, Post, Report, WaiverUse
from toolkit.waivers import Waiver
from toolkit.workspace import Workspace

_SECRET_BYTES = 32
# Of a pseudonym: 40 bits, so that two of 10,000 machines meet once in twenty thousand workspaces.
_SHOWN = 10
_KINDS = {"laptop": "portable", "office_pc": "bureau", "gateway": "passerelle"}
_PART = 3  # shorter parts of names (le, de) are words of any text


def secret_of(workspace: Workspace) -> bytes:
    """Return the workspace's secret, made on first use (mode 0600, in `.nomade/keys/`)."""
    path = workspace.management_key.with_name("pseudonyms")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with alone(path.with_suffix(".lock")):
        if not path.exists():
            create_atomically(path, secrets.token_bytes(_SECRET_BYTES), 0o600)
        return path.read_bytes()


def without_names(workspace: Workspace, reports: Iterable[Report]) -> list[Report]:
    """Return the reports of these communes without names.

    Raises:
        BadInputError: a bad `nomade.yml` or `fleet.yml`.
    """
    return [of_commune(workspace, report.commune).report(report) for report in reports]


def of_commune(workspace: Workspace, commune: str) -> Pseudonyms:
    """Return the pseudonyms of one commune's fleet. Raises as `without_names`."""
    return Pseudonyms(secret_of(workspace), load(workspace, commune), load_config(workspace).cig)


class Pseudonyms:
    """Replaces what names a person or a machine of one fleet; the commune keeps its name."""

    def __init__(self, secret: bytes, fleet: Fleet, cig: Cig) -> None:
        self._secret = secret
        self._fleet = fleet
        self._cig = cig
        self._kinds = {endpoint.name: endpoint.kind.value for endpoint in fleet.machines}

    def person(self, name: str) -> str:
        """Return the pseudonym of somebody, by the name that reports show."""
        return f"personne-{self._code('person', name)}"

    def machine_name(self, name: str) -> str:
        """Return the pseudonym of a machine; its kind stays readable."""
        return f"{_KINDS.get(self._kinds.get(name, ''), 'machine')}-{self._code('machine', name)}"

    def _code(self, kind: str, name: str) -> str:
        return hmac.new(self._secret, f"{kind}\0{name}".encode(), hashlib.sha256).hexdigest()[:_SHOWN]

    @cached_property
    def _known(self) -> dict[str, str]:
        """What stands for each word to be replaced, in small letters."""
        found: dict[str, str] = {}
        people = [(item.name, item.login) for item in self._fleet.teleworkers]
        contacts = (*self._fleet.commune.contacts, *self._cig.contacts)
        for name, *others in (*people, *((item.name, item.phone or "", item.email or "") for item in contacts)):
            parts = [part for part in re.split(r"[\s'’-]+", name) if len(part) >= _PART]
            found |= {word.lower(): self.person(name) for word in (*parts, *others) if word}
            found[name.lower()] = self.person(name)
        for endpoint in self._fleet.machines:
            words = (endpoint.serial, endpoint.mac, getattr(endpoint, "listed_as", None), endpoint.name)
            found |= {word.lower(): self.machine_name(endpoint.name) for word in words if word}
        return found

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        words = sorted(map(re.escape, self._known), key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)

    def text(self, text: str) -> str:
        """Return a text of people or machines with every name of this fleet replaced."""
        return self._pattern.sub(lambda found: self._known[found[0].lower()], text)

    def value(self, value: Any) -> Any:
        """Return a fact (a JSON value) with every name replaced, in keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        return value

    def report(self, report: Report) -> Report:
        """Return the report without names; whom to call is left out."""
        machines = {machine.name: self.machine(machine) for machine in report.machines}
        return replace(
            report,
            machines=tuple(machines.values()),
            posts=tuple(self._post(post, machines) for post in report.posts),
            actions=tuple(self._action(action) for action in report.actions),
            waivers=tuple(self._use(use) for use in report.waivers),
            expired_waivers=tuple(self._use(use) for use in report.expired_waivers),
            contacts=(),
        )

    def machine(self, machine: Machine) -> Machine:
        """Return one machine without names and without its raw outputs; their digest stays."""
        return replace(
            machine,
            name=self.machine_name(machine.name),
            teleworker=self.person(machine.teleworker) if machine.teleworker else None,
            attempt_detail=self.text(machine.attempt_detail),
            sections=(),
            lines=tuple(self.line(line) for line in machine.lines),
        )

    def line(self, line: Line) -> Line:
        """Return one control without names in what was expected, found, said and accepted."""
        return replace(
            line,
            checks=tuple(self._check(check) for check in line.checks),
            detail=self.text(line.detail),
            waiver=self._waiver(line.waiver) if line.waiver else None,
        )

    def _check(self, check: Check) -> Check:
        actual = self.value(check.actual)
        if check.operator == "valid_on" and isinstance(actual, dict):
            # A declaration: its author need not be of the fleet, and its document is whatever somebody wrote.
            actual = {**actual, "author": self.person(check.actual["author"]), "document": None}
        return replace(check, expected=self.value(check.expected), actual=actual)

    def _post(self, post: Post, machines: dict[str, Machine]) -> Post:
        parts = {
            kind: machines[part.name]
            for kind in ("laptop", "office_pc", "gateway")
            if (part := getattr(post, kind)) is not None
        }
        return replace(post, teleworker=self.person(post.teleworker), **parts)  # type: ignore[arg-type]

    def _action(self, action: Action) -> Action:
        return replace(action, machines=self._names(action.machines))

    def _names(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.machine_name(name) for name in names)

    def _use(self, use: WaiverUse) -> WaiverUse:
        return replace(use, waiver=self._waiver(use.waiver), machines=self._names(use.machines))

    def _waiver(self, waiver: Waiver) -> Waiver:
        changed = {
            "endpoints": self._names(waiver.endpoints),
            "approver": self.person(waiver.approver),
            "reason": self.text(waiver.reason),
        }
        return waiver.model_copy(update=changed)
