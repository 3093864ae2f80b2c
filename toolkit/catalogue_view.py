"""The catalogue as lines of text: lists, one control, one profile, and the page of all controls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolkit.catalogue import Catalogue
from toolkit.catalogue_model import Control, Expectation, Operand
from toolkit.errors import BadInputError
from toolkit.i18n import _, set_language


def control_rows(catalogue: Catalogue, profile: str | None, language: str) -> list[dict[str, Any]]:
    """Return id, severity, kinds, whether it is automatic, and title of each control (of `profile`, if given).

    Raises:
        BadInputError: an unknown profile.
    """
    chosen = catalogue.selected(profile) if profile else tuple(catalogue.controls.values())
    return [
        {
            "id": control.id,
            "severity": control.severity.value,
            "applies_to": list(control.applies_to),
            "automatic": control.audit is not None,
            "title": control.title[language],
        }
        for control in chosen
    ]


def control_lines(catalogue: Catalogue, profile: str | None, language: str) -> Iterator[str]:
    """Yield one aligned line per control, then how many are automatic. Raises as `control_rows`."""
    rows = control_rows(catalogue, profile, language)
    width = max((len(row["id"]) for row in rows), default=0)
    for row in rows:
        mark = "" if row["automatic"] else " " + _("(declared by a person)")
        yield f"{row['id']:<{width}}  {severity_word(row['severity']):<9}  {row['title']}{mark}"
    automatic = sum(row["automatic"] for row in rows)
    yield _("{total} controls, {automatic} of them automatic").format(total=len(rows), automatic=automatic)


def severity_word(severity: str) -> str:
    """Return a severity in the user's language."""
    return {"low": _("low"), "medium": _("medium"), "high": _("high"), "critical": _("critical")}[severity]


def kind_word(kind: str) -> str:
    """Return a kind of endpoint in the user's language."""
    return {"laptop": _("laptop"), "office_pc": _("office PC"), "gateway": _("gateway")}[kind]


def one_control(catalogue: Catalogue, name: str, language: str) -> Iterator[str]:
    """Yield all there is to know of one control.

    Raises:
        BadInputError: there is none of that id.
    """
    if name not in catalogue.controls:
        raise BadInputError(_("unknown control “{name}”: see “nomade controls list”").format(name=name))
    control = catalogue.controls[name]
    yield f"{control.id} — {control.title[language]}"
    yield ""
    yield _("severity: {value}").format(value=severity_word(control.severity.value))
    yield _("for: {value}").format(value=", ".join(kind_word(kind) for kind in control.applies_to))
    yield _("why: {value}").format(value=control.why[language])
    yield _("what to do: {value}").format(value=control.fix[language])
    if control.role:
        yield _("role: {value}").format(value=control.role)
    for document, items in control.references.items():
        yield _("reference: {document}: {items}").format(
            document=catalogue.references[document].title[language], items=", ".join(items)
        )
    yield from _how(control, language)


def _how(control: Control, language: str) -> Iterator[str]:
    if control.manual:
        yield _("declared by a person (valid {months} months): {value}").format(
            months=control.manual.validity_months, value=control.manual[language]
        )
    if control.audit:
        places = ", ".join(_places()[place] for place in control.proven_in) or _("nowhere yet")
        yield _("proven in: {value}").format(value=places)
        yield _("probe: {value}").format(value=control.audit.probe)
        for key, expectation in control.audit.where.items():
            yield _("  only where {key}: {value}").format(key=key, value=_expected(expectation))
        for key, expectation in control.audit.expect.items():
            yield f"  {key}: {_expected(expectation)}"
    if control.holds_by_default:
        yield _("holds on a new machine: {value}").format(value=control.holds_by_default[language])


def _places() -> dict[str, str]:
    return {"container": _("container"), "desktop": _("container with a desktop"), "vm": _("virtual machine")}


def _expected(expectation: Expectation) -> str:
    return ", ".join(
        _shown(operand) if operator == "equals" else f"{operator} {_shown(operand)}"
        for operator, operand in expectation.operators()
    )


def _shown(operand: Any) -> str:
    if isinstance(operand, Operand):
        return f"{{{'setting' if operand.setting else 'fleet'}: {operand.setting or operand.fleet}}}"
    if isinstance(operand, list):
        return "[" + ", ".join(_shown(item) for item in operand) + "]"
    return str(operand).lower() if isinstance(operand, bool) else str(operand)


def page(catalogue: Catalogue) -> Iterator[str]:
    """Yield the French page of all controls (`docs/controles.md`)."""
    yield "<!-- Généré par « python -m toolkit.catalogue_view > docs/controles.md » : ne pas modifier. -->"
    yield "# Les contrôles"
    yield ""
    yield "Une étoile marque ceux qu’une machine neuve respecte déjà ; ils trouvent ce qui a été changé ensuite."
    yield ""
    yield "| contrôle | vérifie | gravité | concerne | rôle | éprouvé | références |"
    yield "|---|---|---|---|---|---|---|"
    for control in catalogue.controls.values():
        yield "| " + " | ".join(_cells(control)) + " |"
    yield ""
    yield "Ce qu’ils couvrent des guides : [couverture.md](couverture.md)."


def _cells(control: Control) -> list[str]:
    proven = ", ".join(_places()[place] for place in control.proven_in)
    proven = proven or (_("nowhere yet") if control.audit else _("(declared by a person)"))
    if control.holds_by_default:
        proven += " *"
    references = "; ".join(f"{document} {', '.join(items)}" for document, items in control.references.items())
    kinds = ", ".join(kind_word(kind) for kind in control.applies_to)
    severity = severity_word(control.severity.value)
    return [f"`{control.id}`", control.title.fr, severity, kinds, control.role or "", proven, references]


def profile_lines(catalogue: Catalogue, language: str) -> Iterator[str]:
    """Yield one aligned line per profile: id, number of controls, title."""
    width = max((len(name) for name in catalogue.profiles), default=0)
    for profile in catalogue.profiles.values():
        count = len(catalogue.selected(profile.id))
        yield f"{profile.id:<{width}}  " + _("{count:>3} controls  {title}").format(
            count=count, title=profile.title[language]
        )


def one_profile(catalogue: Catalogue, name: str, language: str) -> Iterator[str]:
    """Yield all there is to know of one profile. Raises BadInputError when there is none of that id."""
    profile = catalogue.profile(name)
    yield f"{profile.id} — {profile.title[language]}"
    yield profile.about[language]
    if profile.extends:
        yield _("extends: {value}").format(value=profile.extends)
    for key, value in sorted(catalogue.settings(name).items()):
        yield _("setting: {name} = {value}").format(name=key, value=value)
    yield ""
    yield from control_lines(catalogue, name, language)


if __name__ == "__main__":
    from toolkit.catalogue import load

    set_language("fr")
    print("\n".join(page(load())))  # noqa: T201 — its output is the page
