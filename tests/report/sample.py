"""Two fictional communes as the store would know them: passes, failures, errors, old, silent and unknown machines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from toolkit.catalogue import Catalogue
from toolkit.catalogue_model import Control, Item, Profile, Reference
from toolkit.finding import (
    Check,
    EndpointAudit,
    EndpointStatus,
    Evidence,
    Finding,
    Section,
    SectionStatus,
    Verdict,
)
from toolkit.report.document import build
from toolkit.report.model import Report, TrendPoint
from toolkit.report.roster import Roster, RosterContact, RosterPost
from toolkit.store import CommuneState, EndpointState
from toolkit.waivers import Waiver

NOW = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)
PROFILE = "socle-commune"
FRESHNESS = 30


def _text(fr: str, en: str) -> dict[str, str]:
    return {"fr": fr, "en": en}


def _control(name: str, severity: str, topic: str, fr: tuple[str, str, str], **more: object) -> Control:
    title, why, fix = fr
    fields: dict[str, object] = {
        "id": name,
        "title": _text(title, f"{name} title"),
        "why": _text(why, f"{name} reason"),
        "fix": _text(fix, f"{name} remedy"),
        "severity": severity,
        "applies_to": ["laptop", "office_pc", "gateway"],
        "proven_in": ["container"],
        "role": topic,
        "references": {"anssi-bp028": ["R33"], "hygiene": ["29"]},
        "audit": {"probe": topic, "expect": {"value": True}},
        "examples": {"pass": ["yes"], "fail": ["no"]},
    }
    return Control.model_validate(fields | more)


CONTROLS = (
    _control(
        "disk-encrypted",
        "critical",
        "disk_encryption",
        (
            "Le disque est chiffré",
            "Un portable perdu ou volé donne sinon tous ses fichiers à qui le trouve.",
            "Confier le portable au technicien : il installe le système sur un disque chiffré.",
        ),
        applies_to=["laptop"],
        references={"nomadisme": ["NOM-11"], "hygiene": ["31"]},
    ),
    _control(
        "recovery-key-escrowed",
        "high",
        "disk_encryption",
        (
            "La clé de secours du disque est en lieu sûr",
            "Sans elle, une phrase de passe oubliée fait perdre tout le contenu du portable.",
            "Relancer la mise en conformité : la clé est créée sur le portable et déposée chiffrée.",
        ),
        applies_to=["laptop"],
    ),
    _control(
        "tunnel-up",
        "critical",
        "vpn_client",
        (
            "Le tunnel vers la mairie est établi",
            "Hors du tunnel, les échanges passent en clair par des réseaux que personne ne maîtrise.",
            "Redémarrer le portable ; si rien ne change, appeler le technicien.",
        ),
        applies_to=["laptop", "gateway"],
        references={"nomadisme": ["NOM-18", "NOM-27"]},
    ),
    _control(
        "firewall-default-drop",
        "high",
        "firewall",
        (
            "Le pare-feu refuse tout ce qui n’est pas prévu",
            "Chaque port ouvert est une porte que l’on peut essayer depuis l’extérieur.",
            "Relancer la mise en conformité du pare-feu sur la machine.",
        ),
        references={"nomadisme": ["NOM-26"], "anssi-bp028": ["R67"]},
    ),
    _control(
        "ssh-no-root-login",
        "high",
        "ssh",
        (
            "Connexion SSH de root interdite",
            "Un compte tout-puissant que tout le monde connaît est le premier que l’on attaque.",
            "Relancer la mise en conformité de SSH sur la machine.",
        ),
    ),
    _control(
        "ssh-keys-only",
        "high",
        "ssh",
        (
            "Connexion SSH par clé uniquement",
            "Un mot de passe se devine ou se vole, une clé beaucoup moins.",
            "Relancer la mise en conformité de SSH sur la machine.",
        ),
    ),
    _control(
        "security-updates-recent",
        "high",
        "updates",
        (
            "Les correctifs de sécurité sont récents",
            "La plupart des attaques passent par des failles corrigées depuis des semaines.",
            "Laisser la machine allumée et connectée une heure, puis refaire le contrôle.",
        ),
        references={"hygiene": ["34"], "anssi-bp028": ["R61"]},
    ),
    _control(
        "password-length",
        "medium",
        "accounts",
        (
            "Les mots de passe sont assez longs",
            "Un mot de passe court se trouve en quelques heures de calcul.",
            "Relancer la mise en conformité des comptes ; chacun change son mot de passe à la connexion suivante.",
        ),
    ),
    _control(
        "no-autologin",
        "medium",
        "accounts",
        (
            "Aucune session ne s’ouvre toute seule",
            "Sinon, allumer la machine suffit pour travailler à la place de quelqu’un.",
            "Relancer la mise en conformité des comptes.",
        ),
        applies_to=["office_pc", "laptop"],
    ),
    _control(
        "remote-desktop-own-laptop-only",
        "high",
        "remote_desktop_host",
        (
            "Le bureau à distance n’est ouvert qu’au portable de la même personne",
            "Un poste ouvert à tous les autres propage une attaque à toute la mairie.",
            "Relancer la mise en conformité du bureau à distance.",
        ),
        applies_to=["office_pc"],
        needs=["laptop"],
    ),
    _control(
        "time-synchronised",
        "low",
        "base",
        (
            "L’heure est juste",
            "Des journaux à une heure fausse ne permettent pas de comprendre un incident.",
            "Relancer la mise en conformité du socle.",
        ),
    ),
    _control(
        "office-locked-room",
        "medium",
        "base",
        (
            "Le bureau où reste l’ordinateur est fermé à clé",
            "Un ordinateur resté allumé sans surveillance est à portée de tout visiteur.",
            "Fermer le bureau à clé.",
        ),
        applies_to=["office_pc"],
        audit=None,
        role=None,
        manual={
            "fr": "Constater sur place que le bureau ferme à clé, puis le déclarer.",
            "en": "See for yourself that the room is locked, then declare it.",
        },
    ),
)


def _reference(name: str, title: str, ids: str) -> Reference:
    items = {item: Item.model_validate({"title": _text(f"Point {item}", f"Item {item}")}) for item in ids.split()}
    return Reference.model_validate(
        {"id": name, "title": _text(title, f"{name} guide"), "publisher": "ANSSI", "items": items}
    )


CATALOGUE = Catalogue(
    controls={control.id: control for control in sorted(CONTROLS, key=lambda item: item.id)},
    profiles={
        PROFILE: Profile.model_validate(
            {
                "id": PROFILE,
                "title": _text("Socle de la commune", "Commune baseline"),
                "about": _text("Tous les contrôles", "All controls"),
                "select": {"all": True},
            }
        )
    },
    references={
        "anssi-bp028": _reference("anssi-bp028", "ANSSI, configuration GNU/Linux (BP-028)", "R33 R61 R67"),
        "hygiene": _reference("hygiene", "ANSSI, guide d’hygiène", "29 31 34"),
        "nomadisme": _reference("nomadisme", "ANSSI, nomadisme (numérotation interne)", "NOM-11 NOM-18 NOM-26 NOM-27"),
    },
)

SSHD = "port 22\npermitrootlogin {root}\npasswordauthentication no\nkexalgorithms sntrup761x25519-sha512\n"


def _judge(control: Control, endpoint: str, kind: str, bad: dict[str, Verdict]) -> Finding:
    probe = control.audit.probe if control.audit else None
    finding = Finding(endpoint, control.id, control.severity, Verdict.PASS, "compared", probe=probe)
    if kind not in control.applies_to:
        return replace(finding, verdict=Verdict.NOT_APPLICABLE, reason="kind")
    if control.manual:  # asked only of machines that are not in order anyhow: one undeclared is not compliant
        asked = replace(finding, verdict=Verdict.MANUAL, reason="declared")
        return asked if bad else replace(finding, verdict=Verdict.NOT_APPLICABLE, reason="no_post")
    verdict = bad.get(control.id, Verdict.PASS)
    if verdict is Verdict.ERROR:
        return replace(finding, verdict=verdict, reason="timeout", detail="dpkg: lock held by process 812")
    met = verdict is Verdict.PASS
    checks = {
        "ssh-no-root-login": Check("permitrootlogin", "equals", "no", "no" if met else "yes", met),
        "password-length": Check("minimum_length", "at_least", 12, 14 if met else 8, met),
        "security-updates-recent": Check("days_since_success", "at_most", 7, 1 if met else 41, met),
        "firewall-default-drop": Check("policy", "one_of", ["drop", "reject"], "drop" if met else "accept", met),
    }
    check = checks.get(control.id, Check("value", "equals", True, met, met))
    return replace(finding, verdict=verdict, checks=(check,))


def machine(
    name: str,
    kind: str,
    *,
    age: timedelta = timedelta(hours=2),
    since: timedelta = timedelta(days=18),
    attempt: EndpointStatus = EndpointStatus.COLLECTED,
    text: str = "",
    **bad: Verdict,
) -> EndpointState:
    """Return a machine collected `age` ago whose controls pass except `bad` (names with _ for -)."""
    verdicts = {control.replace("_", "-"): verdict for control, verdict in bad.items()}
    at = NOW - age
    root = "yes" if "ssh-no-root-login" in verdicts else "no"
    sections = {
        "ssh": Section("ssh", SectionStatus.OK, 0, SSHD.format(root=root) + text),
        "updates": Section("updates", SectionStatus.TIMEOUT, None, ""),
        "firewall": Section("firewall", SectionStatus.OK, 0, '{"nftables": [{"chain": {"policy": "drop"}}]}\n'),
        "disk_encryption": Section("disk_encryption", SectionStatus.OK, 0, "nvme0n1p3 crypto_LUKS 2\n"),
    }
    findings = tuple(_judge(control, name, kind, verdicts) for control in CATALOGUE.controls.values())
    last = EndpointAudit(name, kind, EndpointStatus.COLLECTED, evidence=Evidence(name, at, sections), findings=findings)
    return EndpointState(
        endpoint=name,
        attempt=attempt,
        attempted_at=at if attempt is EndpointStatus.COLLECTED else NOW - timedelta(hours=2),
        attempt_detail="" if attempt is EndpointStatus.COLLECTED else "pas de réponse en 10 s",
        last=last,
        since={finding.control: at - since for finding in findings},
        silent_since=None if attempt is EndpointStatus.COLLECTED else at + timedelta(days=1),
    )


def never(name: str, attempt: EndpointStatus = EndpointStatus.NOT_ENROLLED) -> EndpointState:
    return EndpointState(name, attempt, NOW - timedelta(hours=2), silent_since=NOW - timedelta(days=3))


def _roster(commune: str, name: str, gateway: str, *posts: tuple[str, str, str | None]) -> Roster:
    machines = {gateway: "gateway"}
    for _person, laptop, office_pc in posts:
        machines[laptop] = "laptop"
        if office_pc:
            machines[office_pc] = "office_pc"
    contacts = (
        RosterContact("Odile Ferrand", "technicienne", "CIG de la Vallée", "01 99 00 00 01", "odile@cig.example"),
        RosterContact("Hugo Marchal", "secrétaire de mairie", name, "01 99 00 00 02"),
    )
    return Roster(commune, name, machines, tuple(RosterPost(*post, gateway) for post in posts), contacts)


VALMONT = _roster(
    "valmont-sur-orge",
    "Valmont-sur-Orge",
    "valmont-passerelle",
    ("Claire Moreau", "valmont-portable-01", "valmont-bureau-01"),
    ("Nadia Benali", "valmont-portable-02", "valmont-bureau-02"),
    ("Jean-François Le Goff", "valmont-portable-03", "valmont-bureau-03"),
    ("Sylvie Dupont", "valmont-portable-04", None),
    ("Marc Lefèvre", "valmont-portable-05", "valmont-bureau-05"),
    ("Inès Caron", "valmont-portable-06", None),
    ("Paul Girard", "valmont-portable-07", None),
)
VALMONT_STATE = CommuneState(
    VALMONT.commune,
    {
        item.endpoint: item
        for item in (
            machine("valmont-passerelle", "gateway"),
            machine("valmont-portable-01", "laptop"),
            machine("valmont-bureau-01", "office_pc"),
            machine(
                "valmont-portable-02",
                "laptop",
                since=timedelta(days=4),
                disk_encrypted=Verdict.FAIL,
                ssh_no_root_login=Verdict.FAIL,
            ),
            machine("valmont-bureau-02", "office_pc", password_length=Verdict.FAIL, ssh_no_root_login=Verdict.FAIL),
            machine("valmont-portable-03", "laptop", since=timedelta(days=2), password_length=Verdict.FAIL),
            machine("valmont-bureau-03", "office_pc", security_updates_recent=Verdict.ERROR),
            machine("valmont-portable-04", "laptop", age=timedelta(days=12), attempt=EndpointStatus.UNREACHABLE),
            machine("valmont-portable-05", "laptop", age=timedelta(days=47)),
            machine("valmont-bureau-05", "office_pc"),
            machine("valmont-portable-06", "laptop"),
            never("valmont-portable-07"),
        )
    },
)

# Few machines with every kind of verdict, for checks whose time grows with the page.
SMALL = _roster(
    VALMONT.commune,
    VALMONT.name,
    "valmont-passerelle",
    ("Nadia Benali", "valmont-portable-02", "valmont-bureau-03"),
)

BOURG = _roster(
    "bourg-les-aulnes",
    "Bourg-les-Aulnes",
    "bourg-passerelle",
    ("Anne Petit", "bourg-portable-01", "bourg-bureau-01"),
    ("Karim Haddad", "bourg-portable-02", None),
)
BOURG_STATE = CommuneState(
    BOURG.commune,
    {
        item.endpoint: item
        for item in (
            machine("bourg-passerelle", "gateway"),
            machine("bourg-portable-01", "laptop"),
            machine("bourg-bureau-01", "office_pc"),
            machine("bourg-portable-02", "laptop"),
        )
    },
)


# One that covers a failure of one machine, one of a whole kind, one whose last day was the day before `NOW`.
WAIVERS = tuple(
    Waiver.model_validate(item)
    for item in (
        {
            "control": "password-length",
            "endpoints": ["valmont-bureau-02"],
            "reason": "Logiciel d’état civil de 2009 : pas plus de huit caractères",
            "approver": "Odile Ferrand",
            "since": "2026-09-01",
            "until": "2026-12-31",
        },
        {
            "control": "security-updates-recent",
            "kind": "office_pc",
            "reason": "Correctifs suspendus pendant les élections",
            "approver": "Hugo Marchal",
            "since": "2026-11-20",
            "until": "2026-11-30",
        },
        {
            "control": "ssh-no-root-login",
            "reason": "Migration de l’ancien serveur de fichiers",
            "approver": "Odile Ferrand",
            "since": "2026-10-01",
            "until": "2026-11-23",
        },
    )
)
TREND = tuple(
    TrendPoint(date(2026, 11, day), 12, compliant, failing, 12 - compliant - failing, 30 + compliant, failing + 1)
    for day, compliant, failing in ((2, 3, 6), (9, 4, 5), (16, 6, 3), (23, 5, 3))
)


def report(
    roster: Roster = VALMONT,
    state: CommuneState = VALMONT_STATE,
    *,
    now: datetime = NOW,
    language: str = "fr",
    freshness_days: int | None = FRESHNESS,
    waivers: tuple[Waiver, ...] = (),
    trend: tuple[TrendPoint, ...] = (),
) -> Report:
    """Return the report of a sample commune."""
    return build(roster, CATALOGUE, PROFILE, state, now, language, freshness_days, waivers=waivers, trend=trend)
