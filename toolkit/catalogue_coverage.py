"""Which recommendations of the documents have controls, which a reason to have none, and what was proven where."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from toolkit.catalogue import Catalogue
from toolkit.catalogue_model import Control
from toolkit.errors import BadInputError
from toolkit.i18n import _, set_language


class Answer(StrEnum):
    """The best answer there is to a recommendation. None of them says that all of it is met."""

    CHECKED = "checked"  # at least one control asks the machine
    DECLARED = "declared"  # only controls that people answer
    EXPLAINED = "explained"  # no control, for a reason that is written down
    OPEN = "open"  # no control and no reason


@dataclass(frozen=True, slots=True)
class Covered:
    """One recommendation, the controls that refer to it, and what none of them covers (`gap`)."""

    document: str
    item: str
    level: str
    title: str
    automatic: tuple[str, ...]
    manual: tuple[str, ...]
    gap: str

    @property
    def answer(self) -> Answer:
        if self.automatic:
            return Answer.CHECKED
        if self.manual:
            return Answer.DECLARED
        return Answer.EXPLAINED if self.gap else Answer.OPEN


@dataclass(frozen=True, slots=True)
class Proofs:
    """Ids of the automatic controls by where a test shows them failing and then passing."""

    container: tuple[str, ...]
    vm_only: tuple[str, ...]
    nowhere: tuple[str, ...]
    by_default: tuple[str, ...]  # part of the others: a new machine meets them, the test spoils it first
    people: tuple[str, ...]  # not automatic


def covered(catalogue: Catalogue, language: str, document: str | None = None) -> list[Covered]:
    """Return every recommendation of every document (or of one), in the documents' order.

    Raises:
        BadInputError: there is no such document.
    """
    if document is not None and document not in catalogue.references:
        known = ", ".join(catalogue.references)
        raise BadInputError(_("unknown reference “{name}”; known: {known}").format(name=document, known=known))
    return [
        Covered(
            reference.id,
            name,
            item.level or "",
            item.title[language],
            tuple(control.id for control in _of(catalogue, reference.id, name) if control.audit),
            tuple(control.id for control in _of(catalogue, reference.id, name) if control.manual),
            item.gap[language] if item.gap else "",
        )
        for reference in catalogue.references.values()
        if document in (None, reference.id)
        for name, item in reference.items.items()
    ]


def _of(catalogue: Catalogue, document: str, item: str) -> list[Control]:
    return [control for control in catalogue.controls.values() if item in control.references.get(document, [])]


def counts(catalogue: Catalogue, rows: Iterable[Covered]) -> dict[tuple[str, str], dict[Answer, int]]:
    """Return how many recommendations of each (document, level) have each answer, levels in the documents' order."""
    places = [(name, level) for name, item in catalogue.references.items() for level in item.levels or [""]]
    found = {place: dict.fromkeys(Answer, 0) for place in places}
    for row in rows:
        found[row.document, row.level][row.answer] += 1
    return {place: numbers for place, numbers in found.items() if any(numbers.values())}


def proofs(catalogue: Catalogue) -> Proofs:
    """Return where each control is proven."""
    automatic = [control for control in catalogue.controls.values() if control.audit]
    return Proofs(
        container=tuple(item.id for item in automatic if {"container", "desktop"} & set(item.proven_in)),
        vm_only=tuple(item.id for item in automatic if item.proven_in == ["vm"]),
        nowhere=tuple(item.id for item in automatic if not item.proven_in),
        by_default=tuple(item.id for item in automatic if item.holds_by_default),
        people=tuple(item.id for item in catalogue.controls.values() if item.manual),
    )


def as_data(catalogue: Catalogue, language: str, document: str | None = None) -> dict[str, Any]:
    """Return the coverage as JSON values: summary, recommendations, proofs. Raises as `covered`."""
    rows = covered(catalogue, language, document)
    summary = [
        {"document": name, "level": level or None, "total": sum(numbers.values()), **numbers}
        for (name, level), numbers in counts(catalogue, rows).items()
    ]
    items = [{**asdict(row), "level": row.level or None, "answer": row.answer} for row in rows]
    return {"summary": summary, "recommendations": items, "proofs": asdict(proofs(catalogue))}


def as_csv(catalogue: Catalogue, language: str, document: str | None = None) -> str:
    """Return one row per recommendation, for spreadsheets in French offices (`;`, BOM, CRLF). Raises as `covered`."""
    from toolkit.report.csv_table import cell

    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
    start = [_("Document"), _("Recommendation"), _("Level"), _("Title"), _("Answer")]
    writer.writerow([*start, _("Checked by"), _("Declared in"), _("Not covered, and why")])
    for row in covered(catalogue, language, document):
        title, gap = cell(row.title), cell(row.gap)
        controls = [", ".join(row.automatic), ", ".join(row.manual)]
        writer.writerow([row.document, row.item, level_word(row.level), title, answer_word(row.answer), *controls, gap])
    return "\ufeff" + stream.getvalue()


def level_word(level: str) -> str:
    """Return the level of a document in the user's language; empty for a document without levels."""
    words = {
        "minimal": _("minimal"),
        "intermediary": _("intermediary"),
        "enhanced": _("enhanced"),
        "high": _("high (level)"),
        "workstation-1": _("workstation, level 1"),
        "workstation-2": _("workstation, level 2"),
        "server": _("server only"),
    }
    return words.get(level, level)


def answer_word(answer: Answer) -> str:
    """Return an answer in the user's language."""
    return {
        Answer.CHECKED: _("checked"),
        Answer.DECLARED: _("declared"),
        Answer.EXPLAINED: _("not covered, explained"),
        Answer.OPEN: _("not covered"),
    }[answer]


def lines(catalogue: Catalogue, language: str, document: str | None = None) -> Iterator[str]:
    """Yield, per document, its numbers per level, then each recommendation; at the end where controls are proven.

    Raises as `covered`.
    """
    rows = covered(catalogue, language, document)
    yield _("A control answers part of a recommendation: having one does not mean that all of it is checked.")
    for reference in catalogue.references.values():
        own = [row for row in rows if row.document == reference.id]
        if not own:
            continue
        yield ""
        yield f"{reference.title[language]} ({reference.id})"
        if reference.note:
            yield f"  {reference.note[language].strip()}"
        yield from _summary(catalogue, own)
        width = max(len(row.item) for row in own)
        for row in own:
            yield f"  {row.item:<{width}}  {row.title} – {_answer(row)}"
    yield ""
    yield from _proof_lines(proofs(catalogue))


def _summary(catalogue: Catalogue, rows: list[Covered]) -> Iterator[str]:
    for (_document, level), numbers in counts(catalogue, rows).items():
        text = _("{total} recommendations: {checked} checked, {declared} declared, {explained} explained, {open} open")
        shown = text.format(total=sum(numbers.values()), **{answer.value: numbers[answer] for answer in Answer})
        yield f"  {level_word(level) or _('all')} – {shown}"


def _answer(row: Covered) -> str:
    parts = [", ".join(row.automatic)] if row.automatic else []
    if row.manual:
        parts.append(_("declared: {controls}").format(controls=", ".join(row.manual)))
    if row.gap:
        parts.append(_("not covered: {reason}").format(reason=row.gap))
    return " | ".join(parts) or _("no control")


def _proof_lines(found: Proofs) -> Iterator[str]:
    """Yield how many controls are proven where, and the names of those that are not proven in containers."""
    total = len(found.container) + len(found.vm_only) + len(found.nowhere)
    yield _("{count} automatic controls, {people} that people answer").format(count=total, people=len(found.people))
    yield _("  proven in containers (failing on a bare machine, passing on a provisioned one): {count}").format(
        count=len(found.container)
    )
    yield _("  proven in a virtual machine only: {count}").format(count=len(found.vm_only)) + _named(found.vm_only)
    yield _("  not proven yet: {count}").format(count=len(found.nowhere)) + _named(found.nowhere)
    yield _("  of these, hold on a new machine and find what was changed later: {count}").format(
        count=len(found.by_default)
    )


def _named(names: tuple[str, ...]) -> str:
    return f" ({', '.join(names)})" if names else ""


def page(catalogue: Catalogue) -> Iterator[str]:
    """Yield the French page `docs/couverture.md`."""
    rows = covered(catalogue, "fr")
    numbers = counts(catalogue, rows)
    yield "<!-- Généré par « python -m toolkit.catalogue_coverage > docs/couverture.md » : ne pas modifier. -->"
    yield "# Ce que les contrôles couvrent"
    yield ""
    yield "Un contrôle répond à une partie d’une recommandation : qu’il existe ne veut pas dire que tout est vérifié."
    yield "Une recommandation « déclarée » tient à la parole de quelqu’un : [declarations.md](declarations.md)."
    yield ""
    yield "| document | niveau | recommandations | vérifiées | déclarées | expliquées | sans réponse |"
    yield "|---|---|---|---|---|---|---|"
    for (document, level), found in numbers.items():
        shown = [str(sum(found.values())), *(str(found[answer]) for answer in Answer)]
        yield f"| {document} | {level_word(level)} | " + " | ".join(shown) + " |"
    yield ""
    first, *others = _proof_lines(proofs(catalogue))
    yield from (f"{first} :", "", *(f"- {line.strip()}" for line in others))
    for reference in catalogue.references.values():
        yield from ("", f"## {reference.title.fr}", "")
        if reference.note:
            yield from (reference.note.fr.strip(), "")
        yield "| n° | niveau | recommandation | vérifiée par | déclarée dans | non couvert, et pourquoi |"
        yield "|---|---|---|---|---|---|"
        for row in rows:
            if row.document == reference.id:
                yield "| " + " | ".join(_cells(row)) + " |"


def _cells(row: Covered) -> list[str]:
    controls = [", ".join(f"`{name}`" for name in names) for names in (row.automatic, row.manual)]
    return [row.item, level_word(row.level), row.title, *controls, row.gap]


if __name__ == "__main__":
    from toolkit.catalogue import load

    set_language("fr")
    print("\n".join(page(load())))  # noqa: T201 — its output is the page
