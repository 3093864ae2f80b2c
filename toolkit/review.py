"""The yearly review of telework for the staff committee, from what `fleet.yml` declares and what audits found.

Numbers only: nobody is named, and no activity of anybody is known to this toolkit (hours, connections, presence).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from toolkit.fleet import Fleet, Regime, load
from toolkit.fleet.past import RegimeChange
from toolkit.report import dates, plain
from toolkit.report.commune import reports
from toolkit.report.html_page import page
from toolkit.report.model import Report, TrendPoint
from toolkit.report.pdf_page import printed
from toolkit.report.wording import translator
from toolkit.workspace import Workspace

SCHEMA_VERSION = 1

# What shows that people were told, trained and equipped; other declarations are the commune's own.
_OF_PEOPLE = ("charter-signed", "awareness-done", "equipment-handed-over", "incident-card-handed-over")


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """One department: duties that may be done from home and others, and how many people telework."""

    name: str
    eligible: int
    not_eligible: int
    teleworkers: int


@dataclass(frozen=True, slots=True)
class Declared:
    """One point that people are asked to declare: for how many teleworkers it stands, and how often in the year."""

    title: str
    standing: int
    in_year: int


@dataclass(frozen=True, slots=True)
class Review:
    """One commune over one year. `regime` and all counts without a year are as declared on `generated_at`."""

    commune: str
    name: str
    language: str
    year: int
    generated_at: datetime
    regime: Regime
    changes: tuple[RegimeChange, ...]  # of the year
    services: tuple[ServiceLine, ...]
    posts: int
    posts_with_office_pc: int
    laptops: int
    office_pcs: int
    replaced: int
    fixed_posts: dict[str, int]
    retired: int
    declared: tuple[Declared, ...]
    first: TrendPoint | None
    last: TrendPoint | None
    audits: int

    @property
    def teleworkers(self) -> int:
        return sum(service.teleworkers for service in self.services)


def reviews(workspace: Workspace, communes: Sequence[str], year: int, language: str, now: datetime) -> list[Review]:
    """Return the review of each commune.

    Raises:
        BadInputError: a bad `nomade.yml`, `fleet.yml` or `waivers.yml`.
        StoreError: the store cannot be read.
    """
    found = []
    for commune in communes:
        report = reports(workspace, [commune], language, now)[0]
        found.append(of_commune(load(workspace, commune), report, year))
    return found


def of_commune(fleet: Fleet, report: Report, year: int) -> Review:
    """Return the review of one commune from its fleet file and its report. Pure."""
    days = [point for point in report.trend if point.day.year == year]
    fates = Counter(post.fate for post in fleet.fixed_posts)
    return Review(
        commune=fleet.commune.id,
        name=fleet.commune.name,
        language=report.language,
        year=year,
        generated_at=report.generated_at,
        regime=fleet.regime,
        changes=tuple(change for change in fleet.regime_history if change.date.startswith(f"{year}-")),
        services=_services(fleet),
        posts=len(fleet.posts),
        posts_with_office_pc=sum(post.office_pc is not None for post in fleet.posts),
        laptops=len(fleet.laptops),
        office_pcs=len(fleet.office_pcs),
        replaced=sum(step.date.startswith(f"{year}-") for step in fleet.replaced),
        fixed_posts={fate: fates[fate] for fate in ("kept", "retired", "unchanged")},
        retired=sum((post.retired_on or "").startswith(f"{year}-") for post in fleet.fixed_posts),
        declared=_declared(fleet, report, year),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        audits=len(days),
    )


def _services(fleet: Fleet) -> tuple[ServiceLine, ...]:
    people = Counter(fleet.duty(item.duty).service for item in fleet.teleworkers)
    return tuple(
        ServiceLine(
            service.name,
            sum(duty.service == service.id and duty.eligible for duty in fleet.duties),
            sum(duty.service == service.id and not duty.eligible for duty in fleet.duties),
            people[service.id],
        )
        for service in fleet.services
    )


def _declared(fleet: Fleet, report: Report, year: int) -> tuple[Declared, ...]:
    laptops = {post.laptop for post in fleet.posts}
    lines = [(machine.name, line) for machine in report.machines if machine.name in laptops for line in machine.lines]
    found = []
    for control in _OF_PEOPLE:
        title = next((line.title for _name, line in lines if line.control == control), None)
        if title is None:
            continue
        standing = sum(line.control == control and line.verdict == "pass" and not line.stale for _name, line in lines)
        said = sum(
            item.control == control and item.met and item.date.startswith(f"{year}-") for item in fleet.declarations
        )
        found.append(Declared(title, standing, said))
    return tuple(found)


def render(item: Review, format: str) -> str | bytes:
    """Return the review as `html`, `pdf` or `json`."""
    if format == "json":
        return _document(item)

    def day_of(text: str) -> str:
        return dates.date_text(date.fromisoformat(text), item.language)

    shown = page(
        "review.html.j2", item.language, paper=format == "pdf", item=item, weekdays=_weekdays(item), day_of=day_of
    )
    return printed(shown) if format == "pdf" else shown


def _weekdays(item: Review) -> str:
    _ = translator(item.language)
    names = {
        "monday": _("monday"),
        "tuesday": _("tuesday"),
        "wednesday": _("wednesday"),
        "thursday": _("thursday"),
        "friday": _("friday"),
        "saturday": _("saturday"),
        "sunday": _("sunday"),
    }
    return ", ".join(names[day] for day in item.regime.weekdays)


def _document(item: Review) -> str:
    body = asdict(item) | {
        "regime": item.regime.model_dump(),
        "changes": [change.model_dump() for change in item.changes],
        "schema_version": SCHEMA_VERSION,
    }
    return plain.escaped(json.dumps(body, ensure_ascii=False, indent=2, default=_text)) + "\n"


def _text(value: object) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else str(value)
