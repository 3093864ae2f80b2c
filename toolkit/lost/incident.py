"""The incident file of a lost laptop: one page in French, as HTML and as PDF, for complaint, CNIL and insurer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from toolkit.errors import BadInputError, NomadeError
from toolkit.files import write_atomically
from toolkit.finding import EndpointAudit, Finding, Severity, Verdict
from toolkit.fleet import Application, Config, Contact, Fleet, Laptop, load_config
from toolkit.i18n import _
from toolkit.lost.journal import Journal
from toolkit.store import open_store
from toolkit.workspace import Workspace

# GDPR, article 33 (notification to the supervisory authority); French insurance code, article L12-10-1 (complaint).
CLOCK = timedelta(hours=72)
ENCRYPTION = "disk-encrypted"
_LANGUAGE = "fr"


@dataclass(frozen=True, slots=True)
class Proof:
    """One control as it was judged on the last evidence, and what the laptop itself had printed."""

    finding: Finding
    text: str


@dataclass(frozen=True, slots=True)
class Incident:
    """All that the page shows. `last` is the newest audit that reached the laptop."""

    fleet: Fleet
    config: Config
    laptop: Laptop
    journal: Journal
    last: EndpointAudit | None
    proof: Proof | None
    applications: tuple[Application, ...]

    @property
    def teleworker(self) -> str:
        """Return the name of whom it was given to, empty when to nobody."""
        post = self.fleet.post_of(self.laptop.name)
        return self.fleet.teleworker(post.teleworker).name if post else ""

    @property
    def duty(self) -> str:
        """Return what they do, empty when it was given to nobody."""
        post = self.fleet.post_of(self.laptop.name)
        return self.fleet.duty(self.fleet.teleworker(post.teleworker).duty).name if post else ""

    @property
    def office_pc(self) -> str:
        """Return the office PC it led to, empty when there is none."""
        post = self.fleet.post_of(self.laptop.name)
        return (post.office_pc or "") if post else ""

    @property
    def deadline(self) -> datetime:
        """Return when both clocks have run out."""
        return self.journal.noticed + CLOCK

    @property
    def encrypted(self) -> bool:
        """Return whether the last evidence proves that the disks were encrypted."""
        return self.proof is not None and self.proof.finding.verdict is Verdict.PASS

    @property
    def events(self) -> list[tuple[datetime, str]]:
        """Return the timeline: the moment of knowledge (an empty text), and what was done since."""
        done = [(datetime.fromisoformat(event.at), event.said) for event in self.journal.events]
        return [(self.journal.noticed, ""), *done]

    @property
    def failures(self) -> list[Finding]:
        """Return what the last audit had found wrong, worst first."""
        wrong = [item for item in (self.last.findings if self.last else ()) if item.verdict is Verdict.FAIL]
        return sorted(wrong, key=lambda item: (-item.severity.rank, item.control))

    @property
    def critical(self) -> int:
        """Return how many of them are critical."""
        return sum(item.severity is Severity.CRITICAL for item in self.failures)

    @property
    def contacts(self) -> list[tuple[str, Contact]]:
        """Return whom to call, with the body they belong to: the CIG first."""
        cig = [(self.config.cig.name, item) for item in self.config.cig.contacts]
        return cig + [(self.fleet.commune.name, item) for item in self.fleet.commune.contacts]


def gather(workspace: Workspace, fleet: Fleet, journal: Journal) -> Incident:
    """Return what is known of the laptop; a store that cannot be read leaves the proof out, and the page says so.

    Raises:
        BadInputError: `nomade.yml` is wrong.
    """
    config = load_config(workspace)
    laptop = fleet.endpoint(journal.host)
    assert isinstance(laptop, Laptop)  # noqa: S101 — only laptops get lost (toolkit/vpn/revoke.py)
    last = _last(workspace, config, fleet, journal.host)
    return Incident(fleet, config, laptop, journal, last, _proof(last), fleet.applications_of(journal.host))


def _last(workspace: Workspace, config: Config, fleet: Fleet, host: str) -> EndpointAudit | None:
    try:
        store = open_store(config.store or workspace.store_url)
        try:
            state = store.state(fleet.commune.id).endpoints.get(host)
        finally:
            store.close()
    except NomadeError:
        return None
    return state.last if state else None


def _proof(last: EndpointAudit | None) -> Proof | None:
    if last is None or last.evidence is None:
        return None
    finding = next((item for item in last.findings if item.control == ENCRYPTION), None)
    if finding is None:
        return None
    section = last.evidence.sections.get(finding.probe or "")
    return Proof(finding, section.text if section else "")


def write(workspace: Workspace, fleet: Fleet, journal: Journal) -> Path:
    """Write the page (0640) as HTML and, beside it, as PDF; return the PDF's path.

    Raises:
        BadInputError: it cannot be written.
    """
    from toolkit.report.html_page import page
    from toolkit.report.pdf_page import printed

    incident = gather(workspace, fleet, journal)
    folder = workspace.root / "reports" / "incidents"
    stem = f"{journal.noticed.astimezone():%Y-%m-%d}-{journal.host}"
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        for paper, suffix in ((False, ".html"), (True, ".pdf")):
            text = page("incident.html.j2", _LANGUAGE, paper=paper, incident=incident)
            write_atomically(folder / f"{stem}{suffix}", printed(text) if paper else text, 0o640)
    except OSError as error:
        raise BadInputError(
            _("{file}: cannot be written: {reason}").format(file=folder, reason=error.strerror)
        ) from error
    return folder / f"{stem}.pdf"
